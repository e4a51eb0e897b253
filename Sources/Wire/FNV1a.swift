/// FNV-1a with 64 bits (Fowler, Noll, Vo), for knowing bytes again: against damage by chance, not
/// against intent.
public struct FNV1a: Sendable {
    /// Of what was added so far; of nothing the algorithm's offset basis.
    public var hash: UInt64 = 0xCBF2_9CE4_8422_2325

    public init() {}

    @inlinable
    public mutating func add(_ byte: UInt8) {
        hash = (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01B3
    }

    @inlinable
    public mutating func add(_ bytes: some Sequence<UInt8>) {
        for byte in bytes { add(byte) }
    }

    /// 16 lower-case hexadecimal digits.
    public var text: String { String(hexadecimal: hash) }
}
