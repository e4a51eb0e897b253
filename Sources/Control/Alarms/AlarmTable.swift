public import Events
public import Units

/// One row of the alarm table. Data only, so that it can be printed, exported and compared; how an
/// alarm lives is in `AlarmEngine.swift`, when it is raised is in the part that owns it.
public struct AlarmDefinition: Sendable {
    public let code: AlarmCode
    public let name: StaticString
    public let severity: Severity
    public let owner: Component
    /// How long the condition must be gone before the alarm returns. On-delays are part of the
    /// rules, whose exact ticks the specification gives, so there is none here.
    public let offDelay: Milliseconds
    /// The alarm whose presence explains this one, so that only the cause is shown.
    public let consequenceOf: AlarmCode?
    /// What the technician should do: an order, one sentence.
    public let advice: StaticString

    public enum Component: UInt8, Sendable {
        case signals, heating, disaster, interlock, shell, api, site
    }
}

/// Every alarm that Busbar can raise (site specification §7.1). To add one, add a case to
/// `AlarmCode` and a row here; the switch does not compile without it.
///
/// Off-delays: 5 s for a warning is the specification's; errors end with their condition.
public func alarmDefinition(_ code: AlarmCode) -> AlarmDefinition {
    func row(
        _ name: StaticString, _ severity: Severity, _ owner: AlarmDefinition.Component,
        consequenceOf: AlarmCode? = nil, _ advice: StaticString
    ) -> AlarmDefinition {
        AlarmDefinition(
            code: code, name: name, severity: severity, owner: owner,
            offDelay: severity == .warning ? Milliseconds(5_000) : .zero,
            consequenceOf: consequenceOf, advice: advice)
    }
    switch code {
    case .jobStarted:
        return row("job started", .info, .heating, "Nothing to do.")
    case .jobFinished:
        return row("job finished", .info, .heating, "Nothing to do.")
    case .overTemperatureJob:
        return row(
            "over-temperature while heating", .fatal, .disaster,
            "Let the water cool, find the contactor that did not open, then reset at the site.")
    case .overTemperatureSite:
        return row(
            "over-temperature, site limit", .fatal, .disaster,
            "Isolate the heater, let the water cool, find the cause, then reset at the site.")
    case .gasLeak:
        return row(
            "gas leak", .fatal, .disaster,
            "Leave the room, touch no switch, close the gas outside and call the gas emergency line."
        )
    case .tankEmptyJob:
        return row(
            "tank empty while heating", .fatal, .disaster,
            "Close leaks, refill the tank above its minimum level, then reset at the site.")
    case .flameSimulation:
        return row(
            "flame seen with the valve closed", .fatal, .disaster,
            "Close the gas by hand, check valve and flame detector, then reset at the site.")
    case .flameAfterClose:
        return row(
            "flame after the valve closed", .fatal, .disaster,
            "Close the gas by hand and replace the valve before you reset at the site.")
    case .uncommandedHeating:
        return row(
            "water heats with the heat off", .fatal, .disaster,
            "Isolate the heater and replace the contactor that is welded, then reset at the site.")
    case .runawayRate:
        return row(
            "temperature runs away", .fatal, .disaster,
            "Check that the element is covered with water and not burnt, then reset at the site.")
    case .noTemperatureRise:
        return row(
            "no temperature rise", .fatal, .heating,
            "Check that the probe sits in its pocket and that the burner or element works.")
    case .burnerFeedbackMissing:
        return row(
            "burner does not report that it burns", .error, .heating,
            "Look at the burner control's own display and check the feedback wire.")
    case .trialFailed:
        return row(
            "ignition trial failed, trying again", .warning, .heating,
            "Watch the next trial; check gas pressure and electrode if it fails too.")
    case .ignitionFailed:
        return row(
            "ignition failed", .fatal, .heating,
            "Check gas supply, electrode and flame detector, then reset at the site.")
    case .flameLostRecycle:
        return row(
            "flame lost, starting again", .warning, .heating,
            "Check draught and gas pressure if it comes again.")
    case .flameLostAgain:
        return row(
            "flame lost again", .fatal, .heating,
            "Check draught, gas pressure and flame detector, then reset at the site.")
    case .maximumRunTime:
        return row(
            "maximum run time reached", .error, .heating,
            "Check for an open tap, a leak or lost insulation before you start again.")
    case .noFlowAtStart:
        return row(
            "no flow at start", .error, .heating,
            "Check pump, valves and flow meter before you start again.")
    case .flowLost:
        return row(
            "flow lost while heating", .error, .heating,
            "Check pump and valves for air or blockage before you start again.")
    case .signalStale:
        return row(
            "safety signal stale", .warning, .signals, consequenceOf: .busSilent,
            "Check the sensor node's supply and the CAN cable.")
    case .signalStaleFatal:
        return row(
            "safety signal lost", .fatal, .disaster,
            "Mend the sensor or its cable, see its value come back, then reset at the site.")
    case .sensorsDisagree:
        return row(
            "two sensors disagree", .fatal, .disaster,
            "Find the probe that is wrong with a thermometer, replace it, then reset at the site.")
    case .channelExcluded:
        return row(
            "temperature channel left out", .warning, .signals, consequenceOf: .busSilent,
            "Replace the probe that is left out; the others still protect the tank.")
    case .stepAdopted:
        return row(
            "sudden temperature step adopted", .warning, .signals,
            "Check that nobody moved the probe or changed its calibration.")
    case .tankEmptyIdle:
        return row(
            "tank empty", .error, .disaster,
            "Refill the tank above its minimum level.")
    case .flameInStandby:
        return row(
            "flame seen in standby", .warning, .disaster,
            "Shield the flame detector from light and check that the valve is tight.")
    case .singleGasSample:
        return row(
            "single gas sample", .warning, .disaster,
            "Smell and look for a leak; a second sample cuts the power.")
    case .ambientLost:
        return row(
            "ambient sensor lost", .warning, .signals, consequenceOf: .busSilent,
            "Check the ambient probe; the heater does not need it.")
    case .boardLost:
        return row(
            "relay board lost", .fatal, .interlock,
            "Check the relay board's supply and the I2C cable.")
    case .leaseExpired:
        return row(
            "lease expired with heat on", .fatal, .interlock,
            "Find in journalctl -u busbard what stopped the controller, then reset at the site.")
    case .boardRestarted:
        return row(
            "relay board restarted with power closed", .fatal, .interlock,
            "Check the relay board's supply for dips, then reset at the site.")
    case .powerContact:
        return row(
            "power contact welded or sense wrong", .fatal, .interlock,
            "Isolate the supply, measure K1 and K2, replace the welded one, then reset at the site."
        )
    case .readBackMismatch:
        return row(
            "output reads back wrong", .fatal, .interlock,
            "Replace the relay board: one of its outputs does not follow.")
    case .boardTripped:
        return row(
            "relay board tripped by itself", .fatal, .interlock,
            "Read its trip cause with busbar why E406, mend that, then reset at the site.")
    case .emergencyStop:
        return row(
            "emergency stop pressed", .fatal, .interlock,
            "Find out why it was pressed, make that safe, release the stop, then reset at the site."
        )
    case .busSilent:
        return row(
            "CAN bus silent or off", .warning, .signals,
            "Check the CAN cable, its two terminators and the node's supply.")
    case .tickOverrun:
        return row(
            "control cycle late", .warning, .shell,
            "Look for a process that takes the processor, or a failing SD card.")
    case .uncleanStop:
        return row(
            "unclean stop found", .error, .shell,
            "Find out why the controller stopped while it was heating.")
    case .journalUnwritable:
        return row(
            "journal cannot be written", .warning, .shell,
            "Free disk space or replace the SD card; protection goes on without it.")
    case .eventsLost:
        return row(
            "events lost before the journal", .warning, .shell,
            "Check the SD card's speed; protection goes on without it.")
    case .lockoutCopyBad:
        return row(
            "one lockout copy was bad", .warning, .interlock,
            "Nothing now; replace the SD card if it comes again.")
    case .lockoutCopiesBad:
        return row(
            "both lockout copies bad", .fatal, .interlock,
            "Check the installation as after any lockout, then reset at the site.")
    case .selfCheckFailed:
        return row(
            "self-check failed", .fatal, .interlock,
            "See which step failed with busbar why E607, mend it, then reset at the site.")
    case .notRealTime:
        return row(
            "no real-time priority", .warning, .shell,
            "Start busbard by its systemd unit, or grant CAP_SYS_NICE and CAP_IPC_LOCK.")
    case .resetRefused:
        return row(
            "reset refused", .warning, .interlock,
            "Read the reason with busbar why E701 and press the button at the site again.")
    case .buttonStuck:
        return row(
            "reset button stuck", .error, .interlock,
            "Free or replace the reset button: it must be seen released.")
    case .tooManyResets:
        return row(
            "too many resets", .error, .interlock,
            "Find the cause instead of resetting again; wait 15 minutes.")
    case .peerRefused:
        return row(
            "unknown peer at the local socket", .warning, .api,
            "Find out which user tried, and add it to the site file if it may.")
    case .clusterForgery:
        return row(
            "forged message from the cluster side", .warning, .api,
            "Read busbar why E802 and find who may publish to this device's topics or has its name."
        )
    case .uplinkStalled:
        return row(
            "uplink stalled", .warning, .api,
            "Do as busbar uplink says; alarms are kept meanwhile, of the rest see busbar queue.")
    case .clusterDisagrees:
        return row(
            "journal and cluster disagree", .warning, .api,
            "Read busbar why E804 and find out whether the SD card was copied or put back.")
    case .configurationRejected:
        return row(
            "configuration rejected", .error, .site,
            "Correct the site file at the place that the message names.")
    case .requestOutOfRange:
        return row(
            "request out of range", .warning, .heating,
            "Ask for a value within the site's limits.")
    }
}
