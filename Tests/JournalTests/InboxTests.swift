import CrashDisk
import Events
import Foundation
import Testing
import Units
import Wire

@testable import Journal

@Suite("Inbox")
struct InboxTests {
    static let start = Device.wall.unixMilliseconds
    static let difference = Journal.inboxClockDifference

    /// One that was issued a minute after the journal of these tests began, for a minute.
    static func command(
        _ id: UInt64, ticket: UInt32 = 1, issued: Int64 = start + 60_000, life: Int64 = 60_000
    ) -> ReceivedCommand {
        ReceivedCommand(
            origin: CommandOrigin(id: Identifier128(high: 9, low: id), by: "operator"),
            ticket: ticket, method: "heating.start", parameters: Array("{}".utf8), userID: 990,
            user: "busbar-uplink", issuedUnixMilliseconds: issued,
            expiresUnixMilliseconds: issued + life)
    }

    static func wall(_ offset: Int64 = 61_000) -> WallTime {
        WallTime(unixMilliseconds: start + offset, quality: .synced)
    }

    static func answer(
        _ command: ReceivedCommand, _ result: CommandAnswer.Result = .done,
        refusal: String? = nil, isAdmitted: Bool = true
    ) -> CommandAnswer {
        var origin = command.origin
        origin.isAdmitted = isAdmitted
        return CommandAnswer(
            ticket: command.ticket, method: command.method, userID: command.userID,
            user: command.user, role: "cluster", parameters: command.parameters,
            result: result, refusal: refusal, origin: origin)
    }

    static func place(_ answer: CommandAnswer) -> Stamp {
        Stamp(
            tick: Tick(9), at: Instant(950), wall: wall(), correlation: answer.correlation)
    }

    static func begun(_ device: Device) throws -> Journal {
        let journal = device.open()
        try journal.openInbox(wall: Device.wall, now: Instant(0))
        return journal
    }

    static func receive(
        _ command: ReceivedCommand, _ journal: Journal, at offset: Int64 = 61_000
    ) -> Admission {
        journal.receive(command, wall: wall(offset), now: Instant(0))
    }

    static func answered(_ device: Device) throws -> [EventRecord] {
        try device.events(.alarm).filter { $0.type == "command.answered.v1" }
    }

    @Test("an id is admitted once; a repetition hears what came of it")
    func once() throws {
        let device = Device()
        let journal = try Self.begun(device)
        let command = Self.command(1)
        #expect(Self.receive(command, journal) == .admitted)
        #expect(Self.receive(command, journal) == .repeated(nil))
        let answer = Self.answer(command, .refused, refusal: "fatal_alarm")
        try journal.append(answer, stamp: Self.place(answer), now: Instant(0))
        let outcome = Admission.Outcome(result: .refused, refusal: "fatal_alarm")
        #expect(Self.receive(command, journal) == .repeated(outcome))
        // Under another name for all else it is the same command.
        var other = Self.command(1, ticket: 7, issued: Self.start + 61_000)
        other.method = "heating.stop"
        #expect(Self.receive(other, journal) == .repeated(outcome))
        #expect(Self.receive(Self.command(2), journal) == .admitted)
        let stored = try #require(try Self.answered(device).first)
        let data = String(decoding: stored.data, as: UTF8.self)
        #expect(data.contains(#""command":"00000000000000090000000000000001","by":"operator""#))
    }

    @Test("the answer to a repetition does not settle the command that is being carried out")
    func repetition() throws {
        let device = Device()
        let journal = try Self.begun(device)
        let command = Self.command(1)
        #expect(Self.receive(command, journal) == .admitted)
        let refused = Self.answer(command, .refused, refusal: "repeated", isAdmitted: false)
        try journal.append(refused, stamp: Self.place(refused), now: Instant(0))
        #expect(Self.receive(command, journal) == .repeated(nil))
    }

    @Test("after a restart an answered id is known, and one without an answer is interrupted once")
    func restart() throws {
        let device = Device()
        let journal = try Self.begun(device)
        #expect(Self.receive(Self.command(1, ticket: 41), journal) == .admitted)
        #expect(Self.receive(Self.command(2, ticket: 42), journal) == .admitted)
        let answer = Self.answer(Self.command(1, ticket: 41))
        try journal.append(answer, stamp: Self.place(answer), now: Instant(0))
        try journal.farewell(now: Instant(1))

        for _ in 0..<3 {
            let next = device.open()
            #expect(
                Self.receive(Self.command(1), next)
                    == .repeated(Admission.Outcome(result: .done, refusal: nil)))
            #expect(
                Self.receive(Self.command(2), next)
                    == .repeated(Admission.Outcome(result: .noAnswer, refusal: "interrupted")))
            try next.farewell(now: Instant(1))
        }
        let stored = try Self.answered(device)
        #expect(stored.map(\.subject) == ["command/41", "command/42"])
        let data = String(decoding: stored[1].data, as: UTF8.self)
        #expect(data.contains(#""result":"no_answer","refusal":"interrupted""#), "\(data)")
        #expect(data.contains(#""role":"cluster""#))
        #expect(data.hasSuffix(#""command":"00000000000000090000000000000002","by":"operator"}"#))
        #expect(stored[1].correlation == Correlation(0), "a ticket of the run before is not ours")
    }

    struct Row: CustomTestStringConvertible, Sendable {
        let testDescription: String
        let command: ReceivedCommand
        let admission: Admission
    }

    static let rows = [
        Row(
            testDescription: "signed as long after the beginning as clocks may differ",
            command: command(1, issued: start + difference), admission: .beforeInbox),
        Row(
            testDescription: "signed 1 ms later",
            command: command(1, issued: start + difference + 1), admission: .admitted),
        Row(
            testDescription: "signed the day before",
            command: command(1, issued: start - 86_000_000, life: 86_400_000),
            admission: .beforeInbox),
    ]

    @Test("what another inbox may have carried out is refused", arguments: rows)
    func beginning(row: Row) throws {
        let device = Device()
        let journal = try Self.begun(device)
        #expect(Self.receive(row.command, journal, at: difference) == row.admission)
        // The same from the file, not from memory.
        try journal.farewell(now: Instant(1))
        let next = device.open()
        let again: Admission =
            row.admission == .admitted
            ? .repeated(Admission.Outcome(result: .noAnswer, refusal: "interrupted"))
            : row.admission
        #expect(Self.receive(row.command, next) == again)
    }
    private var difference: Int64 { Self.difference }

    @Test("an inbox begins when the clock is set, not before; and never after now")
    func clock() throws {
        let device = Device()
        let journal = device.open()
        let unset = WallTime(unixMilliseconds: 5, quality: .unsynced)
        try journal.openInbox(wall: unset, now: Instant(0))
        #expect(journal.inboxSince == nil)
        try journal.openInbox(wall: Self.wall(0), now: Instant(0))
        #expect(journal.inboxSince == Self.start)
        try journal.openInbox(wall: Self.wall(900_000), now: Instant(0))
        #expect(journal.inboxSince == Self.start, "later it is as it was")
        try journal.openInbox(wall: Self.wall(-Self.difference), now: Instant(0))
        #expect(journal.inboxSince == Self.start, "two clocks may differ so much")
        try journal.openInbox(wall: Self.wall(-Self.difference - 1), now: Instant(0))
        #expect(journal.inboxSince == Self.start - Self.difference - 1)
    }

    @Test("a file that was put aside takes its ids along, so what was signed before is refused")
    func quarantine() throws {
        let device = Device()
        let journal = try Self.begun(device)
        #expect(Self.receive(Self.command(1), journal) == .admitted)
        try journal.farewell(now: Instant(1))
        let path = device.file("journal.sqlite3")
        try Array(repeating: UInt8(0x55), count: 8_192).withUnsafeBytes {
            try Data($0).write(to: path)
        }
        let next = device.open()
        #expect(next.quarantinedFile != nil)
        #expect(Self.receive(Self.command(1), next) == .beforeInbox)
        let fresh = Self.command(3, issued: Self.wall().unixMilliseconds + Self.difference + 1)
        #expect(Self.receive(fresh, next, at: 70_000) == .admitted)
    }

    @Test("an old copy of the file lacks ids, so what was signed before is refused")
    func rollback() throws {
        let device = Device()
        try Self.begun(device).farewell(now: Instant(1))
        let old = try Data(contentsOf: device.file("journal.sqlite3"))
        var journal: Journal? = device.open()
        let epoch = journal?.epoch
        #expect(journal.map { Self.receive(Self.command(1), $0) } == .admitted)
        try journal?.farewell(now: Instant(1))
        journal = nil
        try old.write(to: device.file("journal.sqlite3"))

        // Also at the start after the one that found out, if its clock was never set.
        let restored = device.open()
        #expect(restored.epoch != epoch)
        try restored.farewell(now: Instant(1))
        let next = device.open()
        #expect(next.epoch == restored.epoch && next.inboxSince == nil)
        #expect(Self.receive(Self.command(1), next) == .beforeInbox)
    }

    @Test("the same when it is the cluster that finds the copy to be old")
    func rollbackFoundByCluster() throws {
        let queue = try ReclaimTests.Queue(1)
        try queue.journal.openInbox(wall: Device.wall, now: Instant(0))
        #expect(Self.receive(Self.command(1), queue.journal) == .admitted)
        try queue.acknowledge(upTo: 0, rolledBack: queue.journal.epoch)
        #expect(queue.journal.inboxSince == nil)
        queue.disk.kill()
        let next = queue.run.open()
        #expect(next.inboxSince == nil)
        #expect(Self.receive(Self.command(2), next) == .beforeInbox)
    }

    @Test("rows go a day after their expiry, and what expires no later is refused for ever")
    func forgetting() throws {
        let device = Device()
        let journal = try Self.begun(device)
        let command = Self.command(1)
        #expect(Self.receive(command, journal) == .admitted)
        let expiry = command.expiresUnixMilliseconds - Self.start
        let day = Journal.inboxMargin
        #expect(Self.receive(Self.command(2), journal, at: expiry + day) == .admitted)
        #expect(Self.receive(command, journal) == .repeated(nil), "a day is not yet over")
        #expect(
            Self.receive(Self.command(3, life: 60_001), journal, at: expiry + day + 1)
                == .admitted)
        // The clock goes back: nothing tells any more that the id was taken.
        #expect(Self.receive(command, journal) == .forgotten)
        #expect(Self.receive(Self.command(4), journal) == .forgotten)
        #expect(Self.receive(Self.command(5, life: 60_001), journal) == .admitted)
    }

    @Test("when it is full, expired and answered commands make room, others do not")
    func capacity() throws {
        let device = Device()
        let journal = try Self.begun(device)
        let count = UInt64(Journal.inboxCapacity)
        for id in 1...count {
            let command = Self.command(id, life: 60_000 + Int64(id))
            #expect(Self.receive(command, journal) == .admitted)
            if id <= 100 {
                let answer = Self.answer(command)
                try journal.append(answer, stamp: Self.place(answer), now: Instant(0))
            }
        }
        let next = Self.command(count + 1, life: 600_000)
        #expect(Self.receive(next, journal) == .full(Int(count)))
        // Only ten of them have expired; all of those go.
        #expect(Self.receive(next, journal, at: 120_011) == .admitted)
        #expect(Self.receive(Self.command(10, life: 60_010), journal) == .forgotten)
        #expect(
            Self.receive(Self.command(11, life: 60_011), journal)
                == .repeated(Admission.Outcome(result: .done, refusal: nil)))
    }

    @Test("a disk that refuses admits nothing, and says why")
    func failure() throws {
        let disk = CrashDisk()
        let run = ScriptedRun(disk: disk, seed: 1)
        let journal = run.open()
        try journal.openInbox(wall: Device.wall, now: Instant(0))
        disk.arm(.fromNowOn(EIO), at: 1, of: .changing)
        guard case .failed(let why) = Self.receive(Self.command(1), journal) else {
            Issue.record("admitted by a disk that refuses")
            return
        }
        #expect(why.contains("it is tried again every second"), "\(why)")
        // Within the second nothing is tried; then it is as if nothing had been.
        disk.disarm()
        #expect(Self.receive(Self.command(1), journal) == .failed(why))
        let later = journal.receive(
            Self.command(1), wall: Self.wall(), now: Instant(0) + Journal.retryDelay)
        #expect(later == .admitted)
    }
}
