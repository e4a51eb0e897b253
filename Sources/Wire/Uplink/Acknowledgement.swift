/// What a bridge says once Kafka has a prefix of a lane: every number up to `upTo` is stored, dead-
/// lettered, or was declared a gap. Lost, late and repeated ones do no harm: a device takes the
/// greatest.
public struct Acknowledgement: Hashable, Sendable {
    public var device: String
    public var epoch: Identifier128
    public var lane: Lane
    public var upTo: Int64
    /// Where the record of `upTo` (or the last one before it) went.
    public var kafkaTopic: String
    public var partition: Int32
    public var offset: Int64
    /// The running hash after `upTo`, as the bridge computed it from what it received. A device takes
    /// an acknowledgement only if it sent just these events: a number alone would also be right for
    /// others that an older copy of its card once gave it.
    public var digest: RunningDigest
    /// The instance that says so.
    public var bridge: String
    /// True if the cluster is one for development, whose replication keeps nothing safe.
    public var isDevelopment: Bool

    public init(
        device: String, epoch: Identifier128, lane: Lane, upTo: Int64, kafkaTopic: String,
        partition: Int32, offset: Int64, digest: RunningDigest, bridge: String,
        isDevelopment: Bool
    ) {
        self.device = device
        self.epoch = epoch
        self.lane = lane
        self.upTo = upTo
        self.kafkaTopic = kafkaTopic
        self.partition = partition
        self.offset = offset
        self.digest = digest
        self.bridge = bridge
        self.isDevelopment = isDevelopment
    }

    /// What the MAC covers: every field, one a line, in this order. No field may hold a line feed.
    public var sealedText: String {
        [
            "busbar ack 1", device, epoch.text, lane.name, String(upTo), kafkaTopic,
            String(partition), String(offset), digest.value.text, bridge,
            isDevelopment ? "development" : "kafka",
        ].joined(separator: "\n")
    }
}

/// An acknowledgement with its seal, as it is published. Only `Transit`'s key tells whether the seal
/// is right: reading one proves nothing.
public struct SealedAcknowledgement: Hashable, Sendable {
    public var acknowledgement: Acknowledgement
    /// HMAC-SHA256 over `sealedText`: 32 bytes.
    public var mac: [UInt8]

    public init(_ acknowledgement: Acknowledgement, mac: [UInt8]) {
        self.acknowledgement = acknowledgement
        self.mac = mac
    }

    public func encoded() -> [UInt8] {
        var members = JSONMembers()
        members.add("v", 1)
        members.add("device", acknowledgement.device)
        members.add("epoch", acknowledgement.epoch.text)
        members.add("lane", acknowledgement.lane.name)
        members.add("upto", acknowledgement.upTo)
        members.add("topic", acknowledgement.kafkaTopic)
        members.add("partition", acknowledgement.partition)
        members.add("offset", acknowledgement.offset)
        members.add("digest", acknowledgement.digest.value.text)
        members.add("bridge", acknowledgement.bridge)
        members.add("development", acknowledgement.isDevelopment)
        members.add("mac", mac.hexadecimal)
        return members.object
    }

    /// - Throws: unless every member is there and in its range, and no other is.
    public init(decoding bytes: [UInt8]) throws(MessageError) {
        var reader = try MessageReader(bytes, what: "acknowledgement", sizeMax: 2 << 10)
        try reader.version()
        acknowledgement = Acknowledgement(
            device: try reader.name("device"), epoch: try reader.identifier("epoch"),
            lane: try reader.lane("lane"),
            upTo: try reader.integer("upto", in: 0...BatchHeader.numberMax),
            // 249 is the longest name that Kafka gives to a topic.
            kafkaTopic: try reader.text("topic", in: 1...249),
            // -1 where nothing went to Kafka, as when all was declared a gap.
            partition: Int32(try reader.integer("partition", in: -1...Int64(Int32.max))),
            offset: try reader.integer("offset", in: -1...Int64.max),
            digest: RunningDigest(try reader.identifier("digest")),
            bridge: try reader.text("bridge"), isDevelopment: try reader.bool("development"))
        mac = try reader.hexadecimal("mac", count: 32)
        try reader.finish()
    }
}

/// What an acknowledgement means on this uplink. Set in the site file; nothing lowers it by itself.
public enum Guarantee: UInt8, Sendable, CaseIterable {
    /// Kafka has it, and a bridge says so with a MAC.
    case kafka = 0
    /// A broker has taken it (PUBACK): for bridges that are not ours. Events are "sent,
    /// unconfirmed".
    case broker = 1
    /// Nothing is sent: events are kept on the device until their lane's quota.
    case local = 2

    public var name: String {
        switch self {
        case .kafka: "kafka"
        case .broker: "broker"
        case .local: "local"
        }
    }

    public init?(name: String) {
        guard let found = Self.allCases.first(where: { $0.name == name }) else { return nil }
        self = found
    }
}
