import CLinuxHAL
import Glibc

/// SIGTERM and SIGINT, as a descriptor instead of a handler.
///
/// A handler may interrupt any line and may call next to nothing. With the signals blocked and read
/// from a signalfd, a stop is an ordinary event for whoever waits on `descriptor`, and the loop is
/// never interrupted. SIGPIPE is ignored: a client that hung up is an error of that write.
///
/// A second signal while stopping changes nothing; SIGKILL stays for that, and it opens the relays
/// too, by the lease.
public struct StopSignal: ~Copyable {
    /// Readable when a stop is pending: for `poll` beside other descriptors.
    public let descriptor: Int32

    /// To be made first in `main`, before any thread: a thread started earlier would still take the
    /// signal the ordinary way, and the process would end with the relays' lease running.
    public init() throws(SystemError) {
        let result = busbar_stop_signal_open()
        guard result >= 0 else {
            throw SystemError(
                "watch for SIGTERM", number: -result, advice: "raise the limit of open files")
        }
        self.descriptor = result
    }

    deinit { close(descriptor) }

    /// Whether a stop was asked for since the last call. Never waits.
    public func wasAsked() -> Bool { busbar_stop_signal_take(descriptor) > 0 }

    /// Waits until a stop is asked for, or for `milliseconds` (-1: without end). True when it was.
    public func wait(milliseconds: Int32 = -1) -> Bool {
        var watched = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        while poll(&watched, 1, milliseconds) < 0 && errno == EINTR {}
        return wasAsked()
    }
}
