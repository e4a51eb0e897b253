/// Held by the one process that keeps the journal: two writers would use the same numbers, and two
/// controllers would overwrite each other's lockout.
///
/// A daemon takes it before anything else and hands it to its journal; it is let go with the last
/// reference to it, and by the kernel when the process dies in whatever way.
public final class StateDirectoryLock: Sendable {
    private let token: UInt64
    private let storage: any StateStorage

    /// Takes the lock of `directory`, and makes the directory if only its parent is there.
    ///
    /// - Throws: with `isHeldElsewhere` if another process has it, else why the lock's file cannot
    ///   be opened.
    public init(
        directory: String, storage: any StateStorage = LinuxStorage()
    ) throws(JournalError) {
        self.storage = storage
        try StateDirectory(path: directory, storage: storage).make()
        token = try storage.lock(directory + "/journal.lock")
    }

    deinit { storage.unlock(token) }
}
