import Glibc

/// A small file that is replaced as a whole: after a power cut it holds the old bytes or the new
/// ones, never a mixture.
///
/// The new bytes go to a spare beside it, which is synced and then takes the name. The spare has
/// the file's size and is kept between the writes, so that replacing needs no free block: a full
/// disk must not lose a lockout.
struct StateFile {
    let path: String
    private let directory: String
    private var sparePath: String { path + ".spare" }

    init(_ name: String, in directory: String) {
        path = directory + "/" + name
        self.directory = directory
    }

    enum Content {
        case missing
        /// Something is there, or may be, and cannot be read.
        case unreadable(JournalError)
        case bytes([UInt8])
    }

    /// Reads the whole file; one byte more than `limit` tells that it is too long.
    func read(limit: Int) -> Content {
        let file = open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else {
            return errno == ENOENT ? .missing : .unreadable(failure("open"))
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
                return .unreadable(failure("read"))
            }
            count += got
        }
        return .bytes(Array(bytes[0..<count]))
    }

    /// Replaces the content. When this returns, power loss cannot bring the old content back.
    func replace(with bytes: [UInt8]) throws(JournalError) {
        try writeSpare(bytes)
        guard rename(sparePath, path) == 0 else { throw failure("rename") }
        try Self.sync(directory: directory)
        // A missing spare costs only the promise for the next write on a full disk, so a failure
        // to make one is not an error of this write.
        try? writeSpare([UInt8](repeating: 0, count: bytes.count))
    }

    private func writeSpare(_ bytes: [UInt8]) throws(JournalError) {
        let file = open(sparePath, O_WRONLY | O_CREAT | O_CLOEXEC, 0o640)
        guard file >= 0 else { throw failure("open") }
        defer { close(file) }
        var count = 0
        while count < bytes.count {
            let put = bytes.withUnsafeBytes { buffer in
                write(file, buffer.baseAddress! + count, buffer.count - count)
            }
            if put < 0 {
                if errno == EINTR { continue }
                throw failure("write")
            }
            count += put
        }
        // After the bytes, so that blocks which are there stay there.
        guard ftruncate(file, off_t(bytes.count)) == 0 else { throw failure("ftruncate") }
        guard fsync(file) == 0 else { throw failure("fsync") }
    }

    /// Makes names in the directory durable.
    static func sync(directory: String) throws(JournalError) {
        let file = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard file >= 0 else { throw systemError("open", path: directory) }
        defer { close(file) }
        guard fsync(file) == 0 else { throw systemError("fsync", path: directory) }
    }

    private func failure(_ operation: String) -> JournalError {
        systemError(operation, path: path)
    }
}

/// The error that errno tells of now.
func systemError(_ operation: String, path: String) -> JournalError {
    let code = errno
    return JournalError(
        origin: .system, code: code, extendedCode: code, message: String(cString: strerror(code)),
        operation: operation, path: path)
}
