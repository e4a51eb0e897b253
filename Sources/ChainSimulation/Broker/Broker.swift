/// A broker as mosquitto is one, for what it does to messages of quality 1.
///
/// It acknowledges a publication when it has put it into the queues of its subscribers, in memory;
/// it drops what exceeds a subscriber's queue, after it has acknowledged it; it sends again what a
/// subscriber did not acknowledge only when that one comes back; and it writes its memory to disk
/// now and then.
final class Broker {
    /// What a restart leaves of the sessions and of what was retained.
    enum Memory: CaseIterable { case whole, sinceLastSave, none }

    struct Session {
        var filters: [String] = []
        var inflight: [PublishPacket] = []
        var queue: [Message] = []
        var packetCount: UInt16 = 0
        var isPersistent = true
        var will: Message?
    }

    /// Sent to one subscriber and not acknowledged, at most (mosquitto: 20).
    private let inflightCapacity: Int
    /// Waiting for one subscriber, at most (mosquitto: 1000).
    private let queueCapacity: Int
    private(set) var isUp = true
    /// How often it was stopped: connections end with the process.
    private var life = 0
    private var sessions: [String: Session] = [:]
    private var links: [String: Link] = [:]
    private var retained: [String: Message] = [:]
    private var saved: (sessions: [String: Session], retained: [String: Message]) = ([:], [:])
    private var linkCount = 0
    /// Whose turn it is in a shared subscription.
    private var turn = 0

    init(inflightCapacity: Int, queueCapacity: Int) {
        self.inflightCapacity = inflightCapacity
        self.queueCapacity = queueCapacity
    }

    /// A connection of the transport; nil when nobody listens.
    func accept(_ client: Client, keepAlive: Int64, _ chain: Chain) -> Link? {
        guard isUp else { return nil }
        linkCount += 1
        let knobs = chain.knobs
        return Link(
            number: linkCount, client: client,
            delay: chain.roads.number(1...knobs.linkDelayMax), rate: knobs.linkRate,
            keepAlive: keepAlive, brokerLife: life)
    }

    func receive(_ packet: Packet, from link: Link, _ chain: Chain) {
        guard isUp, link.brokerLife == life else {
            // A connection to a process that is no more.
            link.isOpenAtBroker = false
            chain.after(link.delay) { link.endAtClient($0) }
            return
        }
        let clientID = link.client.clientID
        switch packet {
        case .connect(let request): connect(request, link, chain)
        case .subscribe(let filters): subscribe(clientID, filters, link, chain)
        case .publish(let sent):
            // First into the queues, then the acknowledgement: and that is all it says.
            if chain.reaches(sent.message) { publish(sent.message, chain) }
            if let packet = sent.packet {
                link.sendToClient(.published(packet: packet), chain)
            }
        case .published(let packet):
            sessions[clientID]?.inflight.removeAll { $0.packet == packet }
            pump(clientID, chain)
        case .disconnect:
            link.endAtBroker(isOrderly: true, chain)
        case .connectAcknowledged, .subscribed:
            preconditionFailure("a client does not send this")
        }
    }

    private func connect(_ request: ConnectRequest, _ link: Link, _ chain: Chain) {
        let clientID = request.clientID
        if let other = links[clientID], other !== link {
            chain.count(.takeovers)
            chain.tell("broker", "\(clientID) connects a second time: the first one must go")
            other.endAtBroker(isOrderly: false, chain)
            if !other.isDead { chain.after(other.delay) { other.endAtClient($0) } }
        }
        links[clientID] = link
        let isPresent = !request.isCleanStart && sessions[clientID] != nil
        if !isPresent { sessions[clientID] = Session() }
        sessions[clientID]!.isPersistent = request.isPersistent
        sessions[clientID]!.will = request.will
        link.sendToClient(.connectAcknowledged(isSessionPresent: isPresent), chain)
        for index in sessions[clientID]!.inflight.indices {
            sessions[clientID]!.inflight[index].isDuplicate = true
            link.sendToClient(.publish(sessions[clientID]!.inflight[index]), chain)
            chain.count(.brokerRedeliveries)
        }
        pump(clientID, chain)
    }

    private func subscribe(_ clientID: String, _ filters: [String], _ link: Link, _ chain: Chain) {
        for filter in filters where sessions[clientID]?.filters.contains(filter) == false {
            sessions[clientID]!.filters.append(filter)
        }
        link.sendToClient(.subscribed, chain)
        // In the order of their topics: a dictionary has none.
        for topic in retained.keys.sorted()
        where filters.contains(where: { matches(filter: $0, topic: topic) }) {
            enqueue(retained[topic]!, for: clientID, chain)
        }
    }

    /// Takes a message from anybody: a client, a will, or somebody who may not.
    func publish(_ message: Message, _ chain: Chain) {
        if message.isRetained { retained[message.topic] = message.payload.isEmpty ? nil : message }
        var delivered = message
        // Retained only towards those who subscribe later.
        delivered.isRetained = false
        var sharers: [String] = []
        for clientID in sessions.keys.sorted() {
            for filter in sessions[clientID]!.filters {
                if filter.hasPrefix(Self.sharedPrefix) {
                    let shared = String(filter.dropFirst(Self.sharedPrefix.utf8.count))
                    if matches(filter: shared, topic: message.topic) { sharers.append(clientID) }
                } else if matches(filter: filter, topic: message.topic) {
                    enqueue(delivered, for: clientID, chain)
                }
            }
        }
        if !sharers.isEmpty {
            turn += 1
            enqueue(delivered, for: sharers[turn % sharers.count], chain)
        }
    }

    /// A shared subscription: each message to one of its members.
    static let sharedPrefix = "$share/bridges/"

    private func enqueue(_ message: Message, for clientID: String, _ chain: Chain) {
        guard sessions[clientID]!.queue.count < queueCapacity else {
            chain.count(.brokerDrops)
            chain.tell("broker", "drops a message for \(clientID): its queue is full")
            return
        }
        sessions[clientID]!.queue.append(message)
        pump(clientID, chain)
    }

    /// Sends what a subscriber may have.
    private func pump(_ clientID: String, _ chain: Chain) {
        guard let link = links[clientID], link.isOpenAtBroker else { return }
        while let message = sessions[clientID]?.queue.first,
            sessions[clientID]!.inflight.count < inflightCapacity
        {
            sessions[clientID]!.queue.removeFirst()
            var sent = PublishPacket(message: message, packet: nil, isDuplicate: false)
            if message.quality > 0 {
                let used = sessions[clientID]!.packetCount
                let packet = used == .max ? 1 : used + 1
                sessions[clientID]!.packetCount = packet
                sent.packet = packet
                sessions[clientID]!.inflight.append(sent)
            }
            link.sendToClient(.publish(sent), chain)
        }
    }

    func lost(_ link: Link, isOrderly: Bool, _ chain: Chain) {
        let clientID = link.client.clientID
        guard links[clientID] === link else { return }
        links[clientID] = nil
        let will = sessions[clientID]?.will
        sessions[clientID]?.will = nil
        if sessions[clientID]?.isPersistent == false { sessions[clientID] = nil }
        if !isOrderly, let will { publish(will, chain) }
    }

    // MARK: What befalls it

    var openLinks: [Link] { links.keys.sorted().map { links[$0]! } }
    func retainedMessage(_ topic: String) -> Message? { retained[topic] }

    /// Writes sessions and retained messages to its disk, as mosquitto does now and then.
    func save() { saved = (sessions, retained) }

    func stop(_ chain: Chain) {
        isUp = false
        life += 1
        for link in openLinks {
            links[link.client.clientID] = nil
            link.isOpenAtBroker = false
            chain.after(link.delay) { link.endAtClient($0) }
        }
    }

    func start(with memory: Memory) {
        switch memory {
        case .whole: break
        case .sinceLastSave: (sessions, retained) = saved
        case .none: (sessions, retained) = ([:], [:])
        }
        for clientID in sessions.keys {
            sessions[clientID]!.will = nil
            if !sessions[clientID]!.isPersistent { sessions[clientID] = nil }
        }
        isUp = true
    }

    /// The operator, or somebody else, takes a retained message away.
    func forgetRetained(_ topic: String) { retained[topic] = nil }
}
