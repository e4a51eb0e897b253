/// Where the journal keeps its files: the disk of the device, or one of a test. The small files go
/// through these calls, the database through SQLite's VFS of the same disk.
///
/// Names are whole paths. What is written is durable only after `sync`, and a new, renamed or
/// removed name only after `sync(directory:)`.
public protocol StateStorage: Sendable {
    /// The SQLite VFS that reaches the same files; nil for SQLite's own.
    var databaseFileSystem: String? { get }

    /// Reads from the beginning, at most `limit` bytes and one more, which tells that there are
    /// more.
    func read(_ path: String, limit: Int) -> StoredContent
    /// Makes the file if it is not there, overwrites it in place, cuts it to the new length, and
    /// syncs its content.
    func overwrite(_ path: String, with bytes: [UInt8]) throws(JournalError)
    /// Makes a file of so many bytes for which the disk has set its blocks aside, durably; no file
    /// if it throws.
    func preallocate(_ path: String, bytes: Int64) throws(JournalError)
    func rename(_ from: String, to new: String) throws(JournalError)
    func remove(_ path: String) throws(JournalError)
    /// - Returns: false if it was there already.
    func makeDirectory(_ path: String) throws(JournalError) -> Bool
    func sync(directory: String) throws(JournalError)
    func inspect(_ path: String) -> StoredKind
    /// The names in a directory, without its path; none if there is no such directory.
    func names(in directory: String) -> [String]
    /// Takes the lock that one process has at a time.
    ///
    /// - Returns: what `unlock` wants.
    func lock(_ path: String) throws(JournalError) -> UInt64
    func unlock(_ token: UInt64)
    /// Bytes that this process may still write there; nil where nobody says.
    func freeBytes(at path: String) -> Int64?
}

/// What was read from a small file.
public enum StoredContent: Sendable {
    case missing
    /// Something is there, or may be, and cannot be read.
    case unreadable(JournalError)
    case bytes([UInt8])
}

/// What stands under a name.
public enum StoredKind: Hashable, Sendable {
    case missing
    case file(bytes: Int64)
    /// A directory, a link, a device, or something that could not be looked at.
    case other
}

/// A small file that is replaced as a whole: after a power cut it holds the old bytes or the new
/// ones, never a mixture.
///
/// The new bytes go to a spare beside it, which is synced and then takes the name. The spare has
/// the file's size and is kept between the writes, so that replacing needs no free block: a full
/// disk must not lose a lockout.
public struct StateFile: Sendable {
    public let path: String
    private let directory: String
    private let storage: any StateStorage
    private var sparePath: String { path + ".spare" }

    public init(_ name: String, in directory: String, storage: any StateStorage = LinuxStorage()) {
        path = directory + "/" + name
        self.directory = directory
        self.storage = storage
    }

    init(_ name: String, in directory: StateDirectory) {
        self.init(name, in: directory.path, storage: directory.storage)
    }

    /// Reads the whole file; one byte more than `limit` tells that it is too long.
    public func read(limit: Int) -> StoredContent { storage.read(path, limit: limit) }

    /// Replaces the content. When this returns, power loss cannot bring the old content back.
    public func replace(with bytes: [UInt8]) throws(JournalError) {
        try storage.overwrite(sparePath, with: bytes)
        try storage.rename(sparePath, to: path)
        try storage.sync(directory: directory)
        // A missing spare costs only the promise for the next write on a full disk, so a failure
        // to make one is not an error of this write.
        try? makeSpare(bytes.count)
    }

    /// Its name is synced too: else a power cut takes it away, and the disk may be full after it.
    private func makeSpare(_ size: Int) throws(JournalError) {
        try storage.overwrite(sparePath, with: [UInt8](repeating: 0, count: size))
        try storage.sync(directory: directory)
    }
}
