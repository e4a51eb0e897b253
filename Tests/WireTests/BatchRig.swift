import Events
import Units
import Wire

/// Batches to take apart.
enum BatchRig {
    static let epoch = Identifier128(high: 1, low: 0xABC)
    static let run = Identifier128(high: 0x1111_2222_3333_4444, low: 0x5555_6666_7777_8888)
    static let boot = Identifier128(high: 2, low: 3)

    static func record(
        _ seq: Int64, subject: String = "alarm/E103", type: String = "alarm.raised.v1",
        data: String = #"{"code":"E103"}"#
    ) -> EventRecord {
        EventRecord(
            lane: .alarm, epoch: epoch, seq: seq, tick: Tick(5_012), at: Instant(501_200),
            wall: WallTime(unixMilliseconds: 1_700_000_000_123, quality: .synced),
            severity: .fatal, correlation: Correlation(77), type: type, subject: subject,
            data: Array(data.utf8), run: run, boot: boot)
    }

    static func header(
        base: Int64, first: Int64, last: Int64, gaps: [ClosedRange<Int64>] = []
    ) -> BatchHeader {
        BatchHeader(
            site: "house", device: "heater-1", lane: .alarm, epoch: epoch, run: run, boot: boot,
            base: base, first: first, last: last, gaps: gaps, before: nil)
    }

    /// Base 17, a gap at 17, events 18 to 20.
    static let small = EventBatch(
        header: header(base: 17, first: 18, last: 20, gaps: [17...17]),
        lines: [18, 19, 20].map { BatchLine(record($0)) })

    /// A batch with the header of `small`, one text in it replaced, and its lines.
    static func smallHeader(_ old: String, _ new: String) -> [UInt8] {
        let text = String(decoding: small.encoded(), as: UTF8.self)
        let end = text.firstIndex(of: "\n") ?? text.endIndex
        let header = text[..<end].split(
            separator: old, maxSplits: 1, omittingEmptySubsequences: false)
        precondition(header.count == 2, "the header has no \(old)")
        return Array((header.joined(separator: new) + text[end...]).utf8)
    }

    /// The reason why these bytes are no batch.
    static func refusal(_ bytes: [UInt8]) -> String {
        do throws(BatchError) {
            _ = try EventBatch(decoding: bytes)
            return "taken"
        } catch {
            return error.description
        }
    }

    /// What `event(at: 0)` says of a batch whose only line this is.
    static func verdict(line: String) -> String {
        let batch = EventBatch(
            header: header(base: 18, first: 18, last: 18),
            lines: [BatchLine(seq: 18, bytes: Array(line.utf8))])
        do throws(BatchError) {
            let decoded = try EventBatch(decoding: batch.encoded())
            _ = try decoded.event(at: 0)
            return "taken"
        } catch {
            return error.description
        }
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
