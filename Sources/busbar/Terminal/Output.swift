import Glibc

/// The standard streams, by `write`: nothing is left in a buffer when the process ends.
enum Output {
    static func lines(_ lines: [String]) {
        text(lines.map { $0 + "\n" }.joined())
    }

    static func text(_ text: String) { bytes(Array(text.utf8), to: STDOUT_FILENO) }

    static func error(_ line: String) { bytes(Array((line + "\n").utf8), to: STDERR_FILENO) }

    static func bytes(_ bytes: [UInt8], to descriptor: Int32) {
        var written = 0
        while written < bytes.count {
            let count = unsafe bytes.withUnsafeBytes { bytes in
                unsafe write(descriptor, bytes.baseAddress! + written, bytes.count - written)
            }
            // Whoever read our output has gone: there is nobody left to tell.
            if count < 0, errno != EINTR { exit(1) }
            if count > 0 { written += count }
        }
    }
}
