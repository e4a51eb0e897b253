public import Transit
public import Units
public import Wire

/// Who a bridge is, and its limits.
public struct BridgeSettings: Sendable {
    /// What acknowledgements and metrics call it: "bridge-0".
    public var instance: String
    /// New at each start.
    public var session: Identifier128
    /// The shards that are this bridge's, in order.
    public var shards: [Shard]
    /// What the keys of all acknowledgements are derived from.
    public var secret: BridgeSecret

    /// An acknowledgement waits this long for more to acknowledge. 250 ms: a Raspberry Pi on a slow
    /// link gets four small messages a second at most.
    public var acknowledgeAfter = Milliseconds(250)
    /// ... but no longer than until it covers so many events.
    public var acknowledgeEvents: Int64 = 256

    /// Records that wait for their report, here and in the sink. 20,000: a second of what one
    /// bridge writes; more would only be memory, since the devices keep what is not taken.
    public var recordsMax = 20_000
    /// The bytes of their values.
    public var bytesMax = 32 << 20
    /// How far a device may be ahead of its base, in slots of a lane. 8,192 is eight of the largest
    /// batches.
    public var slotsPerLaneMax = 8_192
    /// Lanes that are remembered; the one not used for longest is forgotten first.
    public var lanesMax = 8_192
    /// Slots of all lanes together, 80 bytes each: 16 MB.
    public var slotsMax = 200_000

    /// A record without a report for so long is trouble. 30 s: librdkafka reports nothing while all
    /// brokers are down, and a leader's election takes a few seconds. Nothing is concluded from it
    /// but that somebody must look.
    public var reportDeadline = Milliseconds.seconds(30)
    /// After a full sink, when to try again unless a report comes first.
    public var sinkRetry = Milliseconds(10)
    /// What the broker refused is said again so long after. 30 s: chosen; whoever mends an access
    /// list sees it work while still there.
    public var refusalRetry = Milliseconds.seconds(30)
    /// A connection to the broker that stood so long was a good one; so many shorter ones in a row
    /// are a pattern. A minute and five, as in the uplink.
    public var stableAfter = Milliseconds.seconds(60)
    public var shortLivesMax = 5
    /// A stop waits so long for reports. 10 s: within what Kubernetes (30 s) and systemd (90 s)
    /// give.
    public var drainLimit = Milliseconds.seconds(10)

    public init(
        instance: String, session: Identifier128, shards: [Shard], secret: BridgeSecret
    ) {
        self.instance = instance
        self.session = session
        self.shards = shards
        self.secret = secret
    }
}
