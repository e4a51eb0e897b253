public import Events

/// What the journal states itself: about queues, transactions, the site file's versions, and what
/// people asked for.
public enum JournalFact: Hashable, Sendable {
    /// A new epoch began.
    case queueOpened(epoch: Identifier128, reason: EpochReason)
    /// The journal's file could not be used and was put aside.
    case queueQuarantined(file: String, reason: String)
    /// Events that were stored are gone, by policy or by damage: loss is data.
    case queueDropped(Drop)
    /// The space set aside for alarms was given up on a full disk, and made again.
    case reserveReleased(bytes: Int64)
    case reserveRestored(bytes: Int64)
    /// Numbers that were reserved and will never be used, because a run ended without a farewell.
    case queueSkipped(Lane, first: Int64, last: Int64)
    /// Events that could not be stored, and now never will be.
    case queueLost(LostCounts)

    case transactionOpened(TransactionFact)
    case transactionCheckpointed(TransactionFact)
    case transactionClosed(TransactionFact, outcome: String)
    case transactionInterrupted(TransactionFact)

    case configuration(ConfigurationStatus, version: Int64, digest: String)

    case commandAnswered(CommandAnswer)
    /// What all signals, states and relays were at one moment, as a JSON object.
    case sampleTaken([UInt8])
}

/// Why an epoch began.
public enum EpochReason: UInt8, Sendable {
    /// There was no journal.
    case new = 0
    case quarantine = 1
    /// The file is older than what the device remembers outside of it.
    case rollback = 2
    /// The file was made by other hardware: a cloned or moved card.
    case clone = 3

    public var name: String {
        switch self {
        case .new: "new"
        case .quarantine: "quarantine"
        case .rollback: "rollback"
        case .clone: "clone"
        }
    }
}

/// Why events were dropped.
public enum DropReason: String, CaseIterable, Sendable {
    /// The lane has outgrown its quota.
    case quota
    /// The disk is full, and an alarm had to be stored.
    case disk
    /// They were not as they were written: the card damaged them.
    case damage
}

/// A range of a lane that was dropped.
public struct Drop: Hashable, Sendable {
    public var lane: Lane
    public var first: Int64
    public var last: Int64
    /// Rows that were there; less than the range's length where a gap lies in it, and 0 where a
    /// gap was damaged: nobody knows what was there.
    public var count: Int64
    public var bytes: Int64
    /// Wall times of the first and the last row, Unix milliseconds; without rows, of the finding.
    public var oldest: Int64
    public var newest: Int64
    public var reason: DropReason

    public init(
        lane: Lane, first: Int64, last: Int64, count: Int64, bytes: Int64,
        oldest: Int64, newest: Int64, reason: DropReason = .quota
    ) {
        self.lane = lane
        self.first = first
        self.last = last
        self.count = count
        self.bytes = bytes
        self.oldest = oldest
        self.newest = newest
        self.reason = reason
    }
}

/// How many events were not stored, by lane.
public struct LostCounts: Hashable, Sendable {
    public var alarm: UInt64 = 0
    public var event: UInt64 = 0
    public var telemetry: UInt64 = 0

    public init() {}

    public var isEmpty: Bool { alarm == 0 && event == 0 && telemetry == 0 }
    public var total: UInt64 { alarm + event + telemetry }

    public subscript(lane: Lane) -> UInt64 {
        get {
            switch lane {
            case .alarm: alarm
            case .event: event
            case .telemetry: telemetry
            }
        }
        set {
            switch lane {
            case .alarm: alarm = newValue
            case .event: event = newValue
            case .telemetry: telemetry = newValue
            }
        }
    }
}

/// A transaction at one moment of its life.
public struct TransactionFact: Hashable, Sendable {
    public var id: Int64
    /// "heating", "charge": what kind of work it is.
    public var kind: String
    /// The number that the controller gave to the job.
    public var job: UInt32
    /// The counters as a JSON object, as `TransactionCounter.object(of:)` makes it.
    public var counters: [UInt8]

    public init(id: Int64, kind: String, job: UInt32, counters: [UInt8]) {
        self.id = id
        self.kind = kind
        self.job = job
        self.counters = counters
    }
}

/// One figure of a transaction. The name ends in its unit: `heat_ms`, `start_millicelsius`.
public struct TransactionCounter: Hashable, Sendable {
    public var name: String
    public var value: Int64

    public init(_ name: String, _ value: Int64) {
        self.name = name
        self.value = value
    }
}

/// Where a version of the site file stands.
public enum ConfigurationStatus: UInt8, Sendable {
    case applied = 0
    case confirmed = 1
    case reverted = 2
    case refused = 3

    public var name: String {
        switch self {
        case .applied: "applied"
        case .confirmed: "confirmed"
        case .reverted: "reverted"
        case .refused: "refused"
        }
    }
}

extension JournalFact {
    public var kind: EventKind {
        switch self {
        case .queueOpened: .queueOpened
        case .queueQuarantined: .queueQuarantined
        case .queueDropped: .queueDropped
        case .reserveReleased: .reserveReleased
        case .reserveRestored: .reserveRestored
        case .queueSkipped: .queueSkipped
        case .queueLost: .queueLost
        case .sampleTaken: .sampleTaken
        case .transactionOpened: .transactionOpened
        case .transactionCheckpointed: .transactionCheckpointed
        case .transactionClosed: .transactionClosed
        case .transactionInterrupted: .transactionInterrupted
        case .configuration(let status, _, _):
            switch status {
            case .applied: .configurationApplied
            case .confirmed: .configurationConfirmed
            case .reverted: .configurationReverted
            case .refused: .configurationRefused
            }
        case .commandAnswered: .commandAnswered
        }
    }

    public var severity: Severity {
        switch self {
        case .queueOpened(_, let reason): reason == .new ? .info : .warning
        case .queueQuarantined, .queueLost, .reserveReleased: .error
        case .queueDropped, .transactionInterrupted: .warning
        case .queueSkipped, .reserveRestored, .sampleTaken: .info
        case .transactionOpened, .transactionCheckpointed, .transactionClosed: .info
        case .configuration(let status, _, _):
            switch status {
            case .applied, .confirmed: .info
            case .reverted: .warning
            case .refused: .error
            }
        case .commandAnswered(let answer): answer.severity
        }
    }

    public var subject: String {
        switch self {
        case .sampleTaken: "device/plant"
        case .queueOpened, .queueQuarantined, .queueLost: "queue/journal"
        case .reserveReleased, .reserveRestored: "queue/journal"
        case .queueDropped(let drop): "queue/\(drop.lane.name)"
        case .queueSkipped(let lane, _, _): "queue/\(lane.name)"
        case .transactionOpened(let fact), .transactionCheckpointed(let fact),
            .transactionClosed(let fact, _), .transactionInterrupted(let fact):
            "transaction/\(fact.id)"
        case .configuration(_, let version, _): "configuration/\(version)"
        case .commandAnswered(let answer): "command/\(answer.ticket)"
        }
    }

    /// The event's data as one JSON object.
    public func data() -> [UInt8] {
        // Of these there are many, and they need nothing made.
        if case .sampleTaken(let object) = self { return object }
        var members = JSONMembers()
        switch self {
        case .sampleTaken: break
        case .queueOpened(let epoch, let reason):
            members.add("epoch", epoch.text)
            members.add("reason", reason.name)
        case .queueQuarantined(let file, let reason):
            members.add("file", file)
            members.add("reason", reason)
        case .queueDropped(let drop):
            members.add("lane", drop.lane.name)
            members.add("from", drop.first)
            members.add("to", drop.last)
            members.add("count", drop.count)
            members.add("bytes", drop.bytes)
            members.add("reason", drop.reason.rawValue)
            members.add("oldest_unix_ms", drop.oldest)
            members.add("newest_unix_ms", drop.newest)
        case .reserveReleased(let bytes), .reserveRestored(let bytes):
            members.add("bytes", bytes)
        case .queueSkipped(let lane, let first, let last):
            members.add("lane", lane.name)
            members.add("from", first)
            members.add("to", last)
        case .queueLost(let lost):
            members.add("alarm", lost.alarm)
            members.add("event", lost.event)
            members.add("telemetry", lost.telemetry)
        case .transactionOpened(let fact), .transactionCheckpointed(let fact),
            .transactionInterrupted(let fact):
            Self.append(fact, to: &members)
        case .transactionClosed(let fact, let outcome):
            Self.append(fact, to: &members)
            members.add("outcome", outcome)
        case .configuration(_, let version, let digest):
            members.add("version", version)
            members.add("digest", digest)
        case .commandAnswered(let answer):
            answer.append(to: &members)
        }
        return members.object
    }

    private static func append(_ fact: TransactionFact, to members: inout JSONMembers) {
        members.add("kind", fact.kind)
        members.add("job", fact.job)
        members.add("counters", json: fact.counters)
    }
}

extension TransactionCounter {
    /// The counters as one JSON object.
    public static func object(of counters: [TransactionCounter]) -> [UInt8] {
        var members = JSONMembers()
        for counter in counters { members.add(counter.name, counter.value) }
        return members.object
    }
}
