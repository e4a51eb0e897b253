import Testing
import Units

/// Compares the shift and mask with a walk over single bits, as the DBC format describes it.
@Suite("BitField")
struct BitFieldTests {
    /// The payload's bits that the field covers, most significant first, in DBC numbering (byte ×
    /// 8 + bit, bit 0 the least significant of its byte); nil if one of them is not in 8 bytes.
    static func walk(start: Int, length: Int, order: BitField.ByteOrder) -> [Int]? {
        var bits: [Int] = []
        var bit = start
        for _ in 0..<length {
            guard bit >= 0, bit < 64 else { return nil }
            bits.append(bit)
            switch order {
            case .intel: bit += 1
            // Down within the byte, then to bit 7 of the next byte.
            case .motorola: bit = bit % 8 == 0 ? bit + 15 : bit - 1
            }
        }
        return order == .intel ? bits.reversed() : bits
    }

    static func reference(_ bits: [Int], isSigned: Bool, bytes: [UInt8]) -> Int64 {
        var value: Int64 = 0
        for (index, bit) in bits.enumerated() {
            let one = Int64(bytes[bit / 8] >> UInt8(bit % 8) & 1)
            value = index == 0 && isSigned ? -one : value &* 2 &+ one
        }
        return value
    }

    static func payload(_ bytes: [UInt8]) -> UInt64 {
        bytes.reversed().reduce(0) { $0 << 8 | UInt64($1) }
    }

    @Test(
        "every field of every length at every place reads as its bits do",
        arguments: [BitField.ByteOrder.intel, .motorola], [false, true])
    func readsAsItsBits(order: BitField.ByteOrder, isSigned: Bool) throws {
        var random = SplitMix64(seed: 42)
        var fields = 0
        for start in 0..<64 {
            for length in 1...64 {
                let field = BitField(
                    startBit: start, length: length, order: order, isSigned: isSigned)
                let bits = Self.walk(start: start, length: length, order: order)
                guard let field, let bits else {
                    try #require(field == nil && bits == nil, "start \(start), length \(length)")
                    continue
                }
                fields += 1
                let needed = bits.map { $0 / 8 }.max()! + 1
                try #require(Int(field.bytesNeeded) == needed, "start \(start), length \(length)")
                for round in 0..<4 {
                    let bytes: [UInt8] =
                        round == 0
                        ? Array(repeating: 0xFF, count: 8)
                        : (0..<8).map { _ in UInt8(truncatingIfNeeded: random.next() >> 32) }
                    var expected = Self.reference(bits, isSigned: isSigned, bytes: bytes)
                    // An unsigned field of 64 bits has values that Int64 has not; it is clamped.
                    if length == 64, !isSigned, expected < 0 { expected = .max }
                    try #require(
                        field.value(of: Self.payload(bytes)) == expected,
                        "start \(start), length \(length), bytes \(bytes)")
                }
            }
        }
        #expect(fields == 2_080, "64 places for 1 bit, 63 for 2, and so on")
    }

    @Test(
        "what is inserted is read back, and no other bit changes",
        arguments: [BitField.ByteOrder.intel, .motorola])
    func insertsOnlyItsBits(order: BitField.ByteOrder) throws {
        var random = SplitMix64(seed: 7)
        for start in 0..<64 {
            for length in 1...64 {
                guard
                    let field = BitField(
                        startBit: start, length: length, order: order, isSigned: true),
                    let bits = Self.walk(start: start, length: length, order: order)
                else { continue }
                let unused = Int64(64 - length)
                let value = Int64(bitPattern: random.next()) >> unused
                let before = random.next()
                var after = before
                field.insert(value, into: &after)
                try #require(field.value(of: after) == value, "start \(start), length \(length)")
                let covered = bits.reduce(UInt64(0)) { $0 | 1 << UInt64($1) }
                try #require(
                    (before ^ after) & ~covered == 0, "start \(start), length \(length)")
            }
        }
    }

    struct Row: CustomTestStringConvertible, Sendable {
        let testDescription: String
        let field: BitField?
        let bytes: [UInt8]
        let value: Int64

        init(
            _ testDescription: String, _ start: Int, _ length: Int, _ order: BitField.ByteOrder,
            isSigned: Bool, _ bytes: [UInt8], _ value: Int64
        ) {
            self.testDescription = testDescription
            self.field = BitField(
                startBit: start, length: length, order: order, isSigned: isSigned)
            self.bytes = bytes
            self.value = value
        }
    }

    /// Worked by hand, so that a mistake shared by the field and the walk is found too.
    static let rows: [Row] = [
        Row("Intel word", 0, 16, .intel, isSigned: false, [0x7A, 0x13, 0, 0, 0, 0, 0, 0], 4_986),
        Row(
            "Intel signed word", 16, 16, .intel, isSigned: true,
            [0, 0, 0xF2, 0xFE, 0, 0, 0, 0], -270),
        Row(
            "Intel 24 bits, least", 16, 24, .intel, isSigned: true,
            [0, 0, 0x00, 0x00, 0x80, 0, 0, 0], -8_388_608),
        Row(
            "Intel 24 bits, greatest", 40, 24, .intel, isSigned: true,
            [0, 0, 0, 0, 0, 0xFF, 0xFF, 0x7F], 8_388_607),
        Row(
            "Motorola 32 bits at byte 2", 23, 32, .motorola, isSigned: true,
            [0, 0, 0xFF, 0xFF, 0xFF, 0x85, 0, 0], -123),
        Row(
            "Motorola across a byte, not at its edge", 2, 6, .motorola, isSigned: false,
            [0b0000_0101, 0b1010_0000, 0, 0, 0, 0, 0, 0], 0b101_101),
        Row(
            "one signed bit is 0 or -1", 63, 1, .intel, isSigned: true,
            [0, 0, 0, 0, 0, 0, 0, 0x80], -1),
        Row(
            "64 bits signed, least", 0, 64, .intel, isSigned: true,
            [0, 0, 0, 0, 0, 0, 0, 0x80], .min),
        Row(
            "64 bits Motorola, least", 7, 64, .motorola, isSigned: true,
            [0x80, 0, 0, 0, 0, 0, 0, 0], .min),
        Row(
            "64 bits unsigned beyond Int64", 0, 64, .intel, isSigned: false,
            [0, 0, 0, 0, 0, 0, 0, 0x80], .max),
    ]

    @Test("reads as worked by hand", arguments: rows)
    func worked(row: Row) throws {
        let field = try #require(row.field)
        #expect(field.value(of: Self.payload(row.bytes)) == row.value)
    }

    @Test("a field that is not wholly within 64 bits does not exist")
    func outside() {
        let intel = BitField.ByteOrder.intel
        #expect(BitField(startBit: -1, length: 1, order: intel, isSigned: false) == nil)
        #expect(BitField(startBit: 64, length: 1, order: intel, isSigned: false) == nil)
        #expect(BitField(startBit: 0, length: 0, order: intel, isSigned: false) == nil)
        #expect(BitField(startBit: 0, length: 65, order: intel, isSigned: false) == nil)
        #expect(BitField(startBit: 63, length: 2, order: intel, isSigned: false) == nil)
        #expect(BitField(startBit: 56, length: 2, order: .motorola, isSigned: false) == nil)
        #expect(BitField(startBit: 56, length: 1, order: .motorola, isSigned: false) != nil)
        #expect(BitField(startBit: .max, length: .max, order: intel, isSigned: false) == nil)
        #expect(BitField(startBit: .min, length: .min, order: .motorola, isSigned: false) == nil)
    }
}

/// SplitMix64, so that a failure replays from its seed.
private struct SplitMix64 {
    private var state: UInt64
    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
