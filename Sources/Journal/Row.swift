public import Events
public import Units
public import Wire

/// When something happened, by every clock there is, and what caused it.
public struct Stamp: Hashable, Sendable {
    public var tick: Tick
    public var at: Instant
    public var wall: WallTime
    public var correlation: Correlation

    public init(tick: Tick, at: Instant, wall: WallTime, correlation: Correlation) {
        self.tick = tick
        self.at = at
        self.wall = wall
        self.correlation = correlation
    }
}

/// An event as it is to be stored: encoded once, however often the storing must be tried.
struct Row {
    var lane: Lane
    var kind: EventKind
    var severity: Severity
    var stamp: Stamp
    var subject: String
    var data: [UInt8]
    private var annex: Annex?

    /// What few rows have, outside of the row itself: rows are copied on their way.
    private indirect enum Annex {
        case transition(AlarmTransition)
        case command(CommandAnswer)
    }

    /// Alarms are kept a second time, in the history that no quota touches.
    var transition: AlarmTransition? {
        if case .transition(let transition) = annex { transition } else { nil }
    }

    /// Who asked for a command, and why: the alarm history has it beside what the command changed.
    var command: CommandAnswer? {
        if case .command(let command) = annex { command } else { nil }
    }

    init(_ recorded: RecordedEvent, encoder: EventEncoder, lanes: LaneTable) {
        let fact = recorded.event.fact
        lane = lanes.lane(of: fact.kind, fact.severity)
        kind = fact.kind
        severity = fact.severity
        stamp = Stamp(
            tick: recorded.event.tick, at: recorded.event.at, wall: recorded.wall,
            correlation: recorded.event.correlation)
        subject = encoder.subject(of: fact)
        data = encoder.data(of: fact)
        if case .alarm(let transition) = fact { annex = .transition(transition) }
    }

    init(_ fact: JournalFact, stamp: Stamp, lanes: LaneTable) {
        kind = fact.kind
        severity = fact.severity
        lane = lanes.lane(of: kind, severity)
        self.stamp = stamp
        subject = fact.subject
        data = fact.data()
        if case .commandAnswered(let answer) = fact { annex = .command(answer) }
    }

    /// What the row counts against its lane's quota. Its integers and SQLite's own record header
    /// take 37 to 53 bytes in the cases looked at; 48 is taken for all.
    var size: Int64 { Int64(48 + type.utf8.count + subject.utf8.count + data.count) }

    /// "alarm.raised.v1": the CloudEvents type without its fixed beginning.
    var type: String { kind.shortType }
}

/// What is to be stored with the next commit, in order.
enum Pending {
    case row(Row)
    indirect case transaction(TransactionChange)

    func lane(by lanes: LaneTable) -> Lane {
        switch self {
        case .row(let row): row.lane
        case .transaction(let change): lanes.lane(of: change.eventKind, .info)
        }
    }
}

/// One step in the life of a transaction. Its row number is known only once it is stored.
struct TransactionChange {
    enum Step { case opened, checkpointed, closed(outcome: String) }

    var handle: TransactionHandle
    var step: Step
    var kind: String
    var job: UInt32
    /// As a JSON object.
    var counters: [UInt8]
    var stamp: Stamp

    var eventKind: EventKind {
        switch step {
        case .opened: .transactionOpened
        case .checkpointed: .transactionCheckpointed
        case .closed: .transactionClosed
        }
    }
}

/// Names a transaction of this run, from its opening on: also while nothing can be stored.
public struct TransactionHandle: Hashable, Sendable {
    let rawValue: Int
}
