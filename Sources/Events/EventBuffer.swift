public import Units

/// The events of one tick, in order. Fixed capacity, so a tick never allocates.
public struct EventBuffer: ~Copyable {
    /// The worst tick is a trip: every alarm may change once (53) and about 20 other facts are
    /// stated. 96 leaves a quarter free.
    public static let capacity = 96

    private var slots: InlineArray<96, Event>
    public private(set) var count = 0
    /// Events that did not fit. Reporting may never stop a cut-off, so a full buffer counts and
    /// drops what comes last; the shell turns the count into an event and an alarm.
    public private(set) var lost: UInt32 = 0

    /// What all facts of this tick have in common; set by the controller when a tick begins.
    public private(set) var tick = Tick(0)
    public private(set) var at = Instant(0)
    /// The cause that facts inherit: this tick, or the trip whose consequences they are.
    public var correlation = Correlation(0)

    public init() {
        slots = InlineArray(
            repeating: Event(
                .deviceStopped, tick: Tick(0), at: Instant(0), correlation: Correlation(0)))
    }

    public mutating func append(_ event: Event) {
        guard count < Self.capacity else {
            lost &+= 1
            return
        }
        slots[count] = event
        count += 1
    }

    /// Begins a tick: empty, with a new cause.
    public mutating func begin(tick: Tick, at: Instant) {
        removeAll()
        self.tick = tick
        self.at = at
        correlation = Correlation(tick: tick, place: 0)
    }

    /// Adds `fact` with what this tick's facts have in common.
    public mutating func state(_ fact: Fact) {
        append(Event(fact, tick: tick, at: at, correlation: correlation))
    }

    public mutating func removeAll() {
        count = 0
        lost = 0
    }

    public subscript(index: Int) -> Event {
        precondition(index >= 0 && index < count, "no event at this index")
        return slots[index]
    }
}
