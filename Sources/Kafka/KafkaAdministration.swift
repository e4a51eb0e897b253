import CRdkafka

/// Questions about a cluster. Each one blocks: for a thread of its own.
final class KafkaAdministration {
    private let handle: KafkaHandle
    private let queue: OpaquePointer

    /// How long one question waits for its answer, in milliseconds. 5 s: chosen; a leader's
    /// election takes about one.
    private static let patience: Int32 = 5_000

    init(_ settings: KafkaSettings) throws(KafkaError) {
        handle = try KafkaHandle(settings)
        queue = rd_kafka_queue_new(handle.pointer)
    }

    deinit { rd_kafka_queue_destroy(queue) }

    /// Lets time pass. Nothing is asked then, so that no event comes but librdkafka's own errors,
    /// which the next question meets again.
    func pause(milliseconds: Int32) { handle.poll(milliseconds: milliseconds) }

    /// - Throws: when the cluster does not answer. From silence nothing follows.
    func replication(of topics: [String]) throws(KafkaError) -> [Replication] {
        let (replicas, broker) = try replicas()
        let present = topics.filter { replicas[$0] != nil }
        let terms = present.isEmpty ? [:] : try terms(of: present, from: broker)
        return topics.map {
            Replication(
                topic: $0, replicas: replicas[$0], inSync: terms[$0]?["min.insync.replicas"],
                batchMax: terms[$0]?["max.message.bytes"])
        }
    }

    /// Of each topic's partition that has the fewest. All topics are asked for, since asking for
    /// one by name may create it.
    ///
    /// - Returns: and the number of the broker that answered; negative if it does not say.
    private func replicas() throws(KafkaError) -> ([String: Int], broker: Int32) {
        var found: UnsafePointer<rd_kafka_metadata>?
        let code = rd_kafka_metadata(handle.pointer, 1, nil, &found, Self.patience)
        guard code == RD_KAFKA_RESP_ERR_NO_ERROR, let metadata = found else {
            throw KafkaError(
                "the brokers do not tell their topics: \(KafkaHandle.name(of: code)). Look whether "
                    + "they run, and whether the bootstrap servers are right")
        }
        defer { rd_kafka_metadata_destroy(metadata) }
        var replicas: [String: Int] = [:]
        for index in 0..<Int(metadata.pointee.topic_cnt) {
            let topic = metadata.pointee.topics[index]
            guard topic.err == RD_KAFKA_RESP_ERR_NO_ERROR, topic.partition_cnt > 0 else { continue }
            let counts = (0..<Int(topic.partition_cnt)).map {
                Int(topic.partitions[$0].replica_cnt)
            }
            replicas[String(cString: topic.topic)] = counts.min()
        }
        return (replicas, metadata.pointee.orig_broker_id)
    }

    /// Without those topics of which the cluster will not tell it.
    ///
    /// - Parameter broker: asked. By itself librdkafka asks the controller, and waits for one where
    ///   the cluster names none; of topics any broker tells.
    private func terms(
        of topics: [String], from broker: Int32
    ) throws(KafkaError) -> [String: [String: Int]] {
        // An answer that came too late belongs to a question that is given up.
        while let late = rd_kafka_queue_poll(queue, 0) { rd_kafka_event_destroy(late) }
        var resources = topics.map {
            rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, $0)
        }
        defer { for resource in resources { rd_kafka_ConfigResource_destroy(resource) } }
        let options = try options(for: broker)
        defer { rd_kafka_AdminOptions_destroy(options) }
        rd_kafka_DescribeConfigs(handle.pointer, &resources, resources.count, options, queue)
        // librdkafka reports its own time-out as an event, a moment after it.
        guard let event = rd_kafka_queue_poll(queue, Self.patience + 1_000) else {
            throw Self.silence("no answer")
        }
        defer { rd_kafka_event_destroy(event) }
        let code = rd_kafka_event_error(event)
        if Self.isRefusal(code) { return [:] }
        var count = 0
        guard code == RD_KAFKA_RESP_ERR_NO_ERROR,
            let result = rd_kafka_event_DescribeConfigs_result(event),
            let described = rd_kafka_DescribeConfigs_result_resources(result, &count)
        else { throw Self.silence(KafkaHandle.name(of: code)) }
        var terms: [String: [String: Int]] = [:]
        for index in 0..<count {
            guard let resource = described[index], let name = rd_kafka_ConfigResource_name(resource)
            else { continue }
            let code = rd_kafka_ConfigResource_error(resource)
            guard code == RD_KAFKA_RESP_ERR_NO_ERROR || Self.isRefusal(code) else {
                throw Self.silence(KafkaHandle.name(of: code))
            }
            terms[String(cString: name)] = Self.numbers(in: resource)
        }
        return terms
    }

    private func options(for broker: Int32) throws(KafkaError) -> OpaquePointer {
        guard
            let options = rd_kafka_AdminOptions_new(
                handle.pointer, RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS)
        else { throw KafkaError("there is no memory to ask for min.insync.replicas") }
        var text = [CChar](repeating: 0, count: 512)
        var code = rd_kafka_AdminOptions_set_request_timeout(
            options, Self.patience, &text, text.count)
        if code == RD_KAFKA_RESP_ERR_NO_ERROR, broker >= 0 {
            code = rd_kafka_AdminOptions_set_broker(options, broker, &text, text.count)
        }
        guard code == RD_KAFKA_RESP_ERR_NO_ERROR else {
            rd_kafka_AdminOptions_destroy(options)
            throw KafkaError("cannot ask for min.insync.replicas: \(KafkaHandle.string(text))")
        }
        return options
    }

    private static func silence(_ what: String) -> KafkaError {
        KafkaError(
            "the brokers do not tell min.insync.replicas: \(what). Look whether they are "
                + "overloaded, or restarting")
    }

    /// Whether the cluster says that it will not tell: too old, or not to us. Everything else may
    /// be over in a moment.
    static func isRefusal(_ code: rd_kafka_resp_err_t) -> Bool {
        switch code {
        case RD_KAFKA_RESP_ERR__UNSUPPORTED_FEATURE, RD_KAFKA_RESP_ERR_UNSUPPORTED_VERSION,
            RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED,
            RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED:
            true
        default: false
        }
    }

    /// What the topic's settings say in numbers, by their names.
    private static func numbers(in resource: OpaquePointer) -> [String: Int] {
        var count = 0
        guard let entries = rd_kafka_ConfigResource_configs(resource, &count) else { return [:] }
        var numbers: [String: Int] = [:]
        for index in 0..<count {
            guard let entry = entries[index], let name = rd_kafka_ConfigEntry_name(entry),
                let value = rd_kafka_ConfigEntry_value(entry)
            else { continue }
            numbers[String(cString: name)] = Int(String(cString: value))
        }
        return numbers
    }
}
