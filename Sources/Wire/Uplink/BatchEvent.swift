public import Events
import JSON
public import Units

/// What one line of a batch says: an event without what the header says for all.
public struct BatchEvent: Hashable, Sendable {
    public var seq: Int64
    /// "alarm.raised.v1". Its form is checked; whether such a type exists is not, for a device may
    /// be newer than its bridge.
    public var type: String
    public var subject: String
    public var wall: WallTime
    public var tick: Tick
    /// On the monotonic clock of the batch's run.
    public var at: Instant
    public var severity: Severity
    public var correlation: Correlation
    public var data: EventData
}

/// An event's data, as it is in its lane.
public enum EventData: Hashable, Sendable {
    /// One JSON object, byte for byte as it was recorded.
    case json([UInt8])
    /// What the card had in its place. `rowBytes` is how much that was; `kept` may be less.
    case damaged(kept: [UInt8], rowBytes: Int)

    /// Whether these bytes can be an event's data: one JSON object, strictly, on one line and
    /// within the limits.
    public static func isSound(_ bytes: [UInt8]) -> Bool { defect(of: bytes) == nil }

    /// Why they cannot be; nil if they can.
    static func defect(of bytes: [UInt8]) -> String? {
        guard bytes.count <= BatchLimits.data else {
            return "the data has \(bytes.count) bytes; at most \(BatchLimits.data) are read"
        }
        guard bytes.first == UInt8(ascii: "{"), bytes.last == UInt8(ascii: "}") else {
            return "the data is not a JSON object"
        }
        if PlainJSON.holds(bytes) { return nil }
        guard !bytes.contains(UInt8(ascii: "\n")) else { return "the data has a line feed" }
        do throws(JSONError) {
            let limits = JSONLimits(depth: BatchLimits.depth, size: BatchLimits.data)
            _ = try JSONValue.parse(bytes, limits: limits)
            return nil
        } catch {
            return "the data is not JSON: column \(error.column): \(error.reason)"
        }
    }
}

/// What is wrong within a line.
struct LineFault: Error {
    let reason: String
    init(_ reason: String) { self.reason = reason }
}

extension BatchEvent {
    /// The number that a line states of itself; nil if that cannot be read.
    static func number(in line: [UInt8]) -> Int64? {
        var scanner = LineScanner(line)
        do throws(LineFault) {
            return try scanner.seq()
        } catch {
            // No number: then the line's place says it, and `init(line:)` says what is wrong.
            return nil
        }
    }

    init(line: BatchLine) throws(LineFault) {
        var scanner = LineScanner(line.bytes)
        seq = try scanner.seq()
        type = try scanner.word(after: ",\"type\":", max: BatchLimits.type)
        guard type.isEventType else {
            throw LineFault("found the type \"\(type)\"; expected is <noun>.<participle>.v<N>")
        }
        subject = try scanner.subject()
        let milliseconds: Int64 = try scanner.integer(after: ",\"ms\":")
        wall = WallTime(unixMilliseconds: milliseconds, quality: try scanner.clock())
        tick = Tick(try scanner.integer(after: ",\"tick\":"))
        at = Instant(try scanner.integer(after: ",\"mono\":"))
        severity = try scanner.severity()
        correlation = Correlation(try scanner.integer(after: ",\"correlation\":"))
        data = try scanner.data()
    }
}

extension ClockQuality {
    init?(name: String) {
        switch name {
        case Self.synced.name: self = .synced
        case Self.holdover.name: self = .holdover
        case Self.unsynced.name: self = .unsynced
        default: return nil
        }
    }
}

extension Severity {
    init?(name: String) {
        switch name {
        case Self.info.name: self = .info
        case Self.warning.name: self = .warning
        case Self.error.name: self = .error
        case Self.fatal.name: self = .fatal
        default: return nil
        }
    }
}

extension String {
    /// `<noun>.<past participle>.v<N>` in small letters, N from 1 without leading zeros.
    public var isEventType: Bool {
        let letters = utf8
        let text = letters.span
        var place = 0
        for _ in 0..<2 {
            let start = place
            while place < text.count, (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(text[place])
            {
                place += 1
            }
            guard place > start, place < text.count, text[place] == UInt8(ascii: ".") else {
                return false
            }
            place += 1
        }
        guard place < text.count, text[place] == UInt8(ascii: "v") else { return false }
        let version = text.extracting((place + 1)...)
        guard (1...4).contains(version.count), version[0] != UInt8(ascii: "0") else {
            return false
        }
        return version.indices.allSatisfy {
            (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(version[$0])
        }
    }
}

/// Reads an event's line from left to right. Members stand in one order only, so nothing is looked
/// up and no tree is built: a bridge reads every event of every device here.
private struct LineScanner {
    private let bytes: [UInt8]
    private var position = 0

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    mutating func seq() throws(LineFault) -> Int64 { try integer(after: "{\"seq\":") }

    private mutating func takes(_ literal: StaticString) -> Bool {
        guard Self.stands(literal, at: position, in: bytes.span) else { return false }
        position += literal.utf8CodeUnitCount
        return true
    }

    private static func stands(_ literal: StaticString, at place: Int, in text: Span<UInt8>) -> Bool
    {
        guard place + literal.utf8CodeUnitCount <= text.count else { return false }
        return literal.withUTF8Buffer { letters in
            var index = 0
            // By words of eight bytes, as long as there is one in what is looked for.
            while index + 8 <= letters.count {
                let found = unsafe text.bytes.unsafeLoadUnaligned(
                    fromByteOffset: place + index, as: UInt64.self)
                let wanted = unsafe UnsafeRawBufferPointer(letters).loadUnaligned(
                    fromByteOffset: index, as: UInt64.self)
                guard found == wanted else { return false }
                index += 8
            }
            while index < letters.count {
                guard unsafe text[place + index] == letters[index] else { return false }
                index += 1
            }
            return true
        }
    }

    private mutating func take(_ literal: StaticString) throws(LineFault) {
        guard takes(literal) else { throw unexpected(literal.description) }
    }

    private func unexpected(_ expected: String) -> LineFault {
        // Twenty bytes show what went wrong; bytes that are not ASCII are shown as "?".
        let found = bytes[position...].prefix(20).map { (0x20..<0x7F).contains($0) ? $0 : 0x3F }
        let text = found.isEmpty ? "the end of the line" : String(decoding: found, as: UTF8.self)
        return LineFault("column \(position + 1): found \(text); expected is \(expected)")
    }

    /// The integer after `literal`, in JSON's spelling and no other.
    mutating func integer<Number: FixedWidthInteger>(
        after literal: StaticString
    ) throws(LineFault) -> Number {
        try take(literal)
        let start = position
        let isNegative = Number.isSigned && takes("-")
        let digits = position
        var value: Number = 0
        while position < bytes.count, (0x30...0x39).contains(bytes[position]) {
            let digit = Number(bytes[position] - 0x30)
            let (product, isOver) = value.multipliedReportingOverflow(by: 10)
            let (sum, isOut) =
                isNegative
                ? product.subtractingReportingOverflow(digit)
                : product.addingReportingOverflow(digit)
            guard !isOver, !isOut else {
                position = start
                throw unexpected("an integer of 64 bits")
            }
            value = sum
            position += 1
        }
        let count = position - digits
        guard count > 0, count == 1 || bytes[digits] != 0x30, !isNegative || value != 0 else {
            position = start
            throw unexpected("an integer")
        }
        return value
    }

    /// The text after `literal`: printable ASCII without escapes.
    mutating func word(after literal: StaticString, max: Int) throws(LineFault) -> String {
        try take(literal)
        let start = position
        try take("\"")
        while position < bytes.count, bytes[position] != UInt8(ascii: "\"") {
            guard (0x20..<0x7F).contains(bytes[position]), bytes[position] != UInt8(ascii: "\\"),
                position - start <= max
            else {
                position = start
                throw unexpected("a word of at most \(max) plain characters in quotes")
            }
            position += 1
        }
        let word = String(decoding: bytes[(start + 1)..<position], as: UTF8.self)
        try take("\"")
        return word
    }

    mutating func clock() throws(LineFault) -> ClockQuality {
        // What nearly all have is compared and not made a text.
        if takes(",\"clock\":\"synced\"") { return .synced }
        let word = try word(after: ",\"clock\":", max: 16)
        guard let quality = ClockQuality(name: word) else {
            throw LineFault(
                "found the clock \"\(word)\"; expected is synced, holdover or unsynced")
        }
        return quality
    }

    mutating func severity() throws(LineFault) -> Severity {
        if takes(",\"severity\":\"info\"") { return .info }
        let word = try word(after: ",\"severity\":", max: 16)
        guard let severity = Severity(name: word) else {
            throw LineFault(
                "found the severity \"\(word)\"; expected is info, warning, error or fatal")
        }
        return severity
    }

    /// The one member that may hold any text, because a site's own names are in it.
    mutating func subject() throws(LineFault) -> String {
        try take(",\"subject\":")
        let start = position
        try take("\"")
        while position < bytes.count, bytes[position] != UInt8(ascii: "\"") {
            position += bytes[position] == UInt8(ascii: "\\") ? 2 : 1
        }
        guard position < bytes.count else {
            position = start
            throw unexpected("a text in quotes")
        }
        position += 1
        // Between the quotes; most have nothing that needs a parser.
        let inner = bytes[(start + 1)..<(position - 1)]
        if (1...BatchLimits.subject).contains(inner.count),
            inner.allSatisfy({ $0 >= 0x20 && $0 < 0x7F && $0 != UInt8(ascii: "\\") })
        {
            return String(decoding: inner, as: UTF8.self)
        }
        let subject: String?
        do throws(JSONError) {
            subject = try JSONValue.parse(Array(bytes[start..<position])).string
        } catch {
            throw LineFault("the subject is not JSON: \(error.reason)")
        }
        guard let subject, (1...BatchLimits.subject).contains(subject.utf8.count) else {
            throw LineFault(
                "the subject has \(subject?.utf8.count ?? 0) bytes; "
                    + "1 to \(BatchLimits.subject) are expected")
        }
        return subject
    }

    /// The data and the end of the line.
    mutating func data() throws(LineFault) -> EventData {
        guard bytes.last == UInt8(ascii: "}") else {
            position = bytes.count
            throw unexpected("}")
        }
        let end = bytes.count - 1
        if takes(",\"data\":") {
            let data = Array(bytes[position..<end])
            if let defect = EventData.defect(of: data) { throw LineFault(defect) }
            return .json(data)
        }
        guard bytes[position...].starts(with: ",\"damaged\":".utf8) else {
            throw unexpected(",\"data\":")
        }
        let rowBytes: Int = try integer(after: ",\"damaged\":")
        try take(",\"data_base64\":\"")
        guard end > position, bytes[end - 1] == UInt8(ascii: "\""),
            end - 1 - position <= BatchLimits.data,
            let kept = [UInt8](base64: bytes[position..<(end - 1)]),
            kept.count == min(rowBytes, BatchLimits.data / 4 * 3)
        else { throw unexpected("base64 of the first \(rowBytes) bytes, 48 KiB at most") }
        return .damaged(kept: kept, rowBytes: rowBytes)
    }
}
