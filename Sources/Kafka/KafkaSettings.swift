/// Where the cluster is, and what is asked of it.
public struct KafkaSettings: Sendable {
    /// "host:port", separated by commas.
    public var bootstrapServers: String
    /// What the brokers' logs call this client.
    public var clientID: String
    /// Replicas that each topic must have at least.
    public var replicationMin = 3
    /// `min.insync.replicas` that each topic must have at least: with acks=all, so many disks have
    /// a record when it is reported as kept.
    public var inSyncMin = 2
    /// The operator says that this is a cluster for development: less is taken, and said.
    public var isDevelopment = false
    /// Properties of librdkafka beside ours, such as those of TLS and SASL.
    public var properties: [(name: String, value: String)] = []
    /// Records that the producer holds. 20,000: as many as the session hands over.
    public var recordsMax = 20_000

    public init(bootstrapServers: String, clientID: String) {
        self.bootstrapServers = bootstrapServers
        self.clientID = clientID
    }

    /// Properties that the promises of the bridge rest on. Nobody overrides them.
    static let fixed: [(name: String, value: String)] = [
        ("acks", "all"),
        ("enable.idempotence", "true"),
        // A record that cannot be written stops all that come after it: order before progress.
        ("enable.gapless.guarantee", "true"),
        // As the Java clients do, so that all writers of a key agree on its partition.
        ("partitioner", "murmur2_random"),
        // Never give a record up by time: whether it was written would then be unknown while later
        // ones still go out. The session has a deadline of its own, and concludes nothing from it.
        ("message.timeout.ms", "0"),
    ]

    /// Bytes that a batch of records may have.
    var batchBytes: Int {
        (tuned + properties).last { $0.name == "batch.size" }.flatMap { Int($0.value) } ?? .max
    }

    /// What may be overridden.
    var tuned: [(name: String, value: String)] {
        [
            ("queue.buffering.max.messages", String(recordsMax)),
            ("queue.buffering.max.kbytes", "65536"),
            // While one batch of a partition is on its way, an idempotent librdkafka 2.0.2 sends no
            // other, and when the next is full, or has waited for this long, it looks again and
            // again without a pause. With 5 ms that was a system call for each record of a backlog,
            // with 20 ms one for two (measured); but an alarm waits for them too.
            ("linger.ms", "20"),
            // 512 KiB: half of what brokers take by default. A batch that is too large would be
            // refused as a whole, and all records in it put aside.
            ("batch.size", "524288"),
            // 2 s instead of 10: devices wait for their acknowledgements once the brokers are back.
            ("reconnect.backoff.max.ms", "2000"),
            ("log_level", "4"),
        ]
    }
}

/// Why librdkafka cannot be used as asked.
public struct KafkaError: Error, Hashable, Sendable, CustomStringConvertible {
    public let description: String
    init(_ description: String) { self.description = description }
}
