/// What goes over a connection between a client and the broker: of MQTT 5 as much as decides what
/// is lost, doubled or late.
enum Packet {
    case connect(ConnectRequest)
    case connectAcknowledged(isSessionPresent: Bool)
    case subscribe([String])
    case subscribed
    case publish(PublishPacket)
    case published(packet: UInt16)
    /// The client says goodbye, so that the broker does not publish its will.
    case disconnect

    /// Bytes on the wire, near enough for a slow link.
    var size: Int {
        switch self {
        case .publish(let sent):
            sent.message.payload.count + sent.message.topic.utf8.count + 7
        case .connect: 60
        case .subscribe(let filters): filters.reduce(5) { $0 + $1.utf8.count + 3 }
        case .connectAcknowledged, .subscribed, .published, .disconnect: 6
        }
    }
}

struct ConnectRequest {
    var clientID: String
    /// Forget what the broker kept for this client.
    var isCleanStart: Bool
    /// Whether the broker keeps the session after the connection ends.
    var isPersistent: Bool
    /// Milliseconds after which a silent client is given up, one and a half times.
    var keepAlive: Int64
    var will: Message?
}

struct Message {
    var topic: String
    var payload: [UInt8]
    /// As published: to be kept for those who subscribe later.
    var isRetained: Bool
    var quality: UInt8
}

struct PublishPacket {
    var message: Message
    /// Nil with quality 0.
    var packet: UInt16?
    var isDuplicate: Bool
}

/// Whether `topic` is one of those that `filter` means. Of the wildcards only `+`: nobody in the
/// chain subscribes with another.
func matches(filter: String, topic: String) -> Bool {
    var filterLevels = filter.utf8.split(separator: UInt8(ascii: "/"))[...]
    var topicLevels = topic.utf8.split(separator: UInt8(ascii: "/"))[...]
    guard filterLevels.count == topicLevels.count else { return false }
    while let wanted = filterLevels.popFirst(), let found = topicLevels.popFirst() {
        let isAny = wanted.count == 1 && wanted.first == UInt8(ascii: "+")
        guard isAny || wanted.elementsEqual(found) else { return false }
    }
    return true
}
