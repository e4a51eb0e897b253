import Transit
import Units
import Uplink
import Wire

/// busbar-uplink: the real session, driven as its program drives it, with a simulated client
/// library, the machine's disk for the cursor, and the real journal to read.
final class UplinkProcess: ClientOwner {
    private let machine: Machine
    private var session: UplinkSession
    private let client: Client
    private var tokens: [Int: UInt64] = [:]
    private var isAlive = true
    /// The step that is planned for the session's next deadline.
    private var wakeCount = 0
    /// The state as it was read last, and at which change of the journal.
    private var known: (change: Int, state: QueueState)?
    /// Killed before the n-th action from now: at any step, not only between two messages.
    var doom: Doom?
    /// Batches under way, by their token.
    private var sent: [UInt64: Message] = [:]

    init(_ machine: Machine, _ chain: Chain) {
        self.machine = machine
        client = Client(
            clientID: machine.clientID,
            callbackDelay: chain.machineDice.number(Int64(0)...5))
        var settings = UplinkSettings(
            site: "house", device: Machine.device, shard: Shard(device: Machine.device),
            guarantee: .kafka, version: "0.1.0",
            siteDigest: nil, boot: machine.boot)
        settings.limits = chain.knobs.uplink
        session = UplinkSession(
            settings: settings,
            keys: UplinkKeys(acknowledgement: chain.acknowledgementKey, command: nil),
            cursor: machine.readCursor(chain), seed: chain.machineDice.next())
        client.owner = self
        chain.tell(machine.name, "busbar-uplink starts")
        session.note(.wall(machine.wall(chain)), now: machine.instant(chain))
    }

    var cursor: UplinkCursor { session.place }

    func kill(_ chain: Chain) {
        isAlive = false
        client.kill(chain)
        chain.missed(doom)
    }

    func loseThePower(_ chain: Chain) {
        isAlive = false
        client.loseThePower(chain)
        chain.missed(doom)
    }

    private func strike(_ chain: Chain) {
        if let doom { chain.struck(doom.fault) }
        doom = nil
        machine.killUplink(chain)
    }

    // MARK: The loop

    func note(_ input: Input, _ chain: Chain) {
        guard isAlive else { return }
        session.note(input, now: machine.instant(chain))
        turn(chain)
    }

    /// Does what the session asks for until it waits.
    func turn(_ chain: Chain) {
        while isAlive {
            if let left = doom?.stepsLeft {
                doom?.stepsLeft = left - 1
                guard left > 1 else { return strike(chain) }
            }
            let now = machine.instant(chain)
            switch session.action(now: now) {
            case .wait(let until):
                // Virtual milliseconds; a deadline that has passed is looked at in the next one.
                let span = max(1, min((until - now).rawValue, 86_400_000))
                wakeCount += 1
                let count = wakeCount
                chain.after(span) { [weak self] chain in
                    guard let self, isAlive, count == wakeCount else { return }
                    turn(chain)
                }
                return
            case .stopped: return
            case let other: perform(other, now, chain)
            }
        }
    }

    private func perform(_ action: Uplink.Action, _ now: Instant, _ chain: Chain) {
        switch action {
        case .connect(let will): connect(will, now, chain)
        case .disconnect:
            client.disconnect(chain)
            session.note(.disconnected(.asked), now: now)
        case .subscribe(let filters): client.subscribe(filters, chain)
        case .publish(let publication): publish(publication, chain)
        case .readState:
            session.note(readState(), now: now)
        case .readPage(let lane, let from, let maxEvents, let maxBytes):
            session.note(
                readPage(lane, from: from, maxEvents: maxEvents, maxBytes: maxBytes, chain),
                now: now)
        case .saveCursor(let cursor):
            // Judged before it is kept: this is where the device lets go of its events.
            machine.judge(cursor, chain)
            machine.save(cursor, chain)
        case .report(let finding):
            chain.tell(
                machine.name, "uplink: \(finding.isActive ? "" : "over: ")\(finding.text)")
        case .submit: preconditionFailure("nobody in the chain sends commands")
        case .wait, .stopped: preconditionFailure("turn takes care of these")
        }
    }

    private func connect(_ will: Uplink.Publication, _ now: Instant, _ chain: Chain) {
        let request = ConnectRequest(
            clientID: client.clientID, isCleanStart: true, isPersistent: false,
            keepAlive: chain.knobs.keepAlive,
            will: Message(
                topic: will.topic, payload: will.payload, isRetained: will.isRetained, quality: 1))
        guard !machine.isCutOff, client.connect(request, chain) else {
            session.note(
                .connectFailed(.unreachable("No route to host")), now: now)
            return
        }
    }

    private func publish(_ publication: Uplink.Publication, _ chain: Chain) {
        let message = Message(
            topic: publication.topic, payload: publication.payload,
            isRetained: publication.isRetained, quality: publication.qualityOfService)
        if message.topic.hasPrefix(SentBatch.topicPrefix) {
            chain.tell(
                machine.name, "uplink sends \(SentBatch(message)?.text ?? message.topic)")
            sent[publication.token] = message
            if chain.defect == .deleteOnSend, let batch = SentBatch(message) {
                machine.noteSent(batch)
            }
        }
        let handle = client.publish(message, chain)
        if message.quality > 0 { tokens[handle] = publication.token }
    }

    private func readState() -> Input {
        if let known, known.change == machine.changeCount { return .queueState(known.state) }
        do throws(QueueError) {
            let state = try machine.queueState()
            known = (machine.changeCount, state)
            return .queueState(state)
        } catch {
            return .queueFailed(error)
        }
    }

    private func readPage(
        _ lane: Lane, from: Int64, maxEvents: Int, maxBytes: Int, _ chain: Chain
    ) -> Input {
        do throws(QueueError) {
            var page = try machine.page(
                of: lane, from: from, maxEvents: maxEvents, maxBytes: maxBytes)
            if chain.defect == .gapForLostRows { page.loseARow() }
            return .page(page)
        } catch {
            return .queueFailed(error)
        }
    }

    /// Of one lane, the batch under way that was sent last.
    func latestBatch(of lane: Lane) -> SentBatch? {
        for token in sent.keys.sorted(by: >) {
            guard let batch = sent[token].flatMap(SentBatch.init) else { continue }
            if batch.header.lane == lane { return batch }
        }
        return nil
    }

    // MARK: The client library

    func connected(isSessionPresent: Bool, _ chain: Chain) {
        chain.tell(machine.name, "uplink is connected")
        note(.connected(receiveMaximum: 65_535, isSessionPresent: isSessionPresent), chain)
    }

    func disconnected(_ chain: Chain) {
        chain.tell(machine.name, "uplink has lost its connection")
        sent.removeAll()
        note(.disconnected(.lost("Connection reset by peer")), chain)
    }

    func subscribed(_ chain: Chain) { note(.subscribed(reasonCodes: [1, 1, 1]), chain) }

    func published(handle: Int, _ chain: Chain) {
        guard let token = tokens.removeValue(forKey: handle) else { return }
        let batch = sent.removeValue(forKey: token)
        note(.published(token: token, reasonCode: 0), chain)
        if chain.defect == .acknowledgeFromMemory, let batch = batch.flatMap(SentBatch.init) {
            let (topic, payload) = batch.sealedAcknowledgement(key: chain.acknowledgementKey)
            note(.message(topic: topic, payload: payload, isRetained: false), chain)
        }
    }

    func received(_ message: Message, isRetained: Bool, isDuplicate: Bool, _ chain: Chain) {
        guard isAlive else { return }
        chain.tell(machine.name, "uplink gets \(describe(message))")
        var payload = message.payload
        if chain.defect == .unsealedAcknowledgement {
            payload = resealed(payload, key: chain.acknowledgementKey)
        }
        note(.message(topic: message.topic, payload: payload, isRetained: isRetained), chain)
    }
}
