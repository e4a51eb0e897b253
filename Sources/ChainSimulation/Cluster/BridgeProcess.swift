import Bridge
import Transit
import Units
import Wire

/// busbar-bridge: the real session, driven as its program drives it, between a simulated client
/// library and a simulated producer. It keeps nothing over its death.
final class BridgeProcess: ClientOwner {
    let number: Int
    let name: String
    private var session: BridgeSession
    private let client: Client
    private let producer: SimulatedProducer
    private(set) var isAlive = true
    private var wakeCount = 0
    /// When a message or a report came last.
    private var stirredAt: Int64 = 0
    private let startTime: Int64
    /// Killed before the n-th action from now: at any step, not only between two messages.
    var doom: Doom?
    private let reconnectPause: Int64
    private var isReportDue = false

    init(number: Int, _ chain: Chain) {
        self.number = number
        name = "bridge-\(number)"
        startTime = chain.now
        client = Client(clientID: name, callbackDelay: chain.machineDice.number(Int64(0)...20))
        producer = SimulatedProducer(who: name, chain)
        reconnectPause = chain.machineDice.number(Int64(200)...3_000)
        var settings = BridgeSettings(
            instance: name,
            session: Identifier128(
                high: chain.machineDice.next(), low: chain.machineDice.next()),
            shards: [Shard(device: Machine.device)], secret: chain.bridgeSecret)
        chain.knobs.bridge.apply(to: &settings)
        session = BridgeSession(settings: settings)
        session.note(.replicated)
        client.owner = self
        producer.wake = { [weak self, unowned chain] in self?.noteReports(chain) }
        chain.tell(name, "starts, knowing nothing")
    }

    private func instant(_ chain: Chain) -> Instant { Instant(chain.now - startTime) }
    private func wall(_ chain: Chain) -> WallTime {
        WallTime(unixMilliseconds: Machine.wallStart + chain.now, quality: .synced)
    }

    func start(_ chain: Chain) {
        connect(chain)
        turn(chain)
    }

    /// - Returns: whether it was alive.
    @discardableResult
    func kill(_ chain: Chain) -> Bool {
        guard isAlive else { return false }
        isAlive = false
        client.kill(chain)
        producer.kill()
        chain.tell(name, "is killed")
        chain.missed(doom)
        return true
    }

    private func strike(_ chain: Chain) {
        if let doom { chain.struck(doom.fault) }
        doom = nil
        chain.killBridge(self)
    }

    private func connect(_ chain: Chain) {
        guard isAlive, !client.isConnecting else { return }
        let request = ConnectRequest(
            clientID: client.clientID, isCleanStart: !chain.knobs.isBridgeSessionKept,
            isPersistent: chain.knobs.isBridgeSessionKept, keepAlive: chain.knobs.keepAlive,
            will: nil)
        guard !client.connect(request, chain) else { return }
        chain.after(reconnectPause) { [weak self] in self?.connect($0) }
    }

    /// Does what the session asks for until it waits.
    func turn(_ chain: Chain) {
        while isAlive {
            if let left = doom?.stepsLeft {
                doom?.stepsLeft = left - 1
                guard left > 1 else { return strike(chain) }
            }
            switch session.action(now: instant(chain), wall: wall(chain)) {
            case .subscribe(let filters): subscribe(filters, chain)
            case .unsubscribe, .finished:
                preconditionFailure("nobody asks a bridge of the chain to stop")
            case .send(let record, let token): send(record, token, chain)
            case .publish(let publication):
                let message = Message(
                    topic: publication.topic, payload: publication.payload,
                    isRetained: publication.isRetained, quality: 1)
                chain.tell(name, "publishes \(describe(message))")
                chain.published(message, by: self)
                _ = client.publish(message, chain)
            case .wait(let until):
                return wake(after: (until - instant(chain)).rawValue, chain)
            }
        }
    }

    private func wake(after span: Int64, _ chain: Chain) {
        wakeCount += 1
        let count = wakeCount
        // The session's own look each second finds nothing while nothing is on its way: weeks of it
        // would be most of a run's work. Whatever comes wakes it. 3 s: longer than any of its own
        // waits, so that it has said by then what it had to say.
        let isIdle = span >= 1_000 && producer.isIdle && chain.now - stirredAt > 3_000
        chain.after(max(1, isIdle ? 600_000 : span)) { [weak self] chain in
            guard let self, isAlive, count == wakeCount else { return }
            turn(chain)
        }
    }

    private func subscribe(_ filters: [String], _ chain: Chain) {
        guard chain.defect == .sharedSubscription else { return client.subscribe(filters, chain) }
        client.subscribe(filters.map { Broker.sharedPrefix + $0 }, chain)
    }

    private func send(_ record: SinkRecord, _ token: RecordToken, _ chain: Chain) {
        guard producer.send(record, token: token) else {
            return session.noteSinkFull(token, now: instant(chain))
        }
        guard chain.defect == .acknowledgeBeforeReport else { return }
        session.note(
            DeliveryReport(token: token, outcome: .stored(partition: 0, offset: 0)),
            now: instant(chain))
    }

    /// The program polls its producer when that says so, not in the midst of another call.
    private func noteReports(_ chain: Chain) {
        guard !isReportDue else { return }
        isReportDue = true
        chain.after(0) { [weak self] chain in
            guard let self, isAlive else { return }
            isReportDue = false
            stirredAt = chain.now
            session.note(sinkTrouble: producer.trouble)
            for report in producer.poll(milliseconds: 0) {
                session.note(report, now: instant(chain))
            }
            turn(chain)
        }
    }

    // MARK: The client library

    func connected(isSessionPresent: Bool, _ chain: Chain) {
        guard isAlive else { return }
        chain.tell(name, "is connected")
        session.noteConnected()
        turn(chain)
    }

    func disconnected(_ chain: Chain) {
        guard isAlive else { return }
        chain.tell(name, "has lost its connection")
        session.noteDisconnected()
        turn(chain)
        chain.after(reconnectPause) { [weak self] in self?.connect($0) }
    }

    func subscribed(_ chain: Chain) {
        guard isAlive else { return }
        session.noteSubscribed(refusal: nil)
        turn(chain)
    }

    func published(handle: Int, _ chain: Chain) {}

    func received(_ message: Message, isRetained: Bool, isDuplicate: Bool, _ chain: Chain) {
        guard isAlive else { return }
        var payload = message.payload
        if chain.defect == .sharedSubscription { payload = withoutPredecessors(payload) }
        chain.tell(name, "gets \(SentBatch(message)?.text ?? message.topic)")
        stirredAt = chain.now
        session.note(
            message: payload, on: message.topic, isRetained: isRetained, now: instant(chain),
            wall: wall(chain))
        turn(chain)
    }
}

extension Chain {
    /// A bridge dies, and its orchestrator starts another one in its place.
    func killBridge(_ bridge: BridgeProcess) {
        guard bridge.kill(self) else { return }
        bridges.removeAll { $0 === bridge }
        after(machineDice.number(Int64(100)...10_000)) { chain in
            // The shard may have been given back to one owner meanwhile.
            if chain.bridges.count < chain.bridgesWanted { chain.startBridge() }
        }
    }

    func startBridge() {
        // The name of one that died is free again.
        let number = bridges.contains { $0.number == 0 } ? 1 : 0
        let bridge = BridgeProcess(number: number, self)
        bridges.append(bridge)
        bridge.start(self)
    }
}
