import CrashDisk
import Testing
import Units
import Wire

@testable import Journal

/// What is said of events that are lost, and of lanes that are about to lose some.
@Suite("Losses and forecasts")
struct LossTests {
    private static func toldCount(_ queue: ReclaimTests.Queue) throws -> Int64 {
        try queue.run.reader.events(lane: .alarm, limit: .max)
            .filter { $0.type == "queue.dropped.v1" }
            .reduce(Int64(0)) { sum, event in
                let text = String(decoding: event.data, as: UTF8.self)
                let count = try #require(text.firstRange(of: #""count":"#))
                return sum
                    + (try #require(Int64(text[count.upperBound...].prefix { $0 != "," })))
            }
    }

    @Test("what a lane has dropped is counted in rows, and outlives reclaims and restarts")
    func dropped() throws {
        let queue = try ReclaimTests.Queue(0) { $0.eventQuota = 20_000 }
        func dropped() throws -> Int64 { try queue.run.reader.lanes()[1].dropped }
        while try queue.gaps(.event).isEmpty { try queue.events(32) }
        let first = try dropped()
        #expect(first > 0)
        #expect(first == (try Self.toldCount(queue)))
        #expect(first == (try queue.gaps(.event))[0].last)

        // Acknowledged rows go, and their gap takes the place of the dropped one.
        let upTo = try #require(try queue.numbers(.event).last)
        try queue.acknowledge(.event, upTo: upTo)
        while try queue.gaps(.event).contains(where: { $0.reason == .dropped }) {
            try queue.events(32)
        }
        #expect(try dropped() == first)

        // A kill: skipped numbers lie in what is dropped later, and are no rows.
        queue.disk.kill()
        let next = queue.run.open { $0.eventQuota = 20_000 }
        #expect(try dropped() == first)
        for _ in 0..<400 { try next.append([heating(1)], now: Instant(0)) }
        try next.commit(now: Instant(0))
        #expect(try !queue.gaps(.event).contains { $0.reason == .skipped })
        let later = try dropped()
        #expect(later > first)
        #expect(later == (try Self.toldCount(queue)))
        try next.farewell(now: Instant(0))
        #expect(queue.run.open().databaseFailure == nil)
        #expect(try dropped() == later)
    }

    @Test("a file of before the counter begins with what its gaps say was dropped")
    func migrated() throws {
        let device = Device()
        try device.open().farewell(now: Instant(0))
        let connection = try Connection(
            to: StateDirectory(path: device.path, storage: LinuxStorage()), mode: .readWrite)
        try connection.execute(
            """
            ALTER TABLE gaps DROP COLUMN checksum;
            ALTER TABLE lanes DROP COLUMN checksum;
            ALTER TABLE lanes DROP COLUMN dropped;
            DELETE FROM telemetry_lane;
            UPDATE lanes SET reserved_to = 4000, next = 101, counted_to = 100 WHERE lane = 2;
            INSERT INTO gaps VALUES(2, 1, 40, 1), (2, 41, 90, 0), (2, 91, 100, 1);
            PRAGMA user_version = 4
            """)
        let journal = device.open()
        #expect(journal.quarantinedFile == nil && journal.databaseFailure == nil)
        #expect(try device.reader.lanes().map(\.dropped) == [0, 0, 50])
        #expect(try device.reader.gaps(lane: .telemetry).map(\.last) == [40, 90, 100])
    }

    struct Row: CustomTestStringConvertible, Sendable {
        let testDescription: String
        var lane = Lane.event
        var bytes: Int64 = 9_000_000
        var rate: Int64 = 100_000
        var gap: GapReason? = .dropped
        var acknowledged: Int64?
        let isDropping: Bool
        let hours: Int64?
    }

    @Test(
        "a lane is full while its last drop is not behind it; else it will be in so many hours",
        arguments: [
            Row(
                testDescription: "nine tenths, less a row", bytes: 8_932_416, isDropping: true,
                hours: nil),
            Row(testDescription: "a byte less", bytes: 8_932_415, isDropping: false, hours: 10),
            Row(
                testDescription: "the cluster has had some since", gap: .acknowledged,
                isDropping: false, hours: 10),
            Row(testDescription: "nothing was dropped", gap: nil, isDropping: false, hours: 10),
            Row(testDescription: "alarms", lane: .alarm, isDropping: false, hours: 10),
            Row(
                testDescription: "nothing comes in", rate: 0, gap: nil, isDropping: false,
                hours: nil),
            Row(
                testDescription: "a byte short of an hour", bytes: 9_900_001, gap: nil,
                isDropping: false, hours: 0),
            Row(
                testDescription: "one hour", bytes: 9_900_000, gap: nil, isDropping: false,
                hours: 1),
            Row(
                testDescription: "half of what is left after the drop is acknowledged, and goes",
                acknowledged: 70, isDropping: false, hours: 55),
            Row(
                testDescription: "all is acknowledged", gap: nil, acknowledged: 100,
                isDropping: false, hours: 100),
            Row(
                testDescription: "over its quota", lane: .alarm, bytes: 10_000_001, gap: nil,
                isDropping: false, hours: 0),
        ])
    func outlook(row: Row) throws {
        let device = Device()
        _ = device.open()
        let connection = try Connection(
            to: StateDirectory(path: device.path, storage: LinuxStorage()), mode: .readOnly)
        var gaps: [StoredGap] = []
        if let reason = row.gap {
            let statement = try connection.prepare("SELECT 1, 40, \(reason.rawValue)")
            try #require(try statement.step())
            gaps = [StoredGap(statement)]
        }
        let lane = StoredLane(lane: row.lane, epochs: [], last: 100, bytes: row.bytes)
        let outlook = LaneOutlook(
            lane, gaps: gaps, acknowledged: row.acknowledged, quota: 10_000_000,
            bytesPerHour: row.rate)
        #expect(outlook.isDropping == row.isDropping)
        #expect(outlook.hoursUntilFull == row.hours)
        #expect(outlook.events == (row.gap == nil ? 100 : 60))
        #expect(outlook.waiting == (row.acknowledged.map { 100 - $0 } ?? outlook.events))
    }

    @Test(
        "a lane has the lesser of its quota and of the disk, which all lanes fill together",
        arguments: [
            (nil, 1_000_000, nil, 9, false), (9_000_000, 1_000_000, nil, 9, false),
            (8_999_999, 1_000_000, nil, 8, true), (9_000_000, 3_000_000, nil, 3, true),
            (9_000_000, 0, nil, 9, false), (0, 1_000_000, nil, 0, true),
            (-1, 1_000_000, nil, 0, true), (9_000_000, 1_000_000, 50, 9, false),
            (8_499_999, 1_000_000, 50, 8, true), (0, 100_000, 100, 1, true),
        ] as [(Int64?, Int64, Int64?, Int64, Bool)])
    func disk(
        free: Int64?, rateOfAll: Int64, acknowledged: Int64?, hours: Int64, isByDisk: Bool
    ) {
        let outlook = LaneOutlook(
            StoredLane(lane: .alarm, epochs: [], last: 100, bytes: 1_000_000), gaps: [],
            acknowledged: acknowledged, quota: 10_000_000, bytesPerHour: 1_000_000, free: free,
            bytesPerHourOfAll: rateOfAll)
        #expect(outlook.hoursUntilFull == hours)
        #expect(outlook.isLimitedByDisk == isByDisk)
    }

    @Test("who only reads is told what a reader can do, and never that the file is put aside")
    func readersAdvice() throws {
        let device = Device()
        func advice(_ question: (JournalReader) throws -> Void) throws -> String {
            let found = try #require(error { try question(device.reader) })
            return String(
                found.description.split(separator: "; ").dropFirst().joined(separator: "; "))
        }
        let missing = try advice { _ = try $0.lanes() }
        #expect(
            missing
                == "check the path and who may read it, and whether busbard has made a journal "
                + "there"
        )
        do {
            let journal = device.open()
            try journal.farewell(now: Instant(0))
        }
        let directory = StateDirectory(path: device.path, storage: LinuxStorage())
        do {
            let connection = try Connection(to: directory, mode: .readWrite)
            try connection.execute("DROP TABLE gaps")
            let written = error { try connection.execute("DROP TABLE gaps") }
            #expect(
                written?.advice == "the file is put aside in quarantine/ and a new one begun",
                "a writer's")
        }
        let damaged =
            "nothing was changed; busbard checks the file when it starts, and puts it aside if it "
            + "is damaged"
        #expect(try advice { _ = try $0.lanes() } == damaged)
        #expect(try advice { _ = try $0.gaps(lane: .event) } == damaged)
        #expect(
            try advice { _ = try $0.page(of: .event, from: 1, maxEvents: 1, maxBytes: 1) }
                == damaged)
    }
}
