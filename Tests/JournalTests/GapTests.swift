import CrashDisk
import Glibc
import Testing
import Units
import Wire

@testable import Journal

/// What says where a lane's numbers stand: declared gaps and counters, and what damage to them may
/// not do. SQLite by itself sees none of it.
@Suite("Damaged gaps and counters")
struct GapTests {
    private static func execute(_ sql: String, on device: Device) throws {
        try execute(sql, in: device.path, LinuxStorage())
    }

    private static func execute(
        _ sql: String, in path: String, _ storage: any StateStorage
    ) throws {
        let connection = try Connection(
            to: StateDirectory(path: path, storage: storage), mode: .readWrite)
        try connection.execute(sql)
    }

    private static func told(_ device: Device, _ type: String) throws -> [String] {
        try device.events(.alarm).filter { $0.type == type }.map {
            String(decoding: $0.data, as: UTF8.self)
        }
    }

    /// Alarms 1 to 3, a gap from 4 to the end of the block, two rows that tell of it and of the
    /// event lane's, which has nothing behind it, and `behind` alarms.
    private static func device(behind: Int = 2) throws -> Device {
        let device = Device()
        device.hardware = "A"
        do {
            let killed = device.open()
            try killed.append((0..<3).map { _ in alarm(.gasLeak) }, now: Instant(0))
        }
        let next = device.open()
        try next.append((0..<behind).map { _ in alarm(.boardLost) }, now: Instant(0))
        try next.farewell(now: Instant(0))
        return device
    }

    static let changes = [
        "last = last + 8192", "last = last | (1 << 40)", "last = last - 1", "first = first + 1",
        "reason = 3", "reason = 77", "lane = 2", "checksum = checksum + 1",
    ]

    @Test(
        "one that is not as it was written hides nothing: it is taken out and told once",
        arguments: changes)
    func oneGap(change: String) throws {
        let device = try Self.device()
        let end = Journal.blockSize
        try Self.execute("UPDATE gaps SET \(change) WHERE lane = 0", on: device)
        // Whoever reads before busbard starts: the numbers are missing, and nothing else.
        let lane = try device.reader.lanes()[0]
        #expect(lane.last == end + 4)
        #expect(lane.gaps.isEmpty)
        let page = try device.reader.page(of: .alarm, from: 4, maxEvents: 9, maxBytes: .max)
        #expect(page.records.map(\.seq) == Array(end + 1...end + 4))

        let journal = device.open()
        #expect(journal.quarantinedFile == nil && journal.isWritable)
        try journal.append([alarm(.flowLost)], now: Instant(0))
        let gaps = try device.reader.gaps(lane: .alarm)
        #expect(gaps.map(\.numbers) == [4...end])
        #expect(gaps.map(\.reason) == [.damaged])
        let found = try device.readInOrder(.alarm)
        #expect(found == (try device.events(.alarm)))
        #expect(found.last?.subject == "alarm/E209")
        let told = try Self.told(device, "queue.dropped.v1").filter { $0.contains(#""alarm""#) }
        #expect(told.count == 1)
        #expect(
            told.first?.hasPrefix(
                #"{"lane":"alarm","from":4,"to":\#(end),"count":0,"bytes":0,"reason":"damage","#)
                == true, "\(told)")
        try journal.farewell(now: Instant(1))
        try device.expectContiguousNumbers()
        _ = device.open()
        let again = try Self.told(device, "queue.dropped.v1").filter { $0.contains(#""alarm""#) }
        #expect(again.count == 1, "it is told once")
    }

    struct OldRow: CustomTestStringConvertible, Sendable {
        let testDescription: String
        let behind: Int
        let change: String
        let isDamage: Bool
        var lane = Lane.alarm
    }

    @Test(
        "one of before there were checksums is damaged where it cannot be true",
        arguments: [
            OldRow(testDescription: "as it was", behind: 2, change: "last = last", isDamage: false),
            OldRow(
                testDescription: "over the row behind it", behind: 2, change: "last = last + 1",
                isDamage: true),
            OldRow(
                testDescription: "over the row before it", behind: 2, change: "first = first - 1",
                isDamage: true),
            OldRow(
                testDescription: "over the next number", behind: 0, change: "last = last + 1",
                isDamage: true, lane: .event),
            OldRow(
                testDescription: "backwards", behind: 0, change: "last = first - 1",
                isDamage: true),
            OldRow(
                testDescription: "of no lane", behind: 0, change: "lane = 3", isDamage: true),
        ])
    func old(row: OldRow) throws {
        let device = try Self.device(behind: row.behind)
        try Self.execute(
            """
            UPDATE gaps SET checksum = NULL;
            UPDATE gaps SET \(row.change) WHERE lane = \(row.lane.rawValue)
            """, on: device)
        let journal = device.open()
        try journal.append([alarm(.flowLost), heating(1)], now: Instant(0))
        #expect(journal.quarantinedFile == nil)
        let gaps = try device.reader.gaps(lane: row.lane)
        #expect(gaps.map(\.numbers) == [(row.lane == .alarm ? 4 : 2)...Journal.blockSize])
        #expect(gaps.map(\.reason) == [row.isDamage ? .damaged : .skipped])
        #expect(try device.readInOrder(row.lane) == (try device.events(row.lane)))
        // From now on each has a checksum.
        let connection = try Connection(
            to: StateDirectory(path: device.path, storage: LinuxStorage()), mode: .readOnly)
        #expect(try connection.integer("SELECT count(*) FROM gaps WHERE checksum IS NULL") == 0)
        #expect(try connection.integer("SELECT count(*) FROM lanes WHERE checksum IS NULL") == 0)
    }

    @Test("an epoch's end is nobody's gap, damaged or not")
    func epochEnd() throws {
        let device = try Self.device()
        // In another device the card gets a new epoch, behind all that was reserved.
        device.hardware = "B"
        let second = device.open()
        try second.append([alarm(.flowLost)], now: Instant(0))
        try second.farewell(now: Instant(0))
        try Self.execute("UPDATE gaps SET last = last + 8192 WHERE lane = 0", on: device)
        let third = device.open()
        try third.append([alarm(.flowLost)], now: Instant(0))
        #expect(third.quarantinedFile == nil)
        #expect(third.epoch == second.epoch)
        #expect(try device.reader.gaps(lane: .alarm).map(\.numbers) == [4...Journal.blockSize])
        #expect(try device.readInOrder(.alarm) == (try device.events(.alarm)))
    }

    @Test(
        "more than 64 of them, and the file is put aside", arguments: [(64, false), (65, true)])
    func many(count: Int, isQuarantined: Bool) throws {
        let device = try Self.device()
        try Self.execute(
            """
            DELETE FROM gaps;
            WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < \(count))
            INSERT INTO gaps SELECT 0, 5 * i, 5 * i + 1, 0, 7 FROM n
            """, on: device)
        #expect((device.open().quarantinedFile != nil) == isQuarantined)
    }

    @Test(
        "a lane's counter that is not as it was written puts the file aside",
        arguments: [
            "reserved_to = reserved_to + 1", "next = next - 1", "next = next + 1", "next = NULL",
            "counted_to = counted_to - 1", "bytes = bytes + 1", "dropped = dropped + 1",
            "checksum = checksum + 1",
        ])
    func counter(change: String) throws {
        let device = try Self.device()
        try Self.execute("UPDATE lanes SET \(change) WHERE lane = 2", on: device)
        #expect(device.open().quarantinedFile != nil)
        let aside = try Self.told(device, "queue.quarantined.v1")
        #expect(
            aside.first?.contains("the counter of lane telemetry is not as it was written") == true,
            "\(aside)")
    }

    @Test(
        "an empty lane's numbers are not used again, whatever its counter says",
        arguments: [
            ("checksum = NULL", true), ("next = 10, checksum = NULL", false),
            ("next = 10, counted_to = 9, checksum = NULL", false),
            ("next = 1, counted_to = 0, checksum = NULL", false),
        ])
    func emptyLane(change: String, isSound: Bool) throws {
        let queue = try ReclaimTests.Queue(10) { $0.acknowledgedGrace = Milliseconds(0) }
        try queue.acknowledge(upTo: 10)
        try #require(try queue.numbers().isEmpty)
        let epoch = queue.journal.epoch
        try queue.journal.farewell(now: Instant(queue.now))
        try Self.execute(
            "UPDATE lanes SET \(change) WHERE lane = 0", in: ScriptedRun.directory, queue.disk)
        let journal = queue.run.open()
        try journal.append([alarm(.gasLeak)], now: Instant(0))
        #expect((journal.quarantinedFile == nil) == isSound)
        #expect((journal.epoch == epoch) == isSound)
        if isSound { #expect(try queue.numbers() == [11]) }
    }

    @Test("a damaged gap is not sealed by a reclaim that takes its place")
    func notSealed() throws {
        let queue = try ReclaimTests.Queue(10) { $0.acknowledgedGrace = Milliseconds(0) }
        try queue.acknowledge(upTo: 3)
        try #require(try queue.gaps().map(\.numbers) == [1...3])
        try Self.execute(
            "UPDATE gaps SET last = last + 8192", in: ScriptedRun.directory, queue.disk)
        #expect(try queue.gaps().isEmpty)
        queue.now += Journal.reclaimPeriod.rawValue
        try queue.acknowledge(upTo: 7)
        #expect(try queue.gaps().map(\.numbers) == [1...7])
        #expect(try queue.run.reader.lanes()[0].last == 10)
    }

    @Test("numbers of a commit in doubt are not declared in the file that follows")
    func doubtful() throws {
        let queue = try ReclaimTests.Queue(3)
        queue.disk.arm(.fromNowOn(EIO), at: 1, of: .sync)
        #expect(error { try queue.journal.append([alarm(.flowLost)], now: Instant(0)) } != nil)
        queue.disk.disarm()
        // The file turns out to be damaged before it can be told there.
        try Self.execute("DROP TABLE alarm_history", in: ScriptedRun.directory, queue.disk)
        try queue.journal.append([alarm(.boardLost)], now: Instant(2_000))
        #expect(queue.journal.quarantinedFile != nil)
        #expect(try queue.gaps().isEmpty)
        let stored = try queue.run.reader.events(lane: .alarm, limit: 99)
        #expect(stored.map(\.seq) == [1, 2, 3])
        #expect(
            stored.map(\.type) == ["queue.quarantined.v1", "alarm.raised.v1", "alarm.raised.v1"])
        #expect(try queue.run.reader.readInOrder(.alarm) == stored)
    }
}
