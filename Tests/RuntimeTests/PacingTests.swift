import HAL
import Runtime
import Testing
import Units

/// A clock that jumps to what it is told to wait for, plus the delay that the test has in mind.
struct FakeClock: PacingClock, ~Copyable {
    var time = Instant(1_000)
    var slept: [Int64] = []

    mutating func now() -> Instant { time }
    mutating func wall() -> WallTime { WallTime(milliseconds: 0, quality: .unsynced) }
    mutating func wait(until instant: Instant) {
        slept.append(instant.rawValue)
        if instant > time { time = instant }
    }
}

@Suite("Pacing")
struct PacingTests {
    struct Row: CustomTestStringConvertible, Sendable {
        let testDescription: String
        /// When the second tick starts; the first was on time at 1,000.
        let now: Int64
        let lateness: Pacing.Lateness?
        let nextDeadline: Int64
    }

    static let rows = [
        Row(
            testDescription: "a tick on its deadline is not late", now: 1_100, lateness: nil,
            nextDeadline: 1_200),
        Row(
            testDescription: "a tick 99 ms after its deadline misses none", now: 1_199,
            lateness: nil, nextDeadline: 1_200),
        Row(
            testDescription: "a tick on the deadline after its own misses that one", now: 1_200,
            lateness: Pacing.Lateness(gap: Milliseconds(200), missed: 1), nextDeadline: 1_300),
        Row(
            testDescription: "a gap of 250 ms misses one", now: 1_250,
            lateness: Pacing.Lateness(gap: Milliseconds(250), missed: 1), nextDeadline: 1_300),
        Row(
            testDescription: "a stop of an hour is skipped, not made up for", now: 3_601_000,
            lateness: Pacing.Lateness(gap: Milliseconds(3_600_000), missed: 35_999),
            nextDeadline: 3_601_100),
        Row(
            testDescription: "a suspend of 20 years saturates the count and keeps the raster",
            now: 631_152_001_050,
            lateness: Pacing.Lateness(gap: Milliseconds(631_152_000_050), missed: .max),
            nextDeadline: 631_152_001_100),
    ]

    @Test("The second tick of 100 ms", arguments: rows)
    func secondTick(row: Row) {
        var pacing = Pacing(period: Milliseconds(100), start: Instant(1_000))
        #expect(pacing.begin(at: Instant(1_000)) == nil)
        #expect(pacing.begin(at: Instant(row.now)) == row.lateness)
        #expect(pacing.deadline == Instant(row.nextDeadline))
    }

    /// Work that takes as long as the test says, and remembers when it was asked to run.
    struct Work: PacedWork, ~Copyable {
        var started: [Int64] = []
        var latenesses: [Pacing.Lateness?] = []
        let count: Int

        mutating func tick(at now: Instant, lateness: Pacing.Lateness?) -> Bool {
            started.append(now.rawValue)
            latenesses.append(lateness)
            return started.count < count
        }
    }

    struct Dog: Watchdog, ~Copyable {
        var meals = 0
        mutating func feed() { meals += 1 }
    }

    @Test("sleeps to absolute deadlines and feeds the watchdog only after a tick that came back")
    func runs() {
        var work = Work(count: 4)
        var clock = FakeClock()
        var dog = Dog()
        runPaced(&work, period: Milliseconds(100), clock: &clock, watchdog: &dog)
        #expect(work.started == [1_000, 1_100, 1_200, 1_300])
        #expect(clock.slept == [1_000, 1_100, 1_200, 1_300])
        #expect(work.latenesses.allSatisfy { $0 == nil })
        // The fourth tick ended the loop, and an ended loop feeds nothing.
        #expect(dog.meals == 3)
    }
}
