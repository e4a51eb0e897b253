import Glibc
import LinuxHAL

/// Lines for whoever started the bridge.
enum Log {
    private static let stream = LogStream(descriptor: STDERR_FILENO)

    /// Never waits: a log that nobody reads must not stop the bridge.
    static func line(_ text: String) { stream.write(line: text) }
}
