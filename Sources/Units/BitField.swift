/// Where a number stands in the 64 bits of a classic CAN payload, in either byte order.
///
/// The position is turned into one shift when the field is made, so that a tick decodes with a
/// shift and a mask. DBC conventions (Vector, "DBC File Format Documentation"): an Intel field
/// (`@1`) names its least significant bit; a Motorola field (`@0`) names its most significant bit
/// in the sawtooth numbering, where bit 7 of byte 0 is 7 and bit 7 of byte 1 is 15.
@frozen public struct BitField: Hashable, Sendable {
    public enum ByteOrder: UInt8, Sendable { case intel, motorola }

    public let order: ByteOrder
    public let isSigned: Bool
    /// In bits, 1 to 64.
    public let length: UInt8
    /// From the least significant bit of the payload (Intel) or its byte-swapped form (Motorola).
    @usableFromInline let shift: UInt8

    /// - Returns: nil if the field does not lie wholly within 64 bits.
    public init?(startBit: Int, length: Int, order: ByteOrder, isSigned: Bool) {
        guard startBit >= 0, startBit < 64, length >= 1, length <= 64 else { return nil }
        let shift: Int
        switch order {
        case .intel:
            shift = startBit
            guard startBit + length <= 64 else { return nil }
        case .motorola:
            // Position of the field's most significant bit, counted from the payload's first bit.
            let fromFirst = (startBit / 8) * 8 + (7 - startBit % 8)
            shift = 64 - fromFirst - length
            guard shift >= 0 else { return nil }
        }
        self.order = order
        self.isSigned = isSigned
        self.length = UInt8(length)
        self.shift = UInt8(shift)
    }

    /// How many payload bytes a frame must have for this field to be wholly in it, 1 to 8.
    public var bytesNeeded: UInt8 {
        switch order {
        case .intel: (shift + length + 7) / 8
        case .motorola: 8 - shift / 8
        }
    }

    @inlinable var mask: UInt64 { length == 64 ? .max : (1 &<< UInt64(widening: length)) &- 1 }

    /// The bits as they stand, not sign-extended.
    @inlinable public func bits(of payload: UInt64) -> UInt64 {
        let ordered = order == .intel ? payload : payload.byteSwapped
        return (ordered &>> UInt64(widening: shift)) & mask
    }

    /// The raw number. An unsigned field of 64 bits above `Int64.max` is not representable here and
    /// comes back clamped; no sensor of this kind sends one.
    @inlinable public func value(of payload: UInt64) -> Int64 {
        let raw = bits(of: payload)
        guard isSigned else {
            let value = Int64(bitPattern: raw)
            return value < 0 ? .max : value
        }
        let unused = 64 &- Int64(widening: length)
        return Int64(bitPattern: raw &<< UInt64(bitPattern: unused)) &>> unused
    }

    /// Puts the low bits of `value` into `payload`, leaving all others as they are.
    @inlinable public func insert(_ value: Int64, into payload: inout UInt64) {
        var ordered = order == .intel ? payload : payload.byteSwapped
        let bits = UInt64(bitPattern: value) & mask
        ordered =
            (ordered & ~(mask &<< UInt64(widening: shift))) | (bits &<< UInt64(widening: shift))
        payload = order == .intel ? ordered : ordered.byteSwapped
    }
}
