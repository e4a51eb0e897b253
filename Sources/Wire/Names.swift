public import Events

// What the core's words are called on the wire, on the screen and in traces. Names are released
// with the schema that lists them: they may be added to, never changed.

extension AlarmCode {
    /// "E103": three digits at least, as the site specification writes them.
    public var name: String {
        let digits = String(number)
        return "E" + String(repeating: "0", count: max(0, 3 - digits.utf8.count)) + digits
    }

    /// Reads "E103"; nil for a code that does not exist or is written otherwise.
    public init?(name: String) {
        guard name.hasPrefix("E"), let number = UInt16(name.dropFirst()),
            let code = AlarmCode(number: number), code.name == name
        else { return nil }
        self = code
    }
}

extension Severity {
    public var name: String {
        switch self {
        case .info: "info"
        case .warning: "warning"
        case .error: "error"
        case .fatal: "fatal"
        }
    }
}

extension AlarmState {
    public var name: String {
        switch self {
        case .normal: "normal"
        case .unacknowledged: "unacknowledged"
        case .acknowledged: "acknowledged"
        case .returned: "returned"
        case .latched: "latched"
        }
    }
}

extension AlarmChange {
    /// "raised", "withdrawn": the second half of the event's name.
    public var name: String { String(kind.name.split(separator: ".")[1]) }
}

extension InterlockState {
    public var name: String {
        switch self {
        case .open: "OPEN"
        case .closing: "CLOSING"
        case .closed: "CLOSED"
        case .opening: "OPENING"
        case .tripped: "TRIPPED"
        }
    }
}

extension HeatingState {
    /// - Parameter stepNames: the names of the site's steps by their index, as in its sequence.
    public func name(stepNames: [String]) -> String {
        switch self {
        case .standby: "STANDBY"
        case .step(let index):
            Int(index) < stepNames.count ? stepNames[Int(index)] : "STEP\(index)"
        case .complete: "COMPLETE"
        case .failed: "FAILED"
        case .lockout: "LOCKOUT"
        }
    }
}

extension HeatingOutcome {
    public var name: String {
        switch self {
        case .completed: "completed"
        case .stopped: "stopped"
        case .failed: "failed"
        case .lockedOut: "locked_out"
        }
    }
}

extension HeatingRefusal {
    public var name: String {
        switch self {
        case .fatalAlarm: "fatal_alarm"
        case .errorAlarm: "error_alarm"
        case .alreadyHot: "already_hot"
        case .flameInStandby: "flame_in_standby"
        case .gasSensorNotReady: "gas_sensor_not_ready"
        case .sensorsDisagree: "sensors_disagree"
        case .selfCheckRunning: "selfcheck_running"
        case .selfCheckFailed: "selfcheck_failed"
        case .jobRunning: "job_running"
        }
    }
}

extension Requester {
    public var name: String {
        switch self {
        case .site: "site"
        case .technician: "technician"
        case .admin: "admin"
        case .cluster: "cluster"
        case .schedule: "schedule"
        case .scenario: "scenario"
        }
    }
}

extension SignalID {
    public var name: String {
        switch self {
        case .temperature1: "temperature1"
        case .temperature2: "temperature2"
        case .temperature3: "temperature3"
        case .flow: "flow"
        case .level: "level"
        case .flame: "flame"
        case .gas: "gas"
        case .gasReady: "gas_ready"
        case .ambientTemperature: "ambient_temperature"
        case .ambientHumidity: "ambient_humidity"
        case .burnerLockout: "burner_lockout"
        case .burnerOn: "burner_on"
        case .probe1Ratio: "probe1_ratio"
        case .probe2Ratio: "probe2_ratio"
        case .probe3Ratio: "probe3_ratio"
        }
    }
}

extension SignalQuality {
    public var name: String {
        switch self {
        case .absent: "absent"
        case .ok: "ok"
        case .stale: "stale"
        case .open: "open"
        case .short: "short"
        case .range: "range"
        case .rate: "rate"
        case .powerOn: "power_on"
        case .bus: "bus"
        case .warmingUp: "warming_up"
        }
    }
}

extension SelfCheckStep {
    public var name: String {
        switch self {
        case .waiting: "waiting"
        case .identity: "identity"
        case .outputs: "outputs"
        case .clock: "clock"
        case .lease: "lease"
        case .permit: "permit"
        case .sensors: "sensors"
        case .done: "done"
        case .failed: "failed"
        }
    }
}

extension ResetRefusal {
    public var name: String {
        switch self {
        case .notLocal: "not_local"
        case .noLockout: "no_lockout"
        case .tooSoon: "too_soon"
        case .conditionHolds: "condition_holds"
        case .powerStillPresent: "power_still_present"
        case .tooMany: "too_many"
        case .pressTooShort: "press_too_short"
        case .pressTooLong: "press_too_long"
        case .boardRefused: "board_refused"
        case .selfCheckTimedOut: "selfcheck_timed_out"
        case .selfCheckFailed: "selfcheck_failed"
        }
    }
}

extension DisasterRule {
    /// "D-03", as §7.3 numbers them.
    public var name: String { rawValue < 10 ? "D-0\(rawValue)" : "D-\(rawValue)" }
}

/// The relays by their bit, as `RelayMask` has them. Bit 7 is free on this board.
public let standardRelayNames = [
    "power", "pump", "valve", "spark", "element", "demand", "fan", "relay7",
]
