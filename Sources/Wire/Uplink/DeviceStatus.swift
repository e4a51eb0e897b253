import JSON

/// What a device says of itself, retained on `Topics.status(device:)`. The broker publishes the last
/// one with `isOnline` false when the connection breaks: the will.
public struct DeviceStatus: Hashable, Sendable {
    public struct LaneStatus: Hashable, Sendable {
        /// Events that no acknowledgement has covered.
        public var depth: Int64
        /// How long the oldest of them has waited, in ms; nil when there is none, or when no clock
        /// can tell.
        public var oldestAgeMilliseconds: Int64?
        /// Every number up to here is acknowledged; 0 when none is.
        public var acknowledged: Int64
        /// Events that went by quota and were never acknowledged, since the epoch began.
        public var dropped: Int64

        public init(
            depth: Int64, oldestAgeMilliseconds: Int64?, acknowledged: Int64, dropped: Int64
        ) {
            self.depth = depth
            self.oldestAgeMilliseconds = oldestAgeMilliseconds
            self.acknowledged = acknowledged
            self.dropped = dropped
        }
    }

    /// A program or library and its version.
    public struct Version: Hashable, Sendable {
        public var name: String
        public var version: String

        public init(_ name: String, _ version: String) {
            self.name = name
            self.version = version
        }
    }

    public var isOnline: Bool
    public var site: String
    public var device: String
    /// At most 16, each name once.
    public var versions: [Version]
    /// Of the site file that is in use, as the configuration events name it; nil when unknown.
    public var siteDigest: String?
    /// Of the lanes now; nil before the journal could be read.
    public var epoch: Identifier128?
    public var boot: Identifier128
    public var guarantee: Guarantee
    /// By the lane's raw value.
    public var lanes: [LaneStatus]
    /// One word: what the uplink is doing.
    public var state: String
    /// One line: why it is not sending, and what to do; nil while all is well.
    public var reason: String?
    /// By the device's wall clock, milliseconds since 1970, and what that clock is worth.
    public var wall: WallTime

    public init(
        isOnline: Bool, site: String, device: String, versions: [Version], siteDigest: String?,
        epoch: Identifier128?, boot: Identifier128, guarantee: Guarantee, lanes: [LaneStatus],
        state: String, reason: String?, wall: WallTime
    ) {
        precondition(lanes.count == Lane.allCases.count, "a status has a row for each lane")
        self.isOnline = isOnline
        self.site = site
        self.device = device
        self.versions = versions
        self.siteDigest = siteDigest
        self.epoch = epoch
        self.boot = boot
        self.guarantee = guarantee
        self.lanes = lanes
        self.state = state
        self.reason = reason
        self.wall = wall
    }
}

extension DeviceStatus {
    public func encoded() -> [UInt8] {
        var members = JSONMembers()
        members.add("v", 1)
        members.add("online", isOnline)
        members.add("site", site)
        members.add("device", device)
        var names = JSONMembers()
        for version in versions { names.add(version.name, version.version) }
        members.add("versions", json: names.object)
        members.addOptional("site_digest", siteDigest)
        members.addOptional("epoch", epoch?.text)
        members.add("boot", boot.text)
        members.add("guarantee", guarantee.name)
        var rows = JSONMembers()
        for lane in Lane.allCases { rows.add(lane.name, json: lanes[Int(lane.rawValue)].json) }
        members.add("lanes", json: rows.object)
        members.add("state", state)
        members.addOptional("reason", reason)
        members.add("ms", wall.unixMilliseconds)
        members.add("clock", wall.quality.name)
        return members.object
    }

    /// - Throws: unless every member is there and in its range, and no other is.
    public init(decoding bytes: [UInt8]) throws(MessageError) {
        var reader = try MessageReader(bytes, what: "status", sizeMax: 8 << 10)
        try reader.version()
        isOnline = try reader.bool("online")
        site = try reader.name("site")
        device = try reader.name("device")
        versions = try reader.versions("versions")
        siteDigest = try reader.optionalText("site_digest")
        epoch = try reader.optionalIdentifier("epoch")
        boot = try reader.identifier("boot")
        let word = try reader.value("guarantee")
        guard let guarantee = word.string.flatMap({ Guarantee(name: $0) }) else {
            throw reader.wrong("guarantee", word, "\"kafka\", \"broker\" or \"local\"")
        }
        self.guarantee = guarantee
        var rows = try MessageReader(try reader.value("lanes"), what: "status, lanes")
        lanes = []
        for lane in Lane.allCases {
            lanes.append(try LaneStatus(try rows.value(lane.name), lane: lane))
        }
        try rows.finish()
        state = try reader.text("state", in: 1...32)
        reason = try reader.optionalText("reason", in: 1...400)
        let milliseconds = try reader.integer("ms", in: Int64.min...Int64.max)
        let clock = try reader.value("clock")
        guard let quality = clock.string.flatMap({ ClockQuality(name: $0) }) else {
            throw reader.wrong("clock", clock, "\"synced\", \"holdover\" or \"unsynced\"")
        }
        wall = WallTime(unixMilliseconds: milliseconds, quality: quality)
        try reader.finish()
    }
}

extension DeviceStatus.LaneStatus {
    fileprivate var json: [UInt8] {
        var members = JSONMembers()
        members.add("depth", depth)
        if let oldestAgeMilliseconds {
            members.add("oldest_age_ms", oldestAgeMilliseconds)
        } else {
            members.addNull("oldest_age_ms")
        }
        members.add("acknowledged", acknowledged)
        members.add("dropped", dropped)
        return members.object
    }

    fileprivate init(_ value: JSONValue, lane: Lane) throws(MessageError) {
        var reader = try MessageReader(value, what: "status, lane \(lane.name)")
        depth = try reader.integer("depth", in: 0...BatchHeader.numberMax)
        oldestAgeMilliseconds = try reader.optionalInteger("oldest_age_ms", in: 0...Int64.max)
        acknowledged = try reader.integer("acknowledged", in: 0...BatchHeader.numberMax)
        dropped = try reader.integer("dropped", in: 0...Int64.max)
        try reader.finish()
    }
}

extension MessageReader {
    /// An object of names and texts.
    fileprivate mutating func versions(
        _ key: String
    ) throws(MessageError) -> [DeviceStatus.Version] {
        let value = try value(key)
        let expected = "at most 16 names of programs, each with its version in 1 to 64 characters"
        guard let members = value.object, members.count <= 16 else {
            throw wrong(key, value, expected)
        }
        var versions: [DeviceStatus.Version] = []
        for member in members {
            guard let text = member.value.string, (1...64).contains(text.utf8.count),
                text.isOneLine, (1...64).contains(member.key.utf8.count),
                // Names are written without escapes.
                member.key.utf8.allSatisfy({ $0 != 0x22 && $0 != 0x5C }), member.key.isOneLine
            else { throw wrong(key, member.value, expected) }
            versions.append(DeviceStatus.Version(member.key, text))
        }
        return versions
    }
}
