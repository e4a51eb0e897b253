public import Units

/// One data frame of a log, and when and where it was received.
public struct CandumpRecord: Hashable, Sendable {
    /// As the log has it: since 1970, or since the start of the recording.
    public var microseconds: Int64
    /// Such as `can0`.
    public var interface: String
    public var frame: CANFrame

    public init(microseconds: Int64, interface: String, frame: CANFrame) {
        self.microseconds = microseconds
        self.interface = interface
        self.frame = frame
    }
}

/// What one line of a log says.
public enum CandumpEntry: Hashable, Sendable {
    case frame(CandumpRecord)
    /// The line is in order, but what it records carries no data for a database to decode.
    case notData(NotData, microseconds: Int64, interface: String)

    /// Identifiers as in `CANFrame.id`.
    public enum NotData: Hashable, Sendable, CustomStringConvertible {
        case remoteRequest(id: UInt32)
        /// The controller's own report about the bus. The number is the kernel's error class.
        case errorFrame(class: UInt32)
        case flexibleDataRate(id: UInt32)

        public var description: String {
            switch self {
            case .remoteRequest(let id): "remote request for \(CandumpLog.text(ofID: id))"
            case .errorFrame(let number):
                "error frame, class 0x" + hexadecimal(UInt64(number), digits: 8)
            case .flexibleDataRate(let id):
                "CAN FD frame \(CandumpLog.text(ofID: id)), which is not decoded"
            }
        }
    }
}

/// What is wrong with a line of a log.
public struct CandumpError: Error, Hashable, Sendable, CustomStringConvertible {
    public let file: String
    /// The first line is 1.
    public let line: Int
    public let reason: String

    public var description: String { "\(file):\(line): \(reason)" }
}

/// The log format of can-utils: `(1700000000.123456) can0 356#7A13F2FE6B01`, as `candump -L` and
/// `candump -l` write it.
///
/// An identifier of 3 digits is a standard one, of 8 digits an extended one. `R` or `T` may follow
/// (candump -x), and a raw length code as `_9` (candump -8).
public enum CandumpLog {
    /// CAN XL, the longest thing that candump writes, needs 4,150 bytes. What is longer is no log.
    public static let lineLengthMax = 8_192
    static let lineTooLong =
        "the line is longer than \(lineLengthMax) bytes; this is no candump log"

    /// Reads one line.
    ///
    /// - Parameters:
    ///   - line: without its line feed; a carriage return at its end is no matter.
    ///   - number: for messages. The first line is 1.
    /// - Returns: nil for a blank line.
    /// - Throws: where the line is no entry of a log, with what was found.
    public static func parse(
        line: ArraySlice<UInt8>, number: Int, file: String
    ) throws(CandumpError) -> CandumpEntry? {
        var cursor = CandumpCursor(rest: line, file: file, number: number)
        cursor.skipBlanks()
        guard !cursor.rest.isEmpty else { return nil }
        guard line.count <= lineLengthMax else {
            throw cursor.error(lineTooLong)
        }
        let microseconds = try cursor.takeTime()
        let interface = try cursor.takeInterface()
        let (id, isError) = try cursor.takeID()
        let entry: CandumpEntry
        if cursor.take("#") {
            try cursor.takeFlexiblePayload()
            entry = .notData(
                .flexibleDataRate(id: id), microseconds: microseconds, interface: interface)
        } else if cursor.take("R") {
            try cursor.takeRemoteLength()
            entry = .notData(
                .remoteRequest(id: id), microseconds: microseconds, interface: interface)
        } else {
            let (payload, length) = try cursor.takePayload()
            entry =
                isError
                ? .notData(.errorFrame(class: id), microseconds: microseconds, interface: interface)
                : .frame(
                    CandumpRecord(
                        microseconds: microseconds, interface: interface,
                        frame: CANFrame(id: id, length: length, payload: payload)))
        }
        try cursor.expectEnd()
        return entry
    }

    /// The identifier as a log has it: 3 digits, or 8 for an extended one.
    public static func text(ofID id: UInt32) -> String {
        id & CANFrame.extendedFlag != 0
            ? hexadecimal(UInt64(id & ~CANFrame.extendedFlag), digits: 8)
            : hexadecimal(UInt64(id), digits: 3)
    }

    /// `1700000000.123456`.
    public static func text(ofTime microseconds: Int64) -> String {
        let fraction = String(microseconds.magnitude % 1_000_000)
        return (microseconds < 0 ? "-" : "") + String(microseconds.magnitude / 1_000_000) + "."
            + String(repeating: "0", count: 6 - fraction.utf8.count) + fraction
    }
}

/// Cuts a log into lines as its bytes come in, so that a log of any size needs memory for one
/// chunk and one line.
///
/// Append a chunk, call `next` until it returns nil, and so on; after the last chunk call `finish`
/// and then `next` until nil. A line that throws is past: the next call reads on behind it.
public struct CandumpReader: Sendable {
    private let file: String
    private var buffer: [UInt8] = []
    private var start = 0
    private var lineNumber = 0
    private var isFinished = false
    /// The rest of a line that was already refused for its length.
    private var isSkippingLine = false

    /// - Parameter file: its name, for messages. Nothing is opened.
    public init(file: String) { self.file = file }

    public mutating func append(_ bytes: some Sequence<UInt8>) {
        precondition(!isFinished, "no bytes come after the end of the log")
        buffer.removeFirst(start)
        start = 0
        buffer.append(contentsOf: bytes)
    }

    /// The log has no more bytes, so a last line without a line feed is whole.
    public mutating func finish() { isFinished = true }

    /// - Returns: the next entry, blank lines skipped; nil when more bytes are needed.
    public mutating func next() throws(CandumpError) -> CandumpEntry? {
        while let line = try takeLine() {
            if let entry = try CandumpLog.parse(line: line, number: lineNumber, file: file) {
                return entry
            }
        }
        return nil
    }

    private mutating func takeLine() throws(CandumpError) -> ArraySlice<UInt8>? {
        while start < buffer.count {
            guard let end = buffer[start...].firstIndex(of: UInt8(ascii: "\n")) else {
                return try takeUnfinishedLine()
            }
            let line = buffer[start..<end]
            start = end + 1
            if isSkippingLine {
                isSkippingLine = false
            } else {
                lineNumber += 1
                return line
            }
        }
        return nil
    }

    private mutating func takeUnfinishedLine() throws(CandumpError) -> ArraySlice<UInt8>? {
        let line = buffer[start...]
        let isTooLong = line.count > CandumpLog.lineLengthMax
        guard isSkippingLine || isTooLong || isFinished else { return nil }
        start = buffer.count
        if isSkippingLine { return nil }
        lineNumber += 1
        guard isTooLong else { return line }
        isSkippingLine = true
        throw CandumpError(
            file: file, line: lineNumber,
            reason: CandumpLog.lineTooLong)
    }
}
