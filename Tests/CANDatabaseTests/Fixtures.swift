import CANDatabase
import Foundation
import Testing
import Units

/// Files of the tests and of the repository, found from where this source stands.
enum Fixtures {
    private static let folder = URL(filePath: #filePath).deletingLastPathComponent()

    static func bytes(_ name: String) throws -> [UInt8] {
        [UInt8](try Data(contentsOf: folder.appending(path: "Fixtures/" + name)))
    }

    static func database(_ name: String) throws -> Database {
        try Database(parsing: try bytes(name), file: name)
    }

    /// The sensor node of the reference site.
    static func sensors() throws -> [UInt8] {
        let path = "../../board/water-heater/sensors.dbc"
        return [UInt8](try Data(contentsOf: folder.appending(path: path)))
    }
}

/// A frame from what stands behind the interface in a log, such as `356#7A13F2FE6B01`.
func frame(_ text: String) throws -> CANFrame {
    let line = Array("(0.000000) can0 \(text)".utf8)
    let entry = try CandumpLog.parse(line: line[...], number: 1, file: "frame")
    guard case .frame(let record) = entry else {
        throw CocoaError(.formatting)
    }
    return record.frame
}

func decimal(_ text: String) throws -> ExactDecimal { try #require(ExactDecimal(parsing: text)) }

/// Steele, Lea, Flood: "Fast Splittable Pseudorandom Number Generators" (2014).
struct SplitMix64: RandomNumberGenerator {
    private var state: UInt64
    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
