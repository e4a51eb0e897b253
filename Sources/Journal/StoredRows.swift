public import Events
import Units
public import Wire

extension EventRecord {
    init(_ row: borrowing Statement, lane: Lane) {
        let unknown = Identifier128(high: 0, low: 0)
        self.init(
            lane: lane, epoch: Identifier128(bytes: row.blob(12)) ?? unknown,
            seq: row.integer(0), tick: Tick(UInt64(bitPattern: row.integer(1))),
            at: Instant(row.integer(2)), wall: WallTime(row, milliseconds: 3, quality: 4),
            severity: Severity(rawValue: UInt8(truncatingIfNeeded: row.integer(5))) ?? .fatal,
            correlation: Correlation(UInt64(bitPattern: row.integer(6))),
            type: row.text(7), subject: row.text(8), data: row.blob(9),
            run: Identifier128(bytes: row.blob(10)) ?? unknown,
            boot: Identifier128(bytes: row.blob(11)) ?? unknown)
    }
}

/// One change of one alarm, as the history has it.
public struct StoredTransition: Hashable, Sendable {
    public var number: Int64
    public var stamp: Stamp
    /// The number behind the E.
    public var code: UInt16
    public var severity: Severity
    /// Nil for a value that this version does not know: a damaged row, or one from a later version.
    public var change: AlarmChange?
    public var state: AlarmState?
    public var value: Int32
    public var limit: Int32
    public var requester: Requester?
    /// Who asked for it at the local API; nil for what nobody asked for there.
    public var person: Person?

    public struct Person: Hashable, Sendable {
        public var userID: UInt32
        /// The system's name for the user.
        public var user: String
        /// What the command gave.
        public var name: String?
        public var reason: String?

        public init(userID: UInt32, user: String, name: String? = nil, reason: String? = nil) {
            self.userID = userID
            self.user = user
            self.name = name
            self.reason = reason
        }
    }

    init(_ row: borrowing Statement) {
        func byte(_ column: Int32) -> UInt8 { UInt8(truncatingIfNeeded: row.integer(column)) }
        number = row.integer(0)
        stamp = Stamp(
            tick: Tick(UInt64(bitPattern: row.integer(1))), at: Instant(row.integer(2)),
            wall: WallTime(row, milliseconds: 3, quality: 4),
            correlation: Correlation(UInt64(bitPattern: row.integer(12))))
        code = UInt16(truncatingIfNeeded: row.integer(5))
        severity = Severity(rawValue: byte(6)) ?? .fatal
        change = AlarmChange(rawValue: byte(7))
        state = AlarmState(rawValue: byte(8))
        value = Int32(truncatingIfNeeded: row.integer(9))
        limit = Int32(truncatingIfNeeded: row.integer(10))
        requester = Requester(rawValue: byte(11))
        if let user = row.optionalText(14) {
            person = Person(
                userID: UInt32(truncatingIfNeeded: row.integer(13)), user: user,
                name: row.optionalText(15), reason: row.optionalText(16))
        }
    }
}

public struct StoredTransaction: Hashable, Sendable {
    public var number: Int64
    public var kind: String
    public var job: UInt32
    public var openedUnixMilliseconds: Int64
    /// Of the last checkpoint, the close, or the start that found it interrupted.
    public var changedUnixMilliseconds: Int64
    public var state: TransactionState
    public var outcome: String?
    /// A JSON object.
    public var counters: String
    public var correlation: Correlation

    init(_ row: borrowing Statement) {
        number = row.integer(0)
        kind = row.text(1)
        job = UInt32(truncatingIfNeeded: row.integer(2))
        openedUnixMilliseconds = row.integer(3)
        changedUnixMilliseconds = row.integer(4)
        state =
            TransactionState(rawValue: UInt8(truncatingIfNeeded: row.integer(5))) ?? .interrupted
        outcome = row.optionalText(6)
        counters = row.text(7)
        correlation = Correlation(UInt64(bitPattern: row.integer(8)))
    }
}

public struct StoredConfiguration: Hashable, Sendable {
    public var version: Int64
    public var digest: String
    public var unixMilliseconds: Int64
    public var status: ConfigurationStatus

    init(_ row: borrowing Statement) {
        version = row.integer(0)
        digest = row.text(1)
        unixMilliseconds = row.integer(2)
        status =
            ConfigurationStatus(rawValue: UInt8(truncatingIfNeeded: row.integer(3))) ?? .refused
    }
}

/// Numbers of a lane that have no row.
public struct StoredGap: Hashable, Sendable {
    public var first: Int64
    public var last: Int64
    public var reason: GapReason

    public var numbers: ClosedRange<Int64> { first...last }

    init(_ row: borrowing Statement) {
        first = row.integer(0)
        last = row.integer(1)
        reason = GapReason(rawValue: UInt8(truncatingIfNeeded: row.integer(2))) ?? .dropped
    }
}

extension WallTime {
    init(_ row: borrowing Statement, milliseconds: Int32, quality: Int32) {
        let stored = UInt8(truncatingIfNeeded: row.integer(quality))
        self.init(
            unixMilliseconds: row.integer(milliseconds),
            quality: ClockQuality(rawValue: stored) ?? .unsynced)
    }
}
