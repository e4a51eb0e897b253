public import Wire

/// One record for the cluster's log: a CloudEvent in binary mode, or a dead letter.
public struct SinkRecord: Hashable, Sendable {
    public var topic: String
    /// The device, so that all of one device is in one partition, in order.
    public var key: [UInt8]
    /// What it says, in place: of an event it is a part of the message that it came in.
    public var body: ArraySlice<UInt8>
    public var headers: RecordHeaders
    /// The bridge's wall time, never the device's: a Pi that booted in 1970, or three weeks of
    /// backlog, must not fall under the log's retention.
    public var unixMilliseconds: Int64

    public typealias Header = CloudEvent.Header

    public init(
        topic: String, key: [UInt8], body: ArraySlice<UInt8>, headers: RecordHeaders,
        unixMilliseconds: Int64
    ) {
        self.topic = topic
        self.key = key
        self.body = body
        self.headers = headers
        self.unixMilliseconds = unixMilliseconds
    }

    public init(
        topic: String, key: [UInt8], value: [UInt8], headers: RecordHeaders,
        unixMilliseconds: Int64
    ) {
        self.init(
            topic: topic, key: key, body: value[...], headers: headers,
            unixMilliseconds: unixMilliseconds)
    }

    /// A copy of `body`.
    public var value: [UInt8] { Array(body) }
}

extension SinkRecord {
    /// Where the events of a lane go. Alarms have a topic of their own, so that they have their own
    /// lag, retention and alerts. No device is in the name.
    public static func topic(of lane: Lane) -> String {
        switch lane {
        case .alarm: "busbar.alarm.v1"
        case .event: "busbar.event.v1"
        case .telemetry: "busbar.telemetry.v1"
        }
    }

    /// All topics that a bridge writes to.
    public static let topics = Lane.allCases.map(topic(of:)) + [DeadLetter.topic]

    /// An event in binary mode.
    /// - Parameter shared: of the batch that it came in.
    public init(_ event: CloudEvent, sharing shared: SharedHeaders, unixMilliseconds: Int64) {
        self.init(
            topic: Self.topic(of: event.lane), key: shared.key,
            body: event.kafkaBody, headers: event.recordHeaders(sharing: shared),
            unixMilliseconds: unixMilliseconds)
    }
}

/// Names a record that was handed to a sink and has not been reported on.
public struct RecordToken: Hashable, Sendable {
    public let rawValue: UInt64
    public init(_ rawValue: UInt64) { self.rawValue = rawValue }
}

/// What became of a record. Only `stored` is success; silence is no outcome.
public struct DeliveryReport: Hashable, Sendable {
    public enum Outcome: Hashable, Sendable {
        /// On all in-sync replicas.
        case stored(partition: Int32, offset: Int64)
        /// Never will be by itself: too large, unknown topic, not authorised.
        case refused(reason: String)
        /// The cluster could not be reached in time; the record may or may not be there.
        case failed(reason: String)
    }

    public var token: RecordToken
    public var outcome: Outcome

    public init(token: RecordToken, outcome: Outcome) {
        self.token = token
        self.outcome = outcome
    }
}

/// What a sink's own keeping is worth, read from the cluster.
public enum SinkGuarantee: Hashable, Sendable {
    /// Replicated as configured or better.
    case replicated
    /// Replicated less, and the operator said that this is a cluster for development.
    case development(reason: String)
    /// Not to be relied on: nothing may be acknowledged.
    case insufficient(reason: String)
    /// Not read yet.
    case unknown
}

/// Where a bridge puts its records. Kafka is the first engine; another one takes its place by this
/// protocol alone. Used by one thread.
///
/// Order is the sink's promise: of the records of one key and one topic, what is stored is a prefix
/// of what was sent, save for those that it refused. So when it reports one as `failed`, every
/// later one that was sent before that report is `failed` too. A sink that cannot pick out the
/// later ones fails everything it holds; the devices send it again.
public protocol RecordSink {
    /// Takes a record over, or returns false when its own queue is full: then `poll` and try again.
    mutating func send(_ record: SinkRecord, token: RecordToken) -> Bool
    /// Reports that have come since the last call; waits for the first at most `milliseconds`.
    mutating func poll(milliseconds: Int32) -> [DeliveryReport]
    var guarantee: SinkGuarantee { get }
    /// What is wrong with the way to the cluster now; nil when nothing is.
    var trouble: String? { get }
}
