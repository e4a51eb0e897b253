/// Where Busbar's messages go on an MQTT broker. The broker's access list (`board/broker/acl`) is
/// written from this table, and a test in UplinkTests holds the two against each other.
///
/// | Topic                               | From   | Retained | What                             |
/// |-------------------------------------|--------|----------|----------------------------------|
/// | `busbar/v1/up/SHARD/DEVICE/LANE`    | device | never    | batches of events                |
/// | `busbar/v1/down/DEVICE/ack/LANE`    | bridge | yes      | acknowledgements, with a MAC     |
/// | `busbar/v1/down/DEVICE/command`     | bridge | never    | signed commands                  |
/// | `busbar/v1/status/DEVICE`           | device | yes      | birth, depth, guarantee; the will|
/// | `busbar/v1/state/DEVICE`            | device | yes      | values for Home Assistant        |
/// | `busbar/v1/bridge/SHARD`            | bridge | yes      | hello of the shard's owner, will |
/// | `homeassistant/KIND/DEVICE/ID/config`| device | yes     | description for Home Assistant   |
public enum Topics {
    public static func up(shard: Shard, device: String, lane: Lane) -> String {
        "busbar/v1/up/\(shard.name)/\(device)/\(lane.name)"
    }

    /// Everything of one shard: what its owner subscribes. Never by a shared subscription, which
    /// would split one device's stream among several readers.
    public static func up(shard: Shard) -> String { "busbar/v1/up/\(shard.name)/+/+" }

    public static func ack(device: String, lane: Lane) -> String {
        "busbar/v1/down/\(device)/ack/\(lane.name)"
    }

    public static func acks(device: String) -> String { "busbar/v1/down/\(device)/ack/+" }
    public static func command(device: String) -> String { "busbar/v1/down/\(device)/command" }
    public static func status(device: String) -> String { "busbar/v1/status/\(device)" }
    public static func state(device: String) -> String { "busbar/v1/state/\(device)" }
    /// With the device as Home Assistant's node id, a level of its own, so that a broker can hold
    /// each device to its own descriptions.
    public static func description(kind: String, device: String, id: String) -> String {
        "homeassistant/\(kind)/\(device)/\(id)/config"
    }

    public static func hello(shard: Shard) -> String { "busbar/v1/bridge/\(shard.name)" }

    /// Whose batch a message on this topic must be; nil if it is no topic for batches.
    public static func sender(of topic: String) -> (shard: Shard, device: String, lane: Lane)? {
        let words = topic.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        guard words.count == 6, words[0...2] == ["busbar", "v1", "up"],
            let number = Int(words[3]), let shard = Shard(number), shard.name == words[3],
            words[4].isSiteName, let lane = Lane(name: words[5])
        else { return nil }
        return (shard, words[4], lane)
    }
}

/// One of 64 fixed parts of all devices. A shard has one owning bridge; its number is in the topic.
public struct Shard: Hashable, Sendable, Comparable {
    public static let count: UInt8 = 64
    public let number: UInt8

    /// Nil from 64 on.
    public init?(_ number: Int) {
        guard number >= 0, number < Int(Self.count) else { return nil }
        self.number = UInt8(number)
    }

    /// The shard that a device has unless its site file names one: FNV-1a (32 bits) of its name,
    /// modulo 64.
    public init(device: String) {
        var hash: UInt32 = 0x811C_9DC5
        for byte in device.utf8 { hash = (hash ^ UInt32(byte)) &* 0x0100_0193 }
        number = UInt8(hash % UInt32(Self.count))
    }

    /// Two digits: "07".
    public var name: String { number < 10 ? "0\(number)" : "\(number)" }

    public static func < (lhs: Shard, rhs: Shard) -> Bool { lhs.number < rhs.number }
}
