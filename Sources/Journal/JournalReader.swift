public import Events
public import Units
public import Wire

/// Reads the journal beside the thread that writes it: for the local API, and for anybody who may
/// read the file.
///
/// Each question opens the file, reads in one short transaction and closes it again: a reader that
/// holds on would keep the log from being cut back, and would go on reading a file that has been
/// put aside meanwhile.
public struct JournalReader: Sendable {
    let directory: StateDirectory

    public init(directory: String, storage: any StateStorage = LinuxStorage()) {
        self.directory = StateDirectory(path: directory, storage: storage)
    }

    var databasePath: String { directory.databasePath }

    /// Events of one lane with numbers above `after`, in order.
    ///
    /// - Parameter sinceUnixMilliseconds: leaves out what was recorded before, by the wall clock
    ///   as it stood then.
    public func events(
        lane: Lane, after: Int64 = 0, sinceUnixMilliseconds since: Int64 = .min, limit: Int
    ) throws(JournalError) -> [EventRecord] {
        try query(
            Self.events(lane) + " WHERE seq > ? AND l.wall_ms >= ? ORDER BY seq LIMIT ?",
            [after, since, Int64(limit)]
        ) { EventRecord($0, lane: lane) }
    }

    /// The latest events of one lane, oldest of them first.
    public func latestEvents(lane: Lane, limit: Int) throws(JournalError) -> [EventRecord] {
        try query(Self.events(lane) + " ORDER BY seq DESC LIMIT ?", [Int64(limit)]) {
            EventRecord($0, lane: lane)
        }.reversed()
    }

    /// Epochs come from a query of their own row: the last that begins at or before the number.
    ///
    /// - Parameter column: one more, the 13th from zero.
    static func events(_ lane: Lane, and column: String = "NULL") -> String {
        """
        SELECT seq, tick, mono_ms, l.wall_ms, l.clock, severity, correlation, type, subject, data,
        r.run, r.boot, (SELECT epoch FROM epochs e WHERE e.\(lane.name)_first <= seq
        ORDER BY n DESC LIMIT 1), \(column)
        FROM \(lane.name)_lane l LEFT JOIN runs r ON r.n = l.run
        """
    }

    /// Alarm transitions, newest first.
    ///
    /// - Parameter code: only this alarm's; nil for all.
    public func alarmHistory(
        code: UInt16? = nil, sinceUnixMilliseconds since: Int64 = .min, limit: Int
    ) throws(JournalError) -> [StoredTransition] {
        try query(
            """
            SELECT n, tick, mono_ms, wall_ms, clock, code, severity, change, state, value, bound,
            requester, correlation, uid, user, name, reason FROM alarm_history
            WHERE \(code == nil ? "?1 < 0" : "code = ?1") AND wall_ms >= ?2
            ORDER BY n DESC LIMIT ?3
            """, [code.map(Int64.init) ?? -1, since, Int64(limit)], StoredTransition.init)
    }

    /// When an alarm was raised by the wall clock, from its tick and the monotonic clock of its
    /// run, as the lockout record has them. Nil if the history does not have it: the file it was in
    /// was put aside, or it was never stored.
    public func wallTime(
        ofRaised code: AlarmCode, tick: Tick, at instant: Instant
    ) throws(JournalError) -> WallTime? {
        try query(
            """
            SELECT wall_ms, clock FROM alarm_history
            WHERE code = ? AND tick = ? AND mono_ms = ? AND change = ? ORDER BY n DESC LIMIT 1
            """,
            [
                Int64(code.number), Int64(bitPattern: tick.rawValue), instant.rawValue,
                Int64(AlarmChange.raised.rawValue),
            ]
        ) { WallTime($0, milliseconds: 0, quality: 1) }.first
    }

    /// Transactions, newest first.
    public func transactions(
        kind: String? = nil, sinceUnixMilliseconds since: Int64 = .min, limit: Int
    ) throws(JournalError) -> [StoredTransaction] {
        let all = try query(
            """
            SELECT n, kind, job, opened_ms, changed_ms, state, outcome, counters, correlation
            FROM transactions WHERE opened_ms >= ? ORDER BY n DESC LIMIT ?
            """, [since, kind == nil ? Int64(limit) : .max], StoredTransaction.init)
        guard let kind else { return all }
        return Array(all.lazy.filter { $0.kind == kind }.prefix(limit))
    }

    /// The state image: JSON by key.
    public func state() throws(JournalError) -> [String: String] {
        let rows = try query("SELECT key, json FROM state", []) { ($0.text(0), $0.text(1)) }
        return Dictionary(uniqueKeysWithValues: rows)
    }

    /// Versions of the site file, newest first, without their bytes.
    public func configurations(limit: Int) throws(JournalError) -> [StoredConfiguration] {
        try query(
            """
            SELECT version, digest, wall_ms, status FROM configurations
            ORDER BY version DESC LIMIT ?
            """, [Int64(limit)], StoredConfiguration.init)
    }

    /// The bytes of one version; nil if there is none.
    public func configuration(_ version: Int64) throws(JournalError) -> [UInt8]? {
        try query("SELECT bytes FROM configurations WHERE version = ?", [version]) {
            $0.blob(0)
        }.first
    }

    /// Numbers of a lane that are declared to have no row, by range, in order.
    public func gaps(lane: Lane) throws(JournalError) -> [StoredGap] {
        try query(
            """
            SELECT g.first, g.last, g.reason FROM gaps g WHERE g.lane = ? AND g.first <= g.last
            AND \(RowChecksum.isSoundGap) ORDER BY g.first
            """, [Int64(lane.rawValue)], StoredGap.init)
    }

    private func query<Element>(
        _ sql: String, _ arguments: [Int64], _ element: (borrowing Statement) -> Element
    ) throws(JournalError) -> [Element] {
        try read { (connection) throws(JournalError) in
            let statement = try connection.prepare(sql)
            for (index, argument) in arguments.enumerated() {
                statement.bind(Int32(index + 1), argument)
            }
            var elements: [Element] = []
            while try statement.step() { elements.append(element(statement)) }
            return elements
        }
    }

    /// Reads in one transaction: all that `body` sees is of one moment.
    func read<Result>(
        _ body: (borrowing Connection) throws(JournalError) -> Result
    ) throws(JournalError) -> Result {
        try body(openForReading())
    }

    /// A connection that cannot write, in a transaction that ends with it.
    func openForReading() throws(JournalError) -> Connection {
        let connection = try open()
        try connection.execute("BEGIN")
        return connection
    }

    /// A connection that cannot write.
    func open() throws(JournalError) -> Connection {
        let connection = try Connection(to: directory, mode: .readOnly)
        // The journal's thread alone writes and checkpoints: two processes that reset the log at
        // one moment can lose pages (SQLite before 3.51.3), and mapped files make it more likely.
        _ = try connection.integer("PRAGMA wal_autocheckpoint = 0")
        _ = try connection.integer("PRAGMA mmap_size = 0")
        try connection.execute("PRAGMA query_only = 1")
        return connection
    }
}
