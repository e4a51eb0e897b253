import CRdkafka

/// librdkafka's mock brokers, which listen on loopback, and faults for them.
final class MockCluster {
    private let client: OpaquePointer
    private let cluster: OpaquePointer
    private let brokers: Int

    init(brokers: Int) throws(Failure) {
        var text = [CChar](repeating: 0, count: 512)
        guard let client = rd_kafka_new(RD_KAFKA_PRODUCER, rd_kafka_conf_new(), &text, text.count),
            let cluster = rd_kafka_mock_cluster_new(client, Int32(brokers))
        else { throw Failure("librdkafka makes no mock cluster: \(Failure.string(text))") }
        self.client = client
        self.cluster = cluster
        self.brokers = brokers
    }

    var bootstrapServers: String {
        rd_kafka_mock_cluster_bootstraps(cluster).map { String(cString: $0) } ?? ""
    }

    func create(_ topic: String, partitions: Int, replicas: Int) throws(Failure) {
        try check(
            rd_kafka_mock_topic_create(
                cluster, topic, Int32(partitions), Int32(min(replicas, brokers))))
    }

    func obey(_ line: String) throws(Failure) {
        let words = line.split(separator: " ").map(String.init)
        switch (words.first, words.count) {
        case ("down", 2):
            for broker in try brokers(words[1]) {
                try check(rd_kafka_mock_broker_set_down(cluster, broker))
            }
        case ("up", 2):
            for broker in try brokers(words[1]) {
                try check(rd_kafka_mock_broker_set_up(cluster, broker))
            }
        case ("rtt", 3):
            let milliseconds = try number(words[2], in: 0...60_000)
            for broker in try brokers(words[1]) {
                try check(rd_kafka_mock_broker_set_rtt(cluster, broker, Int32(milliseconds)))
            }
        case ("error", 4):
            let errors = [rd_kafka_resp_err_t](
                repeating: try error(named: words[2]), count: try number(words[3], in: 1...100_000))
            rd_kafka_mock_push_request_errors_array(
                cluster, try request(named: words[1]), errors.count, errors)
        case ("leader", 4):
            try check(
                rd_kafka_mock_partition_set_leader(
                    cluster, words[1], Int32(try number(words[2], in: 0...1_000)),
                    Int32(try number(words[3], in: 1...brokers))))
        default:
            throw Failure("unknown command \"\(line)\"; try mock-kafka --help")
        }
    }

    private func brokers(_ word: String) throws(Failure) -> [Int32] {
        if word == "all" { return (1...brokers).map { Int32($0) } }
        return [Int32(try number(word, in: 1...brokers))]
    }

    private func number(_ word: String, in range: ClosedRange<Int>) throws(Failure) -> Int {
        guard let number = Int(word), range.contains(number) else {
            throw Failure(
                "found \"\(word)\"; expected is a number from \(range.lowerBound) to "
                    + "\(range.upperBound)")
        }
        return number
    }

    /// The numbers of Kafka's protocol.
    private func request(named name: String) throws(Failure) -> Int16 {
        let requests: [String: Int16] = [
            "Produce": 0, "Fetch": 1, "ListOffsets": 2, "Metadata": 3, "InitProducerId": 22,
        ]
        guard let found = requests[name] else {
            throw Failure(
                "found the request \"\(name)\"; known are \(requests.keys.sorted())")
        }
        return found
    }

    private func error(named name: String) throws(Failure) -> rd_kafka_resp_err_t {
        var descriptions: UnsafePointer<rd_kafka_err_desc>?
        var count = 0
        rd_kafka_get_err_descs(&descriptions, &count)
        for index in 0..<count {
            guard let found = descriptions?[index], let known = found.name else { continue }
            if String(cString: known) == name { return found.code }
        }
        throw Failure("found the error \"\(name)\", which librdkafka does not know")
    }

    private func check(_ code: rd_kafka_resp_err_t) throws(Failure) {
        guard code != RD_KAFKA_RESP_ERR_NO_ERROR else { return }
        throw Failure(rd_kafka_err2str(code).map { String(cString: $0) } ?? "\(code)")
    }
}
