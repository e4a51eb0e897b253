import Glibc

/// The files of the machine that Busbar runs on.
public struct LinuxStorage: StateStorage {
    public init() {}

    public var databaseFileSystem: String? { nil }

    public func read(_ path: String, limit: Int) -> StoredContent {
        let file = open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else {
            return errno == ENOENT ? .missing : .unreadable(systemError("open", path: path))
        }
        defer { close(file) }
        var bytes = [UInt8](repeating: 0, count: limit + 1)
        var count = 0
        while count < bytes.count {
            let got = bytes.withUnsafeMutableBytes { buffer in
                Glibc.read(file, buffer.baseAddress! + count, buffer.count - count)
            }
            if got == 0 { break }
            if got < 0 {
                if errno == EINTR { continue }
                return .unreadable(systemError("read", path: path))
            }
            count += got
        }
        return .bytes(Array(bytes[0..<count]))
    }

    public func overwrite(_ path: String, with bytes: [UInt8]) throws(JournalError) {
        let file = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0o640)
        guard file >= 0 else { throw systemError("open", path: path) }
        defer { close(file) }
        var count = 0
        while count < bytes.count {
            let put = bytes.withUnsafeBytes { buffer in
                write(file, buffer.baseAddress! + count, buffer.count - count)
            }
            if put < 0 {
                if errno == EINTR { continue }
                throw systemError("write", path: path)
            }
            count += put
        }
        // After the bytes, so that blocks which are there stay there.
        guard ftruncate(file, off_t(bytes.count)) == 0 else {
            throw systemError("ftruncate", path: path)
        }
        guard fsync(file) == 0 else { throw systemError("fsync", path: path) }
    }

    public func preallocate(_ path: String, bytes: Int64) throws(JournalError) {
        let file = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0o640)
        guard file >= 0 else { throw systemError("open", path: path) }
        defer { close(file) }
        // It returns its errno instead of setting it.
        let code = posix_fallocate(file, 0, off_t(bytes))
        if code != 0 {
            unlink(path)
            throw JournalError(errno: code, operation: "posix_fallocate", path: path)
        }
        guard fsync(file) == 0 else { throw systemError("fsync", path: path) }
    }

    public func rename(_ from: String, to new: String) throws(JournalError) {
        guard Glibc.rename(from, new) == 0 else { throw systemError("rename", path: from) }
    }

    public func remove(_ path: String) throws(JournalError) {
        guard unlink(path) == 0 else { throw systemError("unlink", path: path) }
    }

    public func makeDirectory(_ path: String) throws(JournalError) -> Bool {
        if mkdir(path, 0o750) == 0 { return true }
        guard errno == EEXIST else { throw systemError("mkdir", path: path) }
        return false
    }

    public func sync(directory: String) throws(JournalError) {
        let file = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard file >= 0 else { throw systemError("open", path: directory) }
        defer { close(file) }
        guard fsync(file) == 0 else { throw systemError("fsync", path: directory) }
    }

    /// Only `lstat`: opening the database with anything but SQLite would drop SQLite's locks, as
    /// POSIX has it, when that file is closed.
    public func inspect(_ path: String) -> StoredKind {
        var status = stat()
        guard lstat(path, &status) == 0 else { return errno == ENOENT ? .missing : .other }
        return status.st_mode & S_IFMT == S_IFREG ? .file(bytes: Int64(status.st_size)) : .other
    }

    public func names(in directory: String) -> [String] {
        guard let listing = opendir(directory) else { return [] }
        defer { closedir(listing) }
        var names: [String] = []
        while let entry = readdir(listing) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names
    }

    public func lock(_ path: String) throws(JournalError) -> UInt64 {
        let file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o640)
        guard file >= 0 else { throw systemError("open", path: path) }
        guard flock(file, LOCK_EX | LOCK_NB) == 0 else {
            let code = errno
            close(file)
            throw JournalError.heldElsewhere(path, code: code)
        }
        return UInt64(file)
    }

    public func unlock(_ token: UInt64) {
        let file = Int32(token)
        // Unlocked by name: a child that is between fork and exec still has the open file.
        flock(file, LOCK_UN)
        close(file)
    }

    public func freeBytes(at path: String) -> Int64? {
        var status = statvfs()
        guard statvfs(path, &status) == 0 else { return nil }
        return Int64(clamping: UInt64(status.f_bavail) &* UInt64(status.f_frsize))
    }
}

/// The error that errno tells of now.
func systemError(_ operation: String, path: String) -> JournalError {
    JournalError(errno: errno, operation: operation, path: path)
}

extension JournalError {
    public init(errno code: Int32, operation: String, path: String) {
        self.init(
            origin: .system, code: code, extendedCode: code,
            message: String(cString: strerror(code)), operation: operation, path: path)
    }

    public static func heldElsewhere(_ path: String, code: Int32) -> JournalError {
        JournalError(
            origin: .system, code: code, extendedCode: code,
            message: "another process keeps the journal here; stop it first",
            operation: "flock", path: path)
    }
}
