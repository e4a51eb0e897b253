import Glibc

/// A pipe by which one thread wakes another that waits in `poll(2)`, or here.
public final class Doorbell: Sendable {
    /// Readable once it was rung: for `poll` beside other descriptors.
    public let descriptor: Int32
    /// For a library that rings by itself, with a byte.
    public let button: Int32

    /// - Throws: when there are no descriptors left.
    public init() throws(SystemError) {
        var ends: [Int32] = [0, 0]
        guard pipe(&ends) == 0 else {
            throw SystemError(
                "make a pipe between two threads", number: errno,
                advice: "raise the limit of open files")
        }
        for end in ends {
            _ = fcntl(end, F_SETFD, FD_CLOEXEC)
            _ = fcntl(end, F_SETFL, O_NONBLOCK)
        }
        descriptor = ends[0]
        button = ends[1]
    }

    deinit {
        close(descriptor)
        close(button)
    }

    public func ring() {
        var byte: UInt8 = 1
        // A full pipe has been rung often enough.
        _ = write(button, &byte, 1)
    }

    /// Takes out what is in the pipe.
    public func silence() {
        var bytes = [UInt8](repeating: 0, count: 64)
        while read(descriptor, &bytes, bytes.count) == bytes.count {}
    }

    /// Waits until one of these is readable, or the time is over.
    public static func wait(for descriptors: [Int32], milliseconds: Int32) {
        var watched = descriptors.map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
        _ = poll(&watched, nfds_t(watched.count), milliseconds)
    }

    /// Waits until it is rung, and silences it.
    public func wait() {
        var watched = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        while poll(&watched, 1, -1) < 0 && errno == EINTR {}
        silence()
    }
}
