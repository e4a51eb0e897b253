public import JSON
public import Wire

/// What the session is told. Times are arguments of `note`.
public enum Input: Sendable {
    /// The broker took the connection.
    ///
    /// - Parameter receiveMaximum: how many unconfirmed messages it takes; 65,535 if it said none.
    case connected(receiveMaximum: Int, isSessionPresent: Bool)
    /// The answer to `.connect` was no, or none.
    case connectFailed(ConnectFailure)
    /// A connection that there was is gone.
    case disconnected(DisconnectReason)
    /// The broker's answer to `.subscribe`: one code a topic, 0x80 and above for a refusal.
    case subscribed(reasonCodes: [UInt8])
    /// PUBACK, with its reason code; 0 for a broker that gives none.
    case published(token: UInt64, reasonCode: UInt8)
    case message(topic: String, payload: [UInt8], isRetained: Bool)

    /// The answer to `.readState`.
    case queueState(QueueState)
    /// The answer to `.readPage`.
    case page(QueuePage)
    /// Either had no answer.
    case queueFailed(QueueError)

    /// What came of `.submit`: whether busbard has taken the command.
    case commandAnswered(isTaken: Bool)

    case wall(WallTime)
    /// Until when the certificates hold that this connection needs; each hour, and with each new
    /// connection.
    case certificates([CertificateTerm])
    /// The state of the device as the journal keeps it; for Home Assistant only.
    case image(JSONValue)
    /// The certificate files are others than at the last connect.
    case credentialsChanged
    /// The process or the machine stood still for longer than the driver's loop ever does.
    case resumed
    /// End cleanly: tell the broker, write the cursor, then answer `.stopped`.
    case stop
}

/// Why there is no connection.
public enum ConnectFailure: Hashable, Sendable {
    /// No name, no route, nobody listening; in the system's words.
    case unreachable(String)
    case timedOut
    /// The CONNACK's reason code.
    case refused(UInt8)
    case certificateExpired
    case certificateNotYetValid
    /// The certificate is another host's.
    case nameMismatch
    /// Signed by nobody whom ca.crt names.
    case unknownAuthority
    /// The broker does not accept our certificate; in TLS's words.
    case ownCertificateRefused(String)
    /// TLS failed in another way.
    case tls(String)
    /// Our own files cannot be used. The text says which and what to do.
    case credentials(String)
}

/// Why there is no connection any longer.
public enum DisconnectReason: Hashable, Sendable {
    /// The broker's DISCONNECT.
    case byBroker(UInt8)
    /// The connection ended or broke without one; in the system's words.
    case lost(String)
    /// No answer to a ping.
    case keepAlive
    /// As the session asked.
    case asked
}
