public import Bridge
import CRdkafka
import LinuxHAL

/// Records to a Kafka cluster: acks=all, idempotent, and without gaps.
///
/// Order is kept through every failure. As soon as one record fails for good, or librdkafka gives
/// up on the whole (a fatal error of the idempotent producer), everything that the producer holds
/// is purged and reported as failed, and a new producer takes its place. Whatever of it had been
/// written nevertheless was written in order, and the devices send all of it again.
///
/// A record that the brokers refuse, because it is too large or against a rule of theirs, costs one
/// such change of producers too; what is refused before it is sent costs nothing.
public final class KafkaSink: RecordSink {
    private let settings: KafkaSettings
    private let watch: ReplicationWatch
    private var handle: KafkaHandle
    /// A byte arrives when reports wait: for `poll(2)` beside other descriptors.
    public var descriptor: Int32 { bell.descriptor }
    private let bell: Doorbell
    /// Handed over and not reported on.
    private var outstanding = OutstandingRecords()
    private var ready: [DeliveryReport] = []
    private var lines: [String] = []
    /// The trouble that stands, and the watch's look that had begun when it came.
    private var standing: (trouble: UInt64, look: UInt64)?
    /// How often a producer had to be replaced.
    public private(set) var replacements: UInt64 = 0

    /// - Throws: when a property is not taken, or the system lacks threads or descriptors.
    ///   Whether the cluster can be reached shows later, in `guarantee` and `trouble`.
    public init(_ settings: KafkaSettings) throws(KafkaError) {
        self.settings = settings
        do throws(SystemError) { bell = try Doorbell() } catch { throw KafkaError("\(error)") }
        handle = try KafkaHandle(settings)
        watch = ReplicationWatch(settings)
        // It ends by itself after `stop`; nothing waits for it.
        _ = try watch.start()
        bell.listen(to: handle)
    }

    deinit { watch.stop() }

    public var guarantee: SinkGuarantee { watch.guarantee }

    /// What librdkafka last complained of, until a record is kept again, or until the cluster has
    /// answered to a question that was asked after it.
    public var trouble: String? { handle.events.trouble ?? watch.trouble }

    /// What librdkafka logged since the last call.
    public func takeLines() -> [String] {
        defer { lines.removeAll() }
        return lines + handle.events.takeLines()
    }

    public func send(_ record: SinkRecord, token: RecordToken) -> Bool {
        let mark = outstanding.insert(token.rawValue)
        let code = handle.produce(record, mark: mark)
        guard code != RD_KAFKA_RESP_ERR_NO_ERROR else { return true }
        _ = outstanding.remove(mark)
        switch code {
        case RD_KAFKA_RESP_ERR__QUEUE_FULL:
            return false
        default:
            let outcome = Self.outcome(of: code)
            ready.append(DeliveryReport(token: token, outcome: outcome))
            if case .failed(let reason) = outcome { replaceProducer(because: reason) }
        }
        return true
    }

    public func poll(milliseconds: Int32) -> [DeliveryReport] {
        bell.silence()
        handle.poll(milliseconds: ready.isEmpty ? milliseconds : 0)
        collect()
        settleTrouble()
        // Handed out, not emptied: the caller still holds it, and emptying would copy its room.
        let reports = ready
        ready = []
        return reports
    }

    /// librdkafka says when all brokers are gone, and never that one is back; without records on
    /// their way nothing else would show it.
    private func settleTrouble() {
        let events = handle.events
        guard events.trouble != nil else {
            if standing != nil { watch.relax() }
            standing = nil
            return
        }
        guard let standing, standing.trouble == events.troubles else {
            self.standing = (events.troubles, watch.hurry())
            return
        }
        if watch.answered > standing.look { events.trouble = nil }
    }

    private func collect() {
        var failure: String?
        for report in handle.events.reports {
            guard let token = outstanding.remove(report.mark) else { continue }
            let outcome: DeliveryReport.Outcome
            if report.code == RD_KAFKA_RESP_ERR_NO_ERROR {
                outcome = .stored(partition: report.partition, offset: report.offset)
                handle.events.trouble = nil
            } else {
                outcome = Self.outcome(of: report.code)
                if case .failed(let reason) = outcome { failure = reason }
            }
            ready.append(DeliveryReport(token: RecordToken(token), outcome: outcome))
        }
        handle.events.reports.removeAll(keepingCapacity: true)
        if let reason = handle.fatalError ?? failure { replaceProducer(because: reason) }
    }

    /// Reports everything that is on its way as failed, and begins anew.
    private func replaceProducer(because reason: String) {
        lines.append(
            "replacing the Kafka producer, \(outstanding.count) records on their way: "
                + reason)
        handle.purge()
        // What was written just before the purge may still be reported as such.
        handle.poll(milliseconds: 0)
        for report in handle.events.reports where report.code == RD_KAFKA_RESP_ERR_NO_ERROR {
            guard let token = outstanding.remove(report.mark) else { continue }
            ready.append(
                DeliveryReport(
                    token: RecordToken(token),
                    outcome: .stored(partition: report.partition, offset: report.offset)))
        }
        // In the order of handing over, which tokens have.
        for token in outstanding.removeAll().sorted() {
            ready.append(
                DeliveryReport(token: RecordToken(token), outcome: .failed(reason: reason)))
        }
        do throws(KafkaError) {
            let fresh = try KafkaHandle(settings)
            fresh.events.trouble = reason
            standing = nil
            handle = fresh
            bell.listen(to: fresh)
            replacements += 1
        } catch {
            // The same settings made one before: memory or descriptors are short. The old producer
            // goes on refusing, and this is tried again with the next record.
            lines.append("\(error)")
        }
    }

    /// Refused is what will be refused again, whenever and by whomever it is sent. All else may be
    /// put right: a topic is made, an access list changed, a broker comes back.
    static func outcome(of code: rd_kafka_resp_err_t) -> DeliveryReport.Outcome {
        let text = rd_kafka_err2str(code).map { String(cString: $0) } ?? ""
        let reason = "\(KafkaHandle.name(of: code)): \(text)"
        switch code {
        case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, RD_KAFKA_RESP_ERR_INVALID_MSG_SIZE,
            RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE, RD_KAFKA_RESP_ERR_INVALID_RECORD,
            RD_KAFKA_RESP_ERR_INVALID_TIMESTAMP, RD_KAFKA_RESP_ERR_POLICY_VIOLATION:
            return .refused(reason: reason)
        default:
            return .failed(reason: reason)
        }
    }
}

extension KafkaHandle {
    /// Copies a record into the producer's queue.
    func produce(_ record: SinkRecord, mark: UInt64) -> rd_kafka_resp_err_t {
        guard let topic = topic(record.topic) else { return rd_kafka_last_error() }
        guard let headers = rd_kafka_headers_new(record.headers.count) else {
            return RD_KAFKA_RESP_ERR__QUEUE_FULL
        }
        record.headers.forEach { name, value in Self.add(name, value, to: headers) }
        let error = record.key.withUnsafeBytes { key in
            record.body.withUnsafeBytes { value in
                withUnsafeTemporaryAllocation(of: rd_kafka_vu_t.self, capacity: 7) { fields in
                    Self.fill(fields, topic, key, value, headers)
                    fields[4].vtype = RD_KAFKA_VTYPE_TIMESTAMP
                    fields[4].u.i64 = record.unixMilliseconds
                    fields[6].vtype = RD_KAFKA_VTYPE_OPAQUE
                    fields[6].u.ptr = UnsafeMutableRawPointer(bitPattern: UInt(mark))
                    return rd_kafka_produceva(pointer, fields.baseAddress, fields.count)
                }
            }
        }
        guard let error else { return RD_KAFKA_RESP_ERR_NO_ERROR }
        // Headers are the producer's only when it took the record.
        rd_kafka_headers_destroy(headers)
        defer { rd_kafka_error_destroy(error) }
        return rd_kafka_error_code(error)
    }

    /// All but the time and the mark.
    private static func fill(
        _ fields: UnsafeMutableBufferPointer<rd_kafka_vu_t>, _ topic: OpaquePointer,
        _ key: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer, _ headers: OpaquePointer
    ) {
        fields.initialize(repeating: rd_kafka_vu_t())
        fields[0].vtype = RD_KAFKA_VTYPE_RKT
        fields[0].u.rkt = topic
        fields[1].vtype = RD_KAFKA_VTYPE_KEY
        fields[1].u.mem.ptr = UnsafeMutableRawPointer(mutating: key.baseAddress)
        fields[1].u.mem.size = key.count
        fields[2].vtype = RD_KAFKA_VTYPE_VALUE
        fields[2].u.mem.ptr = UnsafeMutableRawPointer(mutating: value.baseAddress)
        fields[2].u.mem.size = value.count
        fields[3].vtype = RD_KAFKA_VTYPE_MSGFLAGS
        fields[3].u.i = RD_KAFKA_MSG_F_COPY
        fields[5].vtype = RD_KAFKA_VTYPE_HEADERS
        fields[5].u.headers = headers
    }

    private static func add(
        _ name: Span<UInt8>, _ value: Span<UInt8>, to headers: OpaquePointer
    ) {
        name.withUnsafeBytes { name in
            value.withUnsafeBytes { value in
                // Fails only for headers that are in use by a record, which these are not yet.
                _ = rd_kafka_header_add(
                    headers, name.baseAddress?.assumingMemoryBound(to: CChar.self), name.count,
                    value.baseAddress, value.count)
            }
        }
    }
}
