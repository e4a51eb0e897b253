import Units
import Wire

// Why it is not sending, and what to do: one line for whoever stands in front of the device.

extension UplinkSession {
    /// Nil while events flow, or would if there were any.
    public func explanation(now: Instant) -> String? {
        if let queueError { return "the journal cannot be read: \(queueError.description)" }
        switch link {
        case .stopped: return "the uplink is stopped: systemctl start busbar-uplink"
        case .waiting, .connecting, .leaving:
            return connectExplanation
                ?? (settings.guarantee == .local ? localText : nil)
        case .connected: break
        }
        if settings.guarantee == .local { return localText }
        if let unconfirmedText = unconfirmedText(now: now) { return unconfirmedText }
        if settings.guarantee == .kafka, let code = subscribeCodes?.first, code >= Reason.failure {
            return "the broker does not let us hear acknowledgements (\(ReasonText.of(code))): let "
                + "the client \"\(settings.device)\" subscribe to "
                + Topics.acks(device: settings.device) + ", or client.crt is not for this name"
        }
        if let code = eventsRefusedCode {
            return eventsRefusedText(
                code, "busbar/v1/up/\(settings.shard.name)/\(settings.device)/+")
        }
        if cursor.rolledBack != nil {
            return
                "an older copy of the journal is in use: waiting for busbard to begin a new epoch "
                + "(systemctl status busbard)"
        }
        return isStalled ? stallText : findings.standing?.text
    }

    /// A broker that was stopped or swapped out: its kernel still takes what we send.
    private func unconfirmedText(now: Instant) -> String? {
        guard let oldest = unconfirmed.values.map(\.mark.sentAt).min() else { return nil }
        let span = now - max(oldest, patienceFrom)
        guard span >= limits.confirmationPatience else { return nil }
        return "the broker confirms nothing for \(span.rawValue / 1_000) s: look whether it still "
            + "runs; after \(limits.publishTimeout.rawValue / 1_000) s we connect anew"
    }

    private var localText: String {
        "the site file says guarantee \"local\": events are kept on the device and never sent"
    }

    private var connectExplanation: String? {
        if takeovers >= limits.takeoversMax {
            return
                "another client connects as \"\(settings.device)\" and takes our connection: stop "
                + "the other one; tried again within \(limits.takeoverWait.rawValue / 60_000) min"
        }
        if let connectFailure { return text(of: connectFailure) }
        if shortLives >= limits.shortLivesMax { return shortLivesText }
        return disconnectReason.flatMap { text(of: $0) }
    }

    private func text(of failure: ConnectFailure) -> String {
        switch failure {
        case .unreachable(let why):
            return "the broker cannot be reached (\(why)): check cable, name and port"
        case .timedOut:
            return "the broker does not answer within "
                + "\(limits.connectTimeout.rawValue / 1_000) s: check the network and firewall"
        case .refused(let code):
            return "the broker refuses us (\(ReasonText.of(code))): \(ReasonText.advice(code))"
        case .certificateExpired:
            return "the broker's certificate has expired: renew it on the broker"
        case .certificateNotYetValid:
            return "the broker's certificate is not yet valid: \(clockHint)"
        case .nameMismatch:
            return "the broker's certificate is for another name: set uplink.host in the site file "
                + "to a name in the certificate"
        case .unknownAuthority:
            return
                "the broker's certificate is signed by nobody in ca.crt: put the right authority "
                + "there"
        case .ownCertificateRefused(let why):
            // By the broker's clock, so ours is not to blame.
            return "the broker does not accept client.crt (\(why)): renew it, or let the broker "
                + "trust who signed it"
        case .tls(let why):
            return "TLS with the broker failed (\(why)): check that its port speaks TLS 1.3"
        case .credentials(let why):
            return why
        }
    }

    /// A Raspberry Pi without a battery clock boots in the past, where a certificate is not valid
    /// yet. One that has expired there has expired all the more today.
    private var clockHint: String {
        wall?.quality == .unsynced
            ? "the clock of this device is not set: wait for the time server, or check it with "
                + "timedatectl"
            : "check the clocks here and at the broker"
    }

    private func text(of reason: DisconnectReason) -> String? {
        switch reason {
        case .byBroker(let code):
            return "the broker ended the connection (\(ReasonText.of(code))): "
                + ReasonText.advice(code)
        case .lost(let why): return "the connection broke (\(why)): it is tried again"
        case .keepAlive: return "the broker stopped answering: it is tried again"
        case .asked: return nil
        }
    }
}

/// MQTT 5 reason codes in words (OASIS MQTT 5.0, section 2.4).
enum ReasonText {
    static func of(_ code: UInt8) -> String {
        switch code {
        case 0x80: "unspecified error"
        case 0x81, 0x82: "protocol error"
        case 0x83: "a reason of its own"
        case 0x84: "it does not speak MQTT 5"
        case 0x85: "client identifier not valid"
        case 0x86: "bad user name or password"
        case 0x87: "not authorised"
        case 0x88: "server unavailable"
        case 0x89: "server busy"
        case 0x8A: "banned"
        case 0x8B: "server shutting down"
        case 0x8C: "bad authentication method"
        case 0x8D: "keep-alive timeout"
        case 0x8E: "session taken over"
        case 0x90: "topic not allowed"
        case 0x93: "too many messages at once"
        case 0x95: "packet too large"
        case 0x96: "message rate too high"
        case 0x97: "quota exceeded"
        case 0x98: "an administrator's action"
        case 0x9A: "retain not supported"
        case 0x9C, 0x9D: "use another server"
        case 0x9F: "connection rate exceeded"
        default: "reason 0x" + String(code, radix: 16)
        }
    }

    static func advice(_ code: UInt8) -> String {
        switch code {
        case 0x84: "use a broker with MQTT 5, such as mosquitto 2"
        case 0x85: "the broker's access list must know the device's name"
        case 0x86, 0x8C: "the credentials are wrong: renew client.crt, or the broker's user list"
        case 0x87: "the broker knows us but does not let us in: add the device to its access list"
        case 0x88, 0x89, 0x8B, 0x96, 0x97, 0x9F: "it is tried again"
        case 0x8A, 0x98: "ask who runs the broker"
        case 0x8D: "the link is too slow or broken: it is tried again"
        case 0x8E: "another client has our name: find it and stop it"
        case 0x9C, 0x9D: "set uplink.host in the site file to the server that it names"
        default: "look into the broker's log"
        }
    }
}
