import Transit
import Wire

/// Goes through an export line by line, and tells at its end whether it is whole: one that was cut
/// would look like a device that has no more to tell.
public struct ExportCheck {
    /// So far.
    public var events: Int64 { hash.events }
    /// Whether a file without its end is taken.
    private let isIncompleteTaken: Bool
    private let hash = ExportHash()
    private var line = 0
    private var end: (content: ExportEnd, line: Int)?

    /// What to do about a file that is not whole.
    private static let advice = "Copy it or export it again"

    /// - Parameter isIncompleteTaken: whether a file that was cut, or that a busbar wrote which
    ///   wrote no end, is taken for what it has.
    public init(isIncompleteTaken: Bool = false) { self.isIncompleteTaken = isIncompleteTaken }

    /// - Parameters:
    ///   - text: the next line, without its line feed.
    ///   - isTerminated: whether there was a line feed.
    /// - Returns: its event; nil for the end, and for a part of a line where such a file is taken.
    /// - Throws: what is wrong with the line.
    public mutating func take(
        _ text: [UInt8], isTerminated: Bool = true
    ) throws(ExportError) -> ExportedEvent? {
        line += 1
        if let end {
            throw ExportError(
                "the export ended with line \(end.line), and more follows: ingest each of two "
                    + "files by itself, not both in one")
        }
        guard isTerminated else {
            if isIncompleteTaken { return nil }
            throw ExportError(
                "the file was cut in the middle of this line. \(Self.advice); where neither can "
                    + "be, --incomplete takes the lines before")
        }
        guard ExportEnd.isMeant(by: text) else {
            let event = try ExportedEvent(line: text)
            hash.add(text)
            return event
        }
        do throws(MessageError) {
            end = (try ExportEnd(decoding: text), line)
        } catch {
            throw ExportError("\(error). \(Self.advice)")
        }
        return nil
    }

    /// To be called after the last line.
    /// - Returns: whether it is known that all is there: false only where a file without its end is
    ///   taken.
    /// - Throws: unless the end was there, and agrees with what was before it.
    public func finish() throws(ExportError) -> Bool {
        guard let end = end?.content else {
            if isIncompleteTaken { return false }
            throw ExportError(
                "it ends after \(Self.count(events)) without the line that says how many there "
                    + "are: it was cut, or an older busbar wrote it. \(Self.advice); where neither "
                    + "can be, --incomplete takes what is there")
        }
        let found = hash.end
        guard found.events == end.events else {
            let fault = found.events < end.events ? "lines are missing" : "lines were added"
            throw ExportError(
                "its last line says \(Self.count(end.events)), and \(found.events) are there: "
                    + "\(fault). \(Self.advice)")
        }
        guard found.hash == end.hash else {
            throw ExportError(
                "its lines have the SHA-256 \(found.hash.hexadecimal), and its last line says "
                    + "\(end.hash.hexadecimal): something in it was altered. "
                    + Self.advice)
        }
        return true
    }

    private static func count(_ events: Int64) -> String {
        events == 1 ? "1 event" : "\(events) events"
    }
}
