import Events
import Units
import Wire

/// The open database with its prepared statements: what can be stored, statement by statement.
/// Which of it goes into one commit is the journal's business.
final class Store {
    let connection: Connection
    /// Of the checks at the start.
    let deadline: CheckDeadline
    private let insertAlarm: Statement
    private let insertEvent: Statement
    private let insertTelemetry: Statement
    private let insertTransition: Statement
    private let attribute: Statement
    private let setLane: Statement
    private let insertGap: Statement
    private let openTransaction: Statement
    private let changeTransaction: Statement
    private let setState: Statement
    private let setLockout: Statement
    private let begin: Statement
    private let commit: Statement

    /// Opens the file as the journal needs it, and brings its layout to this version.
    ///
    /// - Parameter pageLimit: the most pages of 4096 bytes that the file may have; nil: no limit.
    /// - Throws: `JournalError`; with `isDamage` if the file must be put aside.
    init(
        in directory: StateDirectory, checkMilliseconds: Int64, pageLimit: Int64?,
        commitsAreSynced: Bool
    ) throws(JournalError) {
        let connection = try Connection(to: directory, mode: .readWrite)
        try Self.configure(connection, pageLimit: pageLimit)
        try connection.execute("PRAGMA synchronous = \(commitsAreSynced ? "FULL" : "NORMAL")")
        deadline = CheckDeadline(milliseconds: checkMilliseconds)
        try Self.checkStructure(connection, by: deadline)
        try Schema.migrate(connection)
        try Self.checkNames(connection)

        func insert(_ lane: Lane) -> String {
            "INSERT INTO \(lane.name)_lane VALUES(?,?,?,?,?,?,?,?,?,?,?,?)"
        }
        insertAlarm = try connection.prepare(insert(.alarm))
        insertEvent = try connection.prepare(insert(.event))
        insertTelemetry = try connection.prepare(insert(.telemetry))
        insertTransition = try connection.prepare(
            """
            INSERT INTO alarm_history
            VALUES(NULL,?,?,?,?,?,?,?,?,?,?,?,?,?,NULL,NULL,NULL,NULL)
            """)
        // What a command changed stands a few rows before its answer; 1,000 bounds the search.
        attribute = try connection.prepare(
            """
            UPDATE alarm_history SET uid = ?, user = ?, name = ?, reason = ?
            WHERE n > (SELECT max(n) FROM alarm_history) - 1000 AND run = ? AND correlation = ?
            """)
        setLane = try connection.prepare(Self.setLaneText)
        insertGap = try connection.prepare(Self.insertGapText)
        openTransaction = try connection.prepare(
            "INSERT INTO transactions VALUES(NULL,?,?,?,?,?,?,0,NULL,?)")
        changeTransaction = try connection.prepare(
            """
            UPDATE transactions SET changed_ms = ?, state = ?, outcome = ?, counters = ?
            WHERE n = ?
            """)
        setState = try connection.prepare(
            """
            INSERT INTO state VALUES(?1, ?2, ?3, ?4) ON CONFLICT(key) DO
            UPDATE SET json = excluded.json, tick = excluded.tick, wall_ms = excluded.wall_ms
            """)
        setLockout = try connection.prepare(
            """
            INSERT INTO lockout VALUES(1, ?) ON CONFLICT(n) DO UPDATE SET record = excluded.record
            """)
        begin = try connection.prepare("BEGIN IMMEDIATE")
        commit = try connection.prepare("COMMIT")
        self.connection = connection
    }

    private static let setLaneText = """
        UPDATE lanes SET reserved_to = ?1, next = ?2, counted_to = ?3, bytes = ?4, dropped = ?5,
        checksum = row_checksum(?6, ?1, ?2, ?3, ?4, ?5) WHERE lane = ?6
        """

    private static var insertGapText: String {
        // A damaged end is not taken over: it would be sealed with a good checksum.
        let last = """
            CASE WHEN \(RowChecksum.isSoundGap) THEN max(g.last, excluded.last)
            ELSE excluded.last END
            """
        return """
            INSERT INTO gaps AS g VALUES(?1, ?2, ?3, ?4, row_checksum(?1, ?2, ?3, ?4))
            ON CONFLICT(lane, first) DO UPDATE SET last = \(last), reason = excluded.reason,
            checksum = row_checksum(g.lane, g.first, \(last), excluded.reason)
            """
    }

    /// How the file is written. All of it is for the connection; the first two only count before
    /// the first table is there.
    private static func configure(
        _ connection: borrowing Connection, pageLimit: Int64?
    ) throws(JournalError) {
        // One page is one block of the card's file system.
        try connection.execute("PRAGMA page_size = 4096")
        try connection.execute("PRAGMA auto_vacuum = NONE")
        guard try connection.text("PRAGMA journal_mode = WAL") == "wal" else {
            throw JournalError(
                origin: .sqlite, code: 14, extendedCode: 14,
                message: "the file system gives no write-ahead log",
                operation: "PRAGMA journal_mode = WAL", path: connection.path)
        }
        _ = try connection.integer("PRAGMA mmap_size = 0")
        try connection.execute("PRAGMA temp_store = MEMORY")
        try connection.execute("PRAGMA secure_delete = OFF")
        // A log that a long read made long is cut back to 4 MB; chosen.
        _ = try connection.integer("PRAGMA journal_size_limit = 4194304")
        if let pageLimit { _ = try connection.integer("PRAGMA max_page_count = \(pageLimit)") }
    }

    /// How a transaction ended that did not end well.
    struct Failure: Error {
        var error: JournalError
        /// The commit itself failed: what was written may yet come to light after a power cut, so
        /// its numbers must not be used for anything else.
        var isInDoubt: Bool
    }

    /// Runs `body` in one transaction and commits it durably, or leaves everything as it was.
    func transact<Result>(
        _ body: (Store) throws(JournalError) -> Result
    ) throws(Failure) -> Result {
        do {
            try begin.run()
        } catch { throw Failure(error: error, isInDoubt: false) }
        let result: Result
        do {
            result = try body(self)
        } catch {
            rollBack()
            throw Failure(error: error, isInDoubt: false)
        }
        do {
            try commit.run()
        } catch {
            rollBack()
            throw Failure(error: error, isInDoubt: true)
        }
        return result
    }

    private func rollBack() {
        // SQLite has rolled back by itself after most errors; a failure here has no other remedy
        // than the one that the first error gets.
        if connection.isInTransaction { try? connection.execute("ROLLBACK") }
    }

    func insert(_ row: Row, seq: Int64, run: Int64) throws(JournalError) {
        switch row.lane {
        case .alarm: try Self.insert(row, seq: seq, run: run, with: insertAlarm)
        case .event: try Self.insert(row, seq: seq, run: run, with: insertEvent)
        case .telemetry: try Self.insert(row, seq: seq, run: run, with: insertTelemetry)
        }
        if let transition = row.transition {
            try insert(transition, stamp: row.stamp, run: run)
        }
        // One that an earlier run was asked for has changed nothing in this one.
        if let command = row.command, row.stamp.correlation == command.correlation {
            attribute.bind(1, Int64(command.userID))
            attribute.bind(2, command.user)
            attribute.bind(3, command.name)
            attribute.bind(4, command.reason)
            attribute.bind(5, run)
            attribute.bind(6, Int64(bitPattern: row.stamp.correlation.rawValue))
            try attribute.run()
        }
        if let command = row.command, let origin = command.origin, origin.isAdmitted {
            try settle(command, origin)
        }
    }

    private static func insert(
        _ row: Row, seq: Int64, run: Int64, with statement: borrowing Statement
    ) throws(JournalError) {
        // In the order of the columns: `RowChecksum.laneColumns`.
        let integers: InlineArray<8, Int64> = [
            seq, run, Int64(bitPattern: row.stamp.tick.rawValue), row.stamp.at.rawValue,
            row.stamp.wall.unixMilliseconds, Int64(row.stamp.wall.quality.rawValue),
            Int64(row.severity.rawValue), Int64(bitPattern: row.stamp.correlation.rawValue),
        ]
        var checksum = RowChecksum()
        for index in integers.indices {
            statement.bind(Int32(index + 1), integers[index])
            checksum.add(integer: integers[index])
        }
        try statement.run(
            lending: (9, row.type), (10, row.subject), blob: (11, row.data),
            checksum: (12, checksum))
    }

    private func insert(
        _ transition: AlarmTransition, stamp: Stamp, run: Int64
    ) throws(JournalError) {
        insertTransition.bind(1, run)
        insertTransition.bind(2, Int64(bitPattern: stamp.tick.rawValue))
        insertTransition.bind(3, stamp.at.rawValue)
        insertTransition.bind(4, stamp.wall.unixMilliseconds)
        insertTransition.bind(5, Int64(stamp.wall.quality.rawValue))
        insertTransition.bind(6, Int64(transition.code.number))
        insertTransition.bind(7, Int64(transition.severity.rawValue))
        insertTransition.bind(8, Int64(transition.change.rawValue))
        insertTransition.bind(9, Int64(transition.state.rawValue))
        insertTransition.bind(10, Int64(transition.value))
        insertTransition.bind(11, Int64(transition.limit))
        insertTransition.bind(12, Int64(transition.requester.rawValue))
        insertTransition.bind(13, Int64(bitPattern: stamp.correlation.rawValue))
        try insertTransition.run()
    }

    func set(_ counter: LaneCounter, of lane: Lane, isFarewell: Bool) throws(JournalError) {
        setLane.bind(1, counter.reservedTo)
        setLane.bind(2, isFarewell ? counter.next : Int64?.none)
        setLane.bind(3, counter.accountedTo)
        setLane.bind(4, counter.bytes)
        setLane.bind(5, counter.dropped)
        setLane.bind(6, Int64(lane.rawValue))
        try setLane.run()
    }

    func declareGap(
        _ reason: GapReason, in lane: Lane, _ range: ClosedRange<Int64>
    ) throws(JournalError) {
        insertGap.bind(1, Int64(lane.rawValue))
        insertGap.bind(2, range.lowerBound)
        insertGap.bind(3, range.upperBound)
        insertGap.bind(4, Int64(reason.rawValue))
        try insertGap.run()
    }

    /// - Returns: the new transaction's number.
    func open(_ change: TransactionChange, run: Int64) throws(JournalError) -> Int64 {
        openTransaction.bind(1, change.kind)
        openTransaction.bind(2, Int64(change.job))
        openTransaction.bind(3, run)
        openTransaction.bind(4, Int64(bitPattern: change.stamp.correlation.rawValue))
        openTransaction.bind(5, change.stamp.wall.unixMilliseconds)
        openTransaction.bind(6, change.stamp.wall.unixMilliseconds)
        openTransaction.bind(7, String(decoding: change.counters, as: UTF8.self))
        try openTransaction.run()
        return connection.lastInsertedRow
    }

    func change(
        transaction number: Int64, to state: TransactionState, outcome: String?,
        counters: [UInt8], wall: WallTime
    ) throws(JournalError) {
        changeTransaction.bind(1, wall.unixMilliseconds)
        changeTransaction.bind(2, Int64(state.rawValue))
        changeTransaction.bind(3, outcome)
        changeTransaction.bind(4, String(decoding: counters, as: UTF8.self))
        changeTransaction.bind(5, number)
        try changeTransaction.run()
    }

    func set(state key: String, to entry: StateEntry) throws(JournalError) {
        setState.bind(1, key)
        setState.bind(2, String(decoding: entry.json, as: UTF8.self))
        setState.bind(3, Int64(bitPattern: entry.tick.rawValue))
        setState.bind(4, entry.wall.unixMilliseconds)
        try setState.run()
    }

    func set(lockout bytes: [UInt8]) throws(JournalError) {
        setLockout.bind(1, blob: bytes)
        try setLockout.run()
    }
}

/// Where one lane's numbers stand.
struct LaneCounter {
    /// The number that the next event gets. Numbers begin with 1.
    var next: Int64 = 1
    /// The last number of the reserved block: durable before any number of it is used.
    var reservedTo: Int64 = 0
    /// The size of the lane's rows.
    var bytes: Int64 = 0
    /// Rows that were dropped or found damaged, since the file was made.
    var dropped: Int64 = 0
    /// Numbers of commits in doubt, right below `next`: to be declared, never to be used.
    var undeclared: ClosedRange<Int64>?

    /// Each number up to here is a row or in a declared gap. It does not go beyond what is to be
    /// declared: a start after a crash then takes that for numbers that nothing has used.
    var accountedTo: Int64 { (undeclared?.lowerBound ?? next) - 1 }

    /// Raises the block until it has `count` numbers that nothing has.
    mutating func reserve(_ count: Int64) {
        while next + count > reservedTo + 1 { reservedTo += Journal.blockSize }
    }
}

/// Why numbers of a lane have no row. Stored: values never change.
public enum GapReason: UInt8, Sendable {
    /// Reserved, and never used because a run ended without a farewell or a commit was in doubt.
    case skipped = 0
    /// Dropped by the lane's quota or on a full disk, acknowledged or not.
    case dropped = 1
    /// The cluster has what was there, and the space was reclaimed.
    case acknowledged = 2
    /// What was there is not as it was written.
    case damaged = 3

    /// Whether events were there that nobody has any more. A dropped stretch may have a few numbers
    /// in it that were skipped before.
    public var isLoss: Bool {
        switch self {
        case .dropped, .damaged: true
        case .skipped, .acknowledged: false
        }
    }
}

/// How a transaction stands. Stored: values never change.
public enum TransactionState: UInt8, Sendable {
    case open = 0
    case closed = 1
    /// The run that opened it ended first.
    case interrupted = 2
}

/// The latest value of one key of the state image.
struct StateEntry {
    var json: [UInt8]
    var tick: Tick
    var wall: WallTime
}
