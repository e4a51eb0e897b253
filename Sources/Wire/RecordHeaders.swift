/// The headers of one record as rows of bytes. As twenty pairs of texts they were a third of what a
/// bridge does with an event.
public struct RecordHeaders: Sendable {
    public private(set) var count = 0
    /// Of the first headers, which all records of a batch have: for each the lengths of its name
    /// and of its value, 32 bits each with the lowest byte first, then both.
    private let shared: ArraySlice<UInt8>
    /// The same of those after them: a part of what all records of a batch have, or all of it.
    private var bytes: ArraySlice<UInt8> = []

    public init() { shared = [] }

    public init(_ headers: [CloudEvent.Header]) {
        self.init()
        for header in headers { add(header.name, header.value) }
    }

    /// Those of a batch, and after them others.
    /// - Parameter rows: what `CloudEvent.appendHeaders` added.
    /// - Parameter count: what it returned.
    public init(_ first: SharedHeaders, count: Int, in rows: ArraySlice<UInt8>) {
        precondition(first.headers.shared.isEmpty, "headers are shared in one step")
        shared = first.headers.bytes
        bytes = rows
        self.count = first.headers.count + count
    }

    public mutating func add(_ name: String, _ value: String) {
        let (name, value) = (Array(name.utf8), Array(value.utf8))
        bytes += [UInt8](capacity: 8 + name.count + value.count) { output in
            output.append(length: name.count)
            output.append(length: value.count)
            output.append(name.span)
            output.append(value.span)
        }
        count += 1
    }

    /// Hands out each name and value, in order.
    public func forEach(_ body: (_ name: Span<UInt8>, _ value: Span<UInt8>) -> Void) {
        Self.forEach(in: shared.span, body)
        Self.forEach(in: bytes.span, body)
    }

    private static func forEach(
        in row: Span<UInt8>, _ body: (_ name: Span<UInt8>, _ value: Span<UInt8>) -> Void
    ) {
        var place = 0
        while place < row.count {
            let nameCount = length(row, place)
            let valueCount = length(row, place + 4)
            let name = place + 8
            let value = name + nameCount
            body(
                row.extracting(name..<value), row.extracting(value..<(value + valueCount)))
            place = value + valueCount
        }
    }

    private static func length(_ row: Span<UInt8>, _ place: Int) -> Int {
        precondition(place >= 0 && place + 4 <= row.count, "a length has four bytes")
        return Int(
            UInt32(
                littleEndian: unsafe row.bytes.unsafeLoadUnaligned(
                    fromByteOffset: place, as: UInt32.self)))
    }

    /// The first value of that name, as text.
    public func value(of name: String) -> String? {
        texts.first { $0.name == name }?.value
    }

    /// All of them as texts.
    public var texts: [CloudEvent.Header] {
        var texts: [CloudEvent.Header] = []
        forEach { name, value in
            texts.append(
                CloudEvent.Header(
                    String(decoding: Array(name), as: UTF8.self),
                    String(decoding: Array(value), as: UTF8.self)))
        }
        return texts
    }
}

/// By what they say, not by what of it is shared.
extension RecordHeaders: Hashable {
    public static func == (left: RecordHeaders, right: RecordHeaders) -> Bool {
        left.count == right.count && left.row == right.row
    }

    public func hash(into hasher: inout Hasher) { hasher.combine(row) }

    private var row: ArraySlice<UInt8> { shared.isEmpty ? bytes : shared + bytes }
}

extension Array where Element == UInt8 {
    init(_ bytes: Span<UInt8>) {
        self.init(capacity: bytes.count) { $0.append(bytes) }
    }
}

enum DecimalText {
    /// How many digits a number has.
    static func count(_ number: UInt64) -> Int {
        var count = 1
        var rest = number
        while rest >= 10_000 {
            rest /= 10_000
            count += 4
        }
        if rest >= 1_000 { return count + 3 }
        if rest >= 100 { return count + 2 }
        return rest >= 10 ? count + 1 : count
    }
}

// Headers, each with its lengths, as `RecordHeaders` has them.
extension OutputSpan<UInt8> {
    /// - Parameter write: must write `valueCount` bytes, neither more nor fewer.
    mutating func appendHeader(
        _ name: StaticString, _ valueCount: Int, _ write: (inout OutputSpan<UInt8>) -> Void
    ) {
        append(length: name.utf8CodeUnitCount)
        append(length: valueCount)
        append(name)
        let before = count
        write(&self)
        precondition(count == before + valueCount, "the length stands before the value")
    }

    mutating func appendHeader(_ name: StaticString, _ value: String) {
        let utf8 = value.utf8
        appendHeader(name, utf8.count) { $0.append(utf8.span) }
    }

    mutating func appendHeader(
        _ name: StaticString, _ start: StaticString, and rest: String.UTF8View
    ) {
        appendHeader(name, start.utf8CodeUnitCount + rest.count) { output in
            output.append(start)
            output.append(rest.span)
        }
    }

    mutating func appendHeader(_ name: StaticString, decimal value: Int64) {
        let isNegative = value < 0
        let magnitude = value.magnitude
        appendHeader(name, DecimalText.count(magnitude) + (isNegative ? 1 : 0)) { output in
            if isNegative { output.append(UInt8(ascii: "-")) }
            output.append(decimal: magnitude, places: 1)
        }
    }

    mutating func appendHeader(_ name: StaticString, decimal value: UInt64) {
        appendHeader(name, DecimalText.count(value)) { $0.append(decimal: value, places: 1) }
    }
}

extension OutputSpan<UInt8> {
    /// With the lowest byte first.
    fileprivate mutating func append(length: Int) {
        append(word: UInt32(length).littleEndian)
    }

    /// The bytes of a word as they stand in memory.
    private mutating func append<Word: FixedWidthInteger>(word: Word) {
        precondition(freeCapacity >= MemoryLayout<Word>.size, "there is room for the word")
        unsafe withUnsafeMutableBufferPointer { target, count in
            unsafe UnsafeMutableRawBufferPointer(target).storeBytes(
                of: word, toByteOffset: count, as: Word.self)
            count += MemoryLayout<Word>.size
        }
    }

    mutating func append(_ bytes: Span<UInt8>) {
        unsafe bytes.withUnsafeBufferPointer { unsafe append($0) }
    }

    mutating func append(_ text: StaticString) {
        text.withUTF8Buffer { unsafe append($0) }
    }

    private mutating func append(_ bytes: UnsafeBufferPointer<UInt8>) {
        precondition(freeCapacity >= bytes.count, "there is room for the bytes")
        guard let source = bytes.baseAddress else { return }
        unsafe withUnsafeMutableBufferPointer { target, count in
            guard let start = target.baseAddress else { return }
            unsafe (start + count).initialize(from: source, count: bytes.count)
            count += bytes.count
        }
    }

    /// 16 lower-case hexadecimal digits.
    mutating func append(hexadecimal word: UInt64) {
        append(word: HexadecimalText.letters(UInt32(truncatingIfNeeded: word >> 32)).littleEndian)
        append(word: HexadecimalText.letters(UInt32(truncatingIfNeeded: word)).littleEndian)
    }

    mutating func append(_ identifier: Identifier128) {
        append(hexadecimal: identifier.high)
        append(hexadecimal: identifier.low)
    }

    /// With zeros before it, up to `places` digits.
    mutating func append(decimal number: UInt64, places: Int) {
        let count = Swift.max(DecimalText.count(number), places)
        var digits = InlineArray<20, UInt8>(repeating: 0x30)
        var rest = number
        var place = 20
        while rest > 0 {
            place -= 1
            let (quotient, digit) = rest.quotientAndRemainder(dividingBy: 10)
            digits[place] = 0x30 + UInt8(truncatingIfNeeded: digit)
            rest = quotient
        }
        append(digits.span.extracting((20 - count)..<20))
    }
}

enum HexadecimalText {
    /// Eight lower-case digits, the first one in the lowest byte. All at once: the bytes are moved
    /// apart, then their halves, and what is ten or more gets the distance from '9' to 'a' on top.
    static func letters(_ word: UInt32) -> UInt64 {
        var spread = UInt64(word.byteSwapped)
        spread = (spread | spread << 16) & 0x0000_FFFF_0000_FFFF
        spread = (spread | spread << 8) & 0x00FF_00FF_00FF_00FF
        let digits =
            spread >> 4 & 0x000F_000F_000F_000F | (spread & 0x000F_000F_000F_000F) << 8
        let isLetter = (digits &+ 0x0606_0606_0606_0606) >> 4 & 0x0101_0101_0101_0101
        return digits &+ 0x3030_3030_3030_3030 &+ isLetter &* 0x27
    }
}
