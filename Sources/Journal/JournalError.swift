/// A read or write of the journal that failed: what was tried, on which file, what came back, and
/// what to do about it.
public struct JournalError: Error, Hashable, Sendable, CustomStringConvertible {
    /// Whose code it is.
    public enum Origin: Hashable, Sendable { case sqlite, system }

    /// Who met it. The journal goes on by itself and says how; who only reads it changes nothing,
    /// and neither does who writes what was read to a file of their own.
    public enum Side: Hashable, Sendable { case writer, reader, export }

    public var origin: Origin
    /// SQLite's primary result code, or errno.
    public var code: Int32
    /// SQLite's extended result code; the same as `code` for the system's errors.
    public var extendedCode: Int32
    public var message: String
    /// The SQL, or the system call.
    public var operation: String
    public var path: String
    public var side: Side

    public init(
        origin: Origin, code: Int32, extendedCode: Int32, message: String, operation: String,
        path: String, side: Side = .writer
    ) {
        self.origin = origin
        self.code = code
        self.extendedCode = extendedCode
        self.message = message
        self.operation = operation
        self.path = path
        self.side = side
    }

    public var description: String {
        let name = origin == .sqlite ? "SQLite \(code)/\(extendedCode)" : "errno \(code)"
        return "\(path): \(operation): \(message) (\(name)); \(advice)"
    }

    public var advice: String {
        switch side {
        case .writer: writerAdvice
        case .reader: readerAdvice
        case .export: exportAdvice
        }
    }

    private var exportAdvice: String {
        switch code {
        case 17: "choose another name: nothing is replaced"  // EEXIST
        case 2, 20: "make the folder for it, or choose one that is there"  // ENOENT, ENOTDIR
        case 21: "name a file in this folder, not the folder"  // EISDIR
        case 28, 122: "free space on this file system, or export to another"  // ENOSPC, EDQUOT
        case 13, 30: "export to where you may write"  // EACCES, EROFS
        default: "look at where the file is to be, or export to another place"
        }
    }

    private var readerAdvice: String {
        if isFull { return "free space on this file system; nothing in the journal was changed" }
        if isReadOnly {
            return "do it as a user who may; nothing in the journal was changed"
        }
        if isDamage {
            return "nothing was changed; busbard checks the file when it starts, and puts it aside "
                + "if it is damaged"
        }
        return "check the path and who may read it, and whether busbard has made a journal there"
    }

    private var writerAdvice: String {
        if isFull { return "free space on this file system; what is lost meanwhile is counted" }
        if isReadOnly { return "make the directory writable; what is lost meanwhile is counted" }
        if isDamage { return "the file is put aside in quarantine/ and a new one begun" }
        return "check the card and the directory's owner; it is tried again every second"
    }

    /// No space, or the file has reached its own limit.
    public var isFull: Bool {
        origin == .sqlite ? code == 13 : code == 28 || code == 122  // SQLITE_FULL, ENOSPC, EDQUOT
    }

    public var isReadOnly: Bool {
        origin == .sqlite ? code == 8 : code == 30 || code == 13  // SQLITE_READONLY, EROFS, EACCES
    }

    /// Whether another process keeps the state directory.
    public var isHeldElsewhere: Bool {
        origin == .system && operation == "flock" && code == 11  // EWOULDBLOCK
    }

    /// Whether the file's content, rather than its surroundings, is what is wrong: waiting and
    /// trying again then helps nothing.
    public var isDamage: Bool {
        guard origin == .sqlite else { return false }
        switch code {
        // ERROR from a statement of ours that always prepares means that the schema is not ours;
        // CONSTRAINT means that a number was there already; then CORRUPT, MISMATCH, FORMAT, NOTADB.
        case 1, 11, 19, 20, 24, 26: return true
        // A page that cannot be read: IOERR_READ, IOERR_SHORT_READ, IOERR_CORRUPTFS.
        case 10: return [266, 522, 8458].contains(extendedCode)
        default: return false
        }
    }
}
