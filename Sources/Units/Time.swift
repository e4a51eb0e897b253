/// A span of time. 1 = 1 ms. Signed, so that a difference of two instants is always one.
@frozen public struct Milliseconds: Hashable, Comparable, Sendable {
    public var rawValue: Int64
    @inlinable public init(_ rawValue: Int64) { self.rawValue = rawValue }

    @inlinable public static func < (lhs: Self, rhs: Self) -> Bool { lhs.rawValue < rhs.rawValue }
    @inlinable public static func + (lhs: Self, rhs: Self) -> Self {
        Self(lhs.rawValue + rhs.rawValue)
    }
    @inlinable public static func - (lhs: Self, rhs: Self) -> Self {
        Self(lhs.rawValue - rhs.rawValue)
    }
    @inlinable public static func seconds(_ count: Int64) -> Self { Self(count * 1_000) }
    public static let zero = Milliseconds(0)
}

/// A point on the monotonic clock, in milliseconds from an origin that only this run knows.
///
/// 64 bits: it does not wrap in 292 million years, where the 32-bit counters of other controllers
/// wrap after 49.7 days. Wall time never becomes an `Instant`, so no rule can depend on it.
@frozen public struct Instant: Hashable, Comparable, Sendable {
    public var rawValue: Int64
    @inlinable public init(_ rawValue: Int64) { self.rawValue = rawValue }

    @inlinable public static func < (lhs: Self, rhs: Self) -> Bool { lhs.rawValue < rhs.rawValue }
    @inlinable public static func - (lhs: Self, rhs: Self) -> Milliseconds {
        Milliseconds(lhs.rawValue - rhs.rawValue)
    }
    @inlinable public static func + (lhs: Self, rhs: Milliseconds) -> Self {
        Self(lhs.rawValue + rhs.rawValue)
    }
    @inlinable public static func - (lhs: Self, rhs: Milliseconds) -> Self {
        Self(lhs.rawValue - rhs.rawValue)
    }

    /// Before every instant that a run can see; the age of something that never happened is then
    /// greater than any limit. Not the smallest Int64, so that a difference cannot overflow.
    public static let never = Instant(-4_611_686_018_427_387_904)
}

/// The number of a control cycle since the process started. The first tick is 0.
@frozen public struct Tick: Hashable, Comparable, Sendable {
    public var rawValue: UInt64
    @inlinable public init(_ rawValue: UInt64) { self.rawValue = rawValue }

    @inlinable public static func < (lhs: Self, rhs: Self) -> Bool { lhs.rawValue < rhs.rawValue }
    @inlinable public var next: Tick { Tick(rawValue + 1) }
}
