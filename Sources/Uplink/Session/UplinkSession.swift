public import Transit
public import Units
public import Wire

/// The uplink's side of the way to the cluster, as a machine that is told what happened and says
/// what to do. It reads no clock, no file and no socket, and its random waits come from a seed: the
/// daemon and the chain simulation run the same one.
///
/// What must never happen:
/// - The cursor moves past an event that the cluster does not have. Only an acknowledgement whose
///   MAC is right, for the end of a batch that was sent, with the running hash of that sending,
///   moves it (guarantee `kafka`). Where no such acknowledgement comes, nothing is given up,
///   however long it takes: it is a stall, it is shown, and it raises an alarm.
/// - An alarm waits behind a backlog. Alarms go first, and what is under way before them is bounded
///   by the time that the link takes for it.
/// - Memory grows with the backlog. The session keeps where each batch ends, not what it holds.
///
/// After a crash it begins at the cursor that was kept last and sends again what may have been sent
/// before; consumers know an event by its identity.
public struct UplinkSession: Sendable {
    enum Link: Hashable {
        case waiting(until: Instant)
        case connecting(since: Instant)
        case connected(since: Instant)
        /// Asked to disconnect; whatever the driver answers, the next connect is at this time.
        case leaving(then: Instant)
        case stopped
    }

    /// A message that the broker has not confirmed.
    struct Unconfirmed {
        /// Of a batch.
        var lane: Lane?
        /// Of anything else.
        var topic: String?
        var mark: LinkMeter.Mark
    }

    public let settings: UplinkSettings
    var keys: UplinkKeys

    var link = Link.waiting(until: Instant.never)
    var lanes = Lane.allCases.map(LaneProgress.init)
    var outbox: [Action] = []
    var unconfirmed: [UInt64: Unconfirmed] = [:]
    var nextToken: UInt64 = 1
    var receiveMaximum = 1
    var meter = LinkMeter()
    var pacer: Pacer?
    var shares = LaneShares()
    var backoff: Backoff
    var jitter: Jitter

    // The connection.
    var connectFailure: ConnectFailure?
    var disconnectReason: DisconnectReason?
    var takeovers = 0
    /// Connections in a row that ended without a word before they were stable. mosquitto 2.0.11
    /// closes a connection that is taken over without saying so.
    var shortLives = 0
    var isSubscribeAsked = false
    var subscribeCodes: [UInt8]?
    var isStopping = false
    var isFarewellSaid = false
    var credentialsChanged = false

    // The journal.
    var cursor: UplinkCursor
    var savedCursor: UplinkCursor
    var cursorSavedAt = Instant.never
    var stateAt = Instant.never
    var isStateAsked = false
    var pageAskedOf: Lane?
    var readAt = Instant.never
    var queueError: QueueError?
    /// Since when it cannot be read.
    var unreadableSince: Instant?

    // What the cluster says.
    /// Nothing was acknowledged for so long that it is told as a finding, with this text.
    var stallTold: String?
    /// False when the broker said of the last batch that nobody subscribes to it.
    var hasSubscribers = true
    var eventsRefusedCode: UInt8?
    /// Topics of messages that are no batches, and that the broker last refused.
    var topicsRefused: Set<String> = []
    /// Acknowledgements with a wrong MAC since something was acknowledged last.
    var forgedSinceProgress = 0
    var hello: BridgeHello?
    var helloAt = Instant.never
    /// The session of the bridge whose place that of `hello` has taken.
    var formerBridge: Identifier128?
    /// What our bridge's acknowledgements are worth now, by its own word or by a later one of them;
    /// nil until it was heard on this connection.
    var given: GivenGuarantee?
    /// Nothing is timed out before the whole span has passed since then.
    var patienceFrom = Instant.never
    var commandGate: CommandGate

    // What is told.
    var wall: WallTime?
    var wallAt = Instant.never
    /// The wall clock's zero on our clock while it was not set: what it said then of events of this
    /// boot still tells their age.
    var unsetClockOrigin: Int64?
    var statusAt = Instant.never
    var stateSaid: UplinkState?
    var isHomeDescribed = false
    var homeDescribedAt = Instant.never
    var homeQueue: [HomeAssistant.Message] = []
    var homeSaid: HomeAssistant.Message?
    var homeAt = Instant.never
    var counters = UplinkCounters()
    var findings = FindingLog()
    var certificates: [CertificateTerm] = []
    /// What was told of those that end soon; nil while none does.
    var certificatesSaid: String?

    /// - Parameter cursor: as it was kept; nil when there is none or it cannot be read, which costs
    ///   duplicates and loses nothing.
    /// - Parameter seed: of all random waits.
    public init(
        settings: UplinkSettings, keys: UplinkKeys, cursor: UplinkCursor?, seed: UInt64
    ) {
        self.settings = settings
        self.keys = keys
        self.cursor = cursor ?? UplinkCursor()
        savedCursor = self.cursor
        backoff = Backoff(seed: seed)
        jitter = Jitter(seed: seed ^ 0x6A09_E667_F3BC_C908)
        pacer = settings.bytesPerSecondMax.map(Pacer.init)
        commandGate = CommandGate(limits: settings.limits)
    }

    var limits: UplinkLimits { settings.limits }
    var isConnected: Bool { if case .connected = link { true } else { false } }
    /// The cursor as it stands; what is kept may be a second older.
    public var place: UplinkCursor { cursor }

    /// Takes in what happened. Never asks anything of the caller: that is `action`.
    public mutating func note(_ input: Input, now: Instant) {
        switch input {
        case .connected, .connectFailed, .disconnected, .subscribed, .credentialsChanged:
            noteLink(input, now: now)
        case .published(let token, let code):
            notePublished(token, code, now: now)
        case .message(let topic, let payload, let isRetained):
            noteMessage(topic: topic, payload: payload, isRetained: isRetained, now: now)
        case .queueState(let state):
            noteState(state, now: now)
        case .page(let page):
            notePage(page, now: now)
        case .queueFailed(let error):
            noteQueueFailed(error, now: now)
        case .commandAnswered(let isTaken):
            noteCommandAnswered(isTaken: isTaken)
        case .wall(let time):
            noteWall(time, now: now)
        case .certificates(let terms):
            noteCertificates(terms, now: now)
        case .image(let image):
            noteImage(image, now: now)
        case .resumed:
            patienceFrom = now
        case .stop:
            isStopping = true
        }
    }

    /// What to do now. Each answer is to be done before the next call; `.wait` ends the round.
    public mutating func action(now: Instant) -> Action {
        if !outbox.isEmpty { return outbox.removeFirst() }
        if let saving = saveCursor(now: now) { return saving }
        let repeated = findings.repeated(now: now, interval: limits.findingRepeat)
        if let repeated { return .report(repeated) }
        if isStopping { return farewell(now: now) }
        if let step = linkStep(now: now) { return step }
        if let reading = readState(now: now) { return reading }
        if isConnected, let sending = send(now: now) { return sending }
        if !outbox.isEmpty { return outbox.removeFirst() }
        return .wait(until: nextDeadline(now: now))
    }

    /// - Returns: an action to keep the cursor, when it has moved and a second has passed.
    private mutating func saveCursor(now: Instant) -> Action? {
        guard cursor != savedCursor, isStopping || now - cursorSavedAt >= limits.cursorInterval
        else { return nil }
        savedCursor = cursor
        cursorSavedAt = now
        return .saveCursor(cursor)
    }

    private func nextDeadline(now: Instant) -> Instant {
        var deadline = isConnected ? now + limits.statusInterval : stateDue
        func at(_ instant: Instant) { if instant > now, instant < deadline { deadline = instant } }
        var instants = [stateDue, readAt]
        if cursor != savedCursor { instants.append(cursorSavedAt + limits.cursorInterval) }
        switch link {
        case .waiting(let until), .leaving(let until): instants.append(until)
        case .connecting(let since): instants.append(since + limits.connectTimeout)
        case .connected:
            instants.append(statusDue(now: now))
            for lane in lanes {
                if let due = lane.resendAt { instants.append(due) }
                if let due = ackDeadline(of: lane) { instants.append(due) }
                if let due = stallDeadline(of: lane) { instants.append(due) }
            }
        case .stopped: break
        }
        for instant in instants { at(instant) }
        // Whatever was forgotten here costs a late step, and never a standstill or a busy loop.
        return max(deadline, now + Milliseconds(1))
    }

    private mutating func noteWall(_ time: WallTime, now: Instant) {
        wall = time
        wallAt = now
        if time.quality == .unsynced {
            unsetClockOrigin = time.unixMilliseconds - now.rawValue
        }
    }

    /// The files that hold them were changed.
    public mutating func replace(_ keys: UplinkKeys) { self.keys = keys }

    mutating func takeToken() -> UInt64 {
        defer { nextToken += 1 }
        return nextToken
    }
}

/// What makes a message from the cluster credible.
public struct UplinkKeys: Sendable {
    /// For acknowledgements; nil where guarantee `kafka` is not asked for.
    public var acknowledgement: AcknowledgementKey?
    /// For commands; nil when none are taken.
    public var command: CommandKey?

    public init(acknowledgement: AcknowledgementKey?, command: CommandKey?) {
        self.acknowledgement = acknowledgement
        self.command = command
    }
}

/// What was counted since the start.
public struct UplinkCounters: Hashable, Sendable {
    public var batches = 0
    public var events = 0
    public var bytes = 0
    public var eventsAcknowledged: Int64 = 0
    public var eventsMissing: Int64 = 0
    public var resends = 0
    public var connects = 0
    public var acknowledgements = 0
    public var acknowledgementsForged = 0
    public var acknowledgementsOfOtherEpochs = 0
    public var acknowledgementsUnmatched = 0
    /// By busbard.
    public var commandsTaken = 0
    /// By the session, or by busbard.
    public var commandsRefused = 0
    public var messagesUnknown = 0

    public init() {}
}
