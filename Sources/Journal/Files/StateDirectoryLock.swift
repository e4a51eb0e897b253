import Glibc

/// Held by the one process that keeps the journal: two writers would use the same numbers, and two
/// controllers would overwrite each other's lockout.
///
/// A daemon takes it before anything else and hands it to its journal; it is let go with the last
/// reference to it, and by the kernel when the process dies in whatever way.
public final class StateDirectoryLock: Sendable {
    private let file: Int32

    /// Takes the lock of `directory`, and makes the directory if only its parent is there.
    ///
    /// - Throws: with `isHeldElsewhere` if another process has it, else why the lock's file cannot
    ///   be opened.
    public init(directory: String) throws(JournalError) {
        try StateDirectory(path: directory).make()
        let path = directory + "/journal.lock"
        file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o640)
        guard file >= 0 else { throw systemError("open", path: path) }
        // From here on `deinit` closes the file, also when this throws.
        guard flock(file, LOCK_EX | LOCK_NB) == 0 else {
            let code = errno
            throw JournalError(
                origin: .system, code: code, extendedCode: code,
                message: "another process keeps the journal here; stop it first",
                operation: "flock", path: path)
        }
    }

    deinit {
        guard file >= 0 else { return }
        // Unlocked by name: a child that is between fork and exec still has the open file. Where
        // the lock was never had, this does nothing.
        flock(file, LOCK_UN)
        close(file)
    }
}
