import Glibc
import LinuxHAL

/// Lines for whoever started the daemon: systemd's journal, or a terminal.
enum Log {
    private static let stream = LogStream(descriptor: STDERR_FILENO)

    /// Never waits: a log that nobody reads must not stop the answers, or SIGTERM.
    static func line(_ text: String) { stream.write(line: text) }

    /// The answer to a question on the command line, before anything runs.
    static func out(_ text: String) {
        let bytes = Array((text + "\n").utf8)
        _ = unsafe bytes.withUnsafeBytes { bytes in
            unsafe Glibc.write(STDOUT_FILENO, bytes.baseAddress, bytes.count)
        }
    }
}
