import Glibc
import Wire

/// What the uplink keeps between two runs, and where it tells about itself.
struct StateDirectory {
    static let cursorName = UplinkCursor.fileName
    static let statusName = "status.json"
    static let lockName = "uplink.lock"

    let path: String
    let statusPath: String

    /// - Parameter status: where the status goes; nil for the state directory itself.
    /// - Throws: if nothing can be written there: without a cursor all would be sent again and
    ///   again. Or if another uplink works there.
    init(path: String, status: String?) throws(StartError) {
        self.path = path
        statusPath = status ?? path
        try Self.prepare(path)
        try Self.lock(path)
        guard let status, status != path else { return }
        try Self.prepare(status)
        // One of before would be taken for the present one where busbard is told the wrong folder.
        unlink("\(path)/\(Self.statusName)")
    }

    private static func prepare(_ path: String) throws(StartError) {
        if mkdir(path, 0o755) != 0, errno != EEXIST {
            throw StartError("\(path): \(String(cString: strerror(errno)))")
        }
        guard access(path, W_OK) == 0 else {
            throw StartError(
                "\(path): \(String(cString: strerror(errno))): it must belong to the user of "
                    + "busbar-uplink")
        }
    }

    /// Keeps others out until this process ends, however it does: of two uplinks with one cursor
    /// each throws the other off the broker, and writes its place over the other's.
    private static func lock(_ path: String) throws(StartError) {
        let name = "\(path)/\(lockName)"
        // Open as long as the process: the kernel's lock goes with it.
        let file = open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard file >= 0 else {
            throw StartError(
                "\(name): \(String(cString: strerror(errno))): it must be a file that the user of "
                    + "busbar-uplink may write")
        }
        // Of the kind that tells who holds it.
        var lock = flock()
        lock.l_type = Int16(F_WRLCK)
        lock.l_whence = Int16(SEEK_SET)
        guard fcntl(file, F_SETLK, &lock) != 0 else { return }
        let code = errno
        guard code == EACCES || code == EAGAIN else {
            throw StartError("\(name): lock: \(String(cString: strerror(code)))")
        }
        let isKnown = fcntl(file, F_GETLK, &lock) == 0 && lock.l_pid > 0
        throw StartError(
            "\(path): another busbar-uplink\(isKnown ? " (process \(lock.l_pid))" : "") works "
                + "there: stop it first (systemctl stop busbar-uplink), or give this one another "
                + "--state-dir")
    }

    /// - Returns: nil if there is none, or none that can be read: then everything that is still in
    ///   the journal is sent again, which costs duplicates and loses nothing.
    func readCursor() -> UplinkCursor? {
        guard let bytes = SmallFile.read(path + "/" + Self.cursorName, limit: 4_096) else {
            return nil
        }
        guard let cursor = UplinkCursor(text: String(decoding: bytes, as: UTF8.self)) else {
            Log.line(
                "\(path)/\(Self.cursorName) is damaged: what is still in the journal is sent again")
            return nil
        }
        return cursor
    }

    /// Durable when it returns nil; else why it is not.
    func save(_ cursor: UplinkCursor) -> String? {
        SmallFile.replace(
            path + "/" + Self.cursorName, with: Array(cursor.text.utf8), isDurable: true)
    }

    func save(status: [UInt8]) -> String? {
        SmallFile.replace(statusPath + "/" + Self.statusName, with: status, isDurable: false)
    }
}

/// A small file that is replaced whole: a reader, or a power cut, finds the old bytes or the new.
enum SmallFile {
    /// - Returns: nil if there is none, if it cannot be read, or if it is longer than `limit`.
    static func read(_ path: String, limit: Int) -> [UInt8]? {
        let file = open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return nil }
        defer { close(file) }
        var bytes = [UInt8](repeating: 0, count: limit + 1)
        var count = 0
        while count < bytes.count {
            let got = bytes.withUnsafeMutableBytes {
                Glibc.read(file, $0.baseAddress! + count, $0.count - count)
            }
            if got == 0 { break }
            if got < 0, errno != EINTR { return nil }
            count += max(0, got)
        }
        return count <= limit ? Array(bytes[..<count]) : nil
    }

    /// - Returns: nil when it is done; else what failed.
    static func replace(_ path: String, with bytes: [UInt8], isDurable: Bool) -> String? {
        func failure(_ step: String) -> String {
            "\(path): \(step): \(String(cString: strerror(errno)))"
        }
        let spare = path + ".new"
        // busbard, another user, reads it; there is no secret in it.
        let file = open(spare, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
        guard file >= 0 else { return failure("open") }
        defer { close(file) }
        var count = 0
        while count < bytes.count {
            let put = bytes.withUnsafeBytes {
                write(file, $0.baseAddress! + count, $0.count - count)
            }
            if put < 0, errno != EINTR { return failure("write") }
            count += max(0, put)
        }
        if isDurable, fsync(file) != 0 { return failure("fsync") }
        guard rename(spare, path) == 0 else { return failure("rename") }
        guard isDurable else { return nil }
        let folder = path.lastIndex(of: "/").map { String(path[..<$0]) } ?? "."
        let directory = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard directory >= 0 else { return failure("open the directory") }
        defer { close(directory) }
        return fsync(directory) == 0 ? nil : failure("fsync the directory")
    }
}
