import Bridge
@testable import ChainSimulation
import Testing
import Wire

/// A producer on a cluster, and nothing else.
private struct Rig {
    let chain: Chain
    let producer: SimulatedProducer

    init(capacity: Int = 100, timeout: Int64 = 5_000, poisonPercent: Int = 0) {
        var dice = Dice(seed: 1)
        var knobs = Knobs(&dice)
        knobs.producerCapacity = capacity
        knobs.deliveryTimeout = timeout
        knobs.kafkaDelayMax = 10
        knobs.poisonPercent = poisonPercent
        chain = Chain(seed: 1, knobs: knobs)
        producer = SimulatedProducer(who: "bridge-0", chain)
    }

    @discardableResult
    func send(_ number: UInt64, topic: String = "busbar.event.v1") -> Bool {
        producer.send(
            SinkRecord(
                topic: topic, key: Array("heater-1".utf8), value: [UInt8(number)],
                headers: RecordHeaders(),
                unixMilliseconds: 0), token: RecordToken(number))
    }

    func pass(_ milliseconds: Int64) { chain.run(until: chain.now + milliseconds) }

    var stored: [UInt8] { chain.kafka.log.map { $0.record.value[0] } }

    /// "1 stored", "2 failed", in the order of the reports.
    func reports() -> [String] {
        producer.poll(milliseconds: 0).map { report in
            switch report.outcome {
            case .stored: "\(report.token.rawValue) stored"
            case .failed: "\(report.token.rawValue) failed"
            case .refused: "\(report.token.rawValue) refused"
            }
        }
    }
}

@Suite("Kafka in the simulation")
struct KafkaTests {
    // The rules of the oracle do not hold for these records, which have no identity; it notes that,
    // and the chain would stand. So each test has a chain of its own and looks at the first only.

    @Test("a record is reported after it is stored, not before")
    func stored() {
        let rig = Rig()
        rig.send(1)
        #expect(rig.reports() == [])
        rig.pass(40)
        #expect(rig.stored == [1])
    }

    @Test("while the brokers are down nothing is said until the time is over")
    func outage() {
        let rig = Rig(timeout: 5_000)
        rig.chain.kafka.stop()
        rig.send(1)
        rig.send(2)
        rig.pass(4_900)
        #expect(rig.reports() == [])
        rig.pass(700)
        #expect(rig.reports() == ["1 failed", "2 failed"])
        #expect(rig.stored == [])
    }

    @Test("what follows a failed record fails too, so that order holds")
    func gapless() {
        let rig = Rig()
        rig.chain.kafka.failurePercent = 100
        for number in UInt64(1)...3 { rig.send(number) }
        rig.pass(40)
        #expect(rig.reports() == ["1 failed", "2 failed", "3 failed"])
        #expect(rig.stored == [])
    }

    @Test("a record whose report is lost is stored, and is said to have failed")
    func lostReport() {
        let rig = Rig()
        rig.chain.kafka.lostReportPercent = 100
        rig.send(1)
        rig.send(2)
        rig.pass(40)
        #expect(rig.reports() == ["1 failed", "2 failed"])
        #expect(rig.stored == [1])
    }

    @Test(
        "a refused record is not stored, and a dead letter is not refused",
        arguments: [
            ("busbar.event.v1", ["1 refused"], []), ("busbar.dlq.v1", [], [1]),
        ] as [(String, [String], [UInt8])])
    func refused(topic: String, reports: [String], stored: [UInt8]) {
        let rig = Rig(poisonPercent: 100)
        rig.send(1, topic: topic)
        rig.pass(10)
        #expect(rig.stored == stored)
        #expect(rig.reports() == reports)
    }

    @Test("a full producer takes nothing more", arguments: [(1, false), (2, true)])
    func full(capacity: Int, isSecondTaken: Bool) {
        let rig = Rig(capacity: capacity)
        #expect(rig.send(1))
        #expect(rig.send(2) == isSecondTaken)
    }

    @Test("a killed producer reports nothing, whatever becomes of what it had sent")
    func killed() {
        let rig = Rig()
        rig.send(1)
        rig.producer.kill()
        rig.pass(100)
        #expect(rig.reports() == [])
    }
}
