import CrashDisk
import Events
import Glibc
import Journal
import Testing
import Units
import Wire

/// What the journal does with the uplink's cursor: it frees space by it, and believes it only where
/// it can be true.
@Suite("Reclaiming behind the uplink's cursor")
struct ReclaimTests {
    static let cursorPath = "/uplink-cursor"
    static let day: Int64 = 24 * 3_600_000

    /// A journal with alarms 1 to `count` (numbers 1 to `count`) and a cursor file beside it.
    final class Queue {
        let disk = CrashDisk()
        let run: ScriptedRun
        private(set) var journal: Journal
        var now: Int64 = 0

        init(_ count: Int, _ change: (inout Journal.Configuration) -> Void = { _ in }) throws {
            run = ScriptedRun(disk: disk, seed: 1)
            journal = run.open {
                $0.cursorPath = ReclaimTests.cursorPath
                $0.reserveBytes = 0
                change(&$0)
            }
            try alarms(count)
        }

        func alarms(_ count: Int) throws {
            for _ in 0..<count {
                try journal.append([alarm(.flowLost, .error)], now: Instant(now))
            }
        }

        func events(_ count: Int) throws {
            for _ in 0..<count { try journal.append([heating(1)], now: Instant(now)) }
            try journal.commit(now: Instant(now))
        }

        /// Writes a cursor, and lets the journal look at it after `later`.
        func acknowledge(
            _ lane: Lane = .alarm, upTo: Int64, epoch: Identifier128? = nil,
            rolledBack: Identifier128? = nil, later: Int64 = 5_000
        ) throws {
            var cursor = UplinkCursor()
            cursor[lane] = UplinkCursor.Place(
                epoch: epoch ?? journal.epoch, upTo: upTo, digest: nil)
            cursor.rolledBack = rolledBack
            try write(Array(cursor.text.utf8), later: later)
        }

        func write(_ bytes: [UInt8], later: Int64 = 5_000) throws {
            try disk.overwrite(ReclaimTests.cursorPath, with: bytes)
            now += later
            try journal.service(now: Instant(now))
        }

        func numbers(_ lane: Lane = .alarm) throws -> [Int64] {
            try run.reader.events(lane: lane, limit: .max).map(\.seq)
        }

        func gaps(_ lane: Lane = .alarm) throws -> [StoredGap] { try run.reader.gaps(lane: lane) }
    }

    @Test("acknowledged rows stay for a day, then go without an event, as one declared gap")
    func grace() throws {
        let queue = try Queue(10)
        try queue.acknowledge(upTo: 6)
        #expect(queue.journal.acknowledged == [6, 0, 0])
        #expect(try queue.numbers() == Array(1...10))
        queue.now = Self.day
        try queue.acknowledge(upTo: 6, later: 0)
        #expect(try queue.numbers() == Array(1...10), "not older than a day, by 100 ms")
        queue.now = Self.day + Journal.reclaimPeriod.rawValue + 1_000
        try queue.acknowledge(upTo: 6, later: 0)
        #expect(try queue.numbers() == Array(7...10))
        let gaps = try queue.gaps()
        #expect(gaps.map(\.reason) == [.acknowledged])
        #expect(gaps.map(\.first) == [1])
        #expect(gaps.map(\.last) == [6])
        let told = try queue.run.reader.events(lane: .alarm, limit: 99)
        #expect(!told.contains { $0.type == "queue.dropped.v1" })
        try queue.alarms(1)
        #expect(try queue.numbers() == Array(7...11))
    }

    @Test("a reclaim goes on behind an earlier one, and the gap stays one")
    func twice() throws {
        let queue = try Queue(10) { $0.acknowledgedGrace = Milliseconds(0) }
        for upTo in [3, 7] as [Int64] {
            queue.now += Journal.reclaimPeriod.rawValue
            try queue.acknowledge(upTo: upTo)
        }
        #expect(try queue.numbers() == [8, 9, 10])
        #expect(try queue.gaps().map { [$0.first, $0.last] } == [[1, 7]])
        try queue.journal.farewell(now: Instant(queue.now))
        let again = queue.run.open()
        #expect(again.databaseFailure == nil)
        try again.append([alarm(.gasLeak)], now: Instant(0))
        #expect(try queue.numbers().last == 11, "no number is used twice after a reclaim")
    }

    struct BadRow: CustomTestStringConvertible, Sendable {
        let testDescription: String
        var upTo: Int64 = 6
        var epoch: Identifier128?
        var expected: Int64 = 4
    }

    @Test(
        "a cursor that cannot be true changes nothing; one that can, does",
        arguments: [
            BadRow(testDescription: "the last number", upTo: 10, expected: 10),
            BadRow(testDescription: "one beyond the last number", upTo: 11),
            BadRow(testDescription: "the greatest there is", upTo: .max),
            BadRow(
                testDescription: "another epoch", upTo: 6, epoch: Identifier128(high: 9, low: 9)),
            BadRow(testDescription: "going backwards", upTo: 3),
            BadRow(testDescription: "nothing", upTo: 0),
            BadRow(testDescription: "one more", upTo: 5, expected: 5),
        ])
    func soundness(row: BadRow) throws {
        let queue = try Queue(10) { $0.acknowledgedGrace = Milliseconds(0) }
        try queue.acknowledge(upTo: 4)
        #expect(try queue.numbers() == Array(5...10))
        queue.now += Journal.reclaimPeriod.rawValue
        try queue.acknowledge(upTo: row.upTo, epoch: row.epoch)
        #expect(queue.journal.acknowledged[0] == row.expected)
        let left = row.expected < 10 ? Array(row.expected + 1...10) : []
        #expect(try queue.numbers() == left)
    }

    @Test("a cursor that is damaged anywhere, cut or missing changes nothing")
    func damaged() throws {
        let queue = try Queue(10) { $0.acknowledgedGrace = Milliseconds(0) }
        var cursor = UplinkCursor()
        cursor[.alarm] = UplinkCursor.Place(epoch: queue.journal.epoch, upTo: 6, digest: nil)
        let sound = Array(cursor.text.utf8)
        for place in sound.indices {
            var torn = sound
            torn[place] ^= 1
            try queue.write(torn)
            try queue.write(Array(sound[..<place]))
            #expect(queue.journal.acknowledged[0] == 0, "byte \(place)")
        }
        try queue.disk.remove(Self.cursorPath)
        queue.now += 5_000
        try queue.journal.service(now: Instant(queue.now))
        #expect(try queue.numbers() == Array(1...10))
        queue.now += Journal.reclaimPeriod.rawValue
        try queue.write(sound)
        #expect(try queue.numbers() == Array(7...10), "the sound one counts")
    }

    @Test("the cursor is read every five seconds, not more often")
    func period() throws {
        let queue = try Queue(10)
        try queue.acknowledge(upTo: 2)
        try queue.acknowledge(upTo: 5, later: 4_999)
        #expect(queue.journal.acknowledged[0] == 2)
        try queue.acknowledge(upTo: 5, later: 1)
        #expect(queue.journal.acknowledged[0] == 5)
    }

    @Test("over its quota a lane lets go of what is acknowledged first, and tells nothing of it")
    func quota() throws {
        let queue = try Queue(0) { $0.eventQuota = 20_000 }
        try queue.events(64)
        try queue.acknowledge(.event, upTo: 64)
        while try queue.numbers(.event).first == 1 { try queue.events(32) }
        #expect(try queue.gaps(.event).map(\.reason) == [.acknowledged])
        let told = try queue.run.reader.events(lane: .alarm, limit: 99)
        #expect(!told.contains { $0.type == "queue.dropped.v1" })
        // Now more than is acknowledged has to go, and that is a loss.
        while try !queue.gaps(.event).contains(where: { $0.reason == .dropped }) {
            try queue.events(32)
        }
        let gaps = try queue.gaps(.event)
        #expect(gaps[0].first == 1 && gaps[0].last + 1 == gaps[1].first, "\(gaps)")
        #expect(try queue.numbers(.event).first == gaps[1].last + 1)
        let drops = try queue.run.reader.events(lane: .alarm, limit: 99)
            .filter { $0.type == "queue.dropped.v1" }
        #expect(drops.count == 1)
        #expect(String(decoding: drops[0].data, as: UTF8.self).contains(#""reason":"quota""#))
    }

    @Test("the alarm lane grows beyond its quota, and lets go only of what is acknowledged")
    func alarmsAreNeverDropped() throws {
        let queue = try Queue(200) { $0.alarmQuota = 10_000 }
        #expect(try queue.numbers() == Array(1...200))
        try queue.acknowledge(upTo: 150)
        try queue.alarms(1)
        let left = try queue.numbers()
        #expect(left.first! > 1 && left.first! <= 151)
        #expect(left.last == 201)
        let reader = queue.run.reader
        #expect(
            try reader.events(lane: .alarm, limit: 999).allSatisfy { $0.type != "queue.dropped.v1" }
        )
    }

    @Test("an acknowledged number of an older epoch covers that epoch only")
    func olderEpoch() throws {
        let queue = try Queue(10) { $0.acknowledgedGrace = Milliseconds(0) }
        let first = queue.journal.epoch
        try queue.acknowledge(upTo: 4, rolledBack: first)
        #expect(queue.journal.epoch != first)
        try queue.alarms(5)
        queue.now += Journal.reclaimPeriod.rawValue
        try queue.acknowledge(upTo: 11, epoch: first)
        #expect(queue.journal.acknowledged[0] == 4, "11 is of the new epoch")
        try queue.acknowledge(upTo: 10, epoch: first)
        #expect(queue.journal.acknowledged[0] == 10)
        try queue.acknowledge(upTo: 10)
        #expect(queue.journal.acknowledged[0] == 10, "10 is not of the new epoch")
        try queue.acknowledge(upTo: 12)
        #expect(queue.journal.acknowledged[0] == 12)
    }

    @Test("a rolled-back epoch ends at once; its rows stay, with the identity they had")
    func rollback() throws {
        let queue = try Queue(10)
        let first = queue.journal.epoch
        let before = try queue.run.reader.events(lane: .alarm, limit: 99)
        try queue.acknowledge(upTo: 4, rolledBack: first)
        let second = queue.journal.epoch
        #expect(second != first)
        try queue.alarms(1)
        let after = try queue.run.reader.events(lane: .alarm, limit: 99)
        #expect(Array(after.prefix(10)) == before)
        #expect(after[10].epoch == second)
        #expect(after[10].seq == 11)
        let opened = try queue.run.reader.events(lane: .event, limit: 99)
            .filter { $0.type == "queue.opened.v1" }
        #expect(opened.count == 2)
        #expect(opened[1].epoch == second)
        #expect(
            String(decoding: opened[1].data, as: UTF8.self)
                == #"{"epoch":"\#(second.text)","reason":"rollback"}"#)
        // The cursor still names the old epoch: nothing more happens, nor at the next start.
        try queue.acknowledge(upTo: 4, epoch: first, rolledBack: first)
        #expect(queue.journal.epoch == second)
        try queue.journal.farewell(now: Instant(queue.now))
        #expect(queue.run.open().epoch == second)
    }

    @Test("a page has rows of one run and one epoch, within its limits, and the gaps among them")
    func pages() throws {
        let queue = try Queue(10)
        let reader = queue.run.reader
        #expect(
            try reader.page(of: .alarm, from: 3, maxEvents: 4, maxBytes: .max)
                .records.map(\.seq) == [3, 4, 5, 6])
        let size = try reader.page(of: .alarm, from: 1, maxEvents: 1, maxBytes: 0).records[0].data
            .count
        func count(_ bytes: Int) throws -> Int {
            try reader.page(of: .alarm, from: 1, maxEvents: 99, maxBytes: bytes).records.count
        }
        #expect(try count(0) == 1, "one at least")
        #expect(try count(size * 3 - 1) == 2)
        #expect(try count(size * 3) == 3)
        try queue.acknowledge(upTo: 0, rolledBack: queue.journal.epoch)
        try queue.alarms(2)
        #expect(
            try reader.page(of: .alarm, from: 9, maxEvents: 99, maxBytes: .max)
                .records.map(\.seq) == [9, 10], "the next epoch is another page")
        queue.disk.kill()
        let next = queue.run.open()
        try next.append([alarm(.gasLeak)], now: Instant(0))
        let page = try reader.page(of: .alarm, from: 11, maxEvents: 99, maxBytes: .max)
        #expect(page.records.map(\.seq) == [11, 12], "the next run is another page")
        let last = try reader.page(of: .alarm, from: 13, maxEvents: 99, maxBytes: .max)
        // The alarm, behind what the start had to tell of two lanes.
        let end = Journal.blockSize + 3
        #expect(last.records.map(\.seq) == Array(Journal.blockSize + 1...end))
        #expect(last.gaps.map(\.numbers) == [13...Journal.blockSize])
        #expect(last.gaps.map(\.reason) == [.skipped])
        let lanes = try reader.lanes()
        #expect(lanes[0].last == end)
        #expect(lanes[0].epochs.map(\.first) == [1, 11])
        #expect(lanes[0].oldest == EventMoment(wall: Device.wall, boot: Device.boot))
        #expect(lanes[2].last == 0 && lanes[2].oldest == nil)
        #expect(try reader.lanes(after: [lanes[0].last, 0, 0])[0].oldest == nil)
        #expect(
            try reader.page(of: .alarm, from: end + 1, maxEvents: 9, maxBytes: 9)
                == StoredPage())
    }

    @Test("a card that refuses commits for long leaves one gap, and not one for each attempt")
    func refusedCommits() throws {
        let queue = try Queue(3)
        queue.disk.arm(.fromNowOn(EIO), at: 1, of: .sync)
        var refused = 0
        for minute in Int64(1)...50 {
            let now = Instant(60_000 * minute)
            do { try queue.journal.append([alarm(.flowLost, .error)], now: now) } catch {
                refused += 1
            }
        }
        #expect(refused == 50)
        queue.disk.disarm()
        try queue.journal.service(now: Instant(60_000 * 51))
        let reader = queue.run.reader
        let stored = try reader.events(lane: .alarm, limit: 999).map(\.seq)
        #expect(stored.count == 54, "with the one that tells of the gap")
        let gaps = try reader.gaps(lane: .alarm)
        #expect(gaps.count == 1, "\(gaps)")
        #expect(gaps.first.map { [$0.first, $0.last] } == [4, stored[3] - 1])
        #expect(
            try queue.run.toldSkips() == [#"{"lane":"alarm","from":4,"to":\#(stored[3] - 1)}"#])
    }
}
