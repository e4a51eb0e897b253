import Bridge

/// Kafka as a producer with acks=all and idempotence sees it: what is stored, what is reported, and
/// the difference between the two.
final class KafkaCluster {
    struct Stored {
        var record: SinkRecord
        var partition: Int32
        var offset: Int64
    }

    static let partitionCount: Int32 = 3

    /// In the order of storing; a consumer reads along it. Within a partition the offsets rise.
    private(set) var log: [Stored] = []
    private var offsets: [String: Int64] = [:]
    /// While the brokers are down nothing is stored, and librdkafka may report nothing at all.
    private(set) var isUp = true
    /// Percent of records that fail for good without being stored, while this fault lasts.
    var failurePercent = 0
    /// Percent of records that are stored while the report says they failed.
    var lostReportPercent = 0

    func store(_ record: SinkRecord) -> (partition: Int32, offset: Int64) {
        let partition = Self.partition(of: record.key)
        let name = "\(record.topic)/\(partition)"
        let offset = offsets[name, default: 0]
        offsets[name] = offset + 1
        log.append(Stored(record: record, partition: partition, offset: offset))
        return (partition, offset)
    }

    func endFailing() {
        failurePercent = 0
        lostReportPercent = 0
    }

    func stop() { isUp = false }
    func start() { isUp = true }

    /// Any fixed function of the key does: all of one device is in one partition.
    private static func partition(of key: [UInt8]) -> Int32 {
        Int32(key.reduce(UInt32(7)) { $0 &* 31 &+ UInt32($1) } % UInt32(partitionCount))
    }
}

/// One bridge's producer, as librdkafka is one: takes records in order, sends them in order, and
/// reports on each when it can. It dies with its process; what it had sent by then may be stored
/// all the same.
final class SimulatedProducer: RecordSink {
    private struct Outgoing {
        var record: SinkRecord
        var token: RecordToken
        /// When librdkafka gives up (`delivery.timeout.ms`).
        var deadline: Int64
    }

    /// What becomes of a record, drawn once it is its turn.
    private enum Fate { case stored, reportLost, failed, refused }

    /// It outlives its producers: all of them hang on its bridges and its agenda.
    private unowned let chain: Chain
    private let who: String
    private var outgoing: [Outgoing] = []
    private var reports: [DeliveryReport] = []
    private var isBusy = false
    private(set) var isAlive = true
    /// Called when there is a report to be polled.
    var wake: (() -> Void)?

    var guarantee: SinkGuarantee = .replicated
    var trouble: String? { chain.kafka.isUp ? nil : "all brokers are down" }

    init(who: String, _ chain: Chain) {
        self.who = who
        self.chain = chain
    }

    /// Nothing is on its way, and everything was told.
    var isIdle: Bool { outgoing.isEmpty && reports.isEmpty && !isBusy }

    func send(_ record: SinkRecord, token: RecordToken) -> Bool {
        guard outgoing.count < chain.knobs.producerCapacity else {
            chain.count(.producerFull)
            return false
        }
        // Sent before its sender has heard of a failure: it must not come to stand after what
        // failed.
        guard !reports.contains(where: \.isFailure) else {
            report(token, .failed(reason: "Local: Purged in queue"))
            return true
        }
        outgoing.append(
            Outgoing(
                record: record, token: token,
                deadline: chain.now + chain.knobs.deliveryTimeout))
        work()
        return true
    }

    func poll(milliseconds: Int32) -> [DeliveryReport] {
        defer { reports.removeAll() }
        return reports
    }

    /// Sends the oldest record, one at a time: order is what idempotence keeps.
    private func work() {
        guard isAlive, !isBusy, !outgoing.isEmpty else { return }
        isBusy = true
        chain.after(chain.kafkaDice.number(1...chain.knobs.kafkaDelayMax)) { [self] chain in
            isBusy = false
            guard !outgoing.isEmpty else { return }
            guard chain.kafka.isUp else { return wait() }
            let next = outgoing.removeFirst()
            settle(next, drawFate(of: next.record))
            work()
        }
    }

    /// The brokers are away. Nothing is said before the deadline, which may be long.
    private func wait() {
        guard isAlive else { return outgoing.removeAll() }
        isBusy = true
        chain.after(500) { [self] chain in
            isBusy = false
            if let first = outgoing.first, chain.now >= first.deadline {
                chain.count(.deliveryTimeouts)
                chain.tell("kafka", "\(who): delivery timed out")
                failAll("Local: Message timed out")
            }
            if chain.kafka.isUp { work() } else if !outgoing.isEmpty { wait() }
        }
    }

    /// Order is the sink's promise: nothing that was sent after a failed record may be stored, so
    /// all of it fails.
    private func failAll(_ reason: String) {
        for record in outgoing { report(record.token, .failed(reason: reason)) }
        outgoing.removeAll()
    }

    private func drawFate(of record: SinkRecord) -> Fate {
        // Always the same ones: a rule of the brokers refuses them, and no chance. A dead letter
        // may fail, but not by the rule that made it one.
        let content = fingerprint(type: record.topic, data: record.value)
        if record.topic != "busbar.dlq.v1", content % 100 < UInt64(chain.knobs.poisonPercent) {
            return .refused
        }
        let throwOf100 = chain.kafkaDice.number(0...99)
        let kafka = chain.kafka
        if throwOf100 < kafka.failurePercent { return .failed }
        if throwOf100 < kafka.failurePercent + kafka.lostReportPercent { return .reportLost }
        return .stored
    }

    private func settle(_ next: Outgoing, _ fate: Fate) {
        switch fate {
        case .stored, .reportLost:
            let place = chain.kafka.store(next.record)
            chain.stored(next.record)
            let outcome = DeliveryReport.Outcome.stored(
                partition: place.partition, offset: place.offset)
            if fate == .stored {
                chain.after(chain.kafkaDice.number(0...chain.knobs.kafkaDelayMax)) { [self] _ in
                    report(next.token, outcome)
                }
            } else {
                chain.count(.lostReports)
                chain.tell("kafka", "stores a record, and its report is lost")
                report(next.token, .failed(reason: "Broker: Request timed out"))
                failAll("Local: Purged in queue")
            }
        case .failed:
            chain.count(.deliveryFailures)
            chain.tell("kafka", "fails to store a record")
            report(next.token, .failed(reason: "Broker: Not enough in-sync replicas"))
            failAll("Local: Purged in queue")
        case .refused:
            chain.count(.refusedRecords)
            chain.tell("kafka", "refuses a record")
            report(next.token, .refused(reason: "Broker: Message size too large"))
        }
    }

    private func report(_ token: RecordToken, _ outcome: DeliveryReport.Outcome) {
        guard isAlive else { return }
        reports.append(DeliveryReport(token: token, outcome: outcome))
        wake?()
    }

    /// The process is gone. Of what it was about to send, a part is on the wire already.
    func kill() {
        isAlive = false
        wake = nil
        reports.removeAll()
        let onTheWire = chain.kafkaDice.number(0...min(5, outgoing.count))
        outgoing.removeLast(outgoing.count - onTheWire)
    }
}

extension DeliveryReport {
    fileprivate var isFailure: Bool {
        if case .failed = outcome { true } else { false }
    }
}
