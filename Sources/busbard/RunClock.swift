import HAL
import LinuxHAL
import Runtime
import Units

/// The monotonic clock, counted from the start of this process: what every `Instant` of a run
/// means.
struct RunClock: PacingClock, Sendable {
    private var kernel = MonotonicClock()
    /// The kernel's monotonic clock at this run's `Instant(0)`.
    let origin: Milliseconds

    init() { origin = MonotonicClock().now() - Instant(0) }

    func now() -> Instant { kernel.now() - origin }
    mutating func wall() -> HAL.WallTime { kernel.wall() }
    func wait(until instant: Instant) { kernel.sleep(until: instant + origin) }
}
