import Bridge
import CRdkafka
import Testing

@testable import Kafka

@Suite("What a cluster's replication is worth")
struct ReplicationTests {
    struct Row: CustomTestStringConvertible, Sendable {
        let testDescription: String
        let replicas: Int?
        let inSync: Int?
        /// Nil where it is replicated as wanted.
        let fault: String?
    }

    static let rows = [
        Row(testDescription: "as wanted", replicas: 3, inSync: 2, fault: nil),
        Row(testDescription: "more than wanted", replicas: 4, inSync: 3, fault: nil),
        Row(
            testDescription: "one replica less", replicas: 2, inSync: 2,
            fault: "the topic busbar.event.v1 has 2 replicas, wanted are 3. Reassign its "
                + "partitions to more brokers"),
        Row(
            testDescription: "one in-sync replica less", replicas: 3, inSync: 1,
            fault: "the topic busbar.event.v1 has min.insync.replicas=1, wanted is 2. Set it with "
                + "kafka-configs.sh"),
        Row(
            testDescription: "not told", replicas: 3, inSync: nil,
            fault: "the cluster does not tell min.insync.replicas of busbar.event.v1. Allow the "
                + "bridge DescribeConfigs on it"),
    ]

    @Test("is judged; who has said that it is for development is not advised to", arguments: rows)
    func judged(row: Row) {
        let seen = [
            Replication(topic: "busbar.event.v1", replicas: row.replicas, inSync: row.inSync)
        ]
        var settings = KafkaSettings(bootstrapServers: "nowhere:1", clientID: "test")
        #expect(
            Replication.judge(seen, settings)
                == (row.fault.map {
                    .insufficient(
                        reason: $0
                            + ". For trials alone there is --development-cluster: it acknowledges "
                            + "so too, and what one broker then loses no device sends again")
                } ?? .replicated))
        settings.isDevelopment = true
        #expect(
            Replication.judge(seen, settings)
                == (row.fault.map { .development(reason: $0) } ?? .replicated))
    }

    @Test("a topic that is missing is not excused by development", arguments: [false, true])
    func missing(isDevelopment: Bool) {
        var settings = KafkaSettings(bootstrapServers: "nowhere:1", clientID: "test")
        settings.isDevelopment = isDevelopment
        let seen = [Replication(topic: "busbar.event.v1", replicas: nil, inSync: nil)]
        #expect(
            Replication.judge(seen, settings)
                == .insufficient(
                    reason: "the topic busbar.event.v1 does not exist. Create it with at least 3 "
                        + "replicas and min.insync.replicas=2"))
    }

    @Test(
        "a topic must take the batches that are sent to it, in development too",
        arguments: [
            (nil, nil, nil), (nil, 1_048_588, nil), (nil, 524_288, nil), (nil, 524_287, 524_288),
            (100_000, 524_287, nil), (100_000, 99_999, 100_000),
        ] as [(Int?, Int?, Int?)])
    func batches(size: Int?, batchMax: Int?, refused: Int?) {
        for isDevelopment in [false, true] {
            var settings = KafkaSettings(bootstrapServers: "nowhere:1", clientID: "test")
            settings.isDevelopment = isDevelopment
            if let size { settings.properties = [("batch.size", String(size))] }
            let seen = [
                Replication(topic: "busbar.alarm.v1", replicas: 3, inSync: 2, batchMax: batchMax)
            ]
            #expect(
                Replication.judge(seen, settings)
                    == (refused.map {
                        .insufficient(
                            reason: "the topic busbar.alarm.v1 refuses batches over "
                                + "max.message.bytes=\(batchMax ?? 0), and the bridge's have up to "
                                + "\($0). Set it to 1048588 with kafka-configs.sh, or batch.size="
                                + "\(batchMax ?? 0) in the file of --kafka-config")
                    } ?? .replicated))
        }
    }

    @Test(
        "only an answer says that the cluster will not tell",
        arguments: [
            (RD_KAFKA_RESP_ERR__UNSUPPORTED_FEATURE, true),
            (RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, true),
            (RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED, true),
            (RD_KAFKA_RESP_ERR__TIMED_OUT, false), (RD_KAFKA_RESP_ERR__TRANSPORT, false),
            (RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT, false),
            (RD_KAFKA_RESP_ERR_NOT_CONTROLLER, false),
            (RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART, false),
            (RD_KAFKA_RESP_ERR_NO_ERROR, false),
        ])
    func refusals(code: rd_kafka_resp_err_t, isRefusal: Bool) {
        #expect(KafkaAdministration.isRefusal(code) == isRefusal)
    }
}

@Suite("The watch over a cluster's replication")
struct ReplicationWatchTests {
    private static let good = [Replication(topic: "busbar.event.v1", replicas: 3, inSync: 2)]

    private func watch() -> ReplicationWatch {
        ReplicationWatch(KafkaSettings(bootstrapServers: "nowhere:1", clientID: "test"))
    }

    private func silence() throws(KafkaError) -> [Replication] { throw KafkaError("silence") }

    @Test("concludes nothing from silence, and says that there is some")
    func silent() {
        let watch = watch()
        watch.look(silence)
        #expect(watch.guarantee == .unknown)
        #expect(watch.trouble == "silence")
        watch.look { () throws(KafkaError) in Self.good }
        #expect(watch.guarantee == .replicated)
        #expect(watch.trouble == nil)
        watch.look(silence)
        #expect(watch.guarantee == .replicated)
        #expect(watch.trouble == "silence")
    }

    @Test("a look that had begun before somebody came to wait tells them nothing")
    func awaited() {
        let watch = watch()
        var seen: UInt64 = 0
        watch.look { () throws(KafkaError) in
            seen = watch.hurry()
            return Self.good
        }
        #expect(watch.answered <= seen)
        watch.look(silence)
        #expect(watch.answered <= seen)
        watch.look { () throws(KafkaError) in Self.good }
        #expect(watch.answered > seen)
    }
}
