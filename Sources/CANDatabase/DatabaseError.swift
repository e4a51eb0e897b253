/// What is wrong with a DBC file, and where.
public struct DatabaseError: Error, Hashable, Sendable, CustomStringConvertible {
    /// As it was given to the reader.
    public let file: String
    /// The first line is 1.
    public let line: Int
    /// What was found, what is allowed, what to do.
    public let reason: String

    public init(file: String, line: Int, reason: String) {
        self.file = file
        self.line = line
        self.reason = reason
    }

    public var description: String { "\(file):\(line): \(reason)" }
}
