import Wire

/// A record that cannot stand where it belongs, kept apart with the reason: the original key, value
/// and headers, and what a replay needs to know.
public enum DeadLetter {
    public static let topic = "busbar.dlq.v1"

    /// The greatest value in bytes. 900 kB: below the million that brokers take by default. Only a
    /// batch that cannot be read can be larger, and then its beginning tells what it was.
    static let valueMax = 900_000

    public enum Class: UInt8, Hashable, Sendable, CaseIterable {
        /// It will never be right by itself: unreadable, too large.
        case poison = 0
        /// Another event with other bytes has its identity.
        case collision = 1
        /// It claims to be another device's.
        case unauthorised = 2
        /// Its number was declared a gap before it came, and is passed: behind its successors it
        /// would stand out of order. A cloned or restored card may declare what the other one still
        /// has.
        case gap = 3

        public var name: String {
            switch self {
            case .poison: "poison"
            case .collision: "collision"
            case .unauthorised: "unauthorised"
            case .gap: "gap"
            }
        }
    }

    /// Where on its way it was found out.
    public enum Stage: String, Hashable, Sendable {
        /// The MQTT message as a whole.
        case batch
        /// One line of it.
        case event
        /// The sink refused the record.
        case sink
    }

    /// Why, and since when.
    struct Cause: Hashable, Sendable {
        var reason: String
        var stage: Stage
        var kind: Class
        /// Where it was to go: a Kafka topic, or the MQTT topic on which it came.
        var topic: String
        /// How often it was handed to a sink before.
        var attempts: Int
    }

    static func record(
        _ original: SinkRecord, cause: Cause, firstUnixMilliseconds: Int64
    ) -> SinkRecord {
        var record = original
        record.topic = topic
        record.headers.add("busbar_dlq_reason", cause.reason)
        record.headers.add("busbar_dlq_stage", cause.stage.rawValue)
        record.headers.add("busbar_dlq_class", cause.kind.name)
        record.headers.add("busbar_dlq_topic", cause.topic)
        record.headers.add("busbar_dlq_attempts", String(cause.attempts))
        record.headers.add("busbar_dlq_first", String(firstUnixMilliseconds))
        if record.body.count > valueMax {
            record.headers.add("busbar_dlq_truncated", String(record.body.count))
            record.body = record.body.prefix(valueMax)
        }
        return record
    }
}
