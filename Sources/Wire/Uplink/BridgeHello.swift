import JSON

/// What the owner of a shard says of itself, retained on `Topics.hello(shard:)`. A device that sees
/// a new session knows that whatever it sent before must be sent again; people see why nothing is
/// acknowledged.
public struct BridgeHello: Hashable, Sendable {
    public enum Guarantee: String, Sendable, CaseIterable {
        /// An acknowledgement means that Kafka has it.
        case kafka
        /// Nothing is acknowledged now; `reason` says why.
        case none
    }

    public var bridge: String
    /// New with each start: a bridge remembers nothing from one session to the next.
    public var session: Identifier128
    /// In order.
    public var shards: [Shard]
    public var guarantee: Guarantee
    /// True if the cluster is one for development, whose replication keeps nothing safe.
    public var isDevelopment: Bool
    /// One line; nil where there is nothing to say.
    public var reason: String?
    /// When it came to be so, by the bridge's wall clock, milliseconds since 1970.
    public var sinceUnixMilliseconds: Int64

    public init(
        bridge: String, session: Identifier128, shards: [Shard], guarantee: Guarantee,
        isDevelopment: Bool, reason: String?, sinceUnixMilliseconds: Int64
    ) {
        self.bridge = bridge
        self.session = session
        self.shards = shards
        self.guarantee = guarantee
        self.isDevelopment = isDevelopment
        self.reason = reason
        self.sinceUnixMilliseconds = sinceUnixMilliseconds
    }

    public func encoded() -> [UInt8] {
        var members = JSONMembers()
        members.add("v", 1)
        members.add("bridge", bridge)
        members.add("session", session.text)
        let numbers = shards.map { String($0.number) }.joined(separator: ",")
        members.add("shards", json: Array("[\(numbers)]".utf8))
        members.add("guarantee", guarantee.rawValue)
        members.add("development", isDevelopment)
        members.addOptional("reason", reason)
        members.add("since_ms", sinceUnixMilliseconds)
        return members.object
    }

    /// - Throws: unless every member is there and in its range, and no other is.
    public init(decoding bytes: [UInt8]) throws(MessageError) {
        var reader = try MessageReader(bytes, what: "hello", sizeMax: 4 << 10)
        try reader.version()
        bridge = try reader.text("bridge")
        session = try reader.identifier("session")
        shards = []
        for value in try reader.array("shards", countMax: Int(Shard.count)) {
            guard let number = value.int, let shard = Int(exactly: number).flatMap({ Shard($0) }),
                shards.last.map({ $0 < shard }) ?? true
            else { throw reader.wrong("shards", value, "shards from 0 to 63, each once, in order") }
            shards.append(shard)
        }
        let word = try reader.value("guarantee")
        guard let guarantee = word.string.flatMap({ Guarantee(rawValue: $0) }) else {
            throw reader.wrong("guarantee", word, "\"kafka\" or \"none\"")
        }
        self.guarantee = guarantee
        isDevelopment = try reader.bool("development")
        reason = try reader.optionalText("reason", in: 1...400)
        sinceUnixMilliseconds = try reader.integer("since_ms", in: 0...UTCTime.range.upperBound)
        try reader.finish()
    }
}
