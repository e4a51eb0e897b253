public import Control
public import Events
public import RelayBoard
import Units
import Wire

// Words for what only the local API shows. What also goes into events has its names in `Wire`.

extension LineState {
    var name: String {
        switch self {
        case .notFitted: "not_fitted"
        case .inactive: "off"
        case .active: "on"
        }
    }
}

extension CANBusState {
    var name: String {
        switch self {
        case .active: "active"
        case .passive: "passive"
        case .busOff: "bus_off"
        case .down: "down"
        }
    }
}

extension AlarmCode {
    /// In the order of the table.
    public static var all: [AlarmCode] {
        (0..<UInt8(AlarmCode.count)).compactMap { AlarmCode(rawValue: $0) }
    }
}

extension Condition {
    /// The condition as half a sentence: "when …", "because …".
    public var phrase: String {
        switch self {
        case .always: "nothing more was needed"
        case .never: "never"
        case .demandGone: "the demand was withdrawn"
        case .flameOn: "the flame is on"
        case .flameOff: "the flame is off"
        case .flameStale: "the flame signal is too old"
        case .signalsStale: "a safety signal is too old"
        case .signalsInvalid: "a safety signal is not valid"
        case .signalsRegained: "all safety signals are back"
        case .readyToStart: "all start conditions hold"
        case .flowPresent: "water flows"
        case .flowAbsent: "no water flows"
        case .flowLow: "the flow is below its minimum"
        case .targetReached: "the target is reached"
        case .noRise: "the water did not get warmer"
        case .postcirculated: "the pump has carried the last heat away"
        case .burnerLockout: "the burner control has locked out"
        case .burnerNotOn: "the burner does not report that it burns"
        }
    }
}

extension HeatingTransition.Cause {
    public var phrase: String {
        switch self {
        case .demand: "heat was asked for"
        case .condition(let condition): condition.phrase
        case .timeout: "its time was up"
        case .alarm(let code): "\(code.name) \(alarmDefinition(code).name)"
        case .interlock: "the power interlock"
        case .reset: "it was reset at the site"
        }
    }
}

extension HeatingRefusal {
    /// Why a demand is not taken, as a sentence with what to do.
    public var sentence: String {
        switch self {
        case .fatalAlarm: "a FATAL alarm is locked in: see busbar status, then reset at the site"
        case .errorAlarm: "an ERROR alarm stands: see busbar alarms list"
        case .flameInStandby: "a flame is seen with the heat off: check valve and flame detector"
        case .gasSensorNotReady: "the gas sensor is still warming up: try again in some minutes"
        case .sensorsDisagree: "the temperature probes disagree: find the wrong one"
        case .selfCheckRunning: "the self-check is running: try again in some seconds"
        case .selfCheckFailed: "the self-check has failed: see busbar status"
        case .jobRunning: "a heating job is running already"
        case .alreadyHot: "the water is hotter than a job may make it: let it cool"
        }
    }
}

extension ResetRefusal {
    public var sentence: String {
        switch self {
        case .notLocal: "a FATAL is reset only by the button at the site"
        case .noLockout: "nothing is locked out"
        case .tooSoon: "30 s have not passed since the trip"
        case .conditionHolds: "its cause is still there"
        case .powerStillPresent: "the power is still present behind the contactors"
        case .tooMany: "there were 5 resets in 15 minutes"
        case .pressTooShort: "the button was pressed for less than 1 s"
        case .pressTooLong: "the button was pressed for more than 5 s"
        case .boardRefused: "the relay board did not take the reset"
        case .selfCheckTimedOut: "its self-check did not come to an end within 10 s"
        case .selfCheckFailed: "its self-check found a fault: see busbar alarms list"
        }
    }
}

extension ControlPlan {
    /// The relays that this site has: those that its sequence moves, and the power contactor.
    public var fittedRelays: RelayMask {
        (0..<sequence.count).reduce(RelayMask.power) { mask, index in
            mask.union(sequence[index].set)
        }
    }
}
