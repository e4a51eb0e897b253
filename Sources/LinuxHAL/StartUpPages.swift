import Glibc

extension ProcessMemory {
    /// Lets go of the program text that start-up needed: the site's reader, the JSON parser, the
    /// dynamic linker's work. What runs from now on comes back page by page from the file cache.
    ///
    /// The kernel maps text in large pieces around each fault, so that after start-up nearly all of
    /// a statically linked program is resident: 6.6 of 6.6 MB of busbard's text were seen, of which
    /// an idle daemon uses a third. To be called before `lock` and before the first tick, since a
    /// page that comes back is a fault.
    ///
    /// Only executable mappings are let go. They are as they stand in the file; read-only data may
    /// have been relocated before it was made read-only, and would be lost.
    public static func releaseStartUpText() {
        guard let maps = fopen("/proc/self/maps", "r") else { return }
        defer { fclose(maps) }
        var line = [CChar](repeating: 0, count: 512)
        while fgets(&line, Int32(line.count), maps) != nil {
            let text = String(
                decoding: line.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
            guard let (start, length) = executableFile(in: text) else { continue }
            // What the kernel will not let go stays; nothing depends on it.
            madvise(UnsafeMutableRawPointer(bitPattern: start), length, MADV_DONTNEED)
        }
    }

    /// `55d0c8a4d000-55d0c90b5000 r-xp 00100000 08:01 1234  /usr/bin/busbard`
    static func executableFile(in line: String) -> (start: UInt, length: Int)? {
        let fields = line.split(separator: " ", omittingEmptySubsequences: true)
        guard fields.count >= 6, fields[1] == "r-xp", fields[5].hasPrefix("/") else { return nil }
        let ends = fields[0].split(separator: "-").map { UInt($0, radix: 16) }
        guard ends.count == 2, let start = ends[0], let end = ends[1], start < end
        else { return nil }
        return (start, Int(end - start))
    }
}
