public import Units
public import Wire

// The broker and the cluster: what the session is told of them, and what it says of itself.

extension BridgeSession {
    /// A connection to the broker stands; nothing is subscribed on it yet.
    public mutating func noteConnected() {
        isConnected = true
        subscription = .none
        saying = nil
    }

    /// What was taken stays taken; what devices sent meanwhile, they send again.
    public mutating func noteDisconnected() {
        isConnected = false
        subscription = .none
        saying = nil
        shardsToTell = []
        refusals.removeAll()
    }

    /// The broker's answer to a publication.
    /// - Parameter reasonCode: of PUBACK; from 0x80 on the broker has not taken it.
    public mutating func notePublished(
        _ publication: Publication, reasonCode: UInt8, now: Instant
    ) {
        let kind = publication.kind
        guard reasonCode >= 0x80 else {
            if !refusals.isEmpty, refusals[kind]?.publication.topic == publication.topic {
                refusals[kind] = nil
                notice("the broker takes what the bridge publishes on \(publication.topic) again")
            }
            return
        }
        switch kind {
        case .hello: counters.hellosRefused += 1
        case .acknowledgement: counters.acknowledgementsRefused += 1
        }
        if refusals[kind] == nil {
            notice(
                "the broker refuses what the bridge publishes on \(publication.topic): "
                    + "\(Self.text(ofReason: reasonCode)). Let its access list allow this bridge "
                    + "to write there, and look whether --cert is the bridge's own certificate")
        }
        refusals[kind] = Refusal(
            publication: publication, reasonCode: reasonCode,
            tryAgain: refusals[kind]?.tryAgain ?? now + settings.refusalRetry)
    }

    /// Without the topic: a hello is said anew when the reason changes, and there are many devices.
    private var refusal: String? {
        for kind in Publication.Kind.allCases {
            guard let refusal = refusals[kind] else { continue }
            return "the MQTT broker refuses the bridge's \(kind.rawValue)s: "
                + Self.text(ofReason: refusal.reasonCode)
        }
        return nil
    }

    private static func text(ofReason code: UInt8) -> String {
        "reason 0x\(String(code, radix: 16))"
    }

    /// Says again what was refused: nothing else would show that the broker was mended. The devices
    /// may send nothing while the bridge says that it is not ready.
    private mutating func refusedBefore(now: Instant) -> Publication? {
        for kind in Publication.Kind.allCases {
            guard let refusal = refusals[kind], refusal.tryAgain <= now else { continue }
            refusals[kind]?.tryAgain = now + settings.refusalRetry
            switch kind {
            // As it is now, to all shards.
            case .hello: saying = nil
            case .acknowledgement: return refusal.publication
            }
        }
        return nil
    }

    /// - Parameter refusal: what the broker said, if it granted less than asked.
    public mutating func noteSubscribed(refusal: String?) {
        guard subscription == .asked else { return }
        subscription = refusal.map { .refused($0) } ?? .granted
        if let refusal {
            notice(
                "the broker refuses the bridge's subscription: \(refusal). Let its access "
                    + "list allow this bridge to read busbar/v1/up/#")
        }
    }

    /// What the sink's keeping is worth now. Whenever that changes, everything in the session is
    /// forgotten: what was kept under another guarantee is not to be acknowledged under this one.
    public mutating func note(_ guarantee: SinkGuarantee) {
        guard guarantee != self.guarantee else { return }
        let isSameWorth = Worth(guarantee) == Worth(self.guarantee)
        self.guarantee = guarantee
        switch guarantee {
        case .replicated: notice("the cluster keeps records as configured")
        case .development(let reason): notice("a cluster for development: \(reason)")
        case .insufficient(let reason): notice("acknowledging nothing: \(reason)")
        case .unknown: notice("acknowledging nothing: the cluster's replication is not known")
        }
        guard !isSameWorth else { return }
        for number in lanes.keys { forget(lane: number) }
        owing.removeAll()
        urgent.removeAll()
    }

    /// What is wrong with the way to the cluster; nil when nothing is.
    public mutating func note(sinkTrouble: String?) { self.sinkTrouble = sinkTrouble }

    /// SIGTERM: takes nothing more, waits for reports, acknowledges, and says that it leaves.
    public mutating func noteStop(now: Instant) {
        guard stop == nil else { return }
        stop = Stop(deadline: now + settings.drainLimit)
        if case .granted = subscription { return }
        stop?.didUnsubscribe = true
    }

    /// Why the bridge is not ready to take events and to acknowledge them; nil when it is.
    public func unreadiness(now: Instant) -> String? {
        if stop != nil {
            return "it was stopped: start busbar-bridge again, or another for its shards"
        }
        guard isConnected else { return "not connected to the MQTT broker" }
        // First the cluster: without its guarantee nothing is subscribed.
        if !hasGuarantee { return sinkUnreadiness(now: now) }
        switch subscription {
        case .none, .asked: return "not subscribed at the MQTT broker yet"
        case .refused(let reason): return "the MQTT broker refuses the subscription: \(reason)"
        case .granted: return refusal ?? sinkUnreadiness(now: now)
        }
    }

    private func sinkUnreadiness(now: Instant) -> String? {
        switch guarantee {
        case .unknown:
            if let sinkTrouble { return "the cluster's replication is not known: \(sinkTrouble)" }
            return "the cluster's replication is not known yet"
        case .insufficient(let reason): return reason
        case .replicated, .development: break
        }
        if let sinkTrouble { return sinkTrouble }
        if let age = oldestAge(now: now), settings.reportDeadline <= age {
            return "no report from the cluster for \(age.rawValue / 1_000) s on a record; "
                + "\(unreported.count) wait. Look whether its brokers run"
        }
        return nil
    }

    /// Of the oldest record that was sent and not reported on, exact to a second.
    public func oldestAge(now: Instant) -> Milliseconds? { oldestSent.map { now - $0 } }

    /// Whether what is stored may be acknowledged.
    var hasGuarantee: Bool { Worth(guarantee) != .nothing }

    var isDevelopment: Bool { Worth(guarantee) == .development }

    private enum Worth: Hashable {
        case nothing
        case development
        case replicated

        init(_ guarantee: SinkGuarantee) {
            switch guarantee {
            case .replicated: self = .replicated
            case .development: self = .development
            case .insufficient, .unknown: self = .nothing
            }
        }
    }

    /// What must be said to the broker first.
    mutating func connectionAction(now: Instant, wall: WallTime) -> Action? {
        guard isConnected else { return nil }
        if stop != nil {
            guard stop?.didUnsubscribe == false else { return hello(wall: wall, now: now) }
            stop?.didUnsubscribe = true
            return .unsubscribe(settings.shards.map { Topics.up(shard: $0) })
        }
        if subscription == .none, hasGuarantee {
            subscription = .asked
            return .subscribe(settings.shards.map { Topics.up(shard: $0) })
        }
        if !refusals.isEmpty, let publication = refusedBefore(now: now) {
            return .publish(publication)
        }
        return hello(wall: wall, now: now)
    }

    /// The next hello, if what is to be said has changed: to one shard after the other.
    private mutating func hello(wall: WallTime, now: Instant) -> Action? {
        let reason = unreadiness(now: now)
        // While the broker's answer is on its way there is nothing to say; and the last word comes
        // last, whatever was finished.
        let isLast = stop.map { isDrained || $0.deadline <= now } ?? true
        guard subscription != .asked || stop != nil, isLast else { return nil }
        if saying?.isReady != (reason == nil) || saying?.kind != kindOfReason(reason) {
            saying = Saying(
                isReady: reason == nil, reason: reason, kind: kindOfReason(reason),
                isDevelopment: isDevelopment, sinceUnixMilliseconds: wall.unixMilliseconds)
            shardsToTell = settings.shards[...]
        }
        guard let saying, let shard = shardsToTell.popFirst() else { return nil }
        let hello = BridgeHello(
            bridge: settings.instance, session: settings.session, shards: settings.shards,
            guarantee: saying.isReady ? .kafka : .none, isDevelopment: saying.isDevelopment,
            reason: saying.reason.map(Self.line),
            sinceUnixMilliseconds: saying.sinceUnixMilliseconds)
        return .publish(
            Publication(
                kind: .hello, topic: Topics.hello(shard: shard), payload: hello.encoded(),
                isRetained: true))
    }

    /// A reason as devices read it: one line of 1 to 400 bytes. Some come from librdkafka, or from
    /// the brokers, and have line feeds.
    private static func line(_ reason: String) -> String {
        var line = ""
        for scalar in reason.unicodeScalars {
            let isControl = scalar.value < 0x20 || scalar.value == 0x7F
            let next: Unicode.Scalar = isControl ? " " : scalar
            guard line.utf8.count + UTF8.width(next) <= 400 else { break }
            line.unicodeScalars.append(next)
        }
        return line.isEmpty ? "no reason given" : line
    }

    /// Digits change each second in some reasons; a hello each second would tell nobody more.
    private func kindOfReason(_ reason: String?) -> String? {
        // By bytes: it is asked with each action, and characters have to be looked up.
        reason.map { reason in
            let digits = UInt8(ascii: "0")...UInt8(ascii: "9")
            return String(decoding: reason.utf8.filter { !digits.contains($0) }, as: UTF8.self)
        }
    }

    /// What the broker says to the first shard when the bridge is gone without a word. MQTT has one
    /// will for a connection; the others see that no acknowledgements come.
    public static func will(_ settings: BridgeSettings, wall: WallTime) -> Publication {
        let hello = BridgeHello(
            bridge: settings.instance, session: settings.session, shards: settings.shards,
            guarantee: .none, isDevelopment: false,
            reason: "it is gone without a word, or has lost the broker: look whether busbar-bridge "
                + "runs, and start it if not",
            sinceUnixMilliseconds: wall.unixMilliseconds)
        return Publication(
            kind: .hello,
            topic: settings.shards.first.map { Topics.hello(shard: $0) } ?? "",
            payload: hello.encoded(), isRetained: true)
    }

    /// After a stop: nothing is on its way, and everything that could be acknowledged is.
    var isDrained: Bool {
        outbox.isEmpty && unreported.isEmpty && (owing.isEmpty || !isConnected)
    }
}
