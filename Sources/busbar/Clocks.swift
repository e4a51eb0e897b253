import Glibc

/// The clocks of whoever sits at the terminal.
enum Clocks {
    /// For spans only.
    static func monotonicMilliseconds() -> Int64 { monotonicMicroseconds() / 1_000 }

    /// For spans only.
    static func monotonicMicroseconds() -> Int64 {
        var time = timespec()
        unsafe clock_gettime(CLOCK_MONOTONIC, &time)
        return Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1_000
    }

    /// Since 1970-01-01 UTC.
    static func unixMilliseconds() -> Int64 {
        var time = timespec()
        unsafe clock_gettime(CLOCK_REALTIME, &time)
        return Int64(time.tv_sec) * 1_000 + Int64(time.tv_nsec) / 1_000_000
    }

    /// `2026-03-04 10:11:12.123` in the terminal's time zone.
    static func wallTimeText(_ unixMilliseconds: Int64) -> String {
        var seconds = time_t(unixMilliseconds / 1_000)
        var parts = unsafe tm()
        guard unsafe localtime_r(&seconds, &parts) != nil else { return "–" }
        func padded(_ number: Int, _ width: Int) -> String {
            let digits = String(number)
            return String(repeating: "0", count: max(0, width - digits.count)) + digits
        }
        let date = [
            unsafe padded(Int(parts.tm_year) + 1_900, 4), unsafe padded(Int(parts.tm_mon) + 1, 2),
            unsafe padded(Int(parts.tm_mday), 2),
        ].joined(separator: "-")
        let time = unsafe [parts.tm_hour, parts.tm_min, parts.tm_sec].map { padded(Int($0), 2) }
            .joined(separator: ":")
        return "\(date) \(time).\(padded(Int(unixMilliseconds % 1_000), 3))"
    }
}
