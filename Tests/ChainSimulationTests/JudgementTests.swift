import Bridge
@testable import ChainSimulation
import Events
import Testing
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

    private func row(_ seq: Int64, _ data: [UInt8]) -> EventRecord {
        EventRecord(
            lane: .event, epoch: epoch, seq: seq, tick: .init(1), at: .init(1),
            wall: WallTime(unixMilliseconds: 1, quality: .synced), severity: .info,
            correlation: Correlation(0), type: "heating.started.v1", subject: "job/1", data: data,
            run: epoch, boot: epoch)
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
