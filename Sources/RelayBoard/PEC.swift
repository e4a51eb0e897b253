/// SMBus packet error code: CRC-8, polynomial x⁸+x²+x+1 (0x07), initial value 0, most significant
/// bit first (System Management Bus Specification 3.x, §6.4 "Packet error checking").
///
/// By nibbles: 16 entries are cheap in the Pico's flash and half the work of a bit at a time.
public struct PEC: Sendable {
    public private(set) var value: UInt8

    @inlinable public init() { self.init(startingWith: 0) }
    public init(startingWith value: UInt8) { self.value = value }

    private static let table: InlineArray<16, UInt8> = [
        0x00, 0x07, 0x0E, 0x09, 0x1C, 0x1B, 0x12, 0x15,
        0x38, 0x3F, 0x36, 0x31, 0x24, 0x23, 0x2A, 0x2D,
    ]

    public mutating func add(_ byte: UInt8) {
        var crc = value ^ byte
        crc = (crc &<< 4) ^ Self.table[Int(crc &>> 4)]
        crc = (crc &<< 4) ^ Self.table[Int(crc &>> 4)]
        value = crc
    }
}
