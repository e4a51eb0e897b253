import CSQLite

/// A prepared statement that finalizes itself and cannot be copied. Kept for the life of its
/// connection: preparing costs more than running.
struct Statement: ~Copyable {
    private let handle: OpaquePointer
    private let path: String

    /// SQLite copies what is bound. Its own macro for this does not import.
    private static var transient: sqlite3_destructor_type {
        unsafeBitCast(-1, to: sqlite3_destructor_type.self)
    }

    init(_ database: OpaquePointer, _ sql: String, path: String) throws(JournalError) {
        var prepared: OpaquePointer?
        let code = sqlite3_prepare_v3(
            database, sql, -1, UInt32(SQLITE_PREPARE_PERSISTENT), &prepared, nil)
        guard code == SQLITE_OK, let prepared else {
            throw JournalError(database, code: code, operation: sql, path: path)
        }
        self.handle = prepared
        self.path = path
    }

    deinit { sqlite3_finalize(handle) }

    // Binding cannot fail for an index that the statement has and text below 1 GB; a wrong index
    // is a bug in this module.

    borrowing func bind(_ index: Int32, _ value: Int64) {
        precondition(sqlite3_bind_int64(handle, index, value) == SQLITE_OK, "no such parameter")
    }

    borrowing func bind(_ index: Int32, _ value: Int64?) {
        guard let value else {
            precondition(sqlite3_bind_null(handle, index) == SQLITE_OK, "no such parameter")
            return
        }
        bind(index, value)
    }

    borrowing func bind(_ index: Int32, _ text: String) {
        var text = text
        let code = text.withUTF8 { buffer in
            // An empty buffer may have no address, and no address would bind NULL.
            buffer.isEmpty
                ? sqlite3_bind_text(handle, index, "", 0, nil)
                : buffer.withMemoryRebound(to: CChar.self) {
                    sqlite3_bind_text(
                        handle, index, $0.baseAddress, Int32($0.count), Self.transient)
                }
        }
        precondition(code == SQLITE_OK, "no such parameter")
    }

    borrowing func bind(_ index: Int32, _ text: String?) {
        guard let text else {
            precondition(sqlite3_bind_null(handle, index) == SQLITE_OK, "no such parameter")
            return
        }
        bind(index, text)
    }

    borrowing func bind(_ index: Int32, blob: [UInt8]) {
        let code = blob.withUnsafeBytes { buffer in
            buffer.isEmpty
                ? sqlite3_bind_zeroblob(handle, index, 0)
                : sqlite3_bind_blob(
                    handle, index, buffer.baseAddress, Int32(buffer.count), Self.transient)
        }
        precondition(code == SQLITE_OK, "no such parameter")
    }

    /// Runs to the end, ignoring rows, and makes the statement ready to run again.
    borrowing func run() throws(JournalError) {
        while try step() {}
    }

    /// Runs to the end with two texts and a blob that SQLite does not copy: it has them for this
    /// run alone.
    ///
    /// - Parameter checksum: of the values before them; it goes on over these three, and is bound.
    borrowing func run(
        lending first: (index: Int32, text: String), _ second: (index: Int32, text: String),
        blob: (index: Int32, bytes: [UInt8]), checksum: (index: Int32, before: RowChecksum)
    ) throws(JournalError) {
        var (firstText, secondText) = (first.text, second.text)
        let code = firstText.withUTF8 { firstBytes in
            secondText.withUTF8 { secondBytes in
                blob.bytes.withUnsafeBytes { blobBytes in
                    lend(firstBytes, first.index)
                    lend(secondBytes, second.index)
                    lend(blobBytes, blob.index)
                    var sum = checksum.before
                    sum.add(text: firstBytes)
                    sum.add(text: secondBytes)
                    sum.add(blob: blobBytes)
                    bind(checksum.index, Int64(bitPattern: sum.value))
                    var code = sqlite3_step(handle)
                    while code == SQLITE_ROW { code = sqlite3_step(handle) }
                    return code
                }
            }
        }
        let error =
            code == SQLITE_DONE
            ? nil
            : JournalError(
                sqlite3_db_handle(handle), code: code,
                operation: String(cString: sqlite3_sql(handle)), path: path)
        sqlite3_reset(handle)
        // What was lent is given back here; its addresses must not stay behind.
        sqlite3_clear_bindings(handle)
        if let error { throw error }
    }

    private borrowing func lend(_ text: UnsafeBufferPointer<UInt8>, _ index: Int32) {
        let code = text.withMemoryRebound(to: CChar.self) { characters in
            // What is empty may have no address, and no address would bind NULL.
            characters.isEmpty
                ? sqlite3_bind_text(handle, index, "", 0, nil)
                : sqlite3_bind_text(
                    handle, index, characters.baseAddress, Int32(characters.count), nil)
        }
        precondition(code == SQLITE_OK, "no such parameter")
    }

    private borrowing func lend(_ bytes: UnsafeRawBufferPointer, _ index: Int32) {
        let code =
            bytes.isEmpty
            ? sqlite3_bind_zeroblob(handle, index, 0)
            : sqlite3_bind_blob(handle, index, bytes.baseAddress, Int32(bytes.count), nil)
        precondition(code == SQLITE_OK, "no such parameter")
    }

    /// Steps to the next row. At the end, and after an error, the statement is ready to run again.
    ///
    /// - Returns: whether there is a row.
    borrowing func step() throws(JournalError) -> Bool {
        let code = sqlite3_step(handle)
        switch code {
        case SQLITE_ROW: return true
        case SQLITE_DONE:
            sqlite3_reset(handle)
            return false
        default:
            let error = JournalError(
                sqlite3_db_handle(handle), code: code,
                operation: String(cString: sqlite3_sql(handle)), path: path)
            sqlite3_reset(handle)
            throw error
        }
    }

    /// Ends a run early: without it an open read would hold back the checkpoints.
    borrowing func reset() { sqlite3_reset(handle) }

    borrowing func integer(_ column: Int32) -> Int64 { sqlite3_column_int64(handle, column) }

    borrowing func optionalInteger(_ column: Int32) -> Int64? {
        sqlite3_column_type(handle, column) == SQLITE_NULL ? nil : integer(column)
    }

    /// The text of a column; bytes that are not UTF-8 come back replaced.
    borrowing func text(_ column: Int32) -> String {
        String(decoding: blob(column), as: UTF8.self)
    }

    borrowing func optionalText(_ column: Int32) -> String? {
        sqlite3_column_type(handle, column) == SQLITE_NULL ? nil : text(column)
    }

    borrowing func blob(_ column: Int32) -> [UInt8] {
        // The order matters: column_bytes after column_blob, as SQLite's documentation asks.
        guard let address = sqlite3_column_blob(handle, column) else { return [] }
        let count = Int(sqlite3_column_bytes(handle, column))
        return Array(UnsafeRawBufferPointer(start: address, count: count))
    }
}

extension JournalError {
    /// The error that `database` reports now.
    init(_ database: OpaquePointer?, code: Int32, operation: String, path: String) {
        let extended = database.map(sqlite3_extended_errcode) ?? code
        let message = database.map { String(cString: sqlite3_errmsg($0)) }
        self.init(
            origin: .sqlite, code: code & 0xFF,
            extendedCode: extended & 0xFF == code & 0xFF ? extended : code,
            message: message ?? String(cString: sqlite3_errstr(code)), operation: operation,
            path: path,
            // A connection of the journal itself is never read-only: see `Connection`.
            side: database.map { sqlite3_db_readonly($0, "main") == 1 } ?? false
                ? .reader : .writer)
    }
}
