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
///
/// Event lines have their members in this order and no space outside of the data, so that one event
/// has one spelling and a reader needs no tree of values.
public struct EventBatch: Hashable, Sendable {
    public var header: BatchHeader
    /// In the order of their numbers; at least one.
    public var lines: [BatchLine]

    public init(header: BatchHeader, lines: [BatchLine]) {
        self.header = header
        self.lines = lines
    }

    /// The header's line and the events' lines, each with a line feed.
    public func encoded() -> [UInt8] {
        var bytes = header.line
        bytes.reserveCapacity(bytes.count + 1 + lines.reduce(0) { $0 + $1.text.count + 1 })
        bytes.append(UInt8(ascii: "\n"))
        for line in lines {
            bytes.append(contentsOf: line.text)
            bytes.append(UInt8(ascii: "\n"))
        }
        return bytes
    }
}

/// How much a batch may hold. What exceeds it is refused, never cut.
public enum BatchLimits {
    /// Of a batch before compression, in bytes.
    public static let size = 1 << 20
    public static let events = 1_000
    public static let gaps = 64
    /// Of one event's data, in bytes.
    public static let data = 64 << 10
    /// Arrays and objects within one another in an event's data. Ours have two.
    public static let depth = 32
    /// Of an event's type and subject, in bytes. Ours have 40 at most.
    public static let type = 64
    public static let subject = 256
    /// Of an event's line, in bytes: the data, a subject in which each byte needs an escape of six,
    /// and 1 KiB for the rest.
    public static let line = data + 6 * subject + 1_024
}

/// What the events of a batch share, and where the lane stood when it was sent.
public struct BatchHeader: Hashable, Sendable {
    public var site: String
    public var device: String
    public var lane: Lane
    public var epoch: Identifier128
    public var run: Identifier128
    public var boot: Identifier128
    /// The lowest number of this lane and epoch that no acknowledgement has covered. From 1.
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

    /// The header as the first line of a batch, without the line feed.
    public var line: [UInt8] {
        var members = JSONMembers()
        members.add("v", 1)
        members.add("site", site)
        members.add("device", device)
        members.add("lane", lane.name)
        members.add("epoch", epoch.text)
        members.add("run", run.text)
        members.add("boot", boot.text)
        members.add("base", base)
        members.add("first", first)
        members.add("last", last)
        let pairs = gaps.map { "[\($0.lowerBound),\($0.upperBound)]" }
        members.add("gaps", json: Array("[\(pairs.joined(separator: ","))]".utf8))
        if let before {
            members.add("before", before.value.text)
        } else {
            members.addNull("before")
        }
        return members.object
    }
}

/// One event of a batch: its number, and the bytes of its line without the line feed. The bytes are
/// what the running hash covers, and the same event always has the same.
public struct BatchLine: Hashable, Sendable {
    public var seq: Int64
    /// In place: of a batch that was read, a part of its bytes.
    public var text: ArraySlice<UInt8>

    public init(seq: Int64, text: ArraySlice<UInt8>) {
        self.seq = seq
        self.text = text
    }

    public init(seq: Int64, bytes: [UInt8]) { self.init(seq: seq, text: bytes[...]) }

    /// A copy of `text`.
    public var bytes: [UInt8] {
        get { Array(text) }
        set { text = newValue[...] }
    }

    /// Always a line that a batch can hold, whatever a damaged card made of the row: data that is
    /// not a JSON object of at most 64 KiB goes as base64, with the count of the row's bytes, and
    /// cut to its first 48 KiB if it is more; a type or subject that is too long is cut.
    public init(_ record: EventRecord) {
        var members = JSONMembers()
        members.add("seq", record.seq)
        members.add("type", record.type.cut(toBytes: BatchLimits.type))
        members.add("subject", record.subject.cut(toBytes: BatchLimits.subject))
        members.add("ms", record.wall.unixMilliseconds)
        members.add("clock", record.wall.quality.name)
        members.add("tick", record.tick.rawValue)
        members.add("mono", record.at.rawValue)
        members.add("severity", record.severity.name)
        members.add("correlation", record.correlation.rawValue)
        // Last, so that a reader finds the bytes of the data without writing them anew.
        if EventData.isSound(record.data) {
            members.add("data", json: record.data)
        } else {
            // 48 KiB is what 64 KiB of base64 hold.
            let kept = Array(record.data.prefix(BatchLimits.data / 4 * 3))
            members.add("damaged", record.data.count)
            members.add(
                "data_base64",
                json: [UInt8(ascii: "\"")] + kept.base64 + [UInt8(ascii: "\"")])
        }
        self.init(seq: record.seq, bytes: members.object)
    }
}

extension String {
    /// The longest beginning of whole characters that has at most `count` bytes of UTF-8.
    func cut(toBytes count: Int) -> String {
        guard utf8.count > count else { return self }
        var scalars = String.UnicodeScalarView()
        var bytes = 0
        for scalar in unicodeScalars {
            bytes += UTF8.width(scalar)
            if bytes > count { break }
            scalars.append(scalar)
        }
        return String(scalars)
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
