public import Events
public import Units

/// What the site file says, checked and turned into integers: all that the core knows of a site.
///
/// `Site` makes it; nothing else may. Ranges are those of the specification's §5; a value out of
/// range never gets here (E901), so the core does not check them again.
public struct ControlPlan: Sendable {
    public var tick = Milliseconds(100)
    public var profile = HeatingProfile.electric
    public var heating = HeatingParameters()
    public var sequence = Sequence()
    public var signals = SignalPlan()
    public var interlock = InterlockPlan()
    public var alarms = AlarmPlan()

    public init() {}
}

/// The small part of a plan that every rule may need, in one value that is cheap to hand on.
///
/// The large tables of a plan (frames, steps, alarms) belong each to the one part that reads them:
/// a tick that handed on the whole plan would spend nine tenths of its time copying (measured:
/// 40,000 of 43,000 instructions).
struct Settings: Sendable {
    let tick: Milliseconds
    let profile: HeatingProfile
    let heating: HeatingParameters
    let interlock: InterlockPlan

    init(_ plan: ControlPlan) {
        tick = plan.tick
        profile = plan.profile
        heating = plan.heating
        interlock = plan.interlock
    }
}

/// What makes the heat.
public enum HeatingProfile: UInt8, Sendable {
    /// Busbar opens the valve and fires the spark itself. Needs `directBurnerAccepted`.
    case gas
    case electric
    /// A certified burner control does it; Busbar closes a demand contact and reads its lockout.
    case external
}

/// The parameters of §5, with its defaults.
public struct HeatingParameters: Hashable, Sendable {
    public var target = MilliCelsius(38_000)
    /// The highest target that a request may set: 60 °C, or 70 °C with a mixing valve.
    public var targetMaximum = MilliCelsius(60_000)
    public var targetMinimum = MilliCelsius(5_000)
    public var overTarget = MilliCelsius(10_000)
    public var siteLimit = MilliCelsius(65_000)
    public var noRiseGain = MilliCelsius(1_000)
    public var noRiseWindow = Milliseconds(180_000)
    public var maxRun = Milliseconds(7_200_000)
    public var spark = Milliseconds(2_000)
    public var stabilise = Milliseconds(3_000)
    public var flameOut = Milliseconds(2_000)
    public var postcirculate = Milliseconds(30_000)
    public var hold = Milliseconds(2_000)
    public var staleFatal = Milliseconds(10_000)
    public var flameStale = Milliseconds(1_000)
    public var precheck = Milliseconds(1_000)
    public var precirculate = Milliseconds(10_000)
    public var flowProve = Milliseconds(5_000)
    public var minFlow = MillilitresPerMinute(1_000)
    public var prepurge = Milliseconds(15_000)
    public var interPurge = Milliseconds(30_000)
    public var safetyTime = Milliseconds(3_000)
    public var trials: UInt8 = 2
    public var recycles: UInt8 = 1
    public var levelMin = Permille(50)
    /// Water that another source may heat: D-07 then has no meaning and is off.
    public var hasExternalHeatSource = false
    /// No pump is needed to carry the heat away (a plain storage tank).
    public var isStaticTank = false

    public init() {}
}

/// The two-channel cut-off as it is wired at this site (§7.4).
public struct InterlockPlan: Hashable, Sendable {
    public var lease = Milliseconds(500)
    public var hasPowerSense = false
    public var hasMonostable = false
    public var hasResetButton = false
    public var hasEmergencyStop = false
    /// K2's drop-out after the last edge, from the monostable's data sheet: 300 ms.
    public var permitDropOut = Milliseconds(300)

    public init() {}
}

/// What the site file may change of an alarm, within its row's permitted range.
public struct AlarmPlan: Sendable {
    /// Off-delay of each alarm, by its row.
    public var offDelays: InlineArray<53, Milliseconds>
    public var severities: InlineArray<53, Severity>

    /// The table's own values.
    public init() {
        offDelays = InlineArray(repeating: .zero)
        severities = InlineArray(repeating: .fatal)
        for row in 0..<UInt8(AlarmCode.count) {
            guard let code = AlarmCode(rawValue: row) else { continue }
            let definition = alarmDefinition(code)
            offDelays[Int(row)] = definition.offDelay
            severities[Int(row)] = definition.severity
        }
    }
}
