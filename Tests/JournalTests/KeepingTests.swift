import Control
import Events
import Foundation
import Journal
import Testing
import Units
import Wire

@Suite("What the journal keeps beside the events")
struct KeepingTests {
    @Test("a transaction is open, checkpointed, closed with its outcome, and told of")
    func transactionLife() throws {
        let device = Device()
        let journal = device.open()
        let handle = journal.open(
            "heating", job: 12, counters: [TransactionCounter("start_millicelsius", 20_000)],
            stamp: stamp(1), now: Instant(0))
        try journal.service(now: Instant(0))
        var stored = try device.reader.transactions(limit: 5)
        #expect(stored.map(\.state) == [.open], "an opening is durable at once")
        #expect(stored[0].job == 12)
        journal.checkpoint(
            handle, counters: [TransactionCounter("heat_ms", 60_000)], stamp: stamp(600),
            now: Instant(60_000))
        try journal.service(now: Instant(60_100))
        stored = try device.reader.transactions(limit: 5)
        #expect(stored[0].counters == #"{"heat_ms":60000}"#)
        #expect(stored[0].state == .open)
        journal.close(
            handle, outcome: "completed", counters: [TransactionCounter("heat_ms", 61_000)],
            stamp: stamp(610), now: Instant(61_000))
        try journal.service(now: Instant(61_000))
        stored = try device.reader.transactions(kind: "heating", limit: 5)
        #expect(stored.map(\.state) == [.closed])
        #expect(stored[0].outcome == "completed")
        #expect(stored[0].counters == #"{"heat_ms":61000}"#)
        #expect(try device.reader.transactions(kind: "charge", limit: 5).isEmpty)
        let told = try device.events(.event).filter { $0.subject == "transaction/1" }
        #expect(
            told.map(\.type) == [
                "transaction.opened.v1", "transaction.checkpointed.v1", "transaction.closed.v1",
            ])
    }

    @Test("a transaction that a crash left open is interrupted at the next start, and only there")
    func interrupted() throws {
        let device = Device()
        var first: Journal? = device.open()
        let counters = [TransactionCounter("heat_ms", 5)]
        let done = try #require(
            first?.open("heating", job: 1, counters: [], stamp: stamp(), now: Instant(0)))
        first?.close(done, outcome: "failed", counters: [], stamp: stamp(), now: Instant(0))
        _ = first?.open("heating", job: 2, counters: counters, stamp: stamp(), now: Instant(0))
        try first?.service(now: Instant(0))
        first = nil
        let second = device.open()
        let stored = try device.reader.transactions(limit: 5)
        #expect(stored.map(\.state) == [.interrupted, .closed])
        #expect(stored[0].counters == #"{"heat_ms":5}"#)
        let told = try device.events(.event).filter { $0.type == "transaction.interrupted.v1" }
        #expect(told.map(\.subject) == ["transaction/2"])
        try second.farewell(now: Instant(0))
        _ = device.open()
        #expect(
            try device.events(.event).filter { $0.type == "transaction.interrupted.v1" }.count == 1)
    }

    @Test("neither an acknowledgement nor a clear takes anything out of the alarm history")
    func historyIsKept() throws {
        let device = Device()
        let journal = device.open()
        let changes: [AlarmChange] = [.raised, .acknowledged, .returned, .cleared, .reset]
        for (index, change) in changes.enumerated() {
            try journal.append(
                [alarm(.flowLost, .error, change, tick: UInt64(index))], now: Instant(0))
        }
        try journal.append([alarm(.gasLeak)], now: Instant(0))
        let all = try device.reader.alarmHistory(limit: 100)
        #expect(all.map(\.change) == [.raised] + changes.reversed())
        let one = try device.reader.alarmHistory(code: 209, limit: 2)
        #expect(one.map(\.change) == [.reset, .cleared])
        #expect(
            try device.reader.alarmHistory(
                sinceUnixMilliseconds: Device.wall.unixMilliseconds + 1, limit: 100
            ).isEmpty)
    }

    @Test("the state image is written with other commits, or after ten seconds")
    func stateImage() throws {
        let device = Device()
        let journal = device.open()
        journal.setState("heating", json: Array(#"{"a":1}"#.utf8), stamp: stamp(), now: Instant(0))
        try journal.service(now: Instant(9_999))
        #expect(try device.reader.state().isEmpty)
        journal.setState("heating", json: Array(#"{"a":2}"#.utf8), stamp: stamp(), now: Instant(0))
        try journal.service(now: Instant(10_000))
        #expect(try device.reader.state() == ["heating": #"{"a":2}"#])
        journal.setState("bank", json: Array("[]".utf8), stamp: stamp(), now: Instant(10_001))
        try journal.append([alarm(.gasLeak)], now: Instant(10_002))
        #expect(try device.reader.state()["bank"] == "[]")
    }

    @Test("versions of the site file are kept with their bytes and their standing")
    func configurations() throws {
        let device = Device()
        let journal = device.open()
        let bytes: [UInt8] = [0, 255, 10]
        let first = try journal.addConfiguration(
            bytes, digest: "d1", status: .applied, stamp: stamp(), now: Instant(0))
        let second = try journal.addConfiguration(
            [], digest: "d2", status: .refused, stamp: stamp(), now: Instant(0))
        #expect([first, second] == [1, 2])
        #expect(
            try journal.setConfiguration(1, status: .confirmed, stamp: stamp(), now: Instant(0)))
        #expect(
            try !journal.setConfiguration(9, status: .confirmed, stamp: stamp(), now: Instant(0)))
        let stored = try device.reader.configurations(limit: 9)
        #expect(stored.map(\.digest) == ["d2", "d1"])
        #expect(stored.map(\.status) == [.refused, .confirmed])
        #expect(try device.reader.configuration(1) == bytes)
        #expect(try device.reader.configuration(2) == [])
        #expect(try device.reader.configuration(3) == nil)
        let told = try device.events(.event).filter { $0.type.hasPrefix("configuration.") }
        #expect(
            told.map(\.type) == [
                "configuration.applied.v1", "configuration.refused.v1",
                "configuration.confirmed.v1",
            ])
    }

    @Test("a reader goes on from where it stopped, and by lane")
    func reads() throws {
        let device = Device()
        let journal = device.open()
        try journal.append((0..<70).map { heating($0) }, now: Instant(0))
        try journal.commit(now: Instant(0))
        let first = try device.reader.events(lane: .event, limit: 30)
        #expect(first.count == 30)
        let rest = try device.reader.events(lane: .event, after: first[29].seq, limit: 100)
        #expect(rest.first?.seq == first[29].seq + 1)
        #expect(
            try device.reader.latestEvents(lane: .event, limit: 2).map(\.subject) == [
                "job/68", "job/69",
            ])
        #expect(try device.reader.events(lane: .telemetry, limit: 9).isEmpty)
        let later = Device.wall.unixMilliseconds + 1
        #expect(
            try device.reader.events(lane: .event, sinceUnixMilliseconds: later, limit: 9).isEmpty)
    }

    struct MarkerRow: CustomTestStringConvertible, Sendable {
        let testDescription: String
        let content: String?
        let wasHeating: Bool
        let wasUnclean: Bool
    }

    @Test(
        "the run marker tells how the last run ended; what cannot be read counts as heating",
        arguments: [
            MarkerRow(
                testDescription: "farewell", content: "busbar run marker 1: stopped\n",
                wasHeating: false, wasUnclean: false),
            MarkerRow(
                testDescription: "died idle", content: "busbar run marker 1: running\n",
                wasHeating: false, wasUnclean: true),
            MarkerRow(
                testDescription: "died heating", content: "busbar run marker 1: heating\n",
                wasHeating: true, wasUnclean: true),
            MarkerRow(
                testDescription: "cut short", content: "busbar run marker 1: stopp",
                wasHeating: true, wasUnclean: true),
            MarkerRow(
                testDescription: "empty", content: "", wasHeating: true, wasUnclean: true),
            MarkerRow(
                testDescription: "removed", content: nil, wasHeating: true, wasUnclean: true),
        ])
    func marker(row: MarkerRow) throws {
        let device = Device()
        try device.open().farewell(now: Instant(0))
        let file = device.file("run-marker")
        #expect(
            try String(contentsOf: file, encoding: .utf8) == "busbar run marker 1: stopped\n")
        if let content = row.content {
            try Data(content.utf8).write(to: file)
        } else {
            try FileManager.default.removeItem(at: file)
        }
        let journal = device.open()
        #expect(journal.recollection.wasHeating == row.wasHeating)
        #expect(journal.recollection.wasUnclean == row.wasUnclean)
        #expect(
            try String(contentsOf: file, encoding: .utf8) == "busbar run marker 1: running\n")
        try journal.mark(.heating)
        #expect(
            try String(contentsOf: file, encoding: .utf8) == "busbar run marker 1: heating\n")
    }
}
