/// Relays of the board, one bit each; 1 is energised.
///
/// The bits are fixed, because the firmware judges masks by them with the Pi dead or hostile. The
/// burner profile gives them the names below; the bank profile comes with the battery bank.
@frozen public struct RelayMask: Hashable, Sendable {
    public var rawValue: UInt8
    @inlinable public init(rawValue: UInt8) { self.rawValue = rawValue }

    /// K1, the first of the two contactors in series with the site's supply.
    public static let power = RelayMask(rawValue: 1 << 0)
    public static let pump = RelayMask(rawValue: 1 << 1)
    /// The fuel valve of a burner that Busbar drives itself.
    public static let valve = RelayMask(rawValue: 1 << 2)
    public static let spark = RelayMask(rawValue: 1 << 3)
    /// An electric heating element's contactor.
    public static let element = RelayMask(rawValue: 1 << 4)
    /// The heat-demand contact of a burner that has its own certified control.
    public static let demand = RelayMask(rawValue: 1 << 5)
    public static let fan = RelayMask(rawValue: 1 << 6)

    public static let none = RelayMask(rawValue: 0)
    /// Every relay that makes heat, and so needs the pump, the power and a proof.
    public static let heat = valve.union(element).union(demand)
    public static let count = 8

    // Not an OptionSet: its array literal allocates, and the core may not.

    @inlinable public var isEmpty: Bool { rawValue == 0 }
    /// Whether every relay of `other` is energised here.
    @inlinable public func contains(_ other: RelayMask) -> Bool {
        rawValue & other.rawValue == other.rawValue
    }
    @inlinable public func intersects(_ other: RelayMask) -> Bool {
        rawValue & other.rawValue != 0
    }
    @inlinable public func union(_ other: RelayMask) -> RelayMask {
        RelayMask(rawValue: rawValue | other.rawValue)
    }
    @inlinable public func intersection(_ other: RelayMask) -> RelayMask {
        RelayMask(rawValue: rawValue & other.rawValue)
    }
    @inlinable public func subtracting(_ other: RelayMask) -> RelayMask {
        RelayMask(rawValue: rawValue & ~other.rawValue)
    }
}

extension RelayMask {
    /// P4: whether no board of this profile ever drives these relays together.
    ///
    /// Spark needs an open valve: a spark into a chamber that has been left alone finds what leaked
    /// into it. Heat needs the pump, or the water stands still in the exchanger; and it needs K1,
    /// so that nothing heats behind the back of the first contactor. Pump, fan and power may be on
    /// in any combination.
    public func isForbidden(by profile: BoardProfile) -> Bool {
        switch profile {
        case .burner:
            if contains(.spark), !contains(.valve) { return true }
            return intersects(.heat) && !contains(.pump.union(.power))
        }
    }
}
