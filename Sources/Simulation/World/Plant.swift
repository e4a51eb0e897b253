public import RelayBoard
import Units

/// A quantity of the plant that a scenario may set.
public enum PlantQuantity: UInt8, Sendable {
    case waterTemperature, heatingRate, coolingRate, flow, level, gas, gasReady
    case ambientTemperature, ambientHumidity, flameDelay, burnerDelay, burnerLockout
}

/// How the flame behaves.
public enum FlameMode: UInt8, Sendable {
    /// Burns `flameDelay` after the valve has opened, and goes out with the valve.
    case normal
    case never
    /// Burns whatever the valve does.
    case stuck
}

/// What the relays and contactors really do, as against what they were told.
public struct Contacts: Hashable, Sendable {
    public var relays = RelayMask.none
    public var k2 = false
    /// The emergency stop before both is pressed.
    public var isStopped = false

    /// Supply behind both contactors.
    public var isPowered: Bool { relays.contains(.power) && k2 && !isStopped }
}

/// The tank, its heat and its water, as far as the sensors see them. Exact integers: the
/// temperature is kept in millionths of a degree, so that a rate of 1 m°C/s adds up right
/// millisecond by millisecond.
///
/// Heat only flows while the supply is really closed and the heat relay's contact is. The default
/// is the acceptance plant P1 of the site specification's §8.
public struct Plant: Sendable {
    // P1: 20 °C, 50 m°C/s, 3 000 mL/min, flame after 800 ms.
    var heatingRate: Int64 = 50
    var coolingRate: Int64 = 0
    var pumpFlow: Int32 = 3_000
    var level: Int32 = 800
    var gas: Int32 = 0
    var gasReady: Int32 = 1
    var ambientTemperature: Int32 = 21_000
    var ambientHumidity: Int32 = 450
    var flameDelay: Int64 = 800
    var flameMode = FlameMode.normal
    /// A burner control's own start, until it reports that it burns. Chosen; real ones need 5 to
    /// 40 s.
    var burnerDelay: Int64 = 2_000
    var burnerLockout: Int32 = 0
    /// P1 heats in RUN only. A contact that is welded heats whatever the job does.
    var heatsOnlyInRun = true

    public private(set) var contacts = Contacts()
    public var isStopPressed = false
    /// Relays whose contacts are welded: closed, whatever the coil does.
    var welded = RelayMask.none
    var isK2Welded = false
    var isInRun = false

    private var microCelsius: Int64 = 20_000_000
    private var settledAt: Int64 = 0
    private var microPerMillisecond: Int64 = 0
    private var valveOpenedAt: Int64?
    private var demandClosedAt: Int64?

    public init() {}

    /// In m°C, at `now`.
    func temperature(at now: Int64) -> Int32 {
        Int32(truncatingIfNeeded: preciseTemperature(at: now) / 1_000)
    }

    /// In millionths of a degree. Water does not boil here: the model ends at 130 °C. Nothing cools
    /// below the room it stands in.
    private func preciseTemperature(at now: Int64) -> Int64 {
        let micro = microCelsius &+ microPerMillisecond &* (now &- settledAt)
        if microPerMillisecond < 0 {
            return max(micro, min(microCelsius, Int64(ambientTemperature) &* 1_000))
        }
        return min(micro, 130_000_000)
    }

    mutating func setTemperature(_ value: Int32, at now: Int64) {
        microCelsius = Int64(value) * 1_000
        settledAt = now
    }

    func hasFlame(at now: Int64) -> Bool {
        switch flameMode {
        case .never: return false
        case .stuck: return true
        case .normal:
            guard let opened = valveOpenedAt else { return false }
            return now &- opened >= flameDelay
        }
    }

    func isBurnerOn(at now: Int64) -> Bool {
        guard burnerLockout == 0, let closed = demandClosedAt else { return false }
        return now &- closed >= burnerDelay
    }

    var flow: Int32 { contacts.relays.contains(.pump) ? pumpFlow : 0 }

    /// Brings the contacts to what board and monostable say at `now`, and the heat after them.
    ///
    /// Called when something changed and not each tick; between two calls everything is constant
    /// but the temperature, which is a straight line.
    mutating func settle(pins: RelayMask, isK2Held: Bool, at now: Int64) {
        microCelsius = preciseTemperature(at: now)
        settledAt = now
        contacts.relays = pins.union(welded)
        contacts.k2 = isK2Held || isK2Welded
        contacts.isStopped = isStopPressed
        let powered = contacts.isPowered
        let isValveOpen = powered && contacts.relays.contains(.valve)
        if !isValveOpen {
            valveOpenedAt = nil
        } else if valveOpenedAt == nil {
            valveOpenedAt = now
        }
        let isDemanded = powered && contacts.relays.contains(.demand)
        if !isDemanded {
            demandClosedAt = nil
        } else if demandClosedAt == nil {
            demandClosedAt = now
        }
        microPerMillisecond = (isHeating ? heatingRate : 0) &- coolingRate
    }

    /// Whether heat goes into the water. The flame's own delay is left out: P1 heats in RUN only,
    /// where the flame has been proved.
    private var isHeating: Bool {
        let heaters = contacts.relays.intersection(.heat)
        guard contacts.isPowered, !heaters.isEmpty else { return false }
        if !welded.intersection(.heat).isEmpty { return true }
        return isInRun || !heatsOnlyInRun
    }
}
