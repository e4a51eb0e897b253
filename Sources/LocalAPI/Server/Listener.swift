import Glibc

/// Why the local socket could not be served.
public struct ListenError: Error, Hashable, Sendable, CustomStringConvertible {
    public let description: String
    init(_ description: String) { self.description = description }
}

/// The listening end of a unix socket. Removes its file when it ends.
struct Listener: ~Copyable {
    let descriptor: Int32
    private let path: String

    /// - Throws: if the path is too long, if somebody already serves it, or if the system refuses.
    init(path: String, group: UInt32?) throws(ListenError) {
        guard var address = UnixAddress(path: path) else {
            throw ListenError(
                "cannot serve \(path): a socket path has 1 to \(UnixAddress.pathMax) bytes")
        }
        if let reason = SocketPath.prepareDirectory(of: path) {
            throw ListenError("cannot serve \(path): \(reason)")
        }
        // A file that nobody answers on is what a killed daemon left behind.
        if let other = try? Client(path: path) {
            other.hangUp()
            throw ListenError("cannot serve \(path): another busbard is answering there")
        }
        var status = stat()
        if lstat(path, &status) == 0 {
            // Whatever else stands there is somebody's file, a journal perhaps.
            guard status.st_mode & S_IFMT == S_IFSOCK else {
                throw ListenError(
                    "cannot serve \(path): a file that is no socket stands there; "
                        + "move it away or choose another path")
            }
            unlink(path)
        }
        let socket = Glibc.socket(AF_UNIX, UnixAddress.streamFlags, 0)
        guard socket >= 0 else { throw ListenError("cannot serve \(path): \(lastError())") }
        // The directory and these bits keep strangers out; roles are what the peer's ids say.
        let mask = umask(0o117)
        let bound = address.withPointer { bind(socket, $0, $1) }
        umask(mask)
        guard bound == 0, listen(socket, 128) == 0 else {
            let reason = lastError()
            close(socket)
            throw ListenError("cannot serve \(path): \(reason)")
        }
        if let group { _ = chown(path, uid_t.max, group) }
        descriptor = socket
        self.path = path
    }

    deinit {
        close(descriptor)
        unlink(path)
    }

    /// The next connection, not blocking; nil if none waits. `isExhausted` tells that there was one
    /// and no descriptor for it.
    func accept() -> (connection: Int32?, isExhausted: Bool) {
        let connection = Glibc.accept(descriptor, nil, nil)
        guard connection >= 0 else { return (nil, errno == EMFILE || errno == ENFILE) }
        _ = fcntl(connection, F_SETFL, O_NONBLOCK)
        _ = fcntl(connection, F_SETFD, FD_CLOEXEC)
        return (connection, false)
    }
}

/// `sockaddr_un`, as Swift needs it.
struct UnixAddress {
    static let pathMax = 107
    static let streamFlags =
        Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue) | Int32(SOCK_NONBLOCK.rawValue)

    private var address = sockaddr_un()

    /// Nil if the path is empty or too long.
    init?(path: String) {
        let bytes = Array(path.utf8)
        guard (1...Self.pathMax).contains(bytes.count) else { return nil }
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
    }

    mutating func withPointer(
        _ body: (UnsafePointer<sockaddr>, socklen_t) -> Int32
    ) -> Int32 {
        withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                body($0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
    }
}

/// The text of `errno`.
func lastError() -> String { String(cString: strerror(errno)) }
