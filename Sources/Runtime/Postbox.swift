public import Control
public import Events
public import Synchronization

/// What the three threads of busbard share: rings, a few bits, and nothing that can be waited for.
///
/// | Ring       | From    | To      |
/// |------------|---------|---------|
/// | `events`   | control | journal |
/// | `lockouts` | control | journal |
/// | `preTrips` | control | journal |
/// | `markers`  | control | journal |
/// | `commands` | API     | control |
/// | `outcomes` | control | API     |
public final class Postbox: Sendable {
    /// A trip states about 70 events in one tick and a busy job one in a few seconds, so this
    /// covers a journal thread that stands still for minutes. 4,096 events take about 350 KiB.
    public static let eventCapacity = 4_096
    /// More requests than 64 people can have waiting; the API answers "busy" to the next.
    public static let commandCapacity = 64

    public let events = SPSCRing<Event>(capacity: eventCapacity)
    public let lockouts = SPSCRing<LockoutRecord>(capacity: 8)
    public let preTrips = SPSCRing<PreTripSamples>(capacity: 2)
    public let markers = SPSCRing<Bool>(capacity: 8)
    public let commands = SPSCRing<TicketedCommand>(capacity: commandCapacity)
    public let outcomes = SPSCRing<CommandOutcome>(capacity: commandCapacity)
    /// For the API thread.
    public let snapshots = SnapshotExchange()
    /// For the journal thread's state image.
    public let images = SnapshotExchange()

    /// Set since the journal thread last cleared it: there is something in one of its rings.
    public let hasNews = Atomic<Bool>(false)
    /// Events that the ring had no room for, since the start.
    public let eventsLost = Atomic<UInt64>(0)
    /// Ticks that have come to their end, since the start: who watches the loop watches this.
    public let ticksDone = Atomic<UInt64>(0)

    /// Bits of `ShellConditions` that hold until they are taken back.
    let standingConditions = Atomic<UInt8>(0)
    /// Bits of `ShellConditions` that the next tick sees once.
    let passingConditions = Atomic<UInt8>(0)

    public init() {}

    /// Sets or takes back a condition that lasts. Any thread.
    public func hold(_ condition: ShellConditions, _ isPresent: Bool) {
        if isPresent {
            standingConditions.bitwiseOr(condition.rawValue, ordering: .relaxed)
        } else {
            standingConditions.bitwiseAnd(~condition.rawValue, ordering: .relaxed)
        }
    }

    /// The conditions that last.
    public var standing: ShellConditions {
        ShellConditions(rawValue: standingConditions.load(ordering: .relaxed))
    }

    /// Shows a condition to exactly one tick, the next. Any thread.
    public func pulse(_ condition: ShellConditions) {
        passingConditions.bitwiseOr(condition.rawValue, ordering: .relaxed)
    }
}
