import CSQLite
import Glibc

/// One open connection to an SQLite file, closed when it goes away.
struct Connection: ~Copyable {
    enum Mode { case readWrite, readOnly }

    let handle: OpaquePointer
    let path: String
    /// Asked for once in a process, before its first file. Where SQLite was used before, it keeps
    /// them, and takes its lock: that costs time and nothing else.
    private static let keepsNoStatistics = busbar_sqlite_keep_no_statistics() == SQLITE_OK
    /// The disk must outlive the connection: SQLite calls it until the file is closed.
    private let storage: any StateStorage

    /// Opens the directory's database.
    ///
    /// - Throws: also when the file can only be read and `mode` asks for more: SQLite would open
    ///   it read-only without a word.
    init(to directory: StateDirectory, mode: Mode) throws(JournalError) {
        _ = Self.keepsNoStatistics
        let path = directory.databasePath
        var opened: OpaquePointer?
        let flags =
            mode == .readWrite
            ? SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE : SQLITE_OPEN_READONLY
        // Each connection belongs to one thread, so SQLite need not lock within it.
        let code = sqlite3_open_v2(
            path, &opened, flags | SQLITE_OPEN_NOMUTEX, directory.storage.databaseFileSystem)
        guard code == SQLITE_OK, let opened else {
            var error = JournalError(opened, code: code, operation: "open", path: path)
            error.side = mode == .readOnly ? .reader : .writer
            sqlite3_close_v2(opened)
            throw error
        }
        sqlite3_extended_result_codes(opened, 1)
        let registered = RowChecksum.register(with: opened)
        precondition(registered == SQLITE_OK, "SQLite takes a function unless memory is short")
        if mode == .readWrite, sqlite3_db_readonly(opened, "main") != 0 {
            sqlite3_close_v2(opened)
            throw JournalError(
                origin: .sqlite, code: SQLITE_READONLY, extendedCode: SQLITE_READONLY,
                message: "the file can be read but not written", operation: "open", path: path)
        }
        handle = opened
        self.path = path
        storage = directory.storage
        // Only a checkpointing reader can make the writer wait, and there is none; the second is
        // for a recovery that a reader does at the same moment.
        sqlite3_busy_timeout(handle, 1_000)
    }

    deinit { sqlite3_close_v2(handle) }

    /// Runs statements that give nothing back. The code is primary: extended ones are in the error.
    borrowing func execute(_ sql: String) throws(JournalError) {
        let code = sqlite3_exec(handle, sql, nil, nil, nil)
        guard code == SQLITE_OK else {
            throw JournalError(handle, code: code, operation: sql, path: path)
        }
    }

    borrowing func prepare(_ sql: String) throws(JournalError) -> Statement {
        try Statement(handle, sql, path: path)
    }

    /// The first column of the first row as a number.
    borrowing func integer(_ sql: String) throws(JournalError) -> Int64? {
        let statement = try prepare(sql)
        return try statement.step() ? statement.optionalInteger(0) : nil
    }

    borrowing func text(_ sql: String) throws(JournalError) -> String? {
        let statement = try prepare(sql)
        return try statement.step() ? statement.optionalText(0) : nil
    }

    /// Whether a transaction is open. SQLite ends it by itself after some errors.
    var isInTransaction: Bool { sqlite3_get_autocommit(handle) == 0 }

    var lastInsertedRow: Int64 { sqlite3_last_insert_rowid(handle) }

    /// Runs `quick_check`.
    ///
    /// - Returns: what it found wrong, first line; nil for nothing, or for nothing within the time.
    borrowing func firstFault(by deadline: CheckDeadline) throws(JournalError) -> String? {
        try bounded(by: deadline) { () throws(JournalError) in
            let answer = try text("PRAGMA quick_check(1)")
            return answer == "ok" ? nil : answer ?? "quick_check said nothing"
        }
    }

    /// Runs a check for as long as it may take.
    ///
    /// - Returns: nil if the time was over before it ended.
    borrowing func bounded<Result>(
        by deadline: CheckDeadline, _ body: () throws(JournalError) -> Result?
    ) throws(JournalError) -> Result? {
        let context = Unmanaged.passUnretained(deadline).toOpaque()
        // Asked every 1000 virtual machine steps: about 10 us apart, chosen.
        sqlite3_progress_handler(
            handle, 1_000,
            { context in
                Unmanaged<CheckDeadline>.fromOpaque(context!).takeUnretainedValue().isOver ? 1 : 0
            }, context)
        defer {
            sqlite3_progress_handler(handle, 0, nil, nil)
            withExtendedLifetime(deadline) {}
        }
        do {
            return try body()
        } catch {
            guard error.code == SQLITE_INTERRUPT else { throw error }
            return nil
        }
    }
}

/// When the checks of a start must have ended.
final class CheckDeadline {
    private let end: Int64

    init(milliseconds: Int64) { end = Self.now() + milliseconds }

    var isOver: Bool { Self.now() >= end }

    private static func now() -> Int64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Int64(time.tv_sec) * 1_000 + Int64(time.tv_nsec) / 1_000_000
    }
}

extension Journal {
    /// SQLite's version and the check-in that it was built from.
    public static var sqliteVersion: String {
        "\(String(cString: sqlite3_libversion())) \(String(cString: sqlite3_sourceid()))"
    }
}
