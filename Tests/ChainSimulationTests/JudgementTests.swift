import Bridge
@testable import ChainSimulation
import Events
import Testing
import Uplink
import Wire

private let epoch = Identifier128(high: 1, low: 2)

private func record(
    _ seq: Int64, _ data: String, topic: String = "busbar.alarm.v1",
    type: String = "io.busbar.alarm.raised.v1", kind: String? = nil
) -> SinkRecord {
    var headers = [
        SinkRecord.Header("ce_id", "\(epoch.text):alarm:\(seq)"),
        SinkRecord.Header("ce_type", type), SinkRecord.Header("ce_recordedtime", "\(seq)"),
    ]
    if let kind { headers.append(SinkRecord.Header("busbar_dlq_class", kind)) }
    return SinkRecord(
        topic: topic, key: Array("heater-1".utf8), value: Array(data.utf8),
        headers: RecordHeaders(headers),
        unixMilliseconds: seq)
}

@Suite("The oracle")
struct OracleTests {
    /// An oracle that has issued events with the data "a", "b" and so on, and was promised them.
    private func oracle(_ data: [String]) -> Oracle {
        var oracle = Oracle()
        for text in data {
            let id = oracle.issue(machine: 0, lane: .alarm, now: 0)
            oracle.register(
                id,
                content: fingerprint(type: "io.busbar.alarm.raised.v1", data: Array(text.utf8)))
            oracle.promise(id)
        }
        return oracle
    }

    struct Row: CustomTestStringConvertible, Sendable {
        let testDescription: String
        /// Numbers with their data, as they come to Kafka.
        let arrivals: [(Int64, String)]
        let broken: Violation.Rule?
    }

    static let rows = [
        Row(testDescription: "in order", arrivals: [(1, "a"), (2, "b")], broken: nil),
        Row(
            testDescription: "a duplicate is none",
            arrivals: [(1, "a"), (2, "b"), (1, "a"), (2, "b")], broken: nil),
        Row(
            testDescription: "out of order at first sight", arrivals: [(2, "b"), (1, "a")],
            broken: .orderKept),
        Row(testDescription: "nobody issued it", arrivals: [(1, "z")], broken: .payloadEqual),
        Row(
            testDescription: "one event under two identities", arrivals: [(1, "a"), (2, "a")],
            broken: .effectOnce),
        Row(
            testDescription: "one identity with two contents", arrivals: [(1, "a"), (1, "b")],
            broken: .neverTwoContents),
    ]

    @Test("Records as they come", arguments: rows)
    func arrivals(row: Row) {
        var oracle = oracle(["a", "b"])
        for (seq, data) in row.arrivals { _ = oracle.arrived(record(seq, data), now: 5) }
        #expect(oracle.firstViolation?.rule == row.broken)
    }

    @Test("A promise is unmet until Kafka has the event, or its dead letter")
    func promises() {
        var oracle = oracle(["a", "b", "c"])
        let unpromised = oracle.issue(machine: 0, lane: .alarm, now: 0)
        #expect(oracle.unmet(of: 0) == [0, 1, 2])
        #expect(oracle.unmet(of: 1) == [])
        _ = oracle.arrived(record(1, "a"), now: 1)
        _ = oracle.arrived(record(2, "b", topic: "busbar.dlq.v1", kind: "poison"), now: 1)
        #expect(oracle.unmet(of: 0) == [2])
        oracle.release(2)
        #expect(oracle.unmet(of: 0) == [])
        #expect(oracle.events[unpromised].standing == .issued)
        #expect(oracle.firstViolation == nil)
    }

    @Test("A collision is a broken rule, unless the whole card was put back")
    func collisions() {
        for mayCollide in [false, true] {
            var oracle = oracle(["a", "b"])
            if mayCollide { oracle.mayCollide.insert(epoch) }
            _ = oracle.arrived(record(1, "a"), now: 1)
            _ = oracle.arrived(record(1, "b", topic: "busbar.dlq.v1", kind: "collision"), now: 1)
            #expect((oracle.firstViolation == nil) == mayCollide)
            #expect(oracle.unmet(of: 0) == [])
        }
    }

    @Test("A word of a collision where there is one content is a broken rule")
    func falseCollision() {
        var oracle = oracle(["a"])
        _ = oracle.arrived(record(1, "a"), now: 1)
        _ = oracle.arrived(record(1, "a", topic: "busbar.dlq.v1", kind: "gap"), now: 2)
        #expect(oracle.firstViolation == nil)
        _ = oracle.arrived(record(1, "a", topic: "busbar.dlq.v1", kind: "collision"), now: 3)
        #expect(oracle.firstViolation?.rule == .neverTwoContents)
    }

    @Test("The number of an event that nobody has seen is the one before its successor's")
    func inferred() {
        var oracle = Oracle()
        var ids: [Int] = []
        for seq in Int64(1)...4 {
            let id = oracle.issue(machine: 0, lane: .event, now: 0)
            let data = Array("{\"job\":\(seq)}".utf8)
            oracle.register(
                id, content: fingerprint(type: "io.busbar.heating.started.v1", data: data))
            ids.append(id)
            if seq == 3 { oracle.learn(row(7, data)) }
        }
        oracle.inferNumbers(of: ids)
        #expect(oracle.events.map(\.seq) == [5, 6, 7, nil])
    }

    @Test("A drop that was declared ends the promise of what it names, and of nothing else")
    func drops() {
        var oracle = Oracle()
        for seq in Int64(1)...3 {
            let id = oracle.issue(machine: 0, lane: .event, now: 0)
            let data = Array("{\"job\":\(seq)}".utf8)
            oracle.register(
                id, content: fingerprint(type: "io.busbar.heating.started.v1", data: data))
            oracle.promise(id)
            oracle.learn(row(seq, data))
        }
        let drop = #"{"lane":"event","from":1,"to":2,"count":2}"#
        _ = oracle.arrived(record(9, drop, type: "io.busbar.queue.dropped.v1"), now: 1)
        #expect(oracle.unmet(of: 0) == [2])
        #expect(oracle.firstViolation == nil)
    }

    @Test("Each event that was stated is counted once, by what became of it")
    func fates() {
        var oracle = oracle(["a", "b", "c", "d", "e", "f"])
        #expect(oracle.fates.text == "6 events stated: 6 promised and not there")
        _ = oracle.issue(machine: 0, lane: .alarm, now: 0)
        _ = oracle.arrived(record(1, "a"), now: 1)
        _ = oracle.arrived(record(2, "b", topic: "busbar.dlq.v1", kind: "poison"), now: 1)
        oracle.release(2)
        let data = Array("{\"job\":1}".utf8)
        let event = oracle.issue(machine: 0, lane: .event, now: 0)
        oracle.register(
            event, content: fingerprint(type: "io.busbar.heating.started.v1", data: data))
        oracle.promise(event)
        oracle.learn(row(9, data))
        let drop = #"{"lane":"event","from":9,"to":9,"count":1}"#
        _ = oracle.arrived(record(3, drop, type: "io.busbar.queue.dropped.v1"), now: 1)
        #expect(
            oracle.fates.text
                == "8 events stated: 2 in Kafka, 1 dropped and declared, 1 never committed, "
                + "1 overwritten by an older copy, 3 promised and not there")
        #expect(
            oracle.fates.text(effects: oracle.effectCount, duplicates: 0)
                == "2 effects: 1 of these events, 1 of what the journals state themselves; "
                + "0 duplicates")
        #expect(EventFates().text == "0 events stated")
    }

    private func row(_ seq: Int64, _ data: [UInt8]) -> EventRecord {
        EventRecord(
            lane: .event, epoch: epoch, seq: seq, tick: .init(1), at: .init(1),
            wall: WallTime(unixMilliseconds: 1, quality: .synced), severity: .info,
            correlation: Correlation(0), type: "heating.started.v1", subject: "job/1", data: data,
            run: epoch, boot: epoch)
    }
}

@Suite("Every number is in Kafka or declared there")
struct NumberTests {
    private static let earlier = Identifier128(high: 0, low: 9)

    struct Row: CustomTestStringConvertible, Sendable {
        let testDescription: String
        /// Alarms of the second epoch, which begins with 11.
        let numbers: [Int64]
        /// Declared in that epoch.
        var skipped: ClosedRange<Int64>?
        var dropped: ClosedRange<Int64>?
        /// Of the epoch before it, which begins with 1.
        var before: [Int64] = []
        var last: Int64 = 99
        let missing: String?
    }

    static let rows = [
        Row(testDescription: "nothing there, nothing missing", numbers: [], missing: nil),
        Row(testDescription: "one after the other", numbers: [11, 12, 13], missing: nil),
        Row(testDescription: "in any order", numbers: [13, 11, 12], missing: nil),
        Row(testDescription: "one is not there", numbers: [11, 13], missing: "12-12"),
        Row(testDescription: "nor is the first", numbers: [13], missing: "11-12"),
        Row(testDescription: "skipped", numbers: [11, 15], skipped: 12...14, missing: nil),
        Row(testDescription: "dropped", numbers: [11, 15], dropped: 12...14, missing: nil),
        Row(
            testDescription: "both", numbers: [15], skipped: 13...14, dropped: 11...12, missing: nil
        ),
        Row(
            testDescription: "all but the last", numbers: [11, 15], skipped: 12...13,
            missing: "14-14"),
        Row(
            testDescription: "all but the first", numbers: [11, 15], skipped: 13...14,
            missing: "12-12"),
        Row(
            testDescription: "before a declared end", numbers: [11], skipped: 13...14,
            missing: "12-12"),
        Row(
            testDescription: "the end of an epoch needs none", numbers: [11], before: [1, 2],
            missing: nil),
        Row(
            testDescription: "within an earlier epoch", numbers: [11], before: [1, 3],
            missing: "2-2"),
        Row(
            testDescription: "of an earlier epoch, declared in the later one", numbers: [11],
            skipped: 2...10, before: [1, 3], missing: nil),
        Row(
            testDescription: "used by a life that was overwritten: in the next epoch",
            numbers: [11], before: [1, 13], missing: "2-10"),
        Row(testDescription: "behind the file's end", numbers: [11, 14], last: 11, missing: nil),
        Row(testDescription: "at its end", numbers: [11, 14], last: 12, missing: "12-12"),
    ]

    @Test("Numbers and declarations", arguments: rows)
    func numbers(row: Row) {
        var oracle = Oracle()
        // Order is another rule's business.
        oracle.mayCollide = [epoch, Self.earlier]
        func arrive(
            _ epoch: Identifier128, _ seq: Int64, _ lane: Lane, _ type: String, _ data: String
        ) {
            _ = oracle.arrived(
                SinkRecord(
                    topic: "busbar.alarm.v1", key: Array("heater-1".utf8), value: Array(data.utf8),
                    headers: RecordHeaders([
                        SinkRecord.Header("ce_id", "\(epoch.text):\(lane.name):\(seq)"),
                        SinkRecord.Header("ce_type", "io.busbar.queue.\(type).v1"),
                    ]), unixMilliseconds: 0), now: 0)
        }
        for seq in row.before { arrive(Self.earlier, seq, .alarm, "opened", "{}") }
        for seq in row.numbers { arrive(epoch, seq, .alarm, "opened", "{}") }
        // Stated in another lane here, so that the statement's own number is none of these.
        for (type, range) in [("skipped", row.skipped), ("dropped", row.dropped)] {
            guard let range else { continue }
            let (first, last) = (range.lowerBound, range.upperBound)
            arrive(epoch, first, .event, type, #"{"lane":"alarm","from":\#(first),"to":\#(last)}"#)
        }
        let epochs = [
            QueueState.EpochStart(epoch: Self.earlier, first: 1),
            QueueState.EpochStart(epoch: epoch, first: 11),
        ]
        let alarm = QueueState.LaneState(epochs: epochs, last: row.last, oldest: nil)
        oracle.judgeNumbers(of: "heater-1", QueueState(lanes: [alarm]), now: 0)
        let stream = row.before == [] || row.missing?.first != "2" ? epoch : Self.earlier
        #expect(
            oracle.firstViolation?.text
                == row.missing.map {
                    "every number is in Kafka or declared there, at 00:00:00.000: expected "
                        + "heater-1 alarm \(stream.text.prefix(8)) \($0) in Kafka, or in a "
                        + "queue.skipped or queue.dropped there, found neither"
                })
    }
}

@Suite("The consumer")
struct ConsumerTests {
    @Test("takes each identity once, in any order, and knows another content")
    func consume() {
        var consumer = Consumer()
        func take(_ seq: Int64, _ hash: UInt64) -> Consumer.Finding {
            consumer.consume(
                EventIdentity(device: "d", epoch: epoch, lane: .alarm, seq: seq),
                contentHash: hash)
        }
        #expect(take(2, 20) == .applied)
        #expect(take(1, 10) == .applied)
        #expect(take(2, 20) == .duplicate)
        #expect(take(1, 11) == .collision)
        #expect(take(3, 30) == .applied)
    }

    @Test("an identity is read from its text, and from nothing else")
    func identity() {
        let id = EventIdentity(device: "d", id: "\(epoch.text):event:17")
        #expect(id == EventIdentity(device: "d", epoch: epoch, lane: .event, seq: 17))
        for wrong in ["", "\(epoch.text):event", "\(epoch.text):wine:1", "x:event:1"] {
            #expect(EventIdentity(device: "d", id: wrong) == nil)
        }
    }
}
