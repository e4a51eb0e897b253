import Control
import Events
import Foundation
import Testing
import Units
import Wire

@testable import Journal

@Suite("Commands in the record")
struct CommandRecordTests {
    static func answer(
        _ ticket: UInt32, name: String? = "Anna Berg", reason: String? = "probe is replaced"
    ) -> CommandAnswer {
        CommandAnswer(
            ticket: ticket, method: "alarms.shelve", userID: 1_000, user: "anna",
            role: "technician", parameters: Array(#"{"code":"E303"}"#.utf8), name: name,
            reason: reason, result: .done)
    }

    static func place(_ answer: CommandAnswer) -> Stamp {
        Stamp(
            tick: Tick(9), at: Instant(950), wall: Device.wall, correlation: answer.correlation)
    }

    static func shelved(_ code: AlarmCode, by ticket: UInt32) -> RecordedEvent {
        var event = alarm(code, .warning, .shelved, tick: 9)
        event.event.correlation = Correlation(command: ticket)
        return event
    }

    @Test("an answer is durable at once, under the correlation of what it led to")
    func isDurable() throws {
        let device = Device()
        let journal = device.open()
        try journal.append([Self.shelved(.signalStale, by: 41)], now: Instant(0))
        try journal.append(
            Self.answer(41), stamp: Self.place(Self.answer(41)), now: Instant(0))
        let stored = try device.events(.alarm)
        #expect(stored.map(\.type) == ["alarm.shelved.v1", "command.answered.v1"])
        #expect(Set(stored.map(\.correlation)) == [Correlation(command: 41)])
        #expect(stored[1].subject == "command/41")
        #expect(stored[1].severity == .info)
    }

    @Test("the history says who changed an alarm and why, and of nothing else")
    func history() throws {
        let device = Device()
        // The same ticket in the run before is another command.
        let earlier = device.open()
        try earlier.append([Self.shelved(.busSilent, by: 41)], now: Instant(0))
        try earlier.farewell(now: Instant(1))
        let journal = device.open()
        try journal.append(
            [
                alarm(.signalStale, .warning, tick: 8), Self.shelved(.signalStale, by: 41),
                Self.shelved(.flowLost, by: 42),
            ], now: Instant(0))
        try journal.append(
            Self.answer(41), stamp: Self.place(Self.answer(41)), now: Instant(0))
        let bare = Self.answer(42, name: nil, reason: nil)
        try journal.append(bare, stamp: Self.place(bare), now: Instant(0))
        let rows = try device.reader.alarmHistory(limit: 10)
        #expect(rows.map(\.code) == [209, 301, 301, 501])
        #expect(
            rows.map(\.person) == [
                StoredTransition.Person(userID: 1_000, user: "anna"),
                StoredTransition.Person(
                    userID: 1_000, user: "anna", name: "Anna Berg", reason: "probe is replaced"),
                nil, nil,
            ])
    }

    @Test("a journal of the first layout is brought to this one, with all that is in it")
    func migration() throws {
        let device = Device()
        let journal = device.open()
        try journal.append([Self.shelved(.signalStale, by: 41)], now: Instant(0))
        try journal.farewell(now: Instant(1))
        do {
            let connection = try Connection(
                to: StateDirectory(path: device.path, storage: LinuxStorage()), mode: .readWrite)
            for column in ["uid", "user", "name", "reason"] {
                try connection.execute("ALTER TABLE alarm_history DROP COLUMN \(column)")
            }
            for table in Lane.allCases.map({ $0.name + "_lane" }) + [
                "epochs", "runs", "gaps", "lanes",
            ] {
                try connection.execute("ALTER TABLE \(table) DROP COLUMN checksum")
            }
            try connection.execute("ALTER TABLE lanes DROP COLUMN dropped")
            try connection.execute("DROP TABLE inbox; DROP TABLE inbox_bounds")
            try connection.execute("PRAGMA user_version = 1")
        }
        let second = device.open()
        #expect(second.quarantinedFile == nil && second.isWritable)
        #expect(second.epoch == journal.epoch)
        try second.append([Self.shelved(.signalStale, by: 1)], now: Instant(0))
        try second.append(Self.answer(1), stamp: Self.place(Self.answer(1)), now: Instant(0))
        let rows = try device.reader.alarmHistory(limit: 10)
        #expect(rows.map { $0.person?.user } == ["anna", nil])
        #expect(second.inboxSince == nil, "what was carried out before stands in no inbox")
    }

    @Test("when an alarm was raised is found by its tick and instant, with the clock's quality")
    func wallTime() throws {
        let device = Device()
        let journal = device.open()
        var leak = alarm(.gasLeak, tick: 52)
        leak.wall = WallTime(unixMilliseconds: 86_400_000, quality: .unsynced)
        try journal.append(
            [leak, alarm(.gasLeak, .fatal, .reset, tick: 52), alarm(.gasLeak, tick: 60)],
            now: Instant(0))
        func find(_ code: AlarmCode, _ tick: UInt64, _ at: Int64) throws -> WallTime? {
            try device.reader.wallTime(ofRaised: code, tick: Tick(tick), at: Instant(at))
        }
        #expect(try find(.gasLeak, 52, 5_200) == leak.wall)
        #expect(try find(.gasLeak, 60, 6_000) == Device.wall)
        #expect(try find(.gasLeak, 52, 5_201) == nil)
        #expect(try find(.gasLeak, 53, 5_200) == nil)
        #expect(try find(.boardLost, 52, 5_200) == nil)
    }

    @Test("events go where the routes say, but a FATAL and a loss to the alarm lane")
    func routes() throws {
        func row(_ text: String, _ lane: Lane) throws -> LaneTable.Row {
            LaneTable.Row(try #require(EventPattern(text)), lane)
        }
        let lanes = LaneTable([
            try row("heating.*", .alarm), try row("transaction.*", .telemetry),
            try row("*", .event),
        ])
        let device = Device()
        let journal = device.open {
            $0.lanes = lanes
            $0.eventQuota = 2_000
        }
        let handle = journal.open(
            "heating", job: 1, counters: [], stamp: stamp(1), now: Instant(0))
        try journal.append([heating(7), alarm(.gasLeak)], now: Instant(0))
        try journal.append(
            (0..<60).map { alarm(.flowLost, .error, tick: UInt64($0)) }, now: Instant(0))
        journal.close(
            handle, outcome: "done", counters: [], stamp: stamp(2), now: Instant(0))
        try journal.commit(now: Instant(1))
        let alarms = try device.events(.alarm)
        #expect(alarms.first?.type == "heating.started.v1")
        #expect(alarms.contains { $0.type == "alarm.raised.v1" && $0.severity == .fatal })
        #expect(alarms.contains { $0.type == "queue.dropped.v1" })
        #expect(!alarms.contains { $0.severity == .error })
        #expect(
            try device.events(.telemetry).map(\.type) == [
                "transaction.opened.v1", "transaction.closed.v1",
            ])
        #expect(try device.events(.event).last?.severity == .error)
    }
}
