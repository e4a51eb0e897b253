import Glibc

/// Lines for whoever started the daemon: systemd's journal, or a terminal.
enum Log {
    static func line(_ text: String) { write(text + "\n", to: STDERR_FILENO) }
    static func out(_ text: String) { write(text + "\n", to: STDOUT_FILENO) }

    /// What cannot be written is let go: nobody reads, and a log must not stop anything.
    private static func write(_ text: String, to descriptor: Int32) {
        let bytes = Array(text.utf8)
        _ = unsafe bytes.withUnsafeBytes { bytes in
            unsafe Glibc.write(descriptor, bytes.baseAddress, bytes.count)
        }
    }
}
