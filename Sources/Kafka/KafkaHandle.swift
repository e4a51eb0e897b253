import CRdkafka

/// One client of librdkafka: made from settings, destroyed with this object.
///
/// Its callbacks run in whatever thread calls `poll`, so that everything here belongs to one
/// thread.
final class KafkaHandle {
    let pointer: OpaquePointer
    let events: KafkaEvents
    /// Looked up once: by name for each record, librdkafka would take its lock for all topics.
    private var topics: [(name: String, pointer: OpaquePointer)] = []

    /// - Throws: which property librdkafka does not take, and why.
    init(_ settings: KafkaSettings) throws(KafkaError) {
        events = KafkaEvents()
        let conf = rd_kafka_conf_new()
        let base = [
            ("bootstrap.servers", settings.bootstrapServers), ("client.id", settings.clientID),
            ("log.queue", "true"),
        ]
        do throws(KafkaError) {
            for (name, value) in base + settings.tuned + settings.properties + KafkaSettings.fixed {
                if let fixed = KafkaSettings.fixed.first(where: { $0.name == name }),
                    fixed.value != value
                {
                    throw KafkaError(
                        "the property \(name)=\(value) would break what the bridge promises; "
                            + "leave it away, it is \(fixed.value)")
                }
                try Self.set(conf, name, value)
            }
        } catch {
            rd_kafka_conf_destroy(conf)
            throw error
        }
        Self.listen(conf, Unmanaged.passUnretained(events).toOpaque())
        var text = [CChar](repeating: 0, count: 512)
        guard let made = rd_kafka_new(RD_KAFKA_PRODUCER, conf, &text, text.count) else {
            rd_kafka_conf_destroy(conf)
            throw KafkaError("librdkafka makes no producer: \(Self.string(text))")
        }
        pointer = made
        // Its log lines come by `poll` too, instead of from its own threads.
        rd_kafka_set_log_queue(made, nil)
    }

    /// Waits for librdkafka's threads. What is still in it is gone, with no report.
    deinit {
        rd_kafka_purge(pointer, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT)
        for topic in topics { rd_kafka_topic_destroy(topic.pointer) }
        rd_kafka_destroy(pointer)
    }

    /// - Returns: nil when librdkafka makes none; `rd_kafka_last_error` says why.
    func topic(_ name: String) -> OpaquePointer? {
        if let known = topics.first(where: { $0.name == name }) { return known.pointer }
        guard let made = rd_kafka_topic_new(pointer, name, nil) else { return nil }
        topics.append((name, made))
        return made
    }

    /// Runs the callbacks that are due, and waits for the first at most `milliseconds`.
    func poll(milliseconds: Int32) { rd_kafka_poll(pointer, milliseconds) }

    /// Gives up everything that was not written; its reports then come by `poll`.
    func purge() { rd_kafka_purge(pointer, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT) }

    /// What made the producer useless for good; nil when nothing did.
    var fatalError: String? {
        guard rd_kafka_fatal_error(pointer, nil, 0) != RD_KAFKA_RESP_ERR_NO_ERROR else {
            return nil
        }
        var text = [CChar](repeating: 0, count: 512)
        let code = rd_kafka_fatal_error(pointer, &text, text.count)
        return "\(Self.name(of: code)): \(Self.string(text))"
    }

    private static func set(
        _ conf: OpaquePointer?, _ name: String, _ value: String
    ) throws(KafkaError) {
        var text = [CChar](repeating: 0, count: 512)
        let result = rd_kafka_conf_set(conf, name, value, &text, text.count)
        guard result == RD_KAFKA_CONF_OK else {
            throw KafkaError("librdkafka does not take the property \(name): \(string(text))")
        }
    }

    /// Static, so that the C callbacks made here belong to no actor.
    private static func listen(_ conf: OpaquePointer?, _ events: UnsafeMutableRawPointer) {
        rd_kafka_conf_set_opaque(conf, events)
        rd_kafka_conf_set_dr_msg_cb(conf) { _, message, opaque in
            guard let message, let opaque else { return }
            // Without counting a reference to it up and down again for each record.
            Unmanaged<KafkaEvents>.fromOpaque(opaque)._withUnsafeGuaranteedRef {
                $0.report(message.pointee)
            }
        }
        rd_kafka_conf_set_error_cb(conf) { _, code, reason, opaque in
            // One broker that cannot be reached is no trouble while others can; when none can,
            // there is an error that says so.
            let isOfOneBroker =
                code == RD_KAFKA_RESP_ERR__TRANSPORT.rawValue
                || code == RD_KAFKA_RESP_ERR__RESOLVE.rawValue
            guard let opaque, !isOfOneBroker else { return }
            KafkaEvents.from(opaque).trouble =
                "\(KafkaHandle.name(ofRaw: code)): \(reason.map { String(cString: $0) } ?? "")"
        }
        rd_kafka_conf_set_log_cb(conf) { handle, level, _, line in
            guard let handle, let line, let opaque = rd_kafka_opaque(handle) else { return }
            KafkaEvents.from(opaque).log(level: level, String(cString: line))
        }
    }

    static func name(of code: rd_kafka_resp_err_t) -> String {
        rd_kafka_err2name(code).map { String(cString: $0) } ?? "error \(code.rawValue)"
    }

    static func name(ofRaw code: Int32) -> String { name(of: rd_kafka_resp_err_t(code)) }

    static func string(_ text: [CChar]) -> String {
        String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}

/// What the callbacks of one client leave behind until somebody looks.
final class KafkaEvents {
    /// What became of one record.
    struct Report {
        /// Of `OutstandingRecords`.
        var mark: UInt64
        var code: rd_kafka_resp_err_t
        var partition: Int32
        var offset: Int64
    }

    var reports: [Report] = []
    /// The last error that concerns the client as a whole.
    var trouble: String? {
        didSet { if trouble != nil { troubles += 1 } }
    }
    /// How often there was one, so that the same again is told from the same still.
    private(set) var troubles: UInt64 = 0
    private(set) var lines: [String] = []

    /// To be called from a callback.
    static func from(_ opaque: UnsafeMutableRawPointer) -> KafkaEvents {
        Unmanaged<KafkaEvents>.fromOpaque(opaque).takeUnretainedValue()
    }

    func report(_ message: rd_kafka_message_t) {
        reports.append(
            Report(
                mark: UInt64(UInt(bitPattern: message._private)), code: message.err,
                partition: message.partition, offset: message.offset))
    }

    func log(level: Int32, _ line: String) {
        // 20: while brokers are away librdkafka says so for each of them again and again.
        if lines.count < 20 { lines.append("librdkafka, level \(level): \(line)") }
    }

    func takeLines() -> [String] {
        defer { lines.removeAll() }
        return lines
    }
}
