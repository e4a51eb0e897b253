import Transit
public import Units
public import Wire

/// What a bridge does next, decided without doing any of it: MQTT messages, delivery reports and
/// the time come in by `note`, and `action(now:)` says what to do until it says to wait.
///
/// The rule that all else serves: number N of a lane is acknowledged only when every number from
/// the device's base to N was, in this very session, reported as kept by the sink, kept as a dead
/// letter, or declared a gap by the device. Nothing is concluded from handing a record over, nor
/// from silence. The session writes nothing down; after a restart it knows nothing, acknowledges
/// nothing it did not see kept, and the devices send again from their base.
///
/// A device that sends a batch which cannot be read gets no acknowledgement for it, since the batch
/// has no identity: its bytes go to the dead letters, and the device would send it for ever. It can
/// help itself by sending smaller batches; a line that is no event in a batch that is a batch is
/// put aside by itself and acknowledged.
public struct BridgeSession: Sendable {
    public enum Action: Hashable, Sendable {
        case subscribe([String])
        case unsubscribe([String])
        /// To be handed to the sink; if it has no room, `noteSinkFull` with the token.
        case send(SinkRecord, RecordToken)
        /// With QoS 1.
        case publish(Publication)
        /// Nothing until then, unless something is noted before.
        case wait(until: Instant)
        /// After a stop: everything that could be finished is.
        case finished
    }

    public struct Publication: Hashable, Sendable {
        public enum Kind: String, Hashable, Sendable, CaseIterable {
            case hello
            case acknowledgement
        }

        public var kind: Kind
        public var topic: String
        public var payload: [UInt8]
        public var isRetained: Bool
    }

    public let settings: BridgeSettings
    public internal(set) var counters = BridgeCounters()

    var guarantee = SinkGuarantee.unknown
    var sinkTrouble: String?
    var isConnected = false
    /// Connections in a row that ended soon after they were made.
    var shortLives = 0
    var subscription = Subscription.none
    /// What was said in the last hello on this connection, and the shards still to be told.
    var saying: Saying?
    var shardsToTell: ArraySlice<Shard> = []
    /// What the broker refused last of each kind, and has not taken since.
    var refusals: [Publication.Kind: Refusal] = [:]
    var stop: Stop?

    var lanes: [Int: ServedLane] = [:]
    var numbers: [LaneIdentity: Int] = [:]
    var slotCount = 0
    var lastNumber = 0
    var uses: UInt64 = 0
    /// Lanes with something to acknowledge, in the order in which they came to have it.
    var owing = Queue<Int>()
    /// Those that need not wait for the rest of 250 ms.
    var urgent = Queue<Int>()

    var lastToken: UInt64 = 0
    /// To be sent, in order.
    var outbox = Queue<Parcel>()
    /// Sent, and not reported on.
    var unreported = TokenTable<Parcel>()
    /// Of the values of both, in bytes.
    var bytesHeld = 0
    /// When the sink had no room.
    var sinkFullUntil: Instant?
    var nextLook = Instant.never
    /// When the oldest record without a report was sent; looked for once a second.
    var oldestSent: Instant?

    /// What was dead-lettered as a whole, last, by its topic: the device sends it again and again.
    var unreadable: [String: UInt64] = [:]
    /// Lines for the log, oldest first.
    var notices: [String] = []

    public init(settings: BridgeSettings) { self.settings = settings }

    enum Subscription: Hashable, Sendable {
        case none
        case asked
        case granted
        case refused(UInt8)
    }

    struct Stop: Sendable {
        var deadline: Instant
        var didUnsubscribe = false
    }

    /// A publication that the broker did not take.
    struct Refusal: Sendable {
        var publication: Publication
        var reasonCode: UInt8
        var tryAgain: Instant
    }

    /// What a hello says.
    struct Saying: Hashable, Sendable {
        var isReady: Bool
        var reason: String?
        /// The reason without its numbers.
        var kind: String?
        var isDevelopment: Bool
        var sinceUnixMilliseconds: Int64
    }

    struct LaneIdentity: Hashable, Sendable {
        var device: String
        var epoch: Identifier128
        var lane: Lane
    }

    /// A lane that the session serves.
    struct ServedLane: Sendable {
        var identity: LaneIdentity
        var tracker: LaneTracker
        var key: AcknowledgementKey
        /// Since when something could be acknowledged; nil when nothing is.
        var owingSince: Instant?
        var isUrgent = false
        /// The last acknowledged number in this session.
        var paid: Int64
        /// The last known place of a record, for acknowledgements of numbers without one.
        var place = LaneTracker.Place(isDeadLetter: false, partition: 0, offset: 0)
        var lastUse: UInt64 = 0
        /// How many of the tracker's slots are in the session's count.
        var slotsCounted = 0

        /// What became due by a change of the tracker, and was not before.
        struct Due {
            var isOwing = false
            var isUrgent = false
        }

        mutating func settle(now: Instant, urgentFrom events: Int64) -> Due {
            guard let end = tracker.payable else { return Due() }
            var due = Due()
            if owingSince == nil {
                owingSince = now
                due.isOwing = true
            }
            if !isUrgent, end.number - paid >= events {
                isUrgent = true
                due.isUrgent = true
            }
            return due
        }
    }

    /// A record on its way, kept in few bytes: it is built when it is sent, and built anew if it
    /// has to become a dead letter.
    struct Parcel: Sendable {
        enum Content: Sendable {
            case event(ReadBatch, index: Int)
            /// An MQTT message as a whole. Indirect, so that the many are not as large as the few.
            indirect case message(topic: String, device: String, payload: [UInt8])
        }

        var token: RecordToken
        /// Nil for a message as a whole.
        var lane: Int?
        var number: Int64 = 0
        var content: Content
        /// Of what goes to the dead letters, which few do.
        private var sealedCause: SealedCause?
        var isRival = false
        var unixMilliseconds: Int64
        var sentAt = Instant.never

        init(
            token: RecordToken, lane: Int?, number: Int64 = 0, content: Content,
            cause: DeadLetter.Cause? = nil, unixMilliseconds: Int64
        ) {
            self.token = token
            self.lane = lane
            self.number = number
            self.content = content
            self.unixMilliseconds = unixMilliseconds
            self.cause = cause
        }

        /// Set: it goes to the dead letters.
        var cause: DeadLetter.Cause? {
            get { sealedCause?.cause }
            set { sealedCause = newValue.map(SealedCause.init) }
        }

        var isDeadLetter: Bool { sealedCause != nil }

        private final class SealedCause: Sendable {
            let cause: DeadLetter.Cause
            init(_ cause: DeadLetter.Cause) { self.cause = cause }
        }

        var bytes: Int {
            switch content {
            case .event(let read, let index): read.lines[index].text.count
            case .message(_, _, let payload): payload.count
            }
        }
    }

    /// The next thing to do. To be called until it says to wait.
    public mutating func action(now: Instant, wall: WallTime) -> Action {
        lookForOverdue(now: now)
        if let action = connectionAction(now: now, wall: wall) { return action }
        if let acknowledgement = acknowledgement(now: now) { return .publish(acknowledgement) }
        if sinkFullUntil.map({ $0 <= now }) ?? true {
            sinkFullUntil = nil
            if let (record, token) = nextRecord(now: now) { return .send(record, token) }
        }
        if let stop, isDrained || stop.deadline <= now { return .finished }
        return .wait(until: nextInstant(now: now))
    }

    /// Whether there is room for a batch. When there is not, it is better not to read from the
    /// broker for a moment than to let a device's batch go.
    public var hasRoom: Bool {
        outbox.count + unreported.count + BatchLimits.events <= settings.recordsMax
            && bytesHeld + BatchLimits.size <= settings.bytesMax
    }

    /// What happened that somebody should read, one line each, and forgets it.
    public mutating func takeNotices() -> [String] {
        defer { notices.removeAll() }
        return notices
    }

    mutating func notice(_ text: String) {
        // 100: more in one turn of the loop is a flood, and the counters have it.
        if notices.count < 100 { notices.append(text) }
    }

    private func nextInstant(now: Instant) -> Instant {
        // A second: what the gauges of age are exact to.
        var next = now + .seconds(1)
        if isConnected, let lane = owing.first, let since = lanes[lane]?.owingSince {
            next = min(next, since + settings.acknowledgeAfter)
        }
        if let sinkFullUntil { next = min(next, sinkFullUntil) }
        if let stop { next = min(next, stop.deadline) }
        return max(next, now)
    }
}

/// A queue that is taken from at the front without moving the rest each time.
struct Queue<Element: Sendable>: Sendable {
    /// Nil where the element was taken.
    private var elements: [Element?] = []
    private var head = 0

    var count: Int { elements.count - head }
    var isEmpty: Bool { count == 0 }
    var first: Element? { isEmpty ? nil : elements[head] }

    mutating func append(_ element: consuming Element) { elements.append(element) }

    mutating func popFirst() -> Element? {
        guard !isEmpty else { return nil }
        let element = elements[head].take()
        head += 1
        // Half of it is behind: moving the rest costs no more than what was saved.
        if head * 2 >= elements.count {
            elements.removeFirst(head)
            head = 0
        }
        return element
    }

    mutating func putBack(_ element: Element) {
        if head > 0 {
            head -= 1
            elements[head] = element
        } else {
            elements.insert(element, at: 0)
        }
    }

    mutating func removeAll() {
        elements.removeAll()
        head = 0
    }
}
