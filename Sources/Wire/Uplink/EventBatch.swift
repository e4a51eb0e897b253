import JSON

/// One MQTT message of events: a run of one lane, in order, from one run of one device.
///
/// Neither the MQTT nor the Kafka binding of CloudEvents 1.0 knows batches, so the container is
/// ours: JSON Lines, the first line a header with what all its events share, then one line an
/// event. A header and an event line together make one CloudEvent (`CloudEvent.init`); the bridge
/// writes each as a record of its own. `Transit` compresses and checks the whole.
///
/// ```
/// {"v":1,"site":"house","device":"heater-1","lane":"alarm","epoch":"<32 hex>","run":"<32 hex>",
///  "boot":"<32 hex>","base":17,"first":18,"last":19,"gaps":[[17,17]],"before":"<32 hex>"|null}
/// {"seq":18,"type":"alarm.raised.v1","subject":"alarm/E103","ms":1700000000123,"clock":"synced",
///  "tick":5012,"mono":501200,"severity":"fatal","correlation":77,"data":{"code":"E103", ...}}
/// ```
public struct EventBatch: Hashable, Sendable {
    public var header: BatchHeader
    /// In the order of their numbers; at least one.
    public var lines: [BatchLine]

    public init(header: BatchHeader, lines: [BatchLine]) {
        self.header = header
        self.lines = lines
    }
}

/// What the events of a batch share, and where the lane stood when it was sent.
public struct BatchHeader: Hashable, Sendable {
    public var site: String
    public var device: String
    public var lane: Lane
    public var epoch: Identifier128
    public var run: Identifier128
    public var boot: Identifier128
    /// The lowest number of this lane and epoch that no acknowledgement has covered.
    public var base: Int64
    /// The numbers of the first and the last event in it.
    public var first: Int64
    public var last: Int64
    /// Numbers from `base` to `last` that have no event and never will: the declared gaps that the
    /// bridge may acknowledge across. In order, apart from one another.
    public var gaps: [ClosedRange<Int64>]
    /// The running hash of the lane before `first`; nil when the device does not know it, as after
    /// the loss of its cursor.
    public var before: RunningDigest?

    public init(
        site: String, device: String, lane: Lane, epoch: Identifier128, run: Identifier128,
        boot: Identifier128, base: Int64, first: Int64, last: Int64, gaps: [ClosedRange<Int64>],
        before: RunningDigest?
    ) {
        self.site = site
        self.device = device
        self.lane = lane
        self.epoch = epoch
        self.run = run
        self.boot = boot
        self.base = base
        self.first = first
        self.last = last
        self.gaps = gaps
        self.before = before
    }
}

/// One event of a batch: its number, and the bytes of its line without the line feed. The bytes are
/// what the running hash covers, and the same event always has the same.
public struct BatchLine: Hashable, Sendable {
    public var seq: Int64
    public var bytes: [UInt8]

    public init(seq: Int64, bytes: [UInt8]) {
        self.seq = seq
        self.bytes = bytes
    }

    public init(_ record: EventRecord) {
        var members = JSONMembers()
        members.add("seq", record.seq)
        members.add("type", record.type)
        members.add("subject", record.subject)
        members.add("ms", record.wall.unixMilliseconds)
        members.add("clock", record.wall.quality.name)
        members.add("tick", record.tick.rawValue)
        members.add("mono", record.at.rawValue)
        members.add("severity", record.severity.name)
        members.add("correlation", record.correlation.rawValue)
        // Last, so that a reader finds the bytes of the data without writing them anew.
        members.add("data", json: record.data)
        self.init(seq: record.seq, bytes: members.object)
    }
}

/// 128 bits over all events of a lane from its first one to a certain number: two devices that both
/// claim one identity, or one that was put back to an older state, give themselves away by it.
public struct RunningDigest: Hashable, Sendable {
    public var value: Identifier128
    public init(_ value: Identifier128) { self.value = value }

    /// Before the first event of an epoch.
    public static func start(of epoch: Identifier128) -> RunningDigest { RunningDigest(epoch) }
}
