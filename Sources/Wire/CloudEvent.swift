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
    public var type: String { "io.busbar." + event.type }
}

/// The texts that all events of one batch have in common, made once.
public struct BatchTexts: Sendable {
    let device: String
    let source: String
    let epoch: String
    let boot: String
    let run: String
    let lane: String

    public init(_ header: BatchHeader) {
        self.init(
            site: header.site, device: header.device, lane: header.lane, epoch: header.epoch,
            run: header.run, boot: header.boot)
    }

    fileprivate init(
        site: String, device: String, lane: Lane, epoch: Identifier128, run: Identifier128,
        boot: Identifier128
    ) {
        self.device = device
        source = "urn:busbar:\(site):\(device):\(lane.name)"
        self.epoch = epoch.text
        self.boot = boot.text
        self.run = run.text
        self.lane = lane.name
    }
}

extension CloudEvent {
    /// The name of an attribute in both encodings, so that none needs to be put together.
    struct Name {
        var plain: String
        var header: String
    }

    private var texts: BatchTexts {
        BatchTexts(site: site, device: device, lane: lane, epoch: epoch, run: run, boot: boot)
    }

    /// Hands out all attributes but the type of the data, in the order in which both encodings
    /// write them. Texts, but for the one that is a number in JSON too.
    private func forEachAttribute(
        _ texts: BatchTexts, _ body: (Name, String, _ isNumber: Bool) -> Void
    ) {
        func text(_ plain: String, _ header: String, _ value: String) {
            body(Name(plain: plain, header: header), value, false)
        }
        text("specversion", "ce_specversion", "1.0")
        text("id", "ce_id", identifier(texts))
        text("source", "ce_source", texts.source)
        text("type", "ce_type", type)
        text("subject", "ce_subject", event.subject)
        text("time", "ce_time", UTCTime.text(unixMilliseconds: event.wall.unixMilliseconds))
        // No schema describes what a damaged card had.
        if case .json = event.data {
            text("dataschema", "ce_dataschema", "urn:busbar:schema:" + event.type)
        }
        text("partitionkey", "ce_partitionkey", texts.device)
        text("sequence", "ce_sequence", String(UInt64(bitPattern: event.seq), places: 20))
        text("severitytext", "ce_severitytext", event.severity.logName)
        body(
            Name(plain: "severitynumber", header: "ce_severitynumber"),
            String(event.severity.logNumber), true)
        text("traceparent", "ce_traceparent", traceParent)
        if let recordedMilliseconds {
            text(
                "recordedtime", "ce_recordedtime",
                UTCTime.text(unixMilliseconds: recordedMilliseconds))
        }
        text("busbarepoch", "ce_busbarepoch", texts.epoch)
        text("busbarboot", "ce_busbarboot", texts.boot)
        text("busbarrun", "ce_busbarrun", texts.run)
        text("busbarmono", "ce_busbarmono", String(event.at.rawValue))
        text("busbartick", "ce_busbartick", String(event.tick.rawValue))
        text("busbarclock", "ce_busbarclock", event.wall.quality.name)
        text("busbarcorrelation", "ce_busbarcorrelation", String(event.correlation.rawValue))
        if let hash { text("busbarhash", "ce_busbarhash", hash.value.text) }
        if case .damaged(_, let rowBytes) = event.data {
            text("busbardamaged", "ce_busbardamaged", String(rowBytes))
        }
    }

    private func identifier(_ texts: BatchTexts) -> String {
        var text = texts.epoch
        // The epoch, the longest lane's name, two colons and a number of 56 bits.
        text.reserveCapacity(64)
        text.append(":")
        text.append(texts.lane)
        text.append(":")
        text.append(String(event.seq))
        return text
    }

    /// W3C Trace Context: all events of one cause in one run are one trace. The span is the lane in
    /// the top byte and the number below, so that it is unique in the trace and never zero.
    private var traceParent: String {
        let trace = Identifier128(high: run.high, low: run.low ^ event.correlation.rawValue)
        let number = UInt64(bitPattern: event.seq) & (1 << 56 - 1)
        var text = "00-"
        // What W3C Trace Context gives it: 55 characters.
        text.reserveCapacity(55)
        text.append(trace.text)
        text.append("-")
        text.append(String(hexadecimal: UInt64(lane.rawValue) << 56 | number))
        text.append("-01")
        return text
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
        forEachAttribute(texts) { name, value, isNumber in
            if isNumber {
                members.add(name.plain, json: Array(value.utf8))
            } else {
                members.add(name.plain, value)
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

        public init(_ name: String, _ value: String) {
            self.name = name
            self.value = value
        }
    }

    /// The headers of binary mode, as the Kafka binding of CloudEvents 1.0 has them.
    public var kafkaHeaders: [Header] { kafkaHeaders(sharing: texts) }

    /// - Parameter texts: of the batch that the event came in.
    public func kafkaHeaders(sharing texts: BatchTexts) -> [Header] {
        var headers: [Header] = []
        // All attributes that there are, and the type of the data.
        headers.reserveCapacity(24)
        forEachAttribute(texts) { name, value, _ in headers.append(Header(name.header, value)) }
        headers.append(Header("content-type", contentType))
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
