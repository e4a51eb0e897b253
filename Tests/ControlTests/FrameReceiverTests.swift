import Testing
import Units

@testable import Control

@Suite("Frame receiver")
struct FrameReceiverTests {
    static let plan: FramePlan = {
        var plan = FramePlan()
        plan.id = NodeLayout.id
        plan.aliveCounter = NodeLayout.alive
        plan.bootCounter = NodeLayout.boot
        plan.checksumByte = 7
        return plan
    }()

    static func frame(_ alive: Int64, boot: Int64 = 1) -> CANFrame {
        var node = Node()
        node.alive = alive
        node.boot = boot
        return node.repeated()
    }

    struct Row: CustomTestStringConvertible, Sendable {
        let testDescription: String
        let before: Int64
        let now: Int64
        let verdict: FrameReceiver.Verdict
        var missed: Int64 = 0
    }

    static let rows: [Row] = [
        Row(testDescription: "an advance", before: 3, now: 4, verdict: .accepted),
        Row(testDescription: "a repeat", before: 3, now: 3, verdict: .repeated),
        Row(testDescription: "a wrap", before: 15, now: 0, verdict: .accepted),
        Row(testDescription: "a frame lost", before: 3, now: 5, verdict: .accepted, missed: 1),
        Row(
            testDescription: "half the range ahead", before: 3, now: 11, verdict: .accepted,
            missed: 7),
        Row(testDescription: "more than half is back", before: 3, now: 12, verdict: .outOfOrder),
        Row(testDescription: "one back", before: 3, now: 2, verdict: .outOfOrder),
        Row(testDescription: "one back over the wrap", before: 0, now: 15, verdict: .outOfOrder),
        Row(
            testDescription: "a jump over the wrap", before: 14, now: 1, verdict: .accepted,
            missed: 2),
    ]

    @Test("a step of the alive counter", arguments: rows)
    func judgesCounter(row: Row) {
        var receiver = FrameReceiver()
        let first = receiver.judge(Self.frame(row.before), header: Self.plan.header)
        #expect(first == .accepted)
        let verdict = receiver.judge(Self.frame(row.now), header: Self.plan.header)
        #expect(verdict == row.verdict)
        #expect(receiver.missed == row.missed)
    }

    @Test("a counter that stands still is refused for ever")
    func refusesFrozen() {
        var receiver = FrameReceiver()
        _ = receiver.judge(Self.frame(5), header: Self.plan.header)
        for _ in 0..<1_000 {
            let verdict = receiver.judge(Self.frame(5), header: Self.plan.header)
            #expect(verdict == .repeated)
        }
    }

    @Test("a node that lost count is refused once and then followed")
    func resumesAfterBack() {
        var receiver = FrameReceiver()
        let verdicts = [10, 3, 4, 5].map {
            receiver.judge(Self.frame($0), header: Self.plan.header)
        }
        #expect(verdicts == [.accepted, .outOfOrder, .accepted, .accepted])
    }

    @Test("another boot count is a restart, whatever the alive counter says")
    func seesRestart() {
        var receiver = FrameReceiver()
        let verdicts = [(5, 1), (5, 2), (6, 2), (6, 1)].map { alive, boot in
            receiver.judge(Self.frame(Int64(alive), boot: Int64(boot)), header: Self.plan.header)
        }
        #expect(verdicts == [.accepted, .restarted, .accepted, .restarted])
        #expect(receiver.boot == 1)
    }

    @Test("every single bit flip of a frame is refused by its checksum")
    func refusesFlips() {
        for bit in 0..<64 {
            var receiver = FrameReceiver()
            var frame = Self.frame(5)
            frame.payload ^= 1 << UInt64(bit)
            let verdict = receiver.judge(frame, header: Self.plan.header)
            #expect(verdict == .badChecksum, "bit \(bit)")
        }
    }

    @Test("a frame under another identifier is refused by its checksum")
    func refusesRelabelled() {
        var receiver = FrameReceiver()
        var frame = Self.frame(5)
        frame.id = 0x357
        let verdict = receiver.judge(frame, header: Self.plan.header)
        #expect(verdict == .badChecksum)
    }

    @Test("a damaged frame does not move the counter")
    func keepsCounterOverDamage() {
        var receiver = FrameReceiver()
        _ = receiver.judge(Self.frame(5), header: Self.plan.header)
        var damaged = Self.frame(9)
        damaged.payload ^= 1 << 20
        _ = receiver.judge(damaged, header: Self.plan.header)
        let verdict = receiver.judge(Self.frame(6), header: Self.plan.header)
        #expect(verdict == .accepted)
        #expect(receiver.missed == 0)
    }

    @Test("a short frame is garbage", arguments: 0..<8)
    func refusesShort(length: UInt8) {
        var receiver = FrameReceiver()
        var frame = Self.frame(5)
        frame.length = length
        let verdict = receiver.judge(frame, header: Self.plan.header)
        #expect(verdict == .tooShort)
    }

    @Test("a message without an alive counter is never taken")
    func needsAliveCounter() {
        var plan = Self.plan
        plan.aliveCounter = nil
        var receiver = FrameReceiver()
        let verdicts = [1, 2, 3].map { receiver.judge(Self.frame($0), header: plan.header) }
        #expect(verdicts == [.repeated, .repeated, .repeated])
    }

    /// The catalogue of CRC algorithms gives 0x4B for "123456789" (CRC-8/SAE-J1850). The identifier
    /// takes the place of the first two characters, low byte first.
    @Test("the checksum is CRC-8 SAE J1850")
    func matchesCatalogue() {
        var payload: UInt64 = 0
        for (index, character) in "3456789".utf8.enumerated() {
            payload |= UInt64(character) << UInt64(index * 8)
        }
        let frame = CANFrame(id: 0x3231, length: 8, payload: payload)
        #expect(frameChecksum(of: frame, checksumByte: 7) == 0x4B)
    }
}
