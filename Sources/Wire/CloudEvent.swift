import Events

/// One event as the world outside of Busbar sees it: a CloudEvent 1.0 with the official extensions
/// for partitioning, sequence, severity, recorded time and tracing, and extensions of our own that
/// all begin with `busbar`.
///
/// Two encodings, one content: structured JSON for files and exports, binary mode for Kafka.
/// Numbers of 64 bits are texts, for CloudEvents' integers have 32.
public struct CloudEvent: Hashable, Sendable {
    public var site: String
    public var device: String
    public var lane: Lane
    public var epoch: Identifier128
    public var run: Identifier128
    public var boot: Identifier128
    public var event: BatchEvent
    /// When the bridge took it, milliseconds since 1970; nil before a bridge did.
    public var recordedMilliseconds: Int64?
    /// The running hash of the lane after this event; nil where it is not known.
    public var hash: RunningDigest?

    /// A line of a batch, as the bridge has it.
    public init(
        _ event: BatchEvent, of header: BatchHeader, recordedMilliseconds: Int64?,
        hash: RunningDigest?
    ) {
        site = header.site
        device = header.device
        lane = header.lane
        epoch = header.epoch
        run = header.run
        boot = header.boot
        self.event = event
        self.recordedMilliseconds = recordedMilliseconds
        self.hash = hash
    }

    /// An event as the device itself has it.
    public init(_ record: EventRecord, site: String, device: String) {
        self.site = site
        self.device = device
        lane = record.lane
        epoch = record.epoch
        run = record.run
        boot = record.boot
        event = BatchEvent(record)
    }

    /// "<epoch>:<lane>:<seq>", the same as `EventRecord.id`.
    public var id: String { "\(epoch.text):\(lane.name):\(event.seq)" }
    public var source: String { "urn:busbar:\(site):\(device):\(lane.name)" }
    public var type: String { "io.busbar.\(event.type)" }
}

extension CloudEvent {
    /// An attribute's value, of one of the two types of CloudEvents that we use.
    enum Value: Hashable, Sendable {
        case text(String)
        /// Of 32 bits.
        case integer(Int32)

        var text: String {
            switch self {
            case .text(let text): text
            case .integer(let number): String(number)
            }
        }
    }

    /// All attributes but the type of the data, in the order in which both encodings write them.
    var attributes: [(name: String, value: Value)] {
        let epochText = epoch.text
        var all: [(name: String, value: Value)] = [
            ("specversion", .text("1.0")),
            ("id", .text("\(epochText):\(lane.name):\(event.seq)")),
            ("source", .text(source)),
            ("type", .text(type)),
            ("subject", .text(event.subject)),
            ("time", .text(UTCTime.text(unixMilliseconds: event.wall.unixMilliseconds))),
        ]
        // No schema describes what a damaged card had.
        if case .json = event.data {
            all.append(("dataschema", .text("urn:busbar:schema:\(event.type)")))
        }
        all += [
            ("partitionkey", .text(device)),
            ("sequence", .text(String(event.seq).padded(to: 20))),
            ("severitytext", .text(event.severity.logName)),
            ("severitynumber", .integer(event.severity.logNumber)),
            ("traceparent", .text(traceParent)),
        ]
        if let recordedMilliseconds {
            all.append(
                ("recordedtime", .text(UTCTime.text(unixMilliseconds: recordedMilliseconds))))
        }
        all += [
            ("busbarepoch", .text(epochText)),
            ("busbarboot", .text(boot.text)),
            ("busbarrun", .text(run.text)),
            ("busbarmono", .text(String(event.at.rawValue))),
            ("busbartick", .text(String(event.tick.rawValue))),
            ("busbarclock", .text(event.wall.quality.name)),
            ("busbarcorrelation", .text(String(event.correlation.rawValue))),
        ]
        if let hash { all.append(("busbarhash", .text(hash.value.text))) }
        if case .damaged(_, let rowBytes) = event.data {
            all.append(("busbardamaged", .text(String(rowBytes))))
        }
        return all
    }

    /// W3C Trace Context: all events of one cause in one run are one trace. The span is the lane in
    /// the top byte and the number below, so that it is unique in the trace and never zero.
    private var traceParent: String {
        let trace = Identifier128(high: run.high, low: run.low ^ event.correlation.rawValue)
        let number = UInt64(bitPattern: event.seq) & (1 << 56 - 1)
        let span = String(UInt64(lane.rawValue) << 56 | number, radix: 16)
        return "00-\(trace.text)-\(span.padded(to: 16))-01"
    }

    var contentType: String {
        switch event.data {
        case .json: "application/json"
        case .damaged: "application/octet-stream"
        }
    }
}

extension CloudEvent {
    /// The media type of `structuredJSON`.
    public static let structuredType = "application/cloudevents+json"

    /// The event as one JSON object on one line, data last.
    public var structuredJSON: [UInt8] {
        var members = JSONMembers()
        for (name, value) in attributes {
            switch value {
            case .text(let text): members.add(name, text)
            case .integer(let number): members.add(name, number)
            }
        }
        members.add("datacontenttype", contentType)
        switch event.data {
        case .json(let bytes): members.add("data", json: bytes)
        case .damaged(let kept, _):
            members.add("data_base64", json: [UInt8(ascii: "\"")] + kept.base64 + [0x22])
        }
        return members.object
    }

    /// A header of a Kafka record.
    public struct Header: Hashable, Sendable {
        public var name: String
        public var value: String
    }

    /// The headers of binary mode, as the Kafka binding of CloudEvents 1.0 has them.
    public var kafkaHeaders: [Header] {
        var headers = attributes.map { Header(name: "ce_" + $0.name, value: $0.value.text) }
        headers.append(Header(name: "content-type", value: contentType))
        return headers
    }

    /// The record's value in binary mode. Never empty, for an empty one is a tombstone in a
    /// compacted topic.
    public var kafkaValue: [UInt8] {
        switch event.data {
        case .json(let bytes): bytes
        case .damaged(let kept, _): kept.isEmpty ? Array("{}".utf8) : kept
        }
    }
}

extension BatchEvent {
    /// What a batch would say of the record. Data that no batch can hold is damaged here too.
    init(_ record: EventRecord) {
        let kept = Array(record.data.prefix(BatchLimits.data / 4 * 3))
        self.init(
            seq: record.seq, type: record.type.cut(toBytes: BatchLimits.type),
            subject: record.subject.cut(toBytes: BatchLimits.subject), wall: record.wall,
            tick: record.tick, at: record.at, severity: record.severity,
            correlation: record.correlation,
            data: EventData.isSound(record.data)
                ? .json(record.data) : .damaged(kept: kept, rowBytes: record.data.count))
    }
}

extension Severity {
    /// The name in the CloudEvents severity extension, which follows OpenTelemetry.
    var logName: String {
        switch self {
        case .info: "INFO"
        case .warning: "WARNING"
        case .error: "ERROR"
        case .fatal: "FATAL"
        }
    }

    var logNumber: Int32 {
        switch self {
        case .info: 9
        case .warning: 13
        case .error: 17
        case .fatal: 21
        }
    }
}

extension String {
    /// With zeros before it, up to `count` characters.
    func padded(to count: Int) -> String {
        String(repeating: "0", count: max(0, count - utf8.count)) + self
    }
}
