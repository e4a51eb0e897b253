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

    /// - Throws: when the cluster does not answer.
    func replication(of topics: [String]) throws(KafkaError) -> [Replication] {
        let replicas = try replicas()
        let present = topics.filter { replicas[$0] != nil }
        let inSync = present.isEmpty ? [:] : inSyncReplicas(of: present)
        return topics.map {
            Replication(topic: $0, replicas: replicas[$0], inSync: inSync[$0])
        }
    }

    /// Of each topic's partition that has the fewest. All topics are asked for, since asking for
    /// one by name may create it.
    private func replicas() throws(KafkaError) -> [String: Int] {
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
        return replicas
    }

    /// Empty where the cluster does not tell.
    private func inSyncReplicas(of topics: [String]) -> [String: Int] {
        var resources = topics.map {
            rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, $0)
        }
        defer { for resource in resources { rd_kafka_ConfigResource_destroy(resource) } }
        rd_kafka_DescribeConfigs(handle.pointer, &resources, resources.count, nil, queue)
        guard let event = rd_kafka_queue_poll(queue, Self.patience) else { return [:] }
        defer { rd_kafka_event_destroy(event) }
        guard rd_kafka_event_error(event) == RD_KAFKA_RESP_ERR_NO_ERROR,
            let result = rd_kafka_event_DescribeConfigs_result(event)
        else { return [:] }
        var count = 0
        guard let described = rd_kafka_DescribeConfigs_result_resources(result, &count) else {
            return [:]
        }
        var inSync: [String: Int] = [:]
        for index in 0..<count {
            guard let resource = described[index],
                rd_kafka_ConfigResource_error(resource) == RD_KAFKA_RESP_ERR_NO_ERROR,
                let name = rd_kafka_ConfigResource_name(resource)
            else { continue }
            inSync[String(cString: name)] = Self.inSyncReplicas(in: resource)
        }
        return inSync
    }

    private static func inSyncReplicas(in resource: OpaquePointer) -> Int? {
        var count = 0
        guard let entries = rd_kafka_ConfigResource_configs(resource, &count) else { return nil }
        for index in 0..<count {
            guard let entry = entries[index], let name = rd_kafka_ConfigEntry_name(entry),
                String(cString: name) == "min.insync.replicas",
                let value = rd_kafka_ConfigEntry_value(entry)
            else { continue }
            return Int(String(cString: value))
        }
        return nil
    }
}
