import JSON

/// Why a batch, or one line of it, is not what it should be.
public struct BatchError: Error, Hashable, Sendable, CustomStringConvertible {
    /// From 1, which is the header's; 0 when it concerns the batch as a whole.
    public let line: Int
    public let reason: String

    init(line: Int, _ reason: String) {
        self.line = line
        self.reason = reason
    }

    public var description: String {
        line == 0 ? "batch: \(reason)" : "batch, line \(line): \(reason)"
    }
}

extension EventBatch {
    /// Reads the header strictly and cuts the rest into lines, one for each number from `first` to
    /// `last` that no gap covers. What stands within a line is `event(at:)`'s business: a line that
    /// nobody can read has its number from its place, so that one poisoned event can be put aside
    /// without holding up those behind it.
    ///
    /// Numbers from `base` to `first` that are neither here nor in a gap were sent before.
    /// - Throws: what makes the batch as a whole unusable, with its line.
    public init(decoding bytes: [UInt8]) throws(BatchError) {
        guard bytes.count <= BatchLimits.size else {
            throw BatchError(
                line: 0, "it has \(bytes.count) bytes; at most \(BatchLimits.size) are read")
        }
        guard bytes.last == UInt8(ascii: "\n") else {
            throw BatchError(line: 0, "its last line has no line feed; it may be cut short")
        }
        var cursor = LineCursor(bytes: bytes)
        let header = try BatchHeader(line: Array(cursor.next() ?? []))
        var expected = ExpectedNumbers(header)
        let count = expected.count
        guard count <= BatchLimits.events else {
            throw BatchError(
                line: 1, "it announces \(count) events; at most \(BatchLimits.events) are read")
        }
        var lines: [BatchLine] = []
        lines.reserveCapacity(Int(count))
        while let line = cursor.next() {
            let number = lines.count + 2
            guard let seq = expected.next() else {
                throw BatchError(
                    line: number, "found a line more than the \(count) that the header announces")
            }
            guard line.count <= BatchLimits.line else {
                throw BatchError(
                    line: number,
                    "it has \(line.count) bytes; at most \(BatchLimits.line) are read")
            }
            if let found = BatchEvent.number(in: line), found != seq {
                throw BatchError(line: number, "found event \(found); expected is event \(seq)")
            }
            lines.append(BatchLine(seq: seq, text: line))
        }
        guard lines.count == Int(count) else {
            throw BatchError(
                line: 0,
                "found \(lines.count) events; the header announces \(count)")
        }
        self.init(header: header, lines: lines)
    }

    /// What the line at that place of `lines` says.
    /// - Throws: why it cannot be an event; `lines[index]` then is what goes to the dead letters.
    public func event(at index: Int) throws(BatchError) -> BatchEvent {
        do throws(LineFault) {
            return try BatchEvent(line: lines[index])
        } catch {
            throw BatchError(line: index + 2, "event \(lines[index].seq): \(error.reason)")
        }
    }
}

/// Hands out lines without their line feeds. They are cut, not copied: memory for each is what
/// reading a batch would spend most of its time on.
private struct LineCursor {
    let bytes: [UInt8]
    fileprivate var position = 0

    init(bytes: [UInt8]) { self.bytes = bytes }

    mutating func next() -> ArraySlice<UInt8>? {
        guard position < bytes.count else { return nil }
        let end = lineEnd
        defer { position = end + 1 }
        return bytes[position..<end]
    }
}

extension LineCursor {
    /// Where the next line feed is, or the end, by words of eight bytes: a byte of the word below
    /// is zero where the text has a line feed, and taking one from each byte then borrows from its
    /// top bit ("Bit Twiddling Hacks", S. E. Anderson: determine if a word has a zero byte).
    private var lineEnd: Int {
        let text = bytes.span
        var place = position
        while place + 32 <= text.count {
            let words =
                unsafe text.bytes.unsafeLoadUnaligned(fromByteOffset: place, as: SIMD4<UInt64>.self)
                ^ 0x0A0A_0A0A_0A0A_0A0A
            let marks = (words &- 0x0101_0101_0101_0101) & ~words & 0x8080_8080_8080_8080
            if marks != SIMD4(repeating: 0) { break }
            place += 32
        }
        while place < text.count, text[place] != UInt8(ascii: "\n") { place += 1 }
        return place
    }
}

/// The numbers from `first` to `last` that no gap covers, in order.
private struct ExpectedNumbers {
    private let last: Int64
    private let gaps: [ClosedRange<Int64>]
    private var candidate: Int64
    private var gap = 0
    let count: Int64

    init(_ header: BatchHeader) {
        last = header.last
        gaps = header.gaps
        candidate = header.first
        count = header.gaps.reduce(header.last - header.first + 1) { count, gap in
            let inside = gap.clamped(to: header.first...header.last)
            return gap.overlaps(header.first...header.last)
                ? count - (inside.upperBound - inside.lowerBound + 1) : count
        }
    }

    mutating func next() -> Int64? {
        while gap < gaps.count, gaps[gap].lowerBound <= candidate {
            candidate = max(candidate, gaps[gap].upperBound + 1)
            gap += 1
        }
        guard candidate <= last else { return nil }
        defer { candidate += 1 }
        return candidate
    }
}

extension BatchHeader {
    /// The greatest number of a lane: 56 bits, which is what a trace's span has for it. A thousand
    /// events a second reach it in two million years.
    public static let numberMax: Int64 = 1 << 56 - 1

    /// - Parameter line: without its line feed.
    init(line: [UInt8]) throws(BatchError) {
        do throws(MessageError) {
            var reader = try MessageReader(line, what: "header", sizeMax: 8 << 10)
            try reader.version()
            site = try reader.name("site")
            device = try reader.name("device")
            lane = try reader.lane("lane")
            epoch = try reader.identifier("epoch")
            run = try reader.identifier("run")
            boot = try reader.identifier("boot")
            base = try reader.integer("base", in: 1...Self.numberMax)
            first = try reader.integer("first", in: base...Self.numberMax)
            last = try reader.integer("last", in: first...Self.numberMax)
            gaps = []
            for value in try reader.array("gaps", countMax: BatchLimits.gaps) {
                try append(gap: value, reader)
            }
            before = try reader.optionalIdentifier("before").map { RunningDigest($0) }
            try reader.finish()
        } catch {
            throw BatchError(line: 1, error.description)
        }
    }

    private mutating func append(gap: JSONValue, _ reader: MessageReader) throws(MessageError) {
        guard let pair = gap.array, pair.count == 2, let lower = pair[0].int,
            let upper = pair[1].int, lower <= upper
        else {
            throw MessageError(
                "header: the gap \(gap.serialized().prefix(80)) is not [from, to] in this order")
        }
        guard lower >= base, upper <= last else {
            throw MessageError(
                "header: the gap [\(lower),\(upper)] is not within \(base)...\(last)")
        }
        if let before = gaps.last, lower <= before.upperBound {
            throw MessageError(
                "header: the gap [\(lower),\(upper)] does not come after "
                    + "[\(before.lowerBound),\(before.upperBound)]")
        }
        for end in [first, last] where (lower...upper).contains(end) {
            throw MessageError(
                "header: the gap [\(lower),\(upper)] holds event \(end), which the batch has")
        }
        gaps.append(lower...upper)
    }
}
