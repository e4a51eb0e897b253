import Bridge
import Events
import JSON
import Testing
import Transit
import Units
import Wire

let epochA = Identifier128(high: 0xA, low: 1)
let epochB = Identifier128(high: 0xB, low: 2)
let shardSeven = Shard(7)

func secret() throws -> BridgeSecret {
    try BridgeSecret(fileText: String(repeating: "5e", count: 32))
}

/// An event of the device "heater-1"; `text` makes its bytes differ from another one's.
func event(_ seq: Int64, lane: Lane = .event, epoch: Identifier128 = epochA, _ text: String = "")
    -> EventRecord
{
    EventRecord(
        lane: lane, epoch: epoch, seq: seq, tick: Tick(UInt64(seq)), at: Instant(seq * 100),
        wall: WallTime(unixMilliseconds: 1_700_000_000_000 + seq, quality: .synced),
        severity: .info, correlation: Correlation(1), type: "job.started.v1",
        subject: "job/\(seq)", data: Array("{\"text\":\"\(text)\"}".utf8),
        run: Identifier128(high: 1, low: 1), boot: Identifier128(high: 2, low: 2))
}

/// A batch of the events with those numbers.
func batch(
    _ seqs: ClosedRange<Int64>, base: Int64? = nil, gaps: [ClosedRange<Int64>] = [],
    device: String = "heater-1", lane: Lane = .event, epoch: Identifier128 = epochA,
    before: RunningDigest? = nil, text: String = ""
) -> EventBatch {
    let lines = seqs.filter { seq in !gaps.contains { $0.contains(seq) } }.map {
        BatchLine(event($0, lane: lane, epoch: epoch, text))
    }
    let header = BatchHeader(
        site: "house", device: device, lane: lane, epoch: epoch,
        run: Identifier128(high: 1, low: 1), boot: Identifier128(high: 2, low: 2),
        base: base ?? seqs.lowerBound, first: seqs.lowerBound, last: seqs.upperBound, gaps: gaps,
        before: before)
    return EventBatch(header: header, lines: lines)
}

/// The running hash at a batch's end, as a device computes it.
func digest(of batch: EventBatch) -> RunningDigest {
    batch.lines.reduce(batch.header.before ?? .start(of: batch.header.epoch)) {
        RunningHash.next($0, $1.bytes)
    }
}

/// A session with a broker and a sink that does what the test says.
struct Rig {
    var session: BridgeSession
    var now = Instant(1_000_000)
    var wall = WallTime(unixMilliseconds: 1_800_000_000_000, quality: .synced)
    /// In the order of sending.
    var sent: [(record: SinkRecord, token: RecordToken)] = []
    var published: [BridgeSession.Publication] = []
    var subscribed: [String] = []
    var unsubscribed: [String] = []
    var isFinished = false

    /// - Parameter adjust: changes the settings before the session begins.
    init(
        guarantee: SinkGuarantee = .replicated, connects: Bool = true,
        _ adjust: (inout BridgeSettings) -> Void = { _ in }
    ) throws {
        let shard = try #require(shardSeven)
        var settings = BridgeSettings(
            instance: "bridge-0", session: Identifier128(high: 9, low: 9), shards: [shard],
            secret: try secret())
        adjust(&settings)
        session = BridgeSession(settings: settings)
        session.note(guarantee)
        guard connects else { return }
        session.noteConnected()
        run()
        session.noteSubscribed(refusal: nil)
        run()
        published.removeAll()
    }

    /// Does what the session says until it says to wait; returns until when.
    @discardableResult
    mutating func run() -> Instant {
        while true {
            switch session.action(now: now, wall: wall) {
            case .subscribe(let topics): subscribed += topics
            case .unsubscribe(let topics): unsubscribed += topics
            case .send(let record, let token): sent.append((record, token))
            case .publish(let publication): published.append(publication)
            case .wait(let until): return until
            case .finished:
                isFinished = true
                return now
            }
        }
    }

    mutating func pass(_ milliseconds: Int64) {
        now = now + Milliseconds(milliseconds)
        run()
    }

    mutating func receive(_ batch: EventBatch, topic: String? = nil, isRetained: Bool = false) {
        let header = batch.header
        receive(
            Payload.pack(batch.encoded()),
            topic: topic ?? "busbar/v1/up/07/\(header.device)/\(header.lane.name)",
            isRetained: isRetained)
    }

    mutating func receive(
        _ payload: [UInt8], topic: String = "busbar/v1/up/07/heater-1/event",
        isRetained: Bool = false
    ) {
        session.note(message: payload, on: topic, isRetained: isRetained, now: now, wall: wall)
        run()
    }

    /// Reports on sent records, by their place in `sent`.
    mutating func report(
        _ places: some Sequence<Int>,
        _ outcome: DeliveryReport.Outcome = .stored(partition: 2, offset: 40)
    ) {
        for place in places {
            guard sent.indices.contains(place) else {
                let letters = sent.compactMap { $0.record.header("busbar_dlq_reason") }
                Issue.record("record \(place) was not sent; dead letters: \(letters)")
                continue
            }
            session.note(DeliveryReport(token: sent[place].token, outcome: outcome), now: now)
        }
        run()
    }

    /// The acknowledgements that were published, whose seals are right.
    func acknowledgements(device: String = "heater-1") throws -> [Acknowledgement] {
        let key = AcknowledgementKey.derived(fromBridgeSecret: try secret(), device: device)
        return try published.filter { $0.topic.hasPrefix("busbar/v1/down/\(device)/ack/") }.map {
            let sealed = try SealedAcknowledgement(decoding: $0.payload)
            #expect(key.verify(sealed))
            #expect($0.isRetained)
            return sealed.acknowledgement
        }
    }

    func hellos() throws -> [BridgeHello] {
        try published.filter { $0.topic == "busbar/v1/bridge/07" }.map {
            try BridgeHello(decoding: $0.payload)
        }
    }
}

extension SinkRecord {
    func header(_ name: String) -> String? { headers.value(of: name) }
}
