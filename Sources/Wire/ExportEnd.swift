import JSON

/// The last line of an export, which is no event: how many events are before it, and their hash. A
/// file that was cut or altered on its way is so not taken for a whole one. It shows damage and no
/// forgery: whoever can change the file can make its hash.
public struct ExportEnd: Hashable, Sendable {
    /// How many lines are before it, each with one event.
    public var events: Int64
    /// SHA-256 of these lines, each with its line feed: 32 bytes.
    public var hash: [UInt8]

    /// Members that no event has: the first of one is `specversion`.
    private static let start = Array("{\"v\":".utf8)
    /// In bytes; it has about a hundred.
    private static let sizeMax = 1 << 10

    public init(events: Int64, hash: [UInt8]) {
        self.events = events
        self.hash = hash
    }

    /// Whether a line is meant as one, whatever else is in it.
    public static func isMeant(by line: [UInt8]) -> Bool { line.starts(with: start) }

    public func encoded() -> [UInt8] {
        var members = JSONMembers()
        members.add("v", 1)
        members.add("events", events)
        members.add("sha256", hash.hexadecimal)
        return members.object
    }

    /// - Throws: unless every member is there and in its range, and no other is.
    public init(decoding line: [UInt8]) throws(MessageError) {
        var reader = try MessageReader(line, what: "end of the export", sizeMax: Self.sizeMax)
        try reader.version()
        events = try reader.integer("events", in: 0...Int64.max)
        let word = try reader.value("sha256")
        guard let hash = word.string.flatMap({ [UInt8](hexadecimal: $0, count: 32) }) else {
            throw reader.wrong("sha256", word, "64 hexadecimal digits in lower case")
        }
        self.hash = hash
        try reader.finish()
    }
}
