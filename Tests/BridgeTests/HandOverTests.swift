import Bridge
import Testing
import Transit
import Units
import Wire

/// Runs devices, bridges that come and go, and a cluster that fails, from one seed.
///
/// Goal: no number is acknowledged that the cluster has neither as a record nor as a dead letter
/// and that was no declared gap; and of each lane, in the order of first occurrence, the cluster
/// has the numbers rising. Method: the checker looks into the cluster at each acknowledgement. Two
/// bridges may both own the shard at once; each may be killed at any step.
@Suite("Bridges that come and go")
struct HandOverTests {
    @Test("nothing is acknowledged that is not kept, and lanes stay in order", arguments: 1...60)
    func holds(seed: Int) throws {
        var world = try World(seed: UInt64(seed), isHonest: true)
        try world.live(steps: 400)
        try world.recover()
        #expect(world.violations == [], "seed \(seed)")
        #expect(world.acknowledged > 0 && world.killed > 0 && world.failures > 0, "seed \(seed)")
    }

    @Test("a bridge that acknowledges on handing over is found out")
    func teeth() throws {
        var found = 0
        for seed in UInt64(1)...20 {
            var world = try World(seed: seed, isHonest: false)
            try world.live(steps: 400)
            found += world.violations.isEmpty ? 0 : 1
        }
        #expect(found >= 15, "only \(found) of 20 seeds saw a loss")
    }

    @Test("one seed gives one history")
    func repeats() throws {
        func history() throws -> [String] {
            var world = try World(seed: 7, isHonest: true)
            try world.live(steps: 300)
            return world.cluster.map { "\($0.topic) \($0.header("ce_id") ?? "")" }
        }
        #expect(try history() == history())
    }
}

private struct SplitMix: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var value = state
        value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
        return value ^ (value >> 31)
    }
}

/// One device's lane: what it has, what it knows to be acknowledged, how far it has sent.
private struct LaneOfDevice {
    var device: String
    var lane: Lane
    var last: Int64 = 0
    var gaps: [ClosedRange<Int64>] = []
    var base: Int64 = 1
    var cursor: Int64 = 1
    /// The running hash before `cursor` where this device sends, by number.
    var digests: [Int64: RunningDigest] = [1: .start(of: epochA)]

    func isGap(_ number: Int64) -> Bool { gaps.contains { $0.contains(number) } }

    /// The next batch from `cursor`; nil when there is none.
    mutating func next(count: Int64) -> EventBatch? {
        var first = cursor
        while first <= last, isGap(first) { first += 1 }
        guard first <= last else { return nil }
        var end = min(last, first + count - 1)
        while isGap(end) { end -= 1 }
        let within = gaps.filter { $0.upperBound >= base && $0.upperBound < end }
            .map { max($0.lowerBound, base)...$0.upperBound }
        let sent = batch(
            first...end, base: base, gaps: within, device: device, lane: lane,
            before: digests[cursor])
        cursor = end + 1
        digests[cursor] = digest(of: sent)
        return sent
    }
}

private struct World {
    /// A bridge and the records that are on their way to the cluster, by key and topic, in order.
    struct Instance {
        var session: BridgeSession
        var onTheirWay: [(record: SinkRecord, token: RecordToken)] = []
    }

    var random: SplitMix
    let isHonest: Bool
    var now = Instant(0)
    var lanes: [LaneOfDevice]
    var instances: [Instance] = []
    var cluster: [SinkRecord] = []
    var kept: Set<String> = []
    var acknowledgements: [Acknowledgement] = []
    var violations: [String] = []
    var acknowledged = 0
    var killed = 0
    var failures = 0

    init(seed: UInt64, isHonest: Bool) throws {
        random = SplitMix(state: seed)
        self.isHonest = isHonest
        lanes = ["heater-1", "heater-2"].flatMap { device in
            [Lane.alarm, .event].map { LaneOfDevice(device: device, lane: $0) }
        }
        instances = [try makeInstance(), try makeInstance()]
    }

    mutating func makeInstance() throws -> Instance {
        let shard = try #require(shardSeven)
        var settings = BridgeSettings(
            instance: "bridge", session: Identifier128(high: random.next(), low: 1),
            shards: [shard], secret: try secret())
        settings.acknowledgeEvents = Int64.random(in: 1...20, using: &random)
        settings.lanesMax = Int.random(in: 2...4, using: &random)
        settings.slotsPerLaneMax = Int.random(in: 20...60, using: &random)
        var session = BridgeSession(settings: settings)
        session.note(.replicated)
        session.noteConnected()
        return Instance(session: session)
    }

    mutating func live(steps: Int) throws {
        for _ in 0..<steps {
            let which = Int.random(in: 0..<instances.count, using: &random)
            switch Int.random(in: 0..<100, using: &random) {
            case 0..<15: grow()
            case 15..<50: send()
            case 50..<58:
                let lane = Int.random(in: 0..<lanes.count, using: &random)
                lanes[lane].cursor = lanes[lane].base
            case 58..<85: report(which)
            case 85..<89: fail(which)
            case 89..<92: try kill(which)
            default: now = now + Milliseconds(Int64.random(in: 1...400, using: &random))
            }
            for index in instances.indices { try run(index) }
            deliver()
        }
    }

    /// The faults stop: everything that a device has must come to be acknowledged.
    mutating func recover() throws {
        for _ in 0..<100 where lanes.contains(where: { $0.base <= $0.last }) {
            // One lane after the other: a session that remembers two would forget the first.
            for lane in lanes.indices {
                lanes[lane].cursor = lanes[lane].base
                sendAll(lane)
                try run(0)
                while !instances[0].onTheirWay.isEmpty {
                    report(0)
                    try run(0)
                }
                now = now + Milliseconds(300)
                try run(0)
                deliver()
            }
        }
        for lane in lanes where lane.base <= lane.last {
            violations.append("\(lane.device) \(lane.lane.name) stays at \(lane.base)")
        }
    }

    private mutating func grow() {
        let lane = Int.random(in: 0..<lanes.count, using: &random)
        let count = Int64.random(in: 1...12, using: &random)
        if Bool.random(using: &random), Bool.random(using: &random) {
            lanes[lane].gaps.append((lanes[lane].last + 1)...(lanes[lane].last + count))
        }
        // A lane never ends with a gap here: an event follows, in which it is declared.
        lanes[lane].last += count + 1
    }

    private mutating func send() {
        let lane = Int.random(in: 0..<lanes.count, using: &random)
        guard let sent = lanes[lane].next(count: Int64.random(in: 1...9, using: &random)) else {
            return
        }
        // Lost, or heard by one owner of the shard, or by two.
        for index in instances.indices where Int.random(in: 0..<10, using: &random) < 7 {
            hand(sent, to: index)
        }
    }

    private mutating func sendAll(_ lane: Int) {
        while let sent = lanes[lane].next(count: 9) { hand(sent, to: 0) }
    }

    private mutating func hand(_ sent: EventBatch, to index: Int) {
        instances[index].session.note(
            message: sent.encoded(),
            on: Topics.up(
                shard: shardSeven ?? Shard(device: ""), device: sent.header.device,
                lane: sent.header.lane),
            isRetained: false, now: now, wall: WallTime(unixMilliseconds: 1, quality: .synced))
    }

    /// The cluster keeps some of what is on its way, in order; every ninth event it refuses.
    private mutating func report(_ index: Int) {
        let count = min(
            Int.random(in: 1...15, using: &random), instances[index].onTheirWay.count)
        for (record, token) in instances[index].onTheirWay.prefix(count) {
            let isRefused = Self.isRefused(record)
            if !isRefused { keep(record) }
            instances[index].session.note(
                DeliveryReport(
                    token: token,
                    outcome: isRefused
                        ? .refused(reason: "too large") : .stored(partition: 0, offset: 1)),
                now: now)
        }
        instances[index].onTheirWay.removeFirst(count)
    }

    /// The producer breaks: some of what is on its way was written, in order; all of it is failed.
    private mutating func fail(_ index: Int) {
        guard !instances[index].onTheirWay.isEmpty else { return }
        failures += 1
        writeSome(index)
        for (_, token) in instances[index].onTheirWay {
            instances[index].session.note(
                DeliveryReport(token: token, outcome: .failed(reason: "brokers down")), now: now)
        }
        instances[index].onTheirWay.removeAll()
    }

    private mutating func kill(_ index: Int) throws {
        killed += 1
        writeSome(index)
        instances[index] = try makeInstance()
    }

    private mutating func writeSome(_ index: Int) {
        let written = Int.random(in: 0...instances[index].onTheirWay.count, using: &random)
        for (record, _) in instances[index].onTheirWay.prefix(written)
        where !Self.isRefused(record) {
            keep(record)
        }
    }

    /// The cluster never takes it, by whomever it is sent.
    private static func isRefused(_ record: SinkRecord) -> Bool {
        record.topic != DeadLetter.topic && record.header("ce_sequence")?.last == "9"
    }

    private mutating func keep(_ record: SinkRecord) {
        cluster.append(record)
        guard let id = record.header("ce_id"), let source = record.header("ce_source") else {
            return
        }
        let isFirst = kept.insert("\(source) \(id)").inserted
        guard isFirst, record.topic != DeadLetter.topic else { return }
        let number = record.header("ce_sequence") ?? ""
        if let before = highest[source], before > number {
            violations.append("\(source): \(number) after \(before)")
        }
        highest[source] = number
    }

    /// By source, the last first occurrence. Numbers are padded, and compare as text.
    private var highest: [String: String] = [:]

    private mutating func run(_ index: Int) throws {
        let wall = WallTime(unixMilliseconds: 1, quality: .synced)
        while true {
            switch instances[index].session.action(now: now, wall: wall) {
            case .subscribe: instances[index].session.noteSubscribed(refusal: nil)
            case .unsubscribe, .finished: return
            case .send(let record, let token):
                instances[index].onTheirWay.append((record, token))
                guard !isHonest else { continue }
                // The defect: handing over passes for having.
                instances[index].session.note(
                    DeliveryReport(token: token, outcome: .stored(partition: 0, offset: 0)),
                    now: now)
            case .publish(let publication):
                guard publication.topic.contains("/ack/") else { continue }
                acknowledgements.append(
                    try SealedAcknowledgement(decoding: publication.payload).acknowledgement)
            case .wait: return
            }
        }
    }

    /// Acknowledgements reach their devices, and are checked against the cluster. Some get lost.
    private mutating func deliver() {
        for acknowledgement in acknowledgements {
            check(acknowledgement)
            guard Int.random(in: 0..<10, using: &random) < 7 else { continue }
            for index in lanes.indices
            where lanes[index].device == acknowledgement.device
                && lanes[index].lane == acknowledgement.lane
            {
                // As the uplink does: only an end that it sent, with the hash that it had there.
                guard lanes[index].digests[acknowledgement.upTo + 1] == acknowledgement.digest
                else { continue }
                lanes[index].base = max(lanes[index].base, acknowledgement.upTo + 1)
                lanes[index].cursor = max(lanes[index].cursor, lanes[index].base)
            }
        }
        acknowledgements.removeAll()
    }

    private mutating func check(_ acknowledgement: Acknowledgement) {
        acknowledged += 1
        guard
            let lane = lanes.first(where: {
                $0.device == acknowledgement.device && $0.lane == acknowledgement.lane
            }), acknowledgement.upTo >= lane.base
        else { return }
        let source = "urn:busbar:house:\(lane.device):\(lane.lane.name)"
        for number in lane.base...acknowledgement.upTo where !lane.isGap(number) {
            let id = "\(epochA.text):\(lane.lane.name):\(number)"
            guard !kept.contains("\(source) \(id)") else { continue }
            violations.append("\(source): \(number) acknowledged and not kept")
        }
    }
}
