public import Events
public import Units

/// A set of alarm codes: one bit each, so that a tick compares 52 conditions in one instruction.
@frozen public struct AlarmSet: Hashable, Sendable {
    @usableFromInline var bits: UInt64

    @inlinable public init() { bits = 0 }

    @inlinable public static func bit(_ code: AlarmCode) -> UInt64 {
        1 &<< UInt64(widening: code.rawValue)
    }
    @inlinable public mutating func insert(_ code: AlarmCode) { bits |= Self.bit(code) }
    @inlinable public mutating func remove(_ code: AlarmCode) { bits &= ~Self.bit(code) }
    @inlinable public func contains(_ code: AlarmCode) -> Bool { bits & Self.bit(code) != 0 }
    @inlinable public var isEmpty: Bool { bits == 0 }
    @inlinable public mutating func formUnion(_ other: AlarmSet) { bits |= other.bits }
    @inlinable public func subtracting(_ other: AlarmSet) -> AlarmSet {
        var result = AlarmSet()
        result.bits = bits & ~other.bits
        return result
    }
    @inlinable public func intersection(_ other: AlarmSet) -> AlarmSet {
        var result = AlarmSet()
        result.bits = bits & other.bits
        return result
    }

    /// Takes the code with the lowest row out of the set, or returns nil if the set is empty.
    @inlinable public mutating func popFirst() -> AlarmCode? {
        guard bits != 0 else { return nil }
        let row = UInt8(truncatingIfNeeded: bits.trailingZeroBitCount)
        bits &= bits &- 1
        return AlarmCode(rawValue: row)
    }
}
