import Glibc

/// What this process has used up to now.
struct Cost {
    private var seconds: Double
    private var processorSeconds: Double
    /// Of pages that the kernel was given to write to a disk: what a card sees, but for the file
    /// system's own.
    private var bytes: Int

    static func now() -> Cost {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        var usage = rusage()
        getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
        let user = Double(usage.ru_utime.tv_sec) + Double(usage.ru_utime.tv_usec) / 1e6
        let system = Double(usage.ru_stime.tv_sec) + Double(usage.ru_stime.tv_usec) / 1e6
        return Cost(
            seconds: Double(time.tv_sec) + Double(time.tv_nsec) / 1e9,
            processorSeconds: user + system, bytes: written())
    }

    func since(_ before: Cost) -> Cost {
        Cost(
            seconds: seconds - before.seconds,
            processorSeconds: processorSeconds - before.processorSeconds,
            bytes: bytes - before.bytes)
    }

    func say(events: Int, commits: Int64) {
        print(
            "{\"events\":\(events),\"seconds\":\(seconds),\"cpu_seconds\":\(processorSeconds)"
                + ",\"bytes\":\(bytes),\"commits\":\(commits)}")
    }

    private static func written() -> Int {
        guard let file = fopen("/proc/self/io", "r") else { return 0 }
        defer { fclose(file) }
        var buffer = [CChar](repeating: 0, count: 128)
        while fgets(&buffer, Int32(buffer.count), file) != nil {
            let line = String(decoding: buffer.prefix { $0 != 0 }.map(UInt8.init), as: UTF8.self)
            guard line.hasPrefix("write_bytes: ") else { continue }
            return Int(line.dropFirst("write_bytes: ".count).dropLast()) ?? 0
        }
        return 0
    }
}
