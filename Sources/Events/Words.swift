public import Units

// The nouns that facts are made of. They stand here rather than in Control because an event must
// be readable by those who may not import the core.

/// What a sensor row of the site file can stand for.
public enum SignalID: UInt8, Sendable {
    case temperature1, temperature2, temperature3
    case flow, level, flame, gas, gasReady
    case ambientTemperature, ambientHumidity
    case burnerLockout, burnerOn
    case probe1Ratio, probe2Ratio, probe3Ratio

    public static let count = 15
}

/// What is to be thought of the latest sample of a signal. Only `ok` may be used as a value.
public enum SignalQuality: UInt8, Sendable {
    /// Nothing has come since the start, or since the node restarted.
    case absent
    case ok
    /// The last good sample is too old.
    case stale
    /// The probe is disconnected.
    case open
    case short
    /// Outside what water in this tank can be.
    case range
    /// Changed faster than water can.
    case rate
    /// A DS18B20's power-on content, not a measurement.
    case powerOn
    /// A one-wire bus that reads all ones.
    case bus
    /// The sensor says itself that it is still warming up.
    case warmingUp
}

/// Where the heating job stands. Steps are numbered as in the site's sequence.
public enum HeatingState: Hashable, Sendable {
    case standby
    case step(UInt8)
    case complete
    case failed
    case lockout
}

public enum HeatingOutcome: UInt8, Sendable {
    case completed
    /// Demand was withdrawn.
    case stopped
    case failed
    case lockedOut
}

/// Why a request for heat was not taken.
public enum HeatingRefusal: UInt8, Sendable {
    case fatalAlarm, errorAlarm, flameInStandby, gasSensorNotReady, sensorsDisagree
    case selfCheckRunning, selfCheckFailed, jobRunning
    /// The water is already above the limit that would trip a running job.
    case alreadyHot
}

public enum InterlockState: UInt8, Sendable { case open, closing, closed, opening, tripped }

/// The steps of §7.6 in their order. `done` is the only one that lets a job start.
public enum SelfCheckStep: UInt8, Sendable {
    case waiting, identity, outputs, clock, lease, permit, sensors, done, failed

    /// The number of its row in the specification's table of the self-check (§7.6), from identity,
    /// 3, to sensors, 8; an E607 has it as its value.
    public var place: UInt8 { rawValue + 2 }
}

/// Who asked. The site's own reset button is `site`; it is the only one that can reset a FATAL.
public enum Requester: UInt8, Sendable { case site, technician, admin, cluster, schedule, scenario }

public enum ResetRefusal: UInt8, Sendable {
    case notLocal, noLockout, tooSoon, conditionHolds, powerStillPresent, tooMany
    case pressTooShort, pressTooLong, boardRefused
    /// The self-check that a reset ends with did not come to its end in time.
    case selfCheckTimedOut
    /// That self-check found a fault, which is an alarm of its own.
    case selfCheckFailed
}

/// The rules of §7.3, by their numbers there.
public enum DisasterRule: UInt8, Sendable {
    case d01 = 1, d02, d03, d04, d05, d06, d07, d08, d09, d10, d11
}

/// What an event was caused by: the tick and place of its first cause, or the command that asked
/// for it. Consequences inherit it. One run of the process uses each value for one cause.
@frozen public struct Correlation: Hashable, Sendable {
    public var rawValue: UInt64
    @inlinable public init(_ rawValue: UInt64) { self.rawValue = rawValue }
    /// A new cause in `tick`; `place` tells apart the causes that one tick can have.
    @inlinable public init(tick: Tick, place: UInt8) {
        rawValue = tick.rawValue &<< 8 | UInt64(widening: place)
    }
    /// A command, by the number that the local API gave to it. The place is one that no tick has.
    @inlinable public init(command ticket: UInt32) {
        rawValue = UInt64(widening: ticket) &<< 8 | 254
    }
}
