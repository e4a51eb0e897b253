/// The checksum of what the board keeps in flash: CRC-32/MPEG-2, polynomial 0x04C11DB7, initial
/// value all ones, most significant bit first, no final inversion.
///
/// The RP2040's boot ROM checks its second stage by the same code, so the board's image builder
/// needs one. Bit by bit: what is checked is a word a loop, and a table would be 1 KB of flash.
public struct CRC32: Sendable {
    public private(set) var value: UInt32 = .max

    public init() {}

    public mutating func add(_ byte: UInt8) {
        value ^= UInt32(byte) &<< 24
        for _ in 0..<8 { value = value & 1 &<< 31 != 0 ? value &<< 1 ^ 0x04C1_1DB7 : value &<< 1 }
    }

    /// The four bytes of a word as they lie in memory: the lowest first.
    public mutating func add(_ word: UInt32) {
        add(UInt8(truncatingIfNeeded: word))
        add(UInt8(truncatingIfNeeded: word &>> 8))
        add(UInt8(truncatingIfNeeded: word &>> 16))
        add(UInt8(truncatingIfNeeded: word &>> 24))
    }
}
