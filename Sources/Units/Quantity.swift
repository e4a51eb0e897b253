/// A measured amount in one fixed unit, stored as an integer.
///
/// Integers, because the same inputs must give the same outputs on every machine, bit for bit, and
/// because equality must mean equality. Arithmetic traps on overflow: a sum that does not fit is a
/// bug in the caller, never a reading. Readings are checked for range before they are added.
public protocol Quantity: Hashable, Comparable, Sendable {
    var rawValue: Int32 { get }
    init(_ rawValue: Int32)
}

extension Quantity {
    @inlinable public static func < (lhs: Self, rhs: Self) -> Bool { lhs.rawValue < rhs.rawValue }
    @inlinable public static func + (lhs: Self, rhs: Self) -> Self {
        Self(lhs.rawValue + rhs.rawValue)
    }
    @inlinable public static func - (lhs: Self, rhs: Self) -> Self {
        Self(lhs.rawValue - rhs.rawValue)
    }
    @inlinable public var magnitude: Self { Self(abs(rawValue)) }
}

/// Temperature. 1 = 0.001 °C. Fine enough for a DS18B20's step of 62.5 m°C and its error codes.
@frozen public struct MilliCelsius: Quantity {
    public var rawValue: Int32
    @inlinable public init(_ rawValue: Int32) { self.rawValue = rawValue }
}

/// Water flow. 1 = 1 mL/min. Never negative: a flow meter of this class cannot tell direction.
@frozen public struct MillilitresPerMinute: Quantity {
    public var rawValue: Int32
    @inlinable public init(_ rawValue: Int32) { self.rawValue = rawValue }
}

/// A share of a whole, such as a tank's level or a probe's place in its ADC range. 1 = 0.1 %.
@frozen public struct Permille: Quantity {
    public var rawValue: Int32
    @inlinable public init(_ rawValue: Int32) { self.rawValue = rawValue }
}

/// Electric potential. 1 = 1 mV.
@frozen public struct Millivolts: Quantity {
    public var rawValue: Int32
    @inlinable public init(_ rawValue: Int32) { self.rawValue = rawValue }
}

/// Electric current. 1 = 1 mA. Positive charges the pack; negative discharges it.
@frozen public struct Milliamperes: Quantity {
    public var rawValue: Int32
    @inlinable public init(_ rawValue: Int32) { self.rawValue = rawValue }
}
