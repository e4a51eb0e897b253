/// What a connection to a broker needs.
public struct MQTTSettings: Hashable, Sendable {
    public var host: String
    public var port: UInt16
    /// Two clients of one name throw each other out for ever: it holds the role, and the instance
    /// where there are several.
    public var clientID: String
    /// Nil for none at all, which only loopback and tests may have.
    public var tls: TLSFiles?
    /// After this long without a word there is a ping, and after as long without an answer the
    /// connection counts as lost. Half-open connections are found by nothing else.
    public var keepAliveSeconds: Int32 = 30
    /// How many messages the broker may send that this side has not confirmed.
    public var receiveMaximum: UInt16 = 20
    /// How many this side may send that the broker has not confirmed; the broker may allow fewer.
    public var sendMaximum: UInt16 = 100
    /// Of a message from the broker. It does not send what is larger.
    public var packetBytesMax: UInt32 = 64 << 10
    /// Published by the broker when the connection breaks.
    public var will: MQTTMessage?

    public init(host: String, port: UInt16, clientID: String, tls: TLSFiles?) {
        self.host = host
        self.port = port
        self.clientID = clientID
        self.tls = tls
    }
}

/// Paths of PEM files. Read once, when the connection is made.
public struct TLSFiles: Hashable, Sendable {
    /// Who may have signed the broker's certificate.
    public var authority: String
    /// Ours, and its key.
    public var certificate: String
    public var key: String

    public init(authority: String, certificate: String, key: String) {
        self.authority = authority
        self.certificate = certificate
        self.key = key
    }
}

public struct MQTTMessage: Hashable, Sendable {
    public var topic: String
    public var payload: [UInt8]
    /// 0 or 1.
    public var qualityOfService: UInt8
    public var isRetained: Bool
    public var contentType: String?

    public init(
        topic: String, payload: [UInt8], qualityOfService: UInt8 = 1, isRetained: Bool = false,
        contentType: String? = nil
    ) {
        precondition(qualityOfService <= 1, "quality of service 2 is not used")
        self.topic = topic
        self.payload = payload
        self.qualityOfService = qualityOfService
        self.isRetained = isRetained
        self.contentType = contentType
    }
}

/// What came from the broker, in order.
public enum MQTTEvent: Hashable, Sendable {
    /// - Parameter receiveMaximum: how many unconfirmed messages the broker takes.
    case connected(receiveMaximum: Int, isSessionPresent: Bool)
    /// The connection was not made. Nothing comes after this.
    case connectFailed(MQTTFailure)
    /// The connection that there was is gone. Nothing comes after this.
    case disconnected(MQTTFailure)
    /// PUBACK, or for quality of service 0 that the bytes were written.
    case published(id: Int32, reasonCode: UInt8)
    case subscribed(id: Int32, reasonCodes: [UInt8])
    case message(MQTTMessage)
}

/// Why there is no connection, or none any longer.
public enum MQTTFailure: Hashable, Sendable, CustomStringConvertible {
    /// No address for the name, no route, nobody listening, or broken on the way.
    case unreachable(String)
    /// The broker's reason code, 0x80 and above.
    case refused(UInt8)
    case certificateExpired
    case certificateNotYetValid
    case nameMismatch
    case unknownAuthority
    /// The broker does not accept ours.
    case ownCertificateRefused(String)
    case tls(String)
    /// Our own files cannot be used.
    case credentials(String)
    case keepAlive
    /// `disconnect` was called.
    case asked

    public var description: String {
        switch self {
        case .unreachable(let why): why
        case .refused(let code): "the broker gave reason 0x\(String(code, radix: 16))"
        case .certificateExpired: "the broker's certificate has expired"
        case .certificateNotYetValid: "the broker's certificate is not yet valid"
        case .nameMismatch: "the broker's certificate is for another name"
        case .unknownAuthority: "the broker's certificate is signed by nobody whom we trust"
        case .ownCertificateRefused(let why): "the broker does not accept our certificate: \(why)"
        case .tls(let why): "TLS failed: \(why)"
        case .credentials(let why): why
        case .keepAlive: "the broker stopped answering"
        case .asked: "disconnected as asked"
        }
    }
}

/// A call that the library refused: not for lack of a connection, which is an event, but because
/// what was asked cannot be.
public struct MQTTError: Error, Hashable, Sendable, CustomStringConvertible {
    public var description: String
    public init(_ description: String) { self.description = description }
}
