import Bridge
import Transit
import Wire

/// The whole chain in one process and in virtual time: machines with the real journal on a disk
/// that forgets what was not synced and the real uplink session, a broker, bridges with the real
/// bridge session, Kafka, a consumer, and the oracle that judges them.
///
/// One seed is one history: everything random comes from it, nothing reads a clock, and one thread
/// does it all.
final class Chain {
    let seed: UInt64
    let defect: Defect?
    let knobs: Knobs
    private(set) var now: Int64 = 0
    /// Draws of the parts, apart from one another, so that a change in one does not shuffle all.
    var roads: Dice
    var kafkaDice: Dice
    var machineDice: Dice
    var faultDice: Dice

    private(set) var story: Story
    private(set) var faults = FaultCounts()
    var oracle = Oracle()
    private var agenda = Agenda()

    let broker: Broker
    let kafka = KafkaCluster()
    var machines: [Machine] = []
    var bridges: [BridgeProcess] = []
    /// Two while a shard has two owners.
    var bridgesWanted = 1
    /// After this moment nothing goes wrong any more.
    var isCalm = false
    private(set) var stepCount = 0
    /// Acknowledgements that bridges have published, oldest first: what an attacker may have heard.
    private(set) var heard: [Message] = []
    /// When acknowledgements get lost on their way, and for which fault of the plan.
    var acknowledgementLosses: [(fault: Int, until: Int64)] = []

    let plan: FaultPlan
    /// By a fault's place in the plan.
    var fates: [FaultFate]

    /// What the bridges share and the devices' keys come from.
    let bridgeSecret: BridgeSecret
    let acknowledgementKey: AcknowledgementKey

    /// - Parameter knobs: nil for those that the seed chooses.
    init(seed: UInt64, defect: Defect? = nil, isTold: Bool = false, knobs: Knobs? = nil) {
        self.seed = seed
        self.defect = defect
        var dice = Dice(seed: seed)
        let chosen = Knobs(&dice)
        self.knobs = knobs ?? chosen
        roads = dice.split()
        kafkaDice = dice.split()
        machineDice = dice.split()
        faultDice = dice.split()
        bridgeSecret = Self.secret("5a")
        acknowledgementKey = .derived(fromBridgeSecret: bridgeSecret, device: Machine.device)
        plan = FaultPlan(&faultDice, knobs: self.knobs)
        fates = plan.faults.map { _ in .waiting }
        story = Story(isTold: isTold)
        broker = Broker(
            inflightCapacity: self.knobs.brokerInflight, queueCapacity: self.knobs.brokerQueue)
    }

    /// A secret of one byte again and again: no seed needs another.
    static func secret(_ byte: String) -> BridgeSecret {
        guard let secret = try? BridgeSecret(fileText: String(repeating: byte, count: 32)) else {
            preconditionFailure("64 hexadecimal digits are a secret")
        }
        return secret
    }

    // MARK: Time

    func at(_ time: Int64, _ step: @escaping Agenda.Step) {
        agenda.add(at: max(time, now), step)
    }

    func after(_ milliseconds: Int64, _ step: @escaping Agenda.Step) {
        at(now + milliseconds, step)
    }

    /// Runs until `time`, or until a rule is broken.
    func run(until time: Int64) {
        while let next = agenda.nextTime, next <= time, oracle.firstViolation == nil {
            let (at, step) = agenda.removeFirst()
            now = at
            stepCount += 1
            step(self)
        }
        if oracle.firstViolation == nil { now = max(now, time) }
    }

    func forgetAgenda() { agenda = Agenda() }

    // MARK: Telling

    func tell(_ who: String, _ text: @autoclosure () -> String) { story.tell(now, who, text()) }
    func endStory() { story.end() }
    func count(_ kind: FaultKind) { faults[kind] += 1 }

    func fail(_ rule: Violation.Rule, expected: String, found: String) {
        oracle.fail(rule, expected: expected, found: found, now: now)
    }

    /// A bridge publishes something.
    func published(_ message: Message, by bridge: BridgeProcess) {
        if message.topic.contains("/ack/") { heard.append(message) }
    }

    /// Whether a publication reaches the broker.
    func reaches(_ message: Message) -> Bool {
        guard message.topic.contains("/ack/") else { return true }
        // Each loss lasts until its time is over and it has taken one.
        acknowledgementLosses.removeAll { $0.until <= now && fates[$0.fault] == .happened }
        guard !acknowledgementLosses.isEmpty else { return true }
        let isFirst = acknowledgementLosses.contains { fates[$0.fault] != .happened }
        for loss in acknowledgementLosses where fates[loss.fault] != .happened {
            struck(loss.fault)
        }
        if !isFirst { count(.lostAcknowledgements) }
        tell("broker", "never sees \(describe(message))")
        return false
    }

    // MARK: What Kafka stores

    /// A record is stored: the consumer reads it, and the oracle looks at it.
    func stored(_ record: SinkRecord) {
        guard let arrival = oracle.arrived(record, now: now) else { return }
        let id = record.header("ce_id") ?? "?"
        let type = record.header("ce_type") ?? "?"
        switch arrival {
        case .applied:
            if type == "io.busbar.queue.dropped.v1" { count(.droppedEvents) }
            tell("kafka", "has \(Self.short(id)) \(type)")
        case .duplicate:
            count(.duplicates)
            tell("kafka", "has \(Self.short(id)) once more; no effect")
        case .collision: tell("consumer", "ALERT: \(Self.short(id)) has two contents")
        case .deadLetter:
            if record.header("busbar_dlq_class") == "gap" { count(.lettersFromGaps) }
            tell(
                "kafka",
                "has \(Self.short(id)) as a dead letter: "
                    + (record.header("busbar_dlq_reason") ?? "no reason"))
        }
    }

    /// "1f2e3d4c:alarm:17" for an identity: eight digits of an epoch tell them apart in a story.
    static func short(_ id: String) -> String {
        let parts = id.split(separator: ":")
        guard parts.count == 3 else { return id }
        return "\(parts[0].prefix(8)):\(parts[1]):\(parts[2])"
    }
}
