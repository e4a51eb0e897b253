import Events
import Units
import Wire

/// Batches to send.
enum Batches {
    static let epoch = Identifier128(high: 1, low: 0xABC)

    /// Events `first` and following, of one lane, each with about `size` bytes of data.
    static func batch(count: Int64, size: Int = 60, first: Int64 = 18) -> EventBatch {
        let last = first + count - 1
        let lines = (first...last).map { seq in
            BatchLine(
                EventRecord(
                    lane: .event, epoch: epoch, seq: seq, tick: Tick(UInt64(seq) * 10),
                    at: Instant(seq * 1_000),
                    wall: WallTime(
                        unixMilliseconds: 1_700_000_000_123 + seq * 1_000, quality: .synced),
                    severity: .info, correlation: Correlation(UInt64(seq) << 8),
                    type: "relay.commanded.v1", subject: "relay/mask",
                    data: data(size: size, seq: seq), run: epoch, boot: epoch))
        }
        return EventBatch(
            header: BatchHeader(
                site: "house", device: "heater-1", lane: .event, epoch: epoch, run: epoch,
                boot: epoch, base: first, first: first, last: last, gaps: [], before: nil),
            lines: lines)
    }

    private static func data(size: Int, seq: Int64) -> [UInt8] {
        var names: [String] = []
        var bytes = 20
        while bytes < size {
            let name = ["power", "pump", "valve", "spark", "element"][Int(seq + 1) % 5]
            names.append("\"\(name)\"")
            bytes += name.utf8.count + 3
        }
        return Array("{\"from\":[],\"to\":[\(names.joined(separator: ","))]}".utf8)
    }
}

/// Vigna's SplitMix64: small, and the same on every machine.
struct SplitMix64: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
