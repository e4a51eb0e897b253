import CrashDisk
import Events
import Glibc
import Journal
import Testing
import Units

/// Numbers that nothing will ever have: whoever reads the events in order waits for them, until the
/// journal says so. It says it once, whatever fails in between.
@Suite("Numbers that nothing has")
struct SkippedNumbersTests {
    @Test("those of refused commits are told once, with the first commit that is not refused")
    func refused() throws {
        let queue = try ReclaimTests.Queue(3)
        queue.disk.arm(.fromNowOn(EIO), at: 1, of: .sync)
        for second in Int64(1)...3 {
            let now = Instant(1_000 * second)
            #expect(
                error { try queue.journal.append([alarm(.flowLost), heating(1)], now: now) } != nil)
        }
        #expect(try queue.run.toldSkips() == [], "nothing can be told yet")
        queue.disk.disarm()
        try queue.journal.service(now: Instant(4_000))
        // Each attempt tried all that waited: one alarm and event more, and from the second on a
        // statement for each of the two lanes.
        let told = [#"{"lane":"alarm","from":4,"to":13}"#, #"{"lane":"event","from":2,"to":7}"#]
        #expect(try queue.run.skips() == told)
        #expect(try queue.run.toldSkips() == told)
        #expect(try queue.numbers() == [1, 2, 3, 14, 15, 16, 17, 18])
        #expect(try queue.numbers(.event) == [1, 8, 9, 10])

        try queue.journal.append([alarm(.gasLeak)], now: Instant(5_000))
        try queue.journal.farewell(now: Instant(6_000))
        _ = queue.run.open()
        #expect(try queue.run.toldSkips() == told, "it is told once")
    }

    @Test("after a kill the next start tells of them, with the rest of their block")
    func killed() throws {
        let queue = try ReclaimTests.Queue(3)
        queue.disk.arm(.fromNowOn(ENOSPC), at: 1)
        #expect(error { try queue.journal.append([alarm(.flowLost)], now: Instant(0)) } != nil)
        queue.disk.kill()
        _ = queue.run.open()
        let end = Journal.blockSize
        let told = [
            #"{"lane":"alarm","from":4,"to":\#(end)}"#, #"{"lane":"event","from":2,"to":\#(end)}"#,
        ]
        #expect(try queue.run.skips() == told)
        #expect(try queue.run.toldSkips() == told)
    }

    @Test("a cut at every call from the first refusal on: each is told once", arguments: 1...4)
    func cut(seed: UInt64) throws {
        for number in 1...400 {
            let disk = CrashDisk(seed: seed)
            var run = ScriptedRun(disk: disk, seed: seed)
            let journal = run.open()
            try journal.append([alarm(.flowLost, tick: 1), heating(1)], now: Instant(0))
            disk.arm(.fromNowOn(EIO), at: 1, of: .sync)
            _ = error {
                try journal.append([alarm(.boardLost, tick: 2), heating(2)], now: Instant(0))
            }
            disk.disarm()
            disk.arm(.power, at: number)
            _ = error { try journal.append([alarm(.gasLeak, tick: 3)], now: Instant(1_000)) }
            _ = error { try journal.farewell(now: Instant(2_000)) }
            let isOver = !disk.isDead
            if isOver { disk.disarm() }
            disk.losePower(seed: seed &+ UInt64(number))
            run.recover()
            #expect(run.violations.isEmpty, "cut at call \(number): \(run.violations.prefix(3))")
            if isOver { return }
        }
        Issue.record("it never came to its end")
    }

    /// The commit that raises a block comes between the refused one and the next.
    @Test(
        "a block that is raised meanwhile does not hide them from the next start", arguments: 1...9)
    func raised(seed: UInt64) throws {
        let disk = CrashDisk(seed: seed)
        var run = ScriptedRun(disk: disk, seed: seed)
        let journal = run.open()
        let stored = Int(Journal.blockSize) - 20
        for first in stride(from: 0, to: stored, by: 1_000) {
            let alarms = (first..<min(first + 1_000, stored)).map {
                alarm(.flowLost, tick: UInt64(1 + $0))
            }
            try journal.append(alarms, now: Instant(0))
        }
        disk.arm(.fromNowOn(EIO), at: 1, of: .sync)
        _ = error { try journal.append([alarm(.boardLost, tick: 5_000)], now: Instant(0)) }
        disk.disarm()
        disk.arm(.fromNowOn(EIO), at: 2, of: .sync)
        let more = (1...40).map { alarm(.boardLost, tick: UInt64(5_000 + $0)) }
        #expect(error { try journal.append(more, now: Instant(1_000)) } != nil)
        disk.disarm()
        disk.losePower(seed: seed)
        run.recover()
        #expect(run.violations.isEmpty, "\(run.violations.prefix(3))")
    }
}
