/// The process behind a client: busbar-uplink or busbar-bridge.
protocol ClientOwner: AnyObject {
    func connected(isSessionPresent: Bool, _ chain: Chain)
    func disconnected(_ chain: Chain)
    func subscribed(_ chain: Chain)
    func published(handle: Int, _ chain: Chain)
    func received(_ message: Message, isRetained: Bool, isDuplicate: Bool, _ chain: Chain)
}

/// A client library as libmosquitto is one. Two of its habits matter, because the chain must be
/// right in spite of them: it acknowledges a message to the broker *before* the program sees it,
/// and it keeps publications that have no acknowledgement yet and sends them again, by itself, on
/// the next connection, however old they are by then.
final class Client {
    let clientID: String
    /// Weak: the process dies, its packets are still under way.
    weak var owner: (any ClientOwner)?
    private(set) var link: Link?
    private(set) var isConnected = false
    /// Publications without an acknowledgement, oldest first.
    private var outbox: [(handle: Int, sent: PublishPacket)] = []
    private var handleCount = 0
    private var packetCount: UInt16 = 0
    /// Milliseconds from a message's arrival, and its acknowledgement, to the program's callback.
    private let callbackDelay: Int64

    init(clientID: String, callbackDelay: Int64) {
        self.clientID = clientID
        self.callbackDelay = callbackDelay
    }

    var isConnecting: Bool { link != nil }

    /// - Returns: false when nobody listens there: the broker is down, or the road is cut.
    func connect(_ request: ConnectRequest, _ chain: Chain) -> Bool {
        drop(chain)
        guard let link = chain.broker.accept(self, keepAlive: request.keepAlive, chain) else {
            return false
        }
        self.link = link
        link.sendToBroker(.connect(request), chain)
        return true
    }

    /// - Returns: the handle that `published` will name.
    func publish(_ message: Message, _ chain: Chain) -> Int {
        handleCount += 1
        var sent = PublishPacket(message: message, packet: nil, isDuplicate: false)
        if message.quality > 0 {
            packetCount = packetCount == .max ? 1 : packetCount + 1
            sent.packet = packetCount
            outbox.append((handleCount, sent))
        }
        if isConnected { link?.sendToBroker(.publish(sent), chain) }
        return handleCount
    }

    func subscribe(_ filters: [String], _ chain: Chain) {
        link?.sendToBroker(.subscribe(filters), chain)
    }

    /// Closes in order: the broker does not publish the will.
    func disconnect(_ chain: Chain) {
        link?.sendToBroker(.disconnect, chain)
        drop(chain)
    }

    /// The process is gone: the kernel closes its connection.
    func kill(_ chain: Chain) {
        owner = nil
        outbox.removeAll()
        drop(chain)
    }

    /// The machine is gone: nobody closes anything.
    func loseThePower(_ chain: Chain) {
        owner = nil
        outbox.removeAll()
        let old = link
        link = nil
        isConnected = false
        old?.isOpenAtClient = false
        old?.fallSilent(chain)
    }

    private func drop(_ chain: Chain) {
        guard let old = link else { return }
        link = nil
        isConnected = false
        old.isOpenAtClient = false
        guard !old.isDead else { return }
        chain.after(old.delay) { old.endAtBroker(isOrderly: false, $0) }
    }

    func lost(_ link: Link, _ chain: Chain) {
        guard link === self.link else { return }
        self.link = nil
        isConnected = false
        owner?.disconnected(chain)
    }

    func receive(_ packet: Packet, from link: Link, _ chain: Chain) {
        guard link === self.link else { return }
        switch packet {
        case .connectAcknowledged(let isSessionPresent):
            isConnected = true
            for index in outbox.indices {
                outbox[index].sent.isDuplicate = true
                link.sendToBroker(.publish(outbox[index].sent), chain)
                chain.count(.libraryResends)
            }
            owner?.connected(isSessionPresent: isSessionPresent, chain)
        case .subscribed:
            owner?.subscribed(chain)
        case .published(let packet):
            guard let index = outbox.firstIndex(where: { $0.sent.packet == packet })
            else { return }
            let handle = outbox.remove(at: index).handle
            owner?.published(handle: handle, chain)
        case .publish(let sent):
            if let packet = sent.packet { link.sendToBroker(.published(packet: packet), chain) }
            chain.after(callbackDelay) { [weak owner] chain in
                owner?.received(
                    sent.message, isRetained: sent.message.isRetained,
                    isDuplicate: sent.isDuplicate, chain)
            }
        case .connect, .subscribe, .disconnect:
            preconditionFailure("the broker does not send this")
        }
    }
}
