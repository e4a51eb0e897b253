/// The headers of one record as one row of bytes. As twenty pairs of texts they were a third of what
/// a bridge does with an event.
public struct RecordHeaders: Hashable, Sendable {
    public private(set) var count = 0
    /// For each header the lengths of its name and of its value, 32 bits each with the lowest byte
    /// first, then both.
    private var bytes: [UInt8] = []

    public init() {}

    public init(_ headers: [CloudEvent.Header]) {
        for header in headers { add(header.name, header.value) }
    }

    /// - Parameter room: for how many bytes more, so that the row is moved at most once.
    init(_ shared: RecordHeaders, room: Int) {
        bytes.reserveCapacity(shared.bytes.count + room)
        bytes.append(contentsOf: shared.bytes)
        count = shared.count
    }

    public mutating func add(_ name: String, _ value: String) {
        let (name, value) = (Array(name.utf8), Array(value.utf8))
        bytes.append(addingCapacity: 8 + name.count + value.count) { output in
            output.append(length: name.count)
            output.append(length: value.count)
            output.append(name.span)
            output.append(value.span)
        }
        count += 1
    }

    /// - Parameter write: must write `valueCount` bytes, neither more nor fewer.
    mutating func add(
        _ name: StaticString, _ valueCount: Int, _ write: (inout OutputSpan<UInt8>) -> Void
    ) {
        let nameCount = name.utf8CodeUnitCount
        bytes.append(addingCapacity: 8 + nameCount + valueCount) { output in
            output.append(length: nameCount)
            output.append(length: valueCount)
            output.append(name)
            let before = output.count
            write(&output)
            precondition(output.count == before + valueCount, "the length stands before the value")
        }
        count += 1
    }

    mutating func add(_ name: StaticString, _ value: StaticString) {
        add(name, value.utf8CodeUnitCount) { $0.append(value) }
    }

    mutating func add(_ name: StaticString, _ value: String) {
        let utf8 = value.utf8
        add(name, utf8.count) { $0.append(utf8.span) }
    }

    mutating func add(_ name: StaticString, decimal value: Int64) {
        let isNegative = value < 0
        let magnitude = value.magnitude
        add(name, DecimalText.count(magnitude) + (isNegative ? 1 : 0)) { output in
            if isNegative { output.append(UInt8(ascii: "-")) }
            output.append(decimal: magnitude, places: 1)
        }
    }

    mutating func add(_ name: StaticString, decimal value: UInt64) {
        add(name, DecimalText.count(value)) { $0.append(decimal: value, places: 1) }
    }

    /// Hands out each name and value, in order.
    public func forEach(_ body: (_ name: Span<UInt8>, _ value: Span<UInt8>) -> Void) {
        let row = bytes.span
        var place = 0
        while place < row.count {
            let nameCount = Self.length(row, place)
            let valueCount = Self.length(row, place + 4)
            let name = place + 8
            let value = name + nameCount
            body(
                row.extracting(name..<value), row.extracting(value..<(value + valueCount)))
            place = value + valueCount
        }
    }

    private static func length(_ row: Span<UInt8>, _ place: Int) -> Int {
        Int(row[place]) | Int(row[place + 1]) << 8 | Int(row[place + 2]) << 16
            | Int(row[place + 3]) << 24
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

extension Array where Element == UInt8 {
    fileprivate init(_ bytes: Span<UInt8>) {
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

extension OutputSpan<UInt8> {
    fileprivate mutating func append(length: Int) {
        let length = UInt32(length)
        for shift in stride(from: UInt32(0), to: 32, by: 8) {
            append(UInt8(truncatingIfNeeded: length >> shift))
        }
    }

    mutating func append(_ bytes: Span<UInt8>) {
        for index in bytes.indices { append(bytes[index]) }
    }

    mutating func append(_ text: StaticString) {
        let start = unsafe text.utf8Start
        for index in 0..<text.utf8CodeUnitCount { append(unsafe start[index]) }
    }

    /// 16 lower-case hexadecimal digits.
    mutating func append(hexadecimal word: UInt64) {
        for shift in stride(from: UInt64(60), through: 0, by: -4) {
            let digit = UInt8(truncatingIfNeeded: word >> shift) & 15
            append(digit < 10 ? 0x30 + digit : 0x57 + digit)
        }
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
        for place in (20 - count)..<20 { append(digits[place]) }
    }
}
