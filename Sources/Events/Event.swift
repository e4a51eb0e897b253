public import Units

/// One fact that Busbar states: past tense, immutable, integers only.
///
/// Encoding is `Wire`'s business; identity (epoch, lane, number) is the journal's.
public struct Event: Hashable, Sendable {
    public var fact: Fact
    public var tick: Tick
    public var at: Instant
    public var correlation: Correlation

    public init(_ fact: Fact, tick: Tick, at: Instant, correlation: Correlation) {
        self.fact = fact
        self.tick = tick
        self.at = at
        self.correlation = correlation
    }
}

/// What happened to an alarm.
public enum AlarmChange: UInt8, Sendable {
    case raised, acknowledged, returned, cleared, latched, reset
    case shelved, unshelved, suppressed, unsuppressed, outOfService, inService
}

public struct AlarmTransition: Hashable, Sendable {
    public var code: AlarmCode
    public var severity: Severity
    public var change: AlarmChange
    /// The state after the change.
    public var state: AlarmState
    /// What was measured, in the unit of the rule that raised it; 0 where nothing is measured.
    public var value: Int32
    /// What it was compared with.
    public var limit: Int32
    public var requester: Requester

    public init(
        code: AlarmCode, severity: Severity, change: AlarmChange, state: AlarmState,
        value: Int32, limit: Int32, requester: Requester
    ) {
        self.code = code
        self.severity = severity
        self.change = change
        self.state = state
        self.value = value
        self.limit = limit
        self.requester = requester
    }
}

/// Relay masks are raw bits here: bit n is relay n of the board, 1 is energised.
public enum Fact: Hashable, Sendable {
    case alarm(AlarmTransition)
    /// More than ten alarms in ten minutes; the first-out if there is one.
    case alarmFlood(count: UInt16, firstOut: AlarmCode?)
    /// The alarm came three times in a minute, so its off-delay is longer until it is quiet.
    case alarmChattering(AlarmCode)
    case disasterDetected(DisasterRule, AlarmCode)

    case relaysCommanded(from: UInt8, to: UInt8)
    case relaysConfirmed(mask: UInt8)
    case relaysDisagreed(commanded: UInt8, actual: UInt8)
    case powerOn
    case powerCut(AlarmCode)
    case powerCutVerified
    case interlockEntered(InterlockState)

    case heatingRequested(Requester)
    case heatingRefused(HeatingRefusal, Requester)
    case heatingStarted(job: UInt32)
    case heatingStepEntered(HeatingState)
    case heatingFinished(job: UInt32, HeatingOutcome)
    case targetChanged(from: MilliCelsius, to: MilliCelsius, Requester)

    case signalLost(SignalID, SignalQuality)
    case signalRegained(SignalID)
    case nodeRestarted(boot: UInt8)

    case selfCheckEntered(SelfCheckStep)
    case resetAccepted
    case resetRefused(ResetRefusal)

    // Stated by the shell.
    case deviceStarted(isClean: Bool)
    case deviceStopped
    case ticksMissed(gap: Milliseconds, missed: UInt32)
    case clockStepped(by: Milliseconds)
    case eventsLost(count: UInt32)
    case notRealTime(errno: Int32)
}
