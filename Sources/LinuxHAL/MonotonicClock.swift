import CLinuxHAL
import Glibc
public import HAL
public import Units

/// The kernel's clocks.
///
/// Rules run on CLOCK_MONOTONIC, which nobody can set. Its origin is the boot, so an `Instant`
/// means nothing after a restart. Wall time is for records only.
public struct MonotonicClock: Clock, Sendable {
    /// Whether the wall clock was synchronised at any time in this run: a clock that was right and
    /// lost its source is better than one that never was (a Raspberry Pi has no battery clock).
    private var wasSynced = false

    public init() {}

    public func now() -> Instant {
        let time = Self.read(CLOCK_MONOTONIC)
        return Instant(Int64(time.tv_sec) * 1_000 + Int64(time.tv_nsec) / 1_000_000)
    }

    public mutating func wall() -> WallTime {
        let time = Self.read(CLOCK_REALTIME)
        let milliseconds = Int64(time.tv_sec) * 1_000 + Int64(time.tv_nsec) / 1_000_000
        return WallTime(milliseconds: milliseconds, quality: quality())
    }

    /// Sleeps until `instant` has come; returns at once when it has. A signal does not shorten it.
    /// The only sleep in Busbar: everything else is told the time.
    public func sleep(until instant: Instant) {
        var deadline = timespec(
            tv_sec: time_t(instant.rawValue / 1_000),
            tv_nsec: Int(instant.rawValue % 1_000) * 1_000_000)
        var result: Int32
        repeat {
            result = clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &deadline, nil)
        } while result == EINTR
        precondition(result == 0, "clock_nanosleep takes any deadline from 0 on")
    }

    private mutating func quality() -> ClockQuality {
        if busbar_wall_clock_is_synced() == 1 {
            wasSynced = true
            return .synced
        }
        return wasSynced ? .holdover : .unsynced
    }

    private static func read(_ clock: clockid_t) -> timespec {
        var time = timespec()
        let result = clock_gettime(clock, &time)
        precondition(result == 0, "these clocks are in every Linux")
        return time
    }
}
