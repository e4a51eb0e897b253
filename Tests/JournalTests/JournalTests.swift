import Control
import Events
import Foundation
import Journal
import Testing
import Units
import Wire

@Suite("Journal")
struct JournalTests {
    @Test("an alarm is durable at once, with every attribute, and in the history")
    func alarmIsDurable() throws {
        let device = Device()
        let journal = device.open()
        try journal.append([alarm(.gasLeak, tick: 52)], now: Instant(0))

        let stored = try #require(try device.events(.alarm).last)
        #expect(stored.type == "alarm.raised.v1")
        #expect(stored.subject == "alarm/E103")
        #expect(stored.severity == .fatal)
        #expect(stored.tick == Tick(52))
        #expect(stored.at == Instant(5_200))
        #expect(stored.wall == Device.wall)
        #expect(stored.correlation == Correlation(tick: Tick(52), place: 0))
        #expect(stored.epoch == journal.epoch)
        #expect(stored.run == journal.run)
        #expect(stored.boot == Device.boot)
        #expect(stored.seq == 1)
        let data = try #require(
            try JSONSerialization.jsonObject(with: Data(stored.data)) as? [String: Any])
        #expect(data["code"] as? String == "E103")
        let whole = try #require(
            try JSONSerialization.jsonObject(with: Data(stored.json)) as? [String: Any])
        #expect(whole["seq"] as? Int == 1)
        #expect((whole["data"] as? [String: Any])?["severity"] as? String == "fatal")

        let history = try device.reader.alarmHistory(limit: 10)
        #expect(history.map(\.code) == [103])
        #expect(history[0].change == .raised)
        #expect(history[0].state == .unacknowledged)
        #expect(history[0].stamp == alarmStamp(52))
    }

    private func alarmStamp(_ tick: UInt64) -> Stamp {
        Stamp(
            tick: Tick(tick), at: Instant(Int64(tick) * 100), wall: Device.wall,
            correlation: Correlation(tick: Tick(tick), place: 0))
    }

    struct GroupRow: CustomTestStringConvertible, Sendable {
        let testDescription: String
        let count: UInt32
        let waited: Int64
        let isStored: Bool
    }

    @Test(
        "events that are not urgent wait for their group",
        arguments: [
            GroupRow(testDescription: "31 wait", count: 31, waited: 0, isStored: false),
            GroupRow(testDescription: "32 do not", count: 32, waited: 0, isStored: true),
            GroupRow(testDescription: "1 waits 99 ms", count: 1, waited: 99, isStored: false),
            GroupRow(testDescription: "1 does not wait 100", count: 1, waited: 100, isStored: true),
        ])
    func groups(row: GroupRow) throws {
        let device = Device()
        let journal = device.open()
        try journal.append((0..<row.count).map { heating($0) }, now: Instant(1_000))
        try journal.service(now: Instant(1_000 + row.waited))
        #expect(try device.jobs() == (row.isStored ? (0..<Int(row.count)).map { $0 } : []))
        #expect(journal.pendingCount == (row.isStored ? 0 : Int(row.count)))
    }

    @Test("an alarm takes the events before it along, in one order")
    func alarmCommitsTheGroup() throws {
        let device = Device()
        let journal = device.open()
        try journal.append([heating(1), alarm(.gasLeak), heating(2)], now: Instant(0))
        #expect(try device.jobs() == [1, 2])
    }

    @Test("after a farewell the numbers go on without a gap")
    func farewellKeepsNumbers() throws {
        let device = Device()
        let first = device.open()
        let epoch = first.epoch
        try first.append([alarm(.gasLeak), alarm(.boardLost)], now: Instant(0))
        try first.farewell(now: Instant(1))
        let second = device.open()
        try second.append([alarm(.flowLost)], now: Instant(0))
        #expect(second.epoch == epoch)
        #expect(try device.events(.alarm).map(\.seq) == [1, 2, 3])
        #expect(try device.reader.gaps(lane: .alarm).isEmpty)
        #expect(!second.recollection.wasUnclean)
    }

    @Test("a farewell at any place in a block keeps the epoch", arguments: 985...1_003)
    func farewellNearTheEndOfABlock(count: Int) throws {
        let device = Device()
        let first = device.open()
        let epoch = first.epoch
        try first.append((0..<UInt32(count)).map { heating($0) }, now: Instant(0))
        try first.farewell(now: Instant(1))
        let second = device.open()
        #expect(second.epoch == epoch)
        #expect(try device.reader.gaps(lane: .event).isEmpty)
        try second.append([heating(9_999)], now: Instant(0))
        try second.commit(now: Instant(0))
        #expect(try device.jobs() == Array(0..<count) + [9_999])
    }

    @Test("after an unclean stop the rest of the block is a declared gap, and is told of")
    func uncleanStopSkipsTheBlock() throws {
        let device = Device()
        var first: Journal? = device.open()
        try first?.append([alarm(.gasLeak)], now: Instant(0))
        let epoch = first?.epoch
        first = nil
        let second = device.open()
        try second.append([alarm(.boardLost)], now: Instant(0))
        #expect(second.epoch == epoch)
        #expect(second.recollection.wasUnclean)
        // Two rows tell of it and of the event lane's.
        let end = Journal.blockSize
        #expect(try device.events(.alarm).map(\.seq) == [1, end + 1, end + 2, end + 3])
        let gaps = try device.reader.gaps(lane: .alarm)
        #expect(gaps.map(\.first) == [2])
        #expect(gaps.map(\.last) == [Journal.blockSize])
        #expect(gaps.map(\.reason) == [.skipped])
        let told = try device.events(.alarm).filter { $0.type == "queue.skipped.v1" }
        #expect(told.map(\.subject).contains("queue/alarm"))
    }

    @Test("every number of a lane is a row or in a gap, however often the process dies")
    func numbersAreContiguous() throws {
        let device = Device()
        var random = SplitMix64(state: 11)
        for _ in 0..<12 {
            let journal = device.open()
            let count = UInt32(random.next() % 1_500)
            try journal.append((0..<count).map { heating($0) }, now: Instant(0))
            try journal.append([alarm(.gasLeak)], now: Instant(1))
            if random.next() % 3 == 0 { try journal.farewell(now: Instant(2)) }
        }
        #expect(try device.jobs().count > 1_000)
        try device.expectContiguousNumbers()
    }

    @Test("the first event of a new device is its epoch")
    func newEpochIsTold() throws {
        let device = Device()
        let journal = device.open()
        let first = try #require(try device.events(.event).first)
        #expect(first.type == "queue.opened.v1")
        let data = String(decoding: first.data, as: UTF8.self)
        #expect(data == #"{"epoch":"\#(journal.epoch.text)","reason":"new"}"#)
        #expect(describe(journal.recollection.lockout) == "clear")
        #expect(!journal.recollection.wasUnclean)
        #expect(!journal.recollection.wasHeating)
    }

    @Test(
        "an old copy of the database put back gets a new epoch, and no number twice",
        arguments: [0, 1, Int(Journal.blockSize) + 200])
    func rollbackGetsNewEpoch(heatings: Int) throws {
        let device = Device()
        var journal: Journal? = device.open()
        try journal?.append([alarm(.gasLeak)], now: Instant(0))
        try journal?.farewell(now: Instant(1))
        let old = try Data(contentsOf: device.file("journal.sqlite3"))
        journal = device.open()
        let epoch = journal?.epoch
        try journal?.append((0..<UInt32(heatings)).map { heating($0) }, now: Instant(0))
        try journal?.append([alarm(.boardLost)], now: Instant(0))
        try journal?.farewell(now: Instant(1))
        let used = try device.events(.event).map { Identity($0) }
        journal = nil
        try old.write(to: device.file("journal.sqlite3"))

        let restored = device.open()
        #expect(restored.epoch != epoch)
        try restored.append([heating(9_999), alarm(.flowLost)], now: Instant(0))
        let new = try device.events(.event).filter { $0.epoch == restored.epoch }
        #expect(try device.jobs().last == 9_999)
        #expect(Set(new.map { Identity($0) }).isDisjoint(with: used))
        let opened = try #require(new.first { $0.type == "queue.opened.v1" })
        #expect(String(decoding: opened.data, as: UTF8.self).contains(#""reason":"rollback""#))
        // What was in the old copy keeps the identity that it was sent with.
        #expect(try device.events(.alarm).first?.epoch == epoch)
        try restored.farewell(now: Instant(1))
        #expect(device.open().epoch == restored.epoch, "one rollback is one new epoch")
    }

    @Test("a file made by other hardware gets a new epoch")
    func cloneGetsNewEpoch() throws {
        let device = Device()
        device.hardware = "10000000a"
        let first = device.open()
        let epoch = first.epoch
        try first.farewell(now: Instant(0))
        let same = device.open()
        #expect(same.epoch == epoch)
        try same.farewell(now: Instant(0))
        device.hardware = "10000000b"
        let moved = device.open()
        #expect(moved.epoch != epoch)
        let opened = try device.events(.event).last { $0.type == "queue.opened.v1" }
        let data = String(decoding: try #require(opened).data, as: UTF8.self)
        #expect(data.contains(#""reason":"clone""#))
    }

    @Test("a lost or damaged mark changes no epoch", arguments: [true, false])
    func lostMark(isRemoved: Bool) throws {
        let device = Device()
        let first = device.open()
        try first.farewell(now: Instant(0))
        if isRemoved {
            try FileManager.default.removeItem(at: device.file("queue-mark"))
        } else {
            try Data("busbar queue mark 1 nonsense".utf8).write(to: device.file("queue-mark"))
        }
        let second = device.open()
        #expect(second.epoch == first.epoch)
        #expect(second.isWritable)
        #expect(
            try String(contentsOf: device.file("queue-mark"), encoding: .utf8)
                .contains(first.epoch.text))
    }

    @Test("a second process is refused and told so")
    func oneWriter() throws {
        let device = Device()
        let first = device.open()
        let second = device.open()
        #expect(first.isWritable)
        #expect(!second.isWritable)
        let refusal = try #require(second.databaseFailure)
        #expect(refusal.description.contains("another process keeps the journal here"))
        #expect(refusal.description.hasPrefix(device.path + "/journal.lock: flock:"))
    }

    @Test("dropping keeps a lane in its quota, loses the oldest, and says what it lost")
    func quota() throws {
        let device = Device()
        let journal = device.open { $0.eventQuota = 20_000 }
        for round in 0..<20 {
            let base = UInt32(round * 100)
            try journal.append((base..<(base + 100)).map { heating($0) }, now: Instant(0))
            try journal.append([alarm(.gasLeak)], now: Instant(0))
        }
        let jobs = try device.jobs()
        #expect(jobs.last == 1_999)
        #expect(jobs == Array(jobs[0]...1_999), "only the oldest may go")
        #expect(jobs.count < 300)
        let rows = try device.events(.event)
        let gaps = try device.reader.gaps(lane: .event)
        #expect(gaps.map(\.first) == [1], "drops at the front are one gap")
        #expect(gaps[0].last + 1 == rows[0].seq)
        #expect(gaps[0].reason == .dropped)
        let alarms = try device.events(.alarm)
        #expect(alarms.filter { $0.type == "alarm.raised.v1" }.count == 20, "alarms never go")
        let drops = try alarms.filter { $0.type == "queue.dropped.v1" }.map { event in
            try #require(
                try JSONSerialization.jsonObject(with: Data(event.data)) as? [String: Any])
        }
        #expect(drops.count > 3)
        #expect(drops[0]["from"] as? Int64 == 1)
        for (earlier, later) in zip(drops, drops.dropFirst()) {
            #expect((earlier["to"] as? Int64).map { $0 + 1 } == later["from"] as? Int64)
        }
        #expect(drops.last?["to"] as? Int64 == gaps[0].last)
    }

    @Test("the quota counts what is there after a restart too")
    func quotaAfterRestart() throws {
        let device = Device()
        for round in 0..<12 {
            let journal = device.open { $0.eventQuota = 20_000 }
            let base = UInt32(round * 40)
            try journal.append((base..<(base + 40)).map { heating($0) }, now: Instant(0))
            try journal.commit(now: Instant(0))
            if round % 2 == 0 { try journal.farewell(now: Instant(0)) }
        }
        #expect(try device.jobs().last == 479)
        #expect(try device.jobs().count < 300)
    }
}

/// What may never be given to two events.
struct Identity: Hashable {
    var epoch: Identifier128
    var lane: Lane
    var seq: Int64

    init(_ event: EventRecord) {
        epoch = event.epoch
        lane = event.lane
        seq = event.seq
    }
}

/// Vigna's SplitMix64: small, and the same on every machine.
struct SplitMix64: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var value = state
        value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
        return value ^ (value >> 31)
    }
}
