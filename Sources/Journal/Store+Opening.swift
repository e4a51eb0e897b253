import Events
import Wire

// What is read back when a file is opened, and the rare writes that need no prepared statement.

extension Store {
    /// An epoch as it is stored.
    struct Epoch {
        var identifier: Identifier128
        var first: [Int64]
    }

    func latestEpoch() throws(JournalError) -> Epoch? {
        let query = try connection.prepare(
            """
            SELECT epoch, alarm_first, event_first, telemetry_first
            FROM epochs ORDER BY n DESC LIMIT 1
            """)
        guard try query.step() else { return nil }
        guard let identifier = Identifier128(bytes: query.blob(0)) else {
            throw damaged("an epoch that is not 16 bytes")
        }
        return Epoch(
            identifier: identifier,
            first: [query.integer(1), query.integer(2), query.integer(3)])
    }

    /// Where the lanes stand, and whether the run before this one said farewell.
    ///
    /// After an unclean stop `next` is after the reserved block, and the rest of it is in `unused`.
    struct Lanes {
        var counters: [LaneCounter]
        /// The last number that was used: up to there each is a row or in a gap.
        var used: [Int64]
        var unused: [ClosedRange<Int64>?]
        var isFarewell: Bool
    }

    func lanes() throws(JournalError) -> Lanes {
        var lanes = Lanes(counters: [], used: [], unused: [], isFarewell: true)
        let query = try connection.prepare(
            """
            SELECT lane, reserved_to, next, counted_to, bytes, dropped,
            checksum IS NULL OR checksum = row_checksum(\(RowChecksum.placeColumns))
            FROM lanes ORDER BY lane
            """)
        defer { query.reset() }
        for lane in Lane.allCases {
            guard try query.step(), query.integer(0) == Int64(lane.rawValue) else {
                throw damaged("no counter for lane \(lane.name)")
            }
            guard query.integer(6) != 0 else {
                throw damaged("the counter of lane \(lane.name) is not as it was written")
            }
            try add(lane, query, to: &lanes)
        }
        return lanes
    }

    private func add(
        _ lane: Lane, _ row: borrowing Statement, to lanes: inout Lanes
    ) throws(JournalError) {
        var counter = LaneCounter()
        counter.reservedTo = row.integer(1)
        let farewell = row.optionalInteger(2)
        let counted = row.integer(3)
        counter.bytes = row.integer(4)
        counter.dropped = row.integer(5)
        let table = lane.name + "_lane"
        let last = try connection.integer("SELECT max(seq) FROM \(table)") ?? 0
        // Those without a checksum are looked at by themselves: see `repairGaps`.
        let lastGap =
            try connection.integer(
                """
                SELECT max(g.last) FROM gaps g WHERE g.lane = \(lane.rawValue)
                AND g.checksum = row_checksum(\(RowChecksum.gapColumns))
                """) ?? 0
        counter.bytes +=
            try connection.integer(
                """
                SELECT total(48 + length(type) + length(CAST(subject AS BLOB)) + length(data))
                FROM \(table) WHERE seq > \(counted)
                """) ?? 0
        guard last <= counter.reservedTo, counter.reservedTo < .max - 1_000_000 else {
            throw damaged("lane \(lane.name) holds \(last), beyond its reserved numbers")
        }
        counter.next = farewell ?? counter.reservedTo + 1
        // A farewell counts up to the last number, so the two tell on each other: an empty lane
        // has nothing else to go by.
        guard counter.next > max(last, lastGap), counter.next <= counter.reservedTo + 1,
            farewell == nil || counted == counter.next - 1
        else { throw damaged("lane \(lane.name) would use number \(counter.next) again") }
        if farewell == nil { lanes.isFarewell = false }
        let used = farewell == nil ? max(last, counted) : counter.next - 1
        lanes.used.append(used)
        lanes.unused.append(
            farewell == nil && used < counter.reservedTo ? used + 1...counter.reservedTo : nil)
        lanes.counters.append(counter)
    }

    func addEpoch(
        _ identifier: Identifier128, reason: EpochReason, wall: WallTime, first: [Int64]
    ) throws(JournalError) {
        let statement = try connection.prepare("INSERT INTO epochs VALUES(NULL,?,?,?,?,?,?,NULL)")
        statement.bind(1, blob: identifier.bytes)
        statement.bind(2, Int64(reason.rawValue))
        statement.bind(3, wall.unixMilliseconds)
        for index in 0..<3 { statement.bind(Int32(4 + index), first[index]) }
        try statement.run()
        try seal("epochs", RowChecksum.epochColumns)
    }

    /// - Returns: the number of the new run.
    func addRun(
        _ run: Identifier128, boot: Identifier128, wall: WallTime
    ) throws(JournalError) -> Int64 {
        let statement = try connection.prepare("INSERT INTO runs VALUES(NULL,?,?,?,?,NULL)")
        statement.bind(1, blob: run.bytes)
        statement.bind(2, blob: boot.bytes)
        statement.bind(3, wall.unixMilliseconds)
        statement.bind(4, Int64(wall.quality.rawValue))
        try statement.run()
        let number = connection.lastInsertedRow
        try seal("runs", RowChecksum.runColumns)
        return number
    }

    /// The number of the last run; 0 if there was none.
    func latestRun() throws(JournalError) -> Int64 {
        try connection.integer("SELECT max(n) FROM runs") ?? 0
    }

    /// Gives the row that was just inserted, and now has its number, its checksum.
    private func seal(_ table: String, _ columns: String) throws(JournalError) {
        try connection.execute(
            """
            UPDATE \(table) SET checksum = row_checksum(\(columns))
            WHERE n = \(connection.lastInsertedRow)
            """)
    }

    func hardware() throws(JournalError) -> String? {
        try connection.text("SELECT identity FROM hardware WHERE n = 1")
    }

    func set(hardware identity: String) throws(JournalError) {
        let statement = try connection.prepare(
            """
            INSERT INTO hardware VALUES(1, ?)
            ON CONFLICT(n) DO UPDATE SET identity = excluded.identity
            """)
        statement.bind(1, identity)
        try statement.run()
    }

    /// The first copy of the lockout record. Nil if there is no row.
    func lockout() throws(JournalError) -> [UInt8]? {
        let query = try connection.prepare("SELECT record FROM lockout WHERE n = 1")
        return try query.step() ? query.blob(0) : nil
    }

    /// A transaction that its run left open.
    struct OpenTransaction {
        var number: Int64
        var kind: String
        var job: UInt32
        /// The counters of its last checkpoint, as JSON.
        var counters: [UInt8]

        var fact: TransactionFact {
            TransactionFact(id: number, kind: kind, job: job, counters: counters)
        }
    }

    func openTransactions() throws(JournalError) -> [OpenTransaction] {
        let query = try connection.prepare(
            "SELECT n, kind, job, counters FROM transactions WHERE state = 0 ORDER BY n")
        var found: [OpenTransaction] = []
        while try query.step() {
            found.append(
                OpenTransaction(
                    number: query.integer(0), kind: query.text(1),
                    job: UInt32(truncatingIfNeeded: query.integer(2)), counters: query.blob(3)))
        }
        return found
    }

    /// Marks a transaction as interrupted; its last counters stay.
    func interrupt(transaction number: Int64, wall: WallTime) throws(JournalError) {
        try connection.execute(
            """
            UPDATE transactions SET state = \(TransactionState.interrupted.rawValue),
            changed_ms = \(wall.unixMilliseconds) WHERE n = \(number)
            """)
    }

    /// Keeps the alarm history in bounds: every FATAL, and of the others the last 200,000, which
    /// are about 20 MB; chosen.
    func forgetOldTransitions() throws(JournalError) {
        try connection.execute(
            """
            DELETE FROM alarm_history WHERE severity < \(Severity.fatal.rawValue)
            AND n <= (SELECT max(n) FROM alarm_history) - 200000
            """)
    }

    private func damaged(_ what: String) -> JournalError { Self.damaged(what, connection.path) }

    static func damaged(_ what: String, _ path: String) -> JournalError {
        JournalError(
            origin: .sqlite, code: 11, extendedCode: 11, message: what, operation: "open",
            path: path)
    }
}
