import JSON
import Site

/// The reference site's files, read once from the repository.
enum ReferenceSite {
    /// The folder of the repository, from where this file stands in it.
    static let repository = #filePath.split(separator: "/").dropLast(3)
        .reduce(into: "") { $0 += "/" + $1 }
    static let folder = repository + "/board/water-heater"

    static func json() throws -> JSONValue {
        try JSONValue.parse(readFile(folder + "/site.json"))
    }

    static func database() throws -> [UInt8] { try readFile(folder + "/sensors.dbc") }

    /// The site after `patch`, straight from memory.
    static func site(_ patch: JSONValue = [:], profile: String? = nil) throws -> Site {
        try Site(
            json: json(), dbcBytes: database(), profile: profile, overrides: [patch])
    }

    static let gas: JSONValue = ["heating": ["profile": "gas", "directBurnerAccepted": true]]
}
