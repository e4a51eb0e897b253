import Glibc

/// What this process has had written to disks.
public enum ProcessWrites {
    /// In bytes since its start, as the kernel counts the pages that it made dirty; files in memory
    /// do not count. Nil where the kernel does not tell.
    public static func bytes() -> Int64? {
        let file = unsafe open("/proc/self/io", O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return nil }
        defer { close(file) }
        // Seven lines of a name and a number.
        var text = [UInt8](repeating: 0, count: 1_024)
        let count = unsafe text.withUnsafeMutableBytes {
            unsafe read(file, $0.baseAddress, $0.count)
        }
        guard count > 0 else { return nil }
        return bytes(in: String(decoding: text[..<count], as: UTF8.self))
    }

    static func bytes(in text: String) -> Int64? {
        for line in text.split(separator: "\n") where line.hasPrefix("write_bytes: ") {
            return Int64(line.dropFirst(13))
        }
        return nil
    }
}
