public import Events
public import RelayBoard
public import Units

/// The state of the controller at the end of one tick, for those who watch: `status`, `why`, the
/// live view, the state image. Copied only when somebody asks, never in an ordinary tick.
public struct Snapshot: Sendable {
    public var now = Instant(0)
    public var tick = Tick(0)

    public var heating = HeatingView()
    public var interlock = InterlockView()
    public var signals: InlineArray<15, SignalView>
    /// What the job steers by: the voted water temperature. nil while no channel is valid.
    public var temperature: MilliCelsius?
    public var alarms: InlineArray<53, AlarmView>
    public var lockout = LockoutRecord()
    /// The lockout is one of an earlier run: its instants are on that run's clock.
    public var isLockoutRecalled = false
    public var frames = FrameCounters()

    public init() {
        signals = InlineArray(repeating: SignalView())
        alarms = InlineArray(repeating: AlarmView())
    }

    public subscript(signal: SignalID) -> SignalView { signals[Int(signal.rawValue)] }
    public subscript(alarm: AlarmCode) -> AlarmView { alarms[Int(alarm.rawValue)] }
}

public struct HeatingView: Sendable {
    public var state = HeatingState.standby
    public var enteredAt = Instant(0)
    public var hasDemand = false
    /// A demand that came too early to act on and is kept: while closing, or during a self-check.
    public var hasPendingDemand = false
    public var requester = Requester.site
    public var target = MilliCelsius(0)
    /// Number of the job since the start of the process; 0 before the first.
    public var job: UInt32 = 0
    public var jobStartedAt = Instant(0)
    public var trialsLeft: UInt8 = 0
    public var recyclesLeft: UInt8 = 0
    public var isHeatOn = false
    public var heatChangedAt = Instant.never
    /// Why a demand would be refused now; nil if it would be taken.
    public var refusal: HeatingRefusal?
    /// The latest changes of state, newest first, with what caused them.
    public var transitions = TransitionLog()

    public init() {}
}

/// One change of the job's state and its cause: what `busbar why` tells.
public struct HeatingTransition: Hashable, Sendable {
    public enum Cause: Hashable, Sendable {
        case demand
        case condition(Condition)
        case timeout
        case alarm(AlarmCode)
        case interlock
        case reset
    }

    public var at: Instant
    public var from: HeatingState
    public var to: HeatingState
    public var cause: Cause

    public init(at: Instant, from: HeatingState, to: HeatingState, cause: Cause) {
        self.at = at
        self.from = from
        self.to = to
        self.cause = cause
    }
}

/// The last eight changes of state: more than one whole job with a retry.
public struct TransitionLog: Sendable {
    public static let capacity = 8

    private var slots: InlineArray<8, HeatingTransition>
    private var next = 0
    public private(set) var count = 0

    public init() {
        slots = InlineArray(
            repeating: HeatingTransition(
                at: Instant(0), from: .standby, to: .standby, cause: .interlock))
    }

    public mutating func append(_ transition: HeatingTransition) {
        slots[next] = transition
        next = (next + 1) % Self.capacity
        if count < Self.capacity { count += 1 }
    }

    /// 0 is the newest.
    public subscript(index: Int) -> HeatingTransition {
        precondition(index >= 0 && index < count, "no transition at this index")
        return slots[(next + Self.capacity - 1 - index) % Self.capacity]
    }
}

public struct InterlockView: Sendable {
    public var state = InterlockState.open
    public var enteredAt = Instant(0)
    public var selfCheck = SelfCheckStep.waiting
    /// What the relays were told in this tick.
    public var commanded = RelayMask.none
    /// The pins as the board read them back; nil if it did not answer.
    public var actual: RelayMask?
    public var isPermitted = false
    public var powerSense = LineState.notFitted
    public var monostable = LineState.notFitted
    public var resetButton = LineState.notFitted
    public var emergencyStop = LineState.notFitted
    public var board = BoardStatus()
    /// Ticks in a row in which the board did not answer.
    public var boardFailures: UInt32 = 0
    /// Whether K1 (odd) or K2 (even) opens first in the next opening.
    public var cycle: UInt32 = 0
    public var bus = CANBusState.active

    public init() {}
}

public struct SignalView: Hashable, Sendable {
    /// Whether the site has such a sensor.
    public var isFitted = false
    /// Whether heating depends on it.
    public var isSafety = false
    public var quality = SignalQuality.absent
    /// In the signal's unit (m°C, mL/min, ‰, 0 or 1); the last good one, even when stale.
    public var value: Int32 = 0
    /// Since the last good sample. Very large if there never was one.
    public var age = Milliseconds(0)

    public init() {}
}

public struct AlarmView: Hashable, Sendable {
    public var state = AlarmState.normal
    public var severity = Severity.info
    public var raisedAt = Instant.never
    public var raisedTick = Tick(0)
    /// Milliseconds since the condition went; nil while it holds.
    public var goneAt: Instant?
    public var value: Int32 = 0
    public var limit: Int32 = 0
    /// How often it was raised since the start of the process.
    public var count: UInt32 = 0
    /// Shelved until then, nil if it is not.
    public var shelvedUntil: Instant?
    public var isSuppressed = false
    public var isOutOfService = false

    public init() {}
}

/// What came in over CAN and was not used, and why.
public struct FrameCounters: Hashable, Sendable {
    public var accepted: UInt64 = 0
    public var foreign: UInt64 = 0
    public var tooShort: UInt64 = 0
    public var badChecksum: UInt64 = 0
    /// The alive counter stood still.
    public var repeated: UInt64 = 0
    /// The alive counter went back: an old frame, or a node that lost count.
    public var outOfOrder: UInt64 = 0
    /// Frames that the counter says were sent and never came.
    public var missed: UInt64 = 0

    public init() {}
}
