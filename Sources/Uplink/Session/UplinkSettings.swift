public import Units
public import Wire

/// Who this uplink speaks for, and what an acknowledgement means to it.
public struct UplinkSettings: Hashable, Sendable {
    public var site: String
    public var device: String
    public var shard: Shard
    public var guarantee: Guarantee
    /// Of the program, for the birth message.
    public var version: String
    /// Of the site file in force; nil when it is not known.
    public var siteDigest: String?
    /// Of the kernel, as the kernel names it.
    public var boot: Identifier128
    /// For the lanes `event` and `telemetry` together, in bytes a second on the wire; nil for as
    /// much as the link takes. Alarms are never held back by it.
    public var bytesPerSecondMax: Int?
    /// Whether the device describes itself to Home Assistant on the same broker.
    public var isHomeAssistant: Bool
    public var limits: UplinkLimits

    public init(
        site: String, device: String, shard: Shard, guarantee: Guarantee, version: String,
        siteDigest: String?, boot: Identifier128, bytesPerSecondMax: Int? = nil,
        isHomeAssistant: Bool = false,
        limits: UplinkLimits = UplinkLimits()
    ) {
        precondition((bytesPerSecondMax ?? 1) > 0, "no bytes a second would be guarantee local")
        self.site = site
        self.device = device
        self.shard = shard
        self.guarantee = guarantee
        self.version = version
        self.siteDigest = siteDigest
        self.boot = boot
        self.bytesPerSecondMax = bytesPerSecondMax
        self.isHomeAssistant = isHomeAssistant
        self.limits = limits
    }
}

/// Every number that bounds the session, with the reason for its value. All can be changed, which
/// the simulation does with each seed.
public struct UplinkLimits: Hashable, Sendable {
    /// Messages that the broker has not confirmed. 100 carries 1,300 messages a second over a round
    /// trip of 50 ms (measured with libmosquitto 2.0.11); the broker's Receive Maximum may be less.
    public var unconfirmedMax = 100
    /// A batch is what is lost and sent again together, and what an alarm waits for.
    public var batchEventsMax = 256
    /// 128 KiB: with 256 telemetry events both limits are met at about the same time. A slow link
    /// gets smaller ones, by its own measure.
    public var batchBytesMax = 128 << 10
    /// Read at once from the journal: two batches.
    public var pageEventsMax = 512
    public var pageBytesMax = 192 << 10
    /// Sent in one lane and not yet acknowledged. A bridge remembers 8,192 numbers a lane.
    public var windowEventsMax = 8_000
    /// On the wire: as many events of 500 bytes that were not deflated.
    public var windowBytesMax = 4 << 20
    /// As many as a header may name.
    public var windowGapsMax = 64

    /// How much may wait in front of an alarm on the link, told in time: half a second, so that the
    /// alarm with its own way there and back stays under two.
    public var queueTime = Milliseconds(500)
    /// In flight at the least, for a link that was never measured or is very slow.
    public var linkBytesMin = 4 << 10
    /// Of a hundred bytes, those that go to the next lower lane while the upper one has events.
    public var lowerLanePercent = 10

    /// Between a batch at the broker and its acknowledgement, before it is sent again. The bridge
    /// collects for 250 ms, and Kafka with three replicas takes 5 to 200 ms.
    public var ackTimeoutFirst = Milliseconds.seconds(10)
    public var ackTimeoutMin = Milliseconds.seconds(2)
    public var ackTimeoutMax = Milliseconds.seconds(120)
    /// Events that the broker has and no bridge acknowledges for so long are called a stall, and by
    /// then they are sent again, whatever was measured. 30 s, chosen: a bridge that is started anew
    /// takes ten, and nobody should wait for minutes to learn that it is dead.
    public var stallAfter = Milliseconds.seconds(30)
    /// A message that a live connection does not confirm for so long never will be: brokers send
    /// again only after a reconnect.
    public var publishTimeout = Milliseconds.seconds(60)
    /// Before it is said that the broker confirms nothing. What is unconfirmed is half a second of
    /// the link, so ten are no slow link.
    public var confirmationPatience = Milliseconds.seconds(10)

    public var reconnectMin = Milliseconds.seconds(1)
    public var reconnectMax = Milliseconds.seconds(120)
    /// The same while an alarm waits. A thousand devices make a hundred attempts a second with it,
    /// which a broker that has just come back takes; chosen.
    public var reconnectMaxWithAlarm = Milliseconds.seconds(15)
    /// A connection that lasted so long was a good one, and the next begins with the shortest wait,
    /// as it does after one that brought an acknowledgement.
    public var stableAfter = Milliseconds.seconds(60)
    public var connectTimeout = Milliseconds.seconds(30)
    /// Another client with our name takes the connection; so many times in a row make it a fault of
    /// the installation, and then it is tried at most as often as this.
    public var takeoversMax: Int = 3
    public var takeoverWait = Milliseconds.seconds(600)
    /// So many connections that end early without a reason are a pattern.
    public var shortLivesMax = 5

    /// How often the journal is asked where its lanes stand. A new alarm waits so long at the most.
    public var stateInterval = Milliseconds(250)
    /// The same while there is no connection: for the status, which somebody may look at.
    public var stateIntervalOffline = Milliseconds.seconds(1)
    /// Between two questions for rows while the journal's last number says that there are none.
    /// Chosen: a reading every few seconds costs nothing, and an alarm may wait behind a number
    /// that damage has made stand still.
    public var askAgainAfter = Milliseconds.seconds(5)
    /// After a failure of the journal.
    public var readRetry = Milliseconds.seconds(2)
    /// Before a journal that cannot be read is a finding: busbard may be starting.
    public var journalPatience = Milliseconds.seconds(10)
    public var statusInterval = Milliseconds.seconds(60)
    /// Between two status messages, however much changes.
    public var statusIntervalMin = Milliseconds.seconds(5)
    public var cursorInterval = Milliseconds.seconds(1)
    /// Between two reports of one kind of finding.
    public var findingInterval = Milliseconds.seconds(60)
    /// A lasting one is told again after this; busbard holds it for three times as long.
    public var findingRepeat = Milliseconds.seconds(300)
    /// How long busbard has to declare numbers that are missing before the uplink goes across them.
    public var missingWait = Milliseconds.seconds(60)

    public var commandBytesMax = 16 << 10
    /// Commands whose identity is remembered until they expire.
    public var commandsRememberedMax = 256

    public init() {}
}
