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

/// What the records of one batch have in common, made once. A class, so that a record takes hold of
/// all of it in one step.
public final class SharedHeaders: Sendable {
    let headers: RecordHeaders
    /// "<epoch>:<lane>:", with which each identity begins.
    let identityStart: [UInt8]
    /// Of the records: the device.
    public let key: [UInt8]

    /// - Parameter recordedMilliseconds: when the bridge took the batch; nil before a bridge did.
    public convenience init(_ header: BatchHeader, recordedMilliseconds: Int64?) {
        self.init(
            site: header.site, device: header.device, lane: header.lane, epoch: header.epoch,
            run: header.run, boot: header.boot, recordedMilliseconds: recordedMilliseconds)
    }

    fileprivate init(
        site: String, device: String, lane: Lane, epoch: Identifier128, run: Identifier128,
        boot: Identifier128, recordedMilliseconds: Int64?
    ) {
        var headers = RecordHeaders()
        headers.add("ce_specversion", "1.0")
        headers.add("ce_source", "urn:busbar:\(site):\(device):\(lane.name)")
        headers.add("ce_partitionkey", device)
        if let recordedMilliseconds {
            headers.add(
                "ce_recordedtime", UTCTime.text(unixMilliseconds: recordedMilliseconds))
        }
        headers.add("ce_busbarepoch", epoch.text)
        headers.add("ce_busbarboot", boot.text)
        headers.add("ce_busbarrun", run.text)
        self.headers = headers
        identityStart = Array("\(epoch.text):\(lane.name):".utf8)
        key = Array(device.utf8)
    }
}

extension CloudEvent {
    /// Hands out all attributes but the type of the data, for structured JSON. Texts, but for the
    /// one that is a number. What is added here is added to `recordHeaders` too; a test compares
    /// the two.
    private func forEachAttribute(_ body: (_ name: String, String, _ isNumber: Bool) -> Void) {
        func text(_ name: String, _ value: String) { body(name, value, false) }
        text("specversion", "1.0")
        text("id", id)
        text("source", source)
        text("type", type)
        text("subject", event.subject)
        text("time", UTCTime.text(unixMilliseconds: event.wall.unixMilliseconds))
        // No schema describes what a damaged card had.
        if case .json = event.data { text("dataschema", "urn:busbar:schema:" + event.type) }
        text("partitionkey", device)
        text("sequence", String(UInt64(bitPattern: event.seq), places: 20))
        text("severitytext", event.severity.logName)
        body("severitynumber", String(event.severity.logNumber), true)
        text("traceparent", traceParent)
        if let recordedMilliseconds {
            text("recordedtime", UTCTime.text(unixMilliseconds: recordedMilliseconds))
        }
        text("busbarepoch", epoch.text)
        text("busbarboot", boot.text)
        text("busbarrun", run.text)
        text("busbarmono", String(event.at.rawValue))
        text("busbartick", String(event.tick.rawValue))
        text("busbarclock", event.wall.quality.name)
        text("busbarcorrelation", String(event.correlation.rawValue))
        if let hash { text("busbarhash", hash.value.text) }
        if case .damaged(_, let rowBytes) = event.data { text("busbardamaged", String(rowBytes)) }
    }

    /// W3C Trace Context: all events of one cause in one run are one trace. The span is the lane in
    /// the top byte and the number below, so that it is unique in the trace and never zero.
    private var traceParent: String {
        "00-\(trace.text)-\(String(hexadecimal: span))-01"
    }

    private var trace: Identifier128 {
        Identifier128(high: run.high, low: run.low ^ event.correlation.rawValue)
    }

    private var span: UInt64 {
        UInt64(lane.rawValue) << 56 | UInt64(bitPattern: event.seq) & (1 << 56 - 1)
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
        forEachAttribute { name, value, isNumber in
            if isNumber {
                members.add(name, json: Array(value.utf8))
            } else {
                members.add(name, value)
            }
        }
        members.add("datacontenttype", contentType)
        switch event.data {
        case .json(let bytes): members.add("data", json: Array(bytes))
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
    public var recordHeaders: RecordHeaders {
        recordHeaders(
            sharing: SharedHeaders(
                site: site, device: device, lane: lane, epoch: epoch, run: run, boot: boot,
                recordedMilliseconds: recordedMilliseconds))
    }

    /// - Parameter shared: of the batch that the event came in, with its time of recording.
    public func recordHeaders(sharing shared: SharedHeaders) -> RecordHeaders {
        var rows: [UInt8] = []
        let count = appendHeaders(to: &rows, shared)
        return RecordHeaders(shared, count: count, in: rows[...])
    }

    /// Adds the headers that its batch does not share, as `RecordHeaders` has them.
    /// - Returns: how many they are.
    public func appendHeaders(to rows: inout [UInt8], _ shared: SharedHeaders) -> Int {
        let type = event.type.utf8
        let subject = event.subject
        // 768: sixteen names and lengths, and values that are as long as they get but for these.
        let identityStart = shared.identityStart
        let room = 768 + identityStart.count + 2 * type.count + subject.utf8.count
        var count = 0
        rows.append(addingCapacity: room) { output in
            let seq = UInt64(bitPattern: event.seq)
            let digits = DecimalText.count(seq)
            output.appendHeader("ce_id", identityStart.count + digits) { output in
                output.append(identityStart.span)
                output.append(decimal: seq, places: 1)
            }
            output.appendHeader("ce_type", "io.busbar.", and: type)
            output.appendHeader("ce_subject", subject)
            let time = UTCTime.letters(unixMilliseconds: event.wall.unixMilliseconds)
            output.appendHeader("ce_time", time.count) { $0.append(time.span) }
            output.appendHeader("ce_sequence", max(digits, 20)) {
                $0.append(decimal: seq, places: 20)
            }
            count = 5 + appendCircumstances(to: &output) + appendOptional(to: &output)
        }
        return count
    }

    /// How bad it is, what caused it, and when it was by the other clocks.
    private func appendCircumstances(to output: inout OutputSpan<UInt8>) -> Int {
        output.appendHeader("ce_severitytext", event.severity.logName)
        output.appendHeader("ce_severitynumber", decimal: Int64(event.severity.logNumber))
        let (trace, span) = (trace, span)
        output.appendHeader("ce_traceparent", 55) { output in
            output.append("00-" as StaticString)
            output.append(trace)
            output.append(UInt8(ascii: "-"))
            output.append(hexadecimal: span)
            output.append("-01" as StaticString)
        }
        output.appendHeader("ce_busbarmono", decimal: event.at.rawValue)
        output.appendHeader("ce_busbartick", decimal: event.tick.rawValue)
        output.appendHeader("ce_busbarclock", event.wall.quality.name)
        output.appendHeader("ce_busbarcorrelation", decimal: event.correlation.rawValue)
        output.appendHeader("content-type", contentType)
        return 8
    }

    /// What not every event has.
    private func appendOptional(to output: inout OutputSpan<UInt8>) -> Int {
        var count = 1
        switch event.data {
        case .json: output.appendHeader("ce_dataschema", "urn:busbar:schema:", and: event.type.utf8)
        // No schema describes what a damaged card had.
        case .damaged(_, let rowBytes):
            output.appendHeader("ce_busbardamaged", decimal: Int64(rowBytes))
        }
        if let hash {
            output.appendHeader("ce_busbarhash", 32) { $0.append(hash.value) }
            count += 1
        }
        return count
    }

    /// The record's value in binary mode. Never empty, for an empty one is a tombstone in a
    /// compacted topic.
    public var kafkaValue: [UInt8] { Array(kafkaBody) }

    /// The same, in place where it is a part of the event's line.
    public var kafkaBody: ArraySlice<UInt8> {
        switch event.data {
        case .json(let bytes): bytes
        case .damaged(let kept, _): kept.isEmpty ? Array("{}".utf8)[...] : kept[...]
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
                ? .json(record.data[...]) : .damaged(kept: kept, rowBytes: record.data.count))
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
