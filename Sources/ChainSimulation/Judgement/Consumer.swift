import Bridge
import Events
import Wire

/// Who an event is, in the whole world.
struct EventIdentity: Hashable {
    var device: String
    var epoch: Identifier128
    var lane: Lane
    var seq: Int64

    /// Reads `ce_id`, "<epoch>:<lane>:<seq>".
    init?(device: String, id: String) {
        let parts = id.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count == 3, let epoch = Identifier128(text: String(parts[0])),
            let lane = Lane.allCases.first(where: { $0.name == parts[1] }),
            let seq = Int64(parts[2])
        else { return nil }
        self.init(device: device, epoch: epoch, lane: lane, seq: seq)
    }

    init(device: String, epoch: Identifier128, lane: Lane, seq: Int64) {
        self.device = device
        self.epoch = epoch
        self.lane = lane
        self.seq = seq
    }

    var stream: EventStream { EventStream(device: device, epoch: epoch, lane: lane) }
}

/// One sequence of numbers.
struct EventStream: Hashable {
    var device: String
    var epoch: Identifier128
    var lane: Lane

    var text: String { "\(device) \(lane.name) \(epoch.text.prefix(8))" }
}

/// What a consumer of the topics does in one transaction with its offset: takes each identity once.
///
/// It keeps a high-water mark for each stream and the numbers above it that came before their
/// time; no row for each event. A second record of an identity is a duplicate if its bytes are the
/// same, and a collision if not.
struct Consumer {
    enum Finding { case applied, duplicate, collision }

    private struct Seen {
        /// Every number up to here was seen, or lies in no record at all and never will be waited
        /// for: a consumer cannot know of gaps, so it only closes what is contiguous.
        var mark: Int64 = 0
        var above: Set<Int64> = []
        /// Of recent numbers; a real consumer keeps as many as its window of collisions is long.
        var hashes: [Int64: UInt64] = [:]
    }

    private var streams: [EventStream: Seen] = [:]

    mutating func consume(_ identity: EventIdentity, contentHash: UInt64) -> Finding {
        var seen = streams[identity.stream] ?? Seen()
        defer { streams[identity.stream] = seen }
        if let known = seen.hashes[identity.seq] {
            return known == contentHash ? .duplicate : .collision
        }
        seen.hashes[identity.seq] = contentHash
        seen.above.insert(identity.seq)
        while seen.above.remove(seen.mark + 1) != nil { seen.mark += 1 }
        return .applied
    }
}

/// Over what makes the content of an event: all but what the bridge adds.
func contentHash(of record: SinkRecord) -> UInt64 {
    var sum = FNV1a()
    func add(_ bytes: some Sequence<UInt8>) {
        sum.add(bytes)
        // In no UTF-8 text: bytes cannot move from one piece to the next.
        sum.add(0xFF)
    }
    add(record.value)
    for header in record.headers.texts where !setByBridge.contains(header.name) {
        add(header.name.utf8)
        add(header.value.utf8)
    }
    return sum.hash
}

/// Headers that differ between two records of one event.
private let setByBridge: Set<String> = ["ce_recordedtime", "ce_busbarhash"]
