public import Events
public import RelayBoard
public import Wire

/// What must be true of a run. Judged when the run is over, from its history.
public struct Expectation: Hashable, Sendable {
    public var what: What
    public var when: When

    public init(_ what: What, _ when: When = .everSo) {
        self.what = what
        self.when = when
    }

    /// Times are ms of the scenario, limits included unless said otherwise.
    public enum When: Hashable, Sendable {
        case at(Int64)
        case by(Int64)
        /// Limit excluded.
        case before(Int64)
        case within(ClosedRange<Int64>)
        /// Not once in this time.
        case never(ClosedRange<Int64>)
        /// At least once.
        case everSo
    }

    public enum What: Hashable, Sendable {
        // Something happened, at a time that `when` limits.
        case relay(RelayMask, isOn: Bool)
        case permit(Bool)
        case k2(isClosed: Bool)
        case power(isClosed: Bool)
        case heating(String)
        case interlock(InterlockState)
        case alarm(AlarmCode, AlarmChange)
        case event(EventKind)
        case refusal(HeatingRefusal)
        case resetRefusal(ResetRefusal)

        // The run as a whole.
        /// Each time on and off, in order; nil is "until the end".
        case intervals(RelayMask, [Interval])
        /// The codes that were raised, in their order, and no others.
        case alarms([AlarmCode])
        case count(EventKind, ClosedRange<Int64>)
        case firstOut(AlarmCode?)
        case noPermitEdgeAfter(Int64)
        case noRelayEverOn
        case sameOutputs(as: String)
        /// The site is refused, and the message contains this.
        case siteRefused(String)

        // A look at one moment; `when` is `at`, or the end of the run.
        case target(Int32)
        case board(BoardLook)
    }

    public struct Interval: Hashable, Sendable {
        public var on: Int64
        public var off: Int64?
    }

    /// What a look at the relay board must find; nil is not asked.
    public struct BoardLook: Hashable, Sendable {
        public var isArmed: Bool?
        public var isTripped: Bool?
        public var hasExpired: Bool?
        public var relays: RelayMask?
        public var tripCause: TripCause?
        public var refusal: WriteRefusal?
        public var lastHeartbeat: UInt8?
        public var leaseMs: UInt16?
        public var damagedWrites: UInt16?
    }
}
