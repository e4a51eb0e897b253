import Glibc
import Synchronization

/// Lines to a descriptor that somebody may have stopped reading. Writing one never waits: a line
/// that finds no room is dropped and counted, and the next one that does is preceded by the count.
///
/// O_NONBLOCK on the descriptor itself would also change it for every other process that has it, so
/// a pipe or a terminal is opened a second time and a socket (systemd's journal) is asked for each
/// line. A regular file is never full in this sense.
public final class LogStream: Sendable {
    /// What a pipe takes whole or not at all (PIPE_BUF). The end of a longer line is cut off.
    static let lineBytes = 4_096

    private enum Kind { case file, socket, reopened }

    private let descriptor: Int32
    private let kind: Kind
    private let dropped = Mutex<UInt64>(0)

    /// The descriptor stays the caller's and must stay open.
    public init(descriptor: Int32) {
        var status = stat()
        let format = fstat(descriptor, &status) == 0 ? status.st_mode & S_IFMT : S_IFREG
        let isWaitedFor = format == S_IFIFO || format == S_IFCHR
        let own =
            isWaitedFor
            ? open("/proc/self/fd/\(descriptor)", O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC) : -1
        self.descriptor = own >= 0 ? own : descriptor
        kind = own >= 0 ? .reopened : format == S_IFSOCK ? .socket : .file
    }

    deinit {
        if kind == .reopened { close(descriptor) }
    }

    /// Writes `text` and a line feed, if there is room now. Any thread.
    public func write(line text: String) {
        dropped.withLock { dropped in
            if dropped > 0 {
                guard put("(\(dropped) lines were dropped here: nobody read them)") else {
                    dropped += 1
                    return
                }
                dropped = 0
            }
            if !put(text) { dropped += 1 }
        }
    }

    private func put(_ text: String) -> Bool {
        let bytes = Array(text.utf8.prefix(Self.lineBytes - 1)) + [UInt8(ascii: "\n")]
        return bytes.withUnsafeBytes { bytes in
            if kind == .socket {
                let flags = Int32(MSG_DONTWAIT) | Int32(MSG_NOSIGNAL)
                return send(descriptor, bytes.baseAddress, bytes.count, flags) > 0
            }
            // A terminal that may not be opened again, as after su: asked first, and one line is
            // less than what it then has room for.
            var watched = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
            guard poll(&watched, 1, 0) > 0 else { return false }
            return Glibc.write(descriptor, bytes.baseAddress, bytes.count) > 0
        }
    }
}
