public import Events
public import RelayBoard
public import Units

/// What kind of thing a step does. The validator's rules V1 to V8 speak of kinds, not of names, so
/// they hold for any sequence.
public enum StepKind: UInt8, Sendable {
    /// Proves that it is safe to begin: flame absent, gas absent, level, sensors valid.
    case check
    case actuate
    case wait
    /// Moves water with no heat.
    case circulate
    /// Air and time, so that no unburnt fuel is left before an ignition.
    case purge
    /// Fuel and spark, at most for the safety time.
    case ignite
    /// Fuel without spark, until the flame has proved itself.
    case stabilise
    /// Heat into water.
    case heat
    /// Heat off, and proof that it is off.
    case close
    /// Heat off because a signal is not to be trusted; back to a retry when it is again.
    case hold
    /// The pause before a counted new trial.
    case retry
}

/// What a guard or an `until` asks. Each is answered from qualified signals, never from raw ones.
public enum Condition: UInt8, Sendable {
    case always
    case never
    case demandGone
    case flameOn
    case flameOff
    /// The age of the flame signal has reached `flameStaleMs`, or a temperature step was adopted.
    case flameStale
    /// The age of temperature, level, gas or flow has reached `holdMs`, or of flame `flameStaleMs`;
    /// or a temperature step was adopted.
    case signalsStale
    /// A safety signal is not valid now.
    case signalsInvalid
    /// Three good samples of each safety signal have come since the step was entered.
    case signalsRegained
    /// All safety signals valid, flame not seen since the step began, level above its minimum, gas
    /// absent, and the power sense (if fitted) present.
    case readyToStart
    case flowPresent
    case flowAbsent
    /// Three samples in a row below `minFlow`.
    case flowLow
    /// Two samples in a row at or above the target.
    case targetReached
    /// The no-rise window of §7.2 has run out.
    case noRise
    /// The heat has been off for `postcircMs`, and the pump has carried its rest away.
    case postcirculated
    /// The external burner control says that it has locked out.
    case burnerLockout
    /// The external burner has not reported that it burns.
    case burnerNotOn
}

/// What to do when a guard holds.
public enum Action: Hashable, Sendable {
    case next
    case go(UInt8)
    /// Heat off, then out through close and circulate if heat was on in this job; the code is an
    /// ERROR.
    case fail(AlarmCode)
    /// Back to standby at once, and the code as what it is in the table.
    case abandon(AlarmCode)
    case fatal(AlarmCode)
    /// Heat off and wait, with the code as WARNING.
    case hold(AlarmCode)
    /// To the retry step if trials are left (with the first code), else FATAL (the second).
    case retryTrial(AlarmCode, AlarmCode)
    /// To the retry step with one trial if a recycle is left (first code), else FATAL (second).
    case recycle(AlarmCode, AlarmCode)
    /// To the retry step with one trial.
    case resume
    /// Demand is gone: out by the way that this step needs.
    case stop
    /// The job is done or has failed, as noted on the way: all off.
    case finish
}

/// A condition, how long the step must have lasted before it counts, and what to do then.
public struct Guard: Hashable, Sendable {
    public var condition: Condition
    public var after: Milliseconds
    public var action: Action

    public init(_ condition: Condition, after: Milliseconds = .zero, _ action: Action) {
        self.condition = condition
        self.after = after
        self.action = action
    }
}

/// One step of a heating job. Rules are asked in this order: guards from first to last, `until`,
/// then `onTimeout` once `maximum` has passed: what passes counts before what times out.
public struct Step: Hashable, Sendable {
    public static let guardCapacity = 8

    public var kind: StepKind
    public var set: RelayMask
    public var clear: RelayMask
    public var minimum: Milliseconds
    public var maximum: Milliseconds
    public var until: Condition
    public var onTimeout: Action
    /// What `until` leads to. `.next` in all but the last step and hold.
    public var onPass: Action
    /// How long the spark may burn within this step. Zero outside `ignite`.
    public var spark: Milliseconds
    public private(set) var guards: GuardList

    public init(
        _ kind: StepKind, set: RelayMask = .none, clear: RelayMask = .none,
        minimum: Milliseconds = .zero, maximum: Milliseconds, until: Condition,
        onPass: Action = .next, onTimeout: Action, spark: Milliseconds = .zero
    ) {
        self.kind = kind
        self.set = set
        self.clear = clear
        self.minimum = minimum
        self.maximum = maximum
        self.until = until
        self.onPass = onPass
        self.onTimeout = onTimeout
        self.spark = spark
        self.guards = GuardList()
    }

    /// - Returns: false if there are eight guards already.
    public mutating func add(_ added: Guard) -> Bool { guards.append(added) }
}

/// At most eight guards; a step that needs more is two steps.
public struct GuardList: Hashable, Sendable {
    var slots: InlineArray<8, Guard>
    public private(set) var count: UInt8 = 0

    public init() { slots = InlineArray(repeating: Guard(.never, .next)) }

    public mutating func append(_ added: Guard) -> Bool {
        guard Int(count) < Step.guardCapacity else { return false }
        slots[Int(count)] = added
        count += 1
        return true
    }

    public subscript(index: Int) -> Guard { slots[index] }

    public static func == (lhs: GuardList, rhs: GuardList) -> Bool {
        guard lhs.count == rhs.count else { return false }
        for index in 0..<Int(lhs.count) where lhs.slots[index] != rhs.slots[index] { return false }
        return true
    }

    public func hash(into hasher: inout Hasher) {
        for index in 0..<Int(count) { hasher.combine(slots[index]) }
    }
}

/// The steps of one heating job. Checked by `SequenceValidator` before anything may run it.
public struct Sequence: Sendable {
    public static let capacity = 16

    /// Read in place by the job; a copy of a sequence is too long for a tick.
    var steps: InlineArray<16, Step>
    public private(set) var count: UInt8 = 0

    public init() {
        steps = InlineArray(
            repeating: Step(.close, maximum: .zero, until: .always, onTimeout: .finish))
    }

    /// - Returns: false if there are sixteen steps already.
    public mutating func append(_ step: Step) -> Bool {
        guard Int(count) < Self.capacity else { return false }
        steps[Int(count)] = step
        count += 1
        return true
    }

    public subscript(index: UInt8) -> Step {
        precondition(index < count, "no step at this index")
        return steps[Int(index)]
    }

    /// The first step of `kind`, if there is one.
    public func first(_ kind: StepKind) -> UInt8? {
        for index in 0..<count where steps[Int(index)].kind == kind { return index }
        return nil
    }
}
