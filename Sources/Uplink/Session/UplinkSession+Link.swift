import Units
import Wire

// Connecting, staying connected, and leaving.

extension UplinkSession {
    /// MQTT 5 reason codes that the session acts on (OASIS MQTT 5.0, section 2.4).
    enum Reason {
        static let noMatchingSubscribers: UInt8 = 0x10
        static let failure: UInt8 = 0x80
        static let sessionTakenOver: UInt8 = 0x8E
    }

    mutating func noteLink(_ input: Input, now: Instant) {
        switch input {
        case .connected(let receiveMaximum, _):
            guard case .connecting = link else { return }
            link = .connected(since: now)
            self.receiveMaximum = max(1, receiveMaximum)
            connectFailure = nil
            disconnectReason = nil
            isSubscribeAsked = false
            subscribeCodes = nil
            hasSubscribers = true
            given = nil
            statusAt = .never
            counters.connects += 1
            for index in lanes.indices { lanes[index].connected() }
        case .connectFailed(let failure):
            guard case .connecting = link else { return }
            connectFailure = failure
            waitToConnect(reconnectWait(), now)
        case .disconnected(let reason):
            noteDisconnected(reason, now: now)
        case .subscribed(let codes):
            guard isConnected else { return }
            subscribeCodes = codes
        case .credentialsChanged:
            noteCredentials(now: now)
        default:
            preconditionFailure("note(_:now:) sends only the cases above here")
        }
    }

    private mutating func noteDisconnected(_ reason: DisconnectReason, now: Instant) {
        switch link {
        case .connected(let since):
            disconnectReason = reason
            if now - since >= limits.stableAfter {
                backoff.reset()
                takeovers = 0
                shortLives = 0
            } else if case .lost = reason {
                shortLives += 1
                if shortLives >= limits.shortLivesMax {
                    report(.clientTakenOver, shortLivesText, now: now)
                }
            }
        case .leaving(let then):
            forgetUnconfirmed()
            link = .waiting(until: then)
            return
        case .connecting: connectFailure = .unreachable("the connection was closed at once")
        case .waiting, .stopped: return
        }
        guard case .byBroker(Reason.sessionTakenOver) = reason else {
            waitToConnect(reconnectWait(), now)
            return
        }
        takeovers += 1
        guard takeovers >= limits.takeoversMax else {
            waitToConnect(reconnectWait(), now)
            return
        }
        report(
            .clientTakenOver,
            "another client connects as \"\(settings.device)\" and takes our connection, "
                + "\(takeovers) times in a row: find the second device or program with this name "
                + "and certificate, and stop it",
            now: now)
        waitToConnect(backoff.longWait(limits.takeoverWait), now)
    }

    var shortLivesText: String {
        "the connection ends soon after it was made and without a reason, \(shortLives) times in a "
            + "row: perhaps another client connects as \"\(settings.device)\": look into the "
            + "broker's log, and stop the other one"
    }

    private mutating func waitToConnect(_ wait: Milliseconds, _ now: Instant) {
        forgetUnconfirmed()
        link = .waiting(until: now + wait)
    }

    /// An alarm does not wait for what a long outage has made of the back-off.
    private mutating func reconnectWait() -> Milliseconds {
        backoff.wait(
            from: limits.reconnectMin,
            to: hasAlarmWaiting
                ? min(limits.reconnectMax, limits.reconnectMaxWithAlarm) : limits.reconnectMax)
    }

    private var hasAlarmWaiting: Bool { lanes[Int(Lane.alarm.rawValue)].depth > 0 }

    /// The journal was read while there is no connection: an alarm may have come into a long wait.
    mutating func hastenForAlarm(now: Instant) {
        guard hasAlarmWaiting, takeovers < limits.takeoversMax, case .waiting(let until) = link,
            until - now > limits.reconnectMaxWithAlarm
        else { return }
        let least = limits.reconnectMin
        let span = jitter.milliseconds(least...max(least, limits.reconnectMaxWithAlarm))
        link = .waiting(until: now + span)
    }

    /// When the next connect is tried; nil where none is waited for.
    var nextTry: Instant? {
        switch link {
        case .waiting(let until), .leaving(let until): until == .never ? nil : until
        case .connecting, .connected, .stopped: nil
        }
    }

    private mutating func forgetUnconfirmed() {
        unconfirmed = [:]
        meter.disconnected()
        isHomeDescribed = false
        homeQueue = []
        isSubscribeAsked = false
        subscribeCodes = nil
    }

    private mutating func noteCredentials(now: Instant) {
        switch link {
        case .waiting: link = .waiting(until: now)
        // Only a new connection uses the new files; what is under way is sent again by it.
        case .connected, .connecting: leave(now: now, then: now)
        case .leaving, .stopped: break
        }
    }

    private mutating func leave(now: Instant, then: Instant) {
        forgetUnconfirmed()
        link = .leaving(then: then)
        outbox.append(.disconnect)
    }

    /// What the connection needs next; nil when it needs nothing now.
    mutating func linkStep(now: Instant) -> Action? {
        switch link {
        case .waiting(let until), .leaving(let until):
            if case .leaving = link, now < until + limits.connectTimeout { return nil }
            guard now >= until else { return nil }
            link = .connecting(since: now)
            return .connect(will: will)
        case .connecting(let since):
            guard now - since >= limits.connectTimeout else { return nil }
            connectFailure = .timedOut
            leave(now: now, then: now + reconnectWait())
            return outbox.removeFirst()
        case .connected(let since):
            if takeovers + shortLives > 0, now - since >= limits.stableAfter {
                takeovers = 0
                shortLives = 0
                endFinding(.clientTakenOver, now: now)
            }
            return connectedStep(now: now)
        case .stopped:
            return nil
        }
    }

    private mutating func connectedStep(now: Instant) -> Action? {
        if !isSubscribeAsked {
            isSubscribeAsked = true
            return .subscribe([
                Topics.acks(device: settings.device), Topics.command(device: settings.device),
                Topics.hello(shard: settings.shard),
            ])
        }
        // A slot that a live connection never gives back would be lost for ever, and with a few of
        // them everything stands: brokers send nothing again on the same connection.
        let oldest = unconfirmed.values.map(\.mark.sentAt).min()
        if let oldest, now - max(oldest, patienceFrom) >= limits.publishTimeout {
            disconnectReason = .lost(
                "the broker confirmed nothing for "
                    + "\(limits.publishTimeout.rawValue / 1_000) s")
            leave(now: now, then: now + jitter.milliseconds(.zero...limits.reconnectMin))
            return outbox.removeFirst()
        }
        return nil
    }

    /// The last steps: the broker hears that this is a clean end, and hears no will.
    mutating func farewell(now: Instant) -> Action {
        switch link {
        case .connected where !isFarewellSaid:
            isFarewellSaid = true
            return .publish(statusPublication(state: "offline", reason: "stopped", now: now))
        case .connected, .connecting:
            leave(now: now, then: now)
            return outbox.removeFirst()
        case .waiting, .leaving, .stopped:
            link = .stopped
            return .stopped
        }
    }
}
