import HAL
import LinuxHAL
import Testing
import Units

@Suite("Monotonic clock")
struct ClockTests {
    @Test("never runs backwards")
    func neverRunsBackwards() {
        let clock = MonotonicClock()
        var last = clock.now()
        for _ in 0..<10_000 {
            let now = clock.now()
            #expect(now >= last)
            last = now
        }
    }

    @Test(
        "sleeps until the instant, never less",
        arguments: [1, 2, 20, 1_001] as [Int64])
    func sleepsUntilTheInstant(milliseconds: Int64) {
        let clock = MonotonicClock()
        let deadline = clock.now() + Milliseconds(milliseconds)
        clock.sleep(until: deadline)
        // No upper bound: how late a busy machine wakes us is not this code's doing.
        #expect(clock.now() >= deadline)
    }

    @Test("returns at once from a deadline that has passed", arguments: [0, 1, 1_000] as [Int64])
    func returnsAtOnce(rawValue: Int64) {
        let clock = MonotonicClock()
        let before = clock.now()
        clock.sleep(until: Instant(rawValue))
        #expect(clock.now() - before < .seconds(5))
    }

    @Test("tells wall time after the year 2020, and never says holdover before it was synchronised")
    func wallTime() {
        var clock = MonotonicClock()
        let wall = clock.wall()
        #expect(wall.milliseconds > 1_577_836_800_000)
        #expect(wall.quality != .holdover)
    }
}
