import CSQLite
import Wire

/// The tables of the journal, by migrations that are numbered and never edited: a change of the
/// layout is one more entry.
enum Schema {
    /// What `PRAGMA user_version` says after all of them.
    static var version: Int64 { Int64(migrations.count) }

    static let migrations = [migration1, migration2, migration3, migration4, migration5]

    /// Columns of a lane: `seq` is ours, never SQLite's, and there is no second index, because each
    /// would be written with every event. Times end in their unit; `mono_ms` is of `run`.
    private static func laneTable(_ lane: Lane) -> String {
        """
        CREATE TABLE \(lane.name)_lane(
            seq INTEGER PRIMARY KEY, run INTEGER NOT NULL, tick INTEGER NOT NULL,
            mono_ms INTEGER NOT NULL, wall_ms INTEGER NOT NULL, clock INTEGER NOT NULL,
            severity INTEGER NOT NULL, correlation INTEGER NOT NULL,
            type TEXT NOT NULL, subject TEXT NOT NULL, data BLOB NOT NULL);
        """
    }

    private static let migration1 =
        Lane.allCases.map(laneTable).joined(separator: "\n") + """
            -- Where an epoch begins in each lane. Rows before the first number of an epoch are of
            -- the one before it; numbers go on upwards through all of them.
            CREATE TABLE epochs(
                n INTEGER PRIMARY KEY, epoch BLOB NOT NULL, reason INTEGER NOT NULL,
                wall_ms INTEGER NOT NULL, alarm_first INTEGER NOT NULL,
                event_first INTEGER NOT NULL, telemetry_first INTEGER NOT NULL);
            -- next is valid only after a farewell; bytes is the size of the rows up to counted_to.
            CREATE TABLE lanes(
                lane INTEGER PRIMARY KEY, reserved_to INTEGER NOT NULL, next INTEGER,
                counted_to INTEGER NOT NULL, bytes INTEGER NOT NULL);
            INSERT INTO lanes VALUES(0, 0, 1, 0, 0), (1, 0, 1, 0, 0), (2, 0, 1, 0, 0);
            CREATE TABLE gaps(
                lane INTEGER NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL,
                reason INTEGER NOT NULL, PRIMARY KEY(lane, first)) WITHOUT ROWID;
            CREATE TABLE hardware(n INTEGER PRIMARY KEY CHECK(n = 1), identity TEXT NOT NULL);
            CREATE TABLE runs(
                n INTEGER PRIMARY KEY, run BLOB NOT NULL, boot BLOB NOT NULL,
                wall_ms INTEGER NOT NULL, clock INTEGER NOT NULL);
            CREATE TABLE alarm_history(
                n INTEGER PRIMARY KEY, run INTEGER NOT NULL, tick INTEGER NOT NULL,
                mono_ms INTEGER NOT NULL, wall_ms INTEGER NOT NULL, clock INTEGER NOT NULL,
                code INTEGER NOT NULL, severity INTEGER NOT NULL, change INTEGER NOT NULL,
                state INTEGER NOT NULL, value INTEGER NOT NULL, bound INTEGER NOT NULL,
                requester INTEGER NOT NULL, correlation INTEGER NOT NULL);
            CREATE INDEX alarm_history_by_code ON alarm_history(code, n);
            CREATE TABLE transactions(
                n INTEGER PRIMARY KEY, kind TEXT NOT NULL, job INTEGER NOT NULL,
                run INTEGER NOT NULL, correlation INTEGER NOT NULL,
                opened_ms INTEGER NOT NULL, changed_ms INTEGER NOT NULL,
                state INTEGER NOT NULL, outcome TEXT, counters TEXT NOT NULL);
            CREATE INDEX transactions_open ON transactions(n) WHERE state = 0;
            CREATE TABLE state(
                key TEXT PRIMARY KEY, json TEXT NOT NULL, tick INTEGER NOT NULL,
                wall_ms INTEGER NOT NULL) WITHOUT ROWID;
            CREATE TABLE configurations(
                version INTEGER PRIMARY KEY, digest TEXT NOT NULL, bytes BLOB NOT NULL,
                wall_ms INTEGER NOT NULL, status INTEGER NOT NULL);
            CREATE TABLE lockout(n INTEGER PRIMARY KEY CHECK(n = 1), record BLOB NOT NULL);
            """

    /// Who asked for a change of an alarm: the user by the kernel's word, and the name and reason
    /// that the command gave. Null for what nobody asked for.
    private static let migration2 = """
        ALTER TABLE alarm_history ADD COLUMN uid INTEGER;
        ALTER TABLE alarm_history ADD COLUMN user TEXT;
        ALTER TABLE alarm_history ADD COLUMN name TEXT;
        ALTER TABLE alarm_history ADD COLUMN reason TEXT;
        """

    /// What tells that a row is as it was written; see `RowChecksum`. Null in rows of before.
    private static let migration3 =
        (Lane.allCases.map { $0.name + "_lane" } + ["epochs", "runs"]).map {
            "ALTER TABLE \($0) ADD COLUMN checksum INTEGER;"
        }.joined(separator: "\n")

    /// Commands of the cluster by their id, so that none is carried out twice. `state`, `result`
    /// and `refusal` are what came of it. The bounds speak for what the table no longer holds, or
    /// never held: see `Inbox.swift`.
    private static let migration4 = """
        CREATE TABLE inbox(
            id BLOB PRIMARY KEY, run INTEGER NOT NULL, ticket INTEGER NOT NULL,
            method TEXT NOT NULL, parameters BLOB NOT NULL, by_name TEXT NOT NULL,
            uid INTEGER NOT NULL, user TEXT NOT NULL, issued_ms INTEGER NOT NULL,
            expires_ms INTEGER NOT NULL, received_ms INTEGER NOT NULL, state INTEGER NOT NULL,
            result INTEGER, refusal TEXT) WITHOUT ROWID;
        CREATE TABLE inbox_bounds(
            n INTEGER PRIMARY KEY CHECK(n = 1), since_ms INTEGER, forgotten_ms INTEGER NOT NULL);
        INSERT INTO inbox_bounds VALUES(1, NULL, 0);
        """

    /// What tells that a gap, and where a lane's numbers stand, is as it was written; null in rows
    /// of before, until the first start. `dropped` counts the rows that a lane has lost; what was
    /// dropped before is known by its gaps alone.
    private static let migration5 = """
        ALTER TABLE gaps ADD COLUMN checksum INTEGER;
        ALTER TABLE lanes ADD COLUMN dropped INTEGER NOT NULL DEFAULT 0;
        ALTER TABLE lanes ADD COLUMN checksum INTEGER;
        UPDATE lanes SET dropped = (SELECT CAST(total(last - first + 1) AS INTEGER) FROM gaps g
        WHERE g.lane = lanes.lane AND g.reason = 1);
        """

    /// Brings the file to this version, one transaction a migration.
    ///
    /// - Throws: as damage if a newer Busbar made the file: this one cannot know what it means.
    static func migrate(_ connection: borrowing Connection) throws(JournalError) {
        let found = try connection.integer("PRAGMA user_version") ?? 0
        guard found >= 0, found <= version else {
            throw JournalError(
                origin: .sqlite, code: SQLITE_FORMAT, extendedCode: SQLITE_FORMAT,
                message: "layout \(found), and this Busbar knows \(version) at most",
                operation: "PRAGMA user_version", path: connection.path)
        }
        for number in Int(found)..<migrations.count {
            try connection.execute("BEGIN IMMEDIATE")
            try connection.execute(migrations[number])
            try connection.execute("PRAGMA user_version = \(number + 1)")
            try connection.execute("COMMIT")
        }
    }
}
