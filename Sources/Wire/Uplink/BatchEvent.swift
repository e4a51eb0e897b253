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
    case json(ArraySlice<UInt8>)
    /// What the card had in its place. `rowBytes` is how much that was; `kept` may be less.
    case damaged(kept: [UInt8], rowBytes: Int)

    /// Whether these bytes can be an event's data: one JSON object, strictly, on one line and
    /// within the limits.
    public static func isSound(_ bytes: [UInt8]) -> Bool { defect(of: bytes[...]) == nil }

    /// Why they cannot be; nil if they can.
    static func defect(of bytes: ArraySlice<UInt8>) -> String? {
        guard bytes.count <= BatchLimits.data else {
            return "the data has \(bytes.count) bytes; at most \(BatchLimits.data) are read"
        }
        guard bytes.first == UInt8(ascii: "{"), bytes.last == UInt8(ascii: "}") else {
            return "the data is not a JSON object"
        }
        if PlainJSON.holds(bytes.span) { return nil }
        guard !bytes.contains(UInt8(ascii: "\n")) else { return "the data has a line feed" }
        do throws(JSONError) {
            let limits = JSONLimits(depth: BatchLimits.depth, size: BatchLimits.data)
            _ = try JSONValue.parse(Array(bytes), limits: limits)
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
    static func number(in line: ArraySlice<UInt8>) -> Int64? {
        var scanner = LineScanner()
        do throws(LineFault) {
            return try scanner.seq(line.span)
        } catch {
            // No number: then the line's place says it, and `init(line:)` says what is wrong.
            return nil
        }
    }

    init(line: BatchLine) throws(LineFault) {
        var scanner = LineScanner()
        let text = line.text.span
        seq = try scanner.seq(text)
        type = try scanner.word(text, after: ",\"type\":", max: BatchLimits.type)
        guard type.isEventType else {
            throw LineFault("found the type \"\(type)\"; expected is <noun>.<participle>.v<N>")
        }
        subject = try scanner.subject(text)
        let milliseconds: Int64 = try scanner.integer(text, after: ",\"ms\":")
        wall = WallTime(unixMilliseconds: milliseconds, quality: try scanner.clock(text))
        tick = Tick(try scanner.integer(text, after: ",\"tick\":"))
        at = Instant(try scanner.integer(text, after: ",\"mono\":"))
        severity = try scanner.severity(text)
        correlation = Correlation(try scanner.integer(text, after: ",\"correlation\":"))
        data = try scanner.data(line.text)
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
    private var position = 0

    mutating func seq(_ text: Span<UInt8>) throws(LineFault) -> Int64 {
        try integer(text, after: "{\"seq\":")
    }

    private mutating func takes(_ literal: StaticString, _ text: Span<UInt8>) -> Bool {
        guard Self.stands(literal, at: position, in: text) else { return false }
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

    private mutating func take(
        _ literal: StaticString, _ text: Span<UInt8>
    ) throws(LineFault) {
        guard takes(literal, text) else { throw unexpected(literal.description, text) }
    }

    private func unexpected(_ expected: String, _ text: Span<UInt8>) -> LineFault {
        // Twenty bytes show what went wrong; bytes that are not ASCII are shown as "?".
        let end = min(position + 20, text.count)
        let found = (min(position, end)..<end).map {
            (0x20..<0x7F).contains(text[$0]) ? text[$0] : 0x3F
        }
        let shown = found.isEmpty ? "the end of the line" : String(decoding: found, as: UTF8.self)
        return LineFault("column \(position + 1): found \(shown); expected is \(expected)")
    }

    /// The integer after `literal`, in JSON's spelling and no other.
    mutating func integer<Number: FixedWidthInteger>(
        _ text: Span<UInt8>, after literal: StaticString
    ) throws(LineFault) -> Number {
        try take(literal, text)
        let start = position
        let isNegative = Number.isSigned && takes("-", text)
        let digits = position
        var value: Number = 0
        while position < text.count, (0x30...0x39).contains(text[position]) {
            let digit = Number(text[position] - 0x30)
            let (product, isOver) = value.multipliedReportingOverflow(by: 10)
            let (sum, isOut) =
                isNegative
                ? product.subtractingReportingOverflow(digit)
                : product.addingReportingOverflow(digit)
            guard !isOver, !isOut else {
                position = start
                throw unexpected("an integer of 64 bits", text)
            }
            value = sum
            position += 1
        }
        let count = position - digits
        guard count > 0, count == 1 || text[digits] != 0x30, !isNegative || value != 0 else {
            position = start
            throw unexpected("an integer", text)
        }
        return value
    }

    /// The text after `literal`: printable ASCII without escapes.
    mutating func word(
        _ text: Span<UInt8>, after literal: StaticString, max: Int
    ) throws(LineFault) -> String {
        try take(literal, text)
        let start = position
        try take("\"", text)
        while position < text.count, text[position] != UInt8(ascii: "\"") {
            guard (0x20..<0x7F).contains(text[position]), text[position] != UInt8(ascii: "\\"),
                position - start <= max
            else {
                position = start
                throw unexpected("a word of at most \(max) plain characters in quotes", text)
            }
            position += 1
        }
        let word = String(text.extracting((start + 1)..<position))
        try take("\"", text)
        return word
    }

    mutating func clock(_ text: Span<UInt8>) throws(LineFault) -> ClockQuality {
        // What nearly all have is compared and not made a text.
        if takes(",\"clock\":\"synced\"", text) { return .synced }
        let word = try word(text, after: ",\"clock\":", max: 16)
        guard let quality = ClockQuality(name: word) else {
            throw LineFault(
                "found the clock \"\(word)\"; expected is synced, holdover or unsynced")
        }
        return quality
    }

    mutating func severity(_ text: Span<UInt8>) throws(LineFault) -> Severity {
        if takes(",\"severity\":\"info\"", text) { return .info }
        let word = try word(text, after: ",\"severity\":", max: 16)
        guard let severity = Severity(name: word) else {
            throw LineFault(
                "found the severity \"\(word)\"; expected is info, warning, error or fatal")
        }
        return severity
    }

    /// The one member that may hold any text, because a site's own names are in it.
    mutating func subject(_ text: Span<UInt8>) throws(LineFault) -> String {
        try take(",\"subject\":", text)
        let start = position
        try take("\"", text)
        var isPlain = true
        while position < text.count, text[position] != UInt8(ascii: "\"") {
            let byte = text[position]
            isPlain = isPlain && byte >= 0x20 && byte < 0x7F && byte != UInt8(ascii: "\\")
            position += byte == UInt8(ascii: "\\") ? 2 : 1
        }
        guard position < text.count else {
            position = start
            throw unexpected("a text in quotes", text)
        }
        position += 1
        // Between the quotes; most have nothing that needs a parser.
        let inner = text.extracting((start + 1)..<(position - 1))
        if isPlain, (1...BatchLimits.subject).contains(inner.count) { return String(inner) }
        let subject: String?
        do throws(JSONError) {
            subject = try JSONValue.parse([UInt8](text.extracting(start..<position))).string
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
    mutating func data(_ line: ArraySlice<UInt8>) throws(LineFault) -> EventData {
        let text = line.span
        guard line.last == UInt8(ascii: "}") else {
            position = text.count
            throw unexpected("}", text)
        }
        let end = text.count - 1
        if takes(",\"data\":", text) {
            let data = line.dropFirst(position).dropLast()
            if let defect = EventData.defect(of: data) { throw LineFault(defect) }
            return .json(data)
        }
        guard Self.stands(",\"damaged\":", at: position, in: text) else {
            throw unexpected(",\"data\":", text)
        }
        let rowBytes: Int = try integer(text, after: ",\"damaged\":")
        try take(",\"data_base64\":\"", text)
        guard end > position, text[end - 1] == UInt8(ascii: "\""),
            end - 1 - position <= BatchLimits.data,
            let kept = [UInt8](base64: line.dropFirst(position).dropLast(2)),
            kept.count == min(rowBytes, BatchLimits.data / 4 * 3)
        else { throw unexpected("base64 of the first \(rowBytes) bytes, 48 KiB at most", text) }
        return .damaged(kept: kept, rowBytes: rowBytes)
    }
}

extension String {
    /// What is no UTF-8 in it becomes U+FFFD.
    fileprivate init(_ bytes: Span<UInt8>) {
        self = unsafe bytes.withUnsafeBufferPointer {
            unsafe String(decoding: $0, as: UTF8.self)
        }
    }
}
