public import Units
public import Wire

/// What the uplink is doing, in one word.
public enum UplinkState: String, Sendable, CaseIterable {
    /// By the site file: nothing is ever sent.
    case local
    case connecting
    /// Connected, and the broker has not answered the subscription yet.
    case subscribing
    case sending
    /// All is acknowledged.
    case idle
    /// Nobody acknowledges what is sent, or would.
    case stalled
    /// The broker, the journal or the site file keeps it from sending.
    case blocked
    case stopped
}

/// What the bridge of our shard gives for an event now.
public enum GivenGuarantee: String, Sendable, CaseIterable {
    /// Kafka has what is acknowledged, as often as the cluster is to keep it.
    case kafka
    /// A cluster for development has it, whose replication keeps nothing safe.
    case development
    /// Nothing is acknowledged.
    case nothing = "none"

    init(_ hello: BridgeHello) {
        switch hello.guarantee {
        case .none: self = .nothing
        case .kafka: self = hello.isDevelopment ? .development : .kafka
        }
    }
}

/// Everything that can be said of the uplink at one moment.
public struct UplinkStatus: Sendable {
    public struct LaneStatus: Hashable, Sendable {
        public var lane: Lane
        public var epoch: Identifier128?
        /// Every number up to here is acknowledged.
        public var acknowledged: Int64
        /// The last that the journal has.
        public var last: Int64
        /// Events that were sent and have no acknowledgement yet.
        public var inFlight: Int
        /// Numbers without an acknowledgement.
        public var depth: Int64
        /// Nil when there is none, or when no clock can tell.
        public var oldestAge: Milliseconds?
        /// Nil when nothing was acknowledged since the start.
        public var lastAcknowledgement: Milliseconds?
        /// Events that were told to the cluster as dropped since the start: by a quota, as damaged,
        /// or as missing from the journal. Not numbers that never were an event.
        public var dropped: Int64
    }

    public var state: UplinkState
    /// What the site file asks for.
    public var guarantee: Guarantee
    /// What is given of it now; nil where no bridge gives anything, or none was heard yet.
    public var given: GivenGuarantee?
    public var shard: Shard
    public var isConnected: Bool
    /// Why it is not sending, and what to do: one line; nil while all is well.
    public var explanation: String?
    /// When the next connect is tried; nil where none is waited for.
    public var nextTry: Instant?
    /// From the broker's answer to a batch to its acknowledgement by the bridge.
    public var roundTrip: Milliseconds?
    /// From a message's sending to the broker's confirmation, with an empty link.
    public var linkDelay: Milliseconds?
    /// Bytes a second; nil until something was measured.
    public var linkRate: Int64?
    /// Messages that the broker has not confirmed.
    public var messagesUnconfirmed: Int
    /// By the lane's raw value.
    public var lanes: [LaneStatus]
    public var counters: UplinkCounters
    /// Those that were found since the start, the latest text of each kind.
    public var findings: [Finding]
    public var certificates: [CertificateTerm]
    /// By the wall clock, in milliseconds since 1970; nil while it is not set.
    public var trustedWall: Int64?
}

extension UplinkSession {
    public func status(now: Instant) -> UplinkStatus {
        let explanation = explanation(now: now)
        return UplinkStatus(
            state: state, guarantee: settings.guarantee, given: givenNow, shard: settings.shard,
            isConnected: isConnected, explanation: explanation, nextTry: nextTry,
            roundTrip: lanes.compactMap(\.roundTrip.smoothed).max(), linkDelay: meter.delay,
            linkRate: meter.isMeasured ? meter.rate : nil, messagesUnconfirmed: unconfirmed.count,
            lanes: lanes.map { status(of: $0, now: now) },
            counters: counters, findings: findings.all, certificates: certificates,
            trustedWall: trustedWall(now: now))
    }

    private var givenNow: GivenGuarantee? {
        guard isConnected, settings.guarantee == .kafka else { return nil }
        return isStalled ? .nothing : given
    }

    var state: UplinkState {
        switch link {
        case .stopped: return .stopped
        case .waiting, .connecting, .leaving:
            return settings.guarantee == .local ? .local : .connecting
        case .connected: break
        }
        if settings.guarantee == .local { return .local }
        guard let codes = subscribeCodes else { return .subscribing }
        if settings.guarantee == .kafka, codes.first ?? 0 >= Reason.failure { return .blocked }
        if queueError != nil || eventsRefusedCode != nil || cursor.rolledBack != nil {
            return .blocked
        }
        if isStalled { return .stalled }
        let hasWork = lanes.contains { !$0.window.isEmpty || $0.hasReady || $0.wantsPage }
        return hasWork ? .sending : .idle
    }

    private func status(of lane: LaneProgress, now: Instant) -> UplinkStatus.LaneStatus {
        UplinkStatus.LaneStatus(
            lane: lane.lane, epoch: lane.epoch, acknowledged: lane.acknowledged, last: lane.last,
            inFlight: isConnected ? lane.eventsInWindow : 0, depth: lane.depth,
            oldestAge: age(of: lane, now: now),
            lastAcknowledgement: lane.acknowledgedAt.map { now - $0 }, dropped: lane.numbersDropped)
    }

    /// A clock that is set tells of an event that was stamped after it was. One that is not tells
    /// only of events of this boot, in which it has gone on steadily from wherever it began.
    private func age(of lane: LaneProgress, now: Instant) -> Milliseconds? {
        guard let oldest = lane.oldest, let wall else { return nil }
        guard oldest.wall.quality == .unsynced else {
            guard wall.quality != .unsynced else { return nil }
            let span =
                wall.unixMilliseconds + (now - wallAt).rawValue - oldest.wall.unixMilliseconds
            return span >= 0 ? Milliseconds(span) : nil
        }
        guard oldest.boot == settings.boot, let unsetClockOrigin else { return nil }
        let span = now.rawValue + unsetClockOrigin - oldest.wall.unixMilliseconds
        // No event of this boot is older than the boot: somebody has set the clock by hand.
        return (0...max(0, now.rawValue)).contains(span) ? Milliseconds(span) : nil
    }

    // MARK: - The status message

    /// What others see on the broker: at the start, each minute, and when the state changes.
    func statusDue(now: Instant) -> Instant {
        let changed = stateSaid.map { $0.isWorthTelling(state) } ?? true
        return statusAt + (changed ? limits.statusIntervalMin : limits.statusInterval)
    }

    mutating func statusPublication(state word: String, reason: String?, now: Instant)
        -> Publication
    {
        statusAt = now
        stateSaid = state
        let token = takeToken()
        let isOnline = word == "online"
        let payload = deviceStatus(isOnline: isOnline, reason: reason, now: now).encoded()
        let topic = Topics.status(device: settings.device)
        unconfirmed[token] = Unconfirmed(
            lane: nil, topic: topic, mark: meter.sent(bytes: payload.count, now: now))
        return Publication(
            token: token, topic: topic, payload: payload,
            isRetained: true, contentType: "application/json")
    }

    /// What the broker says for us when the connection breaks.
    var will: Publication {
        Publication(
            token: 0, topic: Topics.status(device: settings.device),
            payload: deviceStatus(isOnline: false, reason: "the connection broke", now: wallAt)
                .encoded(),
            isRetained: true, contentType: "application/json")
    }

    private func deviceStatus(isOnline: Bool, reason: String?, now: Instant) -> DeviceStatus {
        DeviceStatus(
            isOnline: isOnline, site: settings.site, device: settings.device,
            versions: [DeviceStatus.Version("busbar-uplink", settings.version)],
            siteDigest: settings.siteDigest, epoch: lanes[0].epoch, boot: settings.boot,
            guarantee: settings.guarantee,
            lanes: lanes.map { lane in
                DeviceStatus.LaneStatus(
                    depth: lane.depth, oldestAgeMilliseconds: age(of: lane, now: now)?.rawValue,
                    acknowledged: lane.acknowledged, dropped: lane.numbersDropped)
            },
            state: isOnline ? state.rawValue : "offline",
            reason: (reason ?? explanation(now: now)).map { String($0.prefix(Self.reasonMax)) },
            wall: WallTime(
                unixMilliseconds: (wall?.unixMilliseconds ?? 0)
                    + (wall == nil ? 0 : (now - wallAt).rawValue),
                quality: wall?.quality ?? .unsynced))
    }

    /// In characters; the message allows 400 bytes, and our own words are ASCII.
    private static let reasonMax = 390
}

extension UplinkState {
    /// Sending and idle alternate with each event; nobody needs a message for that.
    fileprivate func isWorthTelling(_ new: UplinkState) -> Bool {
        let quiet: Set<UplinkState> = [.sending, .idle]
        return self != new && !(quiet.contains(self) && quiet.contains(new))
    }
}
