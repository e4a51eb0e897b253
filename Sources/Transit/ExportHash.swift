import CCrypto
public import Wire

/// Counts and hashes the lines of an export one by one, for the line that ends it.
public final class ExportHash {
    public private(set) var events: Int64 = 0
    private let stream = SHA256.Stream()

    public init() {}

    /// - Parameter line: an event, without its line feed.
    public func add(_ line: [UInt8]) {
        events += 1
        stream.add(line)
        stream.add([UInt8(ascii: "\n")])
    }

    /// The end after the lines so far; more can follow.
    public var end: ExportEnd { ExportEnd(events: events, hash: stream.hash) }
}
