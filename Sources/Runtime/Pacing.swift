public import HAL
public import Units

/// A clock that can also wait. `LinuxHAL`'s is the only one that really does.
public protocol PacingClock: Clock, ~Copyable {
    /// Returns when `instant` has come, at once if it has passed.
    mutating func wait(until instant: Instant)
}

/// When the next tick is due. Deadlines are absolute, so a late tick does not move those after it.
public struct Pacing: Sendable {
    /// A tick that came late.
    public struct Lateness: Hashable, Sendable {
        /// From the start of the tick before to the start of this one.
        public var gap: Milliseconds
        /// Deadlines in between for which no tick was run.
        public var missed: UInt32

        public init(gap: Milliseconds, missed: UInt32) {
            self.gap = gap
            self.missed = missed
        }
    }

    public let period: Milliseconds
    /// Deadlines without a tick since the start.
    public private(set) var missed: UInt64 = 0
    public private(set) var deadline: Instant
    private var startedAt: Instant

    /// The first tick is due at `start`.
    /// - Precondition: the period is positive.
    public init(period: Milliseconds, start: Instant) {
        precondition(period > .zero, "a control cycle takes time")
        self.period = period
        deadline = start
        startedAt = start - period
    }

    /// To be told the time at which a tick starts; sets the deadline of the next one after it.
    ///
    /// Deadlines that have passed are counted and skipped, never made up for: two ticks in quick
    /// succession would see the same samples and only make the third late.
    public mutating func begin(at now: Instant) -> Lateness? {
        let gap = now - startedAt
        startedAt = now
        deadline = deadline + period
        var skipped: UInt32 = 0
        if deadline <= now {
            // One division instead of a loop: after a suspend the gap can be days.
            let count = (now - deadline).rawValue / period.rawValue + 1
            skipped = UInt32(clamping: count)
            deadline = deadline + Milliseconds(count * period.rawValue)
        }
        missed &+= UInt64(skipped)
        return skipped == 0 ? nil : Lateness(gap: gap, missed: skipped)
    }
}

/// What a paced loop does in each period.
public protocol PacedWork: ~Copyable {
    /// Runs one tick.
    /// - Parameter lateness: nil when the tick came within its period.
    /// - Returns: false to end the loop. The watchdog is not fed after that.
    mutating func tick(at now: Instant, lateness: Pacing.Lateness?) -> Bool
}

/// Runs `work` once in each period until it says that it has ended.
///
/// The watchdog is fed last and only after a tick that came back: a tick that hangs anywhere cuts
/// the power, whatever else still runs.
public func runPaced<
    C: PacingClock & ~Copyable, W: Watchdog & ~Copyable, Work: PacedWork & ~Copyable
>(
    _ work: inout Work, period: Milliseconds, clock: inout C, watchdog: inout W
) {
    var pacing = Pacing(period: period, start: clock.now())
    while true {
        clock.wait(until: pacing.deadline)
        let now = clock.now()
        let lateness = pacing.begin(at: now)
        guard work.tick(at: now, lateness: lateness) else { return }
        watchdog.feed()
    }
}
