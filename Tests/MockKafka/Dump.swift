import CRdkafka
import Glibc
import JSON

/// Reads topics from their beginning and prints each record as a line of JSON.
struct Dump {
    private let servers: String
    private var topics: [String] = []
    private var follows = false

    init(_ arguments: [String]) throws(Failure) {
        var arguments = arguments
        if let index = arguments.firstIndex(of: "--follow") {
            arguments.remove(at: index)
            follows = true
        }
        guard let servers = arguments.first, !servers.hasPrefix("-") else {
            throw Failure("dump wants the bootstrap servers\n\(MockKafka.usage)", 2)
        }
        self.servers = servers
        let named = Array(arguments.dropFirst())
        topics = named.isEmpty ? MockKafka.busbarTopics : named
    }

    func run() throws(Failure) {
        let client = try consumer()
        defer { rd_kafka_destroy(client) }
        let wanted = try partitions(client)
        defer { rd_kafka_topic_partition_list_destroy(wanted) }
        var toRead = Int(wanted.pointee.cnt)
        try check(rd_kafka_assign(client, wanted), "assign partitions")
        while toRead > 0 {
            // 10 s without a record or an end: the cluster is gone.
            guard let message = rd_kafka_consumer_poll(client, 10_000) else {
                if follows { continue }
                throw Failure("nothing from \(servers) for 10 s, \(toRead) partitions to read")
            }
            defer { rd_kafka_message_destroy(message) }
            switch message.pointee.err {
            case RD_KAFKA_RESP_ERR_NO_ERROR:
                print(Self.line(message).serialized())
                if follows { fflush(nil) }
            case RD_KAFKA_RESP_ERR__PARTITION_EOF:
                if !follows { toRead -= 1 }
            default:
                MockKafka.complain(
                    "mock-kafka: " + String(cString: rd_kafka_message_errstr(message)))
            }
        }
        fflush(nil)
    }

    private func consumer() throws(Failure) -> OpaquePointer {
        let conf = rd_kafka_conf_new()
        var text = [CChar](repeating: 0, count: 512)
        let properties = [
            ("bootstrap.servers", servers), ("group.id", "dump"),
            ("enable.partition.eof", "true"), ("auto.offset.reset", "earliest"),
            ("enable.auto.commit", "false"),
        ]
        for (name, value) in properties {
            let result = rd_kafka_conf_set(conf, name, value, &text, text.count)
            guard result == RD_KAFKA_CONF_OK else { throw Failure(Failure.string(text)) }
        }
        guard let client = rd_kafka_new(RD_KAFKA_CONSUMER, conf, &text, text.count) else {
            throw Failure(Failure.string(text))
        }
        rd_kafka_poll_set_consumer(client)
        return client
    }

    private func partitions(
        _ client: OpaquePointer
    ) throws(Failure) -> UnsafeMutablePointer<rd_kafka_topic_partition_list_t> {
        var found: UnsafePointer<rd_kafka_metadata>?
        try check(rd_kafka_metadata(client, 1, nil, &found, 10_000), "ask for topics")
        defer { rd_kafka_metadata_destroy(found) }
        guard let metadata = found?.pointee, let list = rd_kafka_topic_partition_list_new(16)
        else { throw Failure("\(servers) tells no topics") }
        for index in 0..<Int(metadata.topic_cnt) {
            let topic = metadata.topics[index]
            guard topics.contains(String(cString: topic.topic)) else { continue }
            for partition in 0..<topic.partition_cnt {
                rd_kafka_topic_partition_list_add(list, topic.topic, partition).pointee.offset = -2
            }
        }
        return list
    }

    private func check(_ code: rd_kafka_resp_err_t, _ attempt: String) throws(Failure) {
        guard code != RD_KAFKA_RESP_ERR_NO_ERROR else { return }
        throw Failure("cannot \(attempt): \(String(cString: rd_kafka_err2str(code)))")
    }

    private static func line(_ message: UnsafeMutablePointer<rd_kafka_message_t>) -> JSONValue {
        var object = JSONObject()
        let record = message.pointee
        object.append("topic", .string(String(cString: rd_kafka_topic_name(record.rkt))))
        object.append("partition", JSONValue(record.partition))
        object.append("offset", JSONValue(record.offset))
        object.append("timestamp_ms", JSONValue(rd_kafka_message_timestamp(message, nil)))
        object.append("key", .string(text(record.key, record.key_len)))
        var headers = JSONObject()
        var list: OpaquePointer?
        if rd_kafka_message_headers(message, &list) == RD_KAFKA_RESP_ERR_NO_ERROR {
            var index = 0
            var name: UnsafePointer<CChar>?
            var value: UnsafeRawPointer?
            var size = 0
            while rd_kafka_header_get_all(list, index, &name, &value, &size)
                == RD_KAFKA_RESP_ERR_NO_ERROR, let name
            {
                headers[String(cString: name)] = .string(text(value, size))
                index += 1
            }
        }
        object.append("headers", .object(headers))
        object.append("value", .string(text(record.payload, record.len)))
        return .object(object)
    }

    /// Bytes that are no UTF-8 come out as replacement characters: this is for people and tests.
    private static func text(_ bytes: UnsafeRawPointer?, _ count: Int) -> String {
        String(decoding: UnsafeRawBufferPointer(start: bytes, count: count), as: UTF8.self)
    }
}
