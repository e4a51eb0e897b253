import Bridge
import JSON
import Wire

/// Knows the truth: which events were issued, which of them the device has promised to keep, and
/// what came of them. It judges; it changes nothing.
struct Oracle {
    enum Standing {
        /// Appended, and nobody has promised anything yet.
        case issued
        /// The journal said that it is stored: from here on it must reach Kafka.
        case promised
        /// The promise ended: the only copy was taken away with the card, or dropped by policy.
        case released
    }

    struct Event {
        var machine: Int
        var lane: Lane
        /// Its number, where it was looked up.
        var seq: Int64?
        var standing = Standing.issued
        var effects = 0
        var deadLetters = 0
        /// A consumer saw another content under its identity, and said so.
        var collisions = 0
        var issuedAt: Int64
        var arrivedAt: Int64?

        var isMet: Bool { effects + deadLetters + collisions > 0 }
    }

    /// By id; ids begin with 0.
    private(set) var events: [Event] = []
    /// By content.
    private var ids: [UInt64: Int] = [:]
    private var consumer = Consumer()
    private var lastApplied: [EventStream: Int64] = [:]
    /// Every content that Kafka has under an identity, dead letters too; the first one first.
    private(set) var kept: [EventIdentity: [UInt64]] = [:]
    private(set) var firstViolation: Violation?
    var effectCount: Int { effectCounts.reduce(0, +) }
    private(set) var duplicateCount = 0
    /// By the lane's raw value.
    private(set) var effectCounts = [Int](repeating: 0, count: Lane.allCases.count)
    /// Epochs that a whole card went back into, so that nobody on the device can know which of
    /// their numbers were used: there the consumer must find the collision, and nothing makes it
    /// impossible. Nor is there one order of two lives.
    var mayCollide: Set<Identifier128> = []
    /// What devices have declared to be in no record, as Kafka has it.
    private(set) var declarations: [Declaration] = []

    /// What a machine has promised, and Kafka has nothing of.
    func unmet(of machine: Int) -> [Int] {
        events.indices.filter {
            events[$0].machine == machine && events[$0].standing == .promised && !events[$0].isMet
                && !isDeclaredDropped($0)
        }
    }

    mutating func issue(machine: Int, lane: Lane, now: Int64) -> Int {
        events.append(Event(machine: machine, lane: lane, issuedAt: now))
        return events.count - 1
    }

    /// - Parameter content: of the event's type and data, by which it is known again.
    mutating func register(_ id: Int, content: UInt64) {
        precondition(ids[content] == nil, "two events have one content")
        ids[content] = id
    }

    mutating func promise(_ id: Int) {
        if events[id].standing == .issued { events[id].standing = .promised }
    }

    mutating func release(_ id: Int) { events[id].standing = .released }

    mutating func fail(_ rule: Violation.Rule, expected: String, found: String, now: Int64) {
        guard firstViolation == nil else { return }
        firstViolation = Violation(rule: rule, expected: expected, found: found, milliseconds: now)
    }

    // MARK: What Kafka stores

    enum Arrival { case applied, duplicate, collision, deadLetter }

    /// Looks at a record in the moment in which Kafka has it.
    mutating func arrived(_ record: SinkRecord, now: Int64) -> Arrival? {
        let device = String(decoding: record.key, as: UTF8.self)
        guard let id = record.header("ce_id"), let type = record.header("ce_type"),
            let identity = EventIdentity(device: device, id: id)
        else {
            fail(
                .payloadEqual, expected: "a record with ce_id and ce_type",
                found: "one with \(record.headers.texts.map { "\($0.name)=\($0.value)" })", now: now
            )
            return nil
        }
        let content = fingerprint(type: type, data: record.value)
        let first = kept[identity]?.first
        let isOther = first.map { $0 != content } ?? false
        if kept[identity]?.contains(content) != true { kept[identity, default: []].append(content) }
        let event = ids[content]
        if event == nil, !isMadeByJournal(type) {
            fail(
                .payloadEqual, expected: "an event that was issued",
                found: "\(id) \(type) \(String(decoding: record.value, as: UTF8.self))", now: now)
        }
        // A dead letter tells of it as well.
        noteDeclaration(record, type, identity)
        if record.topic == "busbar.dlq.v1" {
            if let event { events[event].deadLetters += 1 }
            if record.header("busbar_dlq_class") == "collision" {
                if isOther {
                    noteCollision(identity, now)
                } else if first != nil, !mayCollide.contains(identity.epoch) {
                    // It sends somebody to look for a cloned device.
                    fail(
                        .neverTwoContents,
                        expected: "no word of a collision at \(id), which has one content",
                        found: "a dead letter that tells of one", now: now)
                }
            }
            return .deadLetter
        }
        return apply(identity, event, contentHash(of: record), now)
    }

    private mutating func apply(
        _ identity: EventIdentity, _ event: Int?, _ hash: UInt64, _ now: Int64
    ) -> Arrival {
        switch consumer.consume(identity, contentHash: hash) {
        case .duplicate:
            duplicateCount += 1
            return .duplicate
        case .collision:
            if let event { events[event].collisions += 1 }
            noteCollision(identity, now)
            return .collision
        case .applied:
            effectCounts[Int(identity.lane.rawValue)] += 1
            let last = lastApplied[identity.stream] ?? 0
            if identity.seq < last, !mayCollide.contains(identity.epoch) {
                fail(
                    .orderKept, expected: "\(identity.stream.text) after \(last)",
                    found: "\(identity.seq), for the first time", now: now)
            }
            lastApplied[identity.stream] = max(last, identity.seq)
            if let event { applied(event, now) }
            return .applied
        }
    }

    private mutating func noteCollision(_ identity: EventIdentity, _ now: Int64) {
        guard !mayCollide.contains(identity.epoch) else { return }
        fail(
            .neverTwoContents, expected: "one content of \(identity.stream.text) \(identity.seq)",
            found: "another one", now: now)
    }

    private mutating func applied(_ event: Int, _ now: Int64) {
        events[event].effects += 1
        if events[event].arrivedAt == nil { events[event].arrivedAt = now }
        if events[event].effects > 1 {
            fail(
                .effectOnce, expected: "one effect of event \(event)",
                found: "\(events[event].effects), under different identities", now: now)
        }
    }

    // MARK: What the device does

    /// Whether Kafka has what stands in this row, with this content.
    func isKept(_ row: EventRecord, device: String) -> Bool {
        let content = fingerprint(type: "io.busbar." + row.type, data: row.data)
        if let id = ids[content] { return events[id].isMet }
        let identity = EventIdentity(
            device: device, epoch: row.epoch, lane: row.lane, seq: row.seq)
        return kept[identity]?.contains(content) == true
    }

    /// Which number an event has got, so that a declared drop can be held against it.
    mutating func learn(_ row: EventRecord) {
        let content = fingerprint(type: "io.busbar." + row.type, data: row.data)
        if let id = ids[content] { events[id].seq = row.seq }
    }

    /// An event may be stored and dropped in one commit, and then nobody has seen its number: it is
    /// the one before its successor's.
    ///
    /// - Parameter ids: what was promised with one commit, in order.
    mutating func inferNumbers(of ids: [Int]) {
        for lane in [Lane.event, .telemetry] {
            var next: Int64?
            for id in ids.reversed() where events[id].lane == lane {
                if events[id].seq == nil, let next { events[id].seq = next - 1 }
                next = events[id].seq
            }
        }
    }

    private mutating func noteDeclaration(
        _ record: SinkRecord, _ type: String, _ identity: EventIdentity
    ) {
        let isDrop = type == "io.busbar.queue.dropped.v1"
        guard isDrop || type == "io.busbar.queue.skipped.v1",
            let data = try? JSONValue.parse(record.value), let name = data["lane"]?.string,
            let lane = Lane.allCases.first(where: { $0.name == name }),
            let first = data["from"]?.int, let last = data["to"]?.int, first <= last
        else { return }
        declarations.append(
            Declaration(epoch: identity.epoch, lane: lane, numbers: first...last, isDrop: isDrop))
    }

    /// Dropped by the lane's quota, and Kafka was told so.
    func isDeclaredDropped(_ id: Int) -> Bool {
        guard let seq = events[id].seq, events[id].lane != .alarm else { return false }
        return declarations.contains {
            $0.isDrop && $0.lane == events[id].lane && $0.numbers.contains(seq)
        }
    }

    /// What became of everything that was stated.
    var fates: EventFates {
        var fates = EventFates()
        for id in events.indices {
            if events[id].isMet {
                fates.inKafka += 1
                if events[id].effects > 0 { fates.effects += 1 }
            } else if events[id].standing == .released {
                fates.overwritten += 1
            } else if isDeclaredDropped(id) {
                fates.dropped += 1
            } else if events[id].standing == .issued {
                fates.uncommitted += 1
            } else {
                fates.promised += 1
            }
        }
        return fates
    }

    /// What the journal states itself needs no promise: it stands in no ring.
    private func isMadeByJournal(_ type: String) -> Bool {
        type.hasPrefix("io.busbar.queue.") || type.hasPrefix("io.busbar.reserve.")
    }
}

extension SinkRecord {
    func header(_ name: String) -> String? { headers.value(of: name) }
}

/// By which an event is known again at the other end.
func fingerprint(type: String, data: [UInt8]) -> UInt64 {
    var sum = FNV1a()
    sum.add(type.utf8)
    sum.add(data)
    return sum.hash
}
