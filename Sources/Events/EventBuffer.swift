import Units

/// The events of one tick, in order. Fixed capacity, so a tick never allocates.
public struct EventBuffer: ~Copyable {
    /// The worst tick is a trip: every alarm may change once (49) and about 20 other facts are
    /// stated. 96 leaves a quarter free.
    public static let capacity = 96

    private var slots: InlineArray<96, Event>
    public private(set) var count = 0
    /// Events that did not fit. Reporting may never stop a cut-off, so a full buffer counts and
    /// drops what comes last; the shell turns the count into an event and an alarm.
    public private(set) var lost: UInt32 = 0

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

    public mutating func removeAll() {
        count = 0
        lost = 0
    }

    public subscript(index: Int) -> Event {
        precondition(index >= 0 && index < count, "no event at this index")
        return slots[index]
    }
}
