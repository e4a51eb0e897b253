import Control
import Drivers
import HAL
import RelayBoard
import Simulation
import Testing
import Units

/// The simulated board is what the scenarios trust, so its own clock and faults are tested here.
@Suite("Simulated relay board")
struct SimulatedRelayBoardTests {
    typealias Change = SimulatedRelayBoard.Change

    /// A driven board: heartbeat and proof each 100 ms, numbers taken from the status.
    private struct Rig: ~Copyable {
        var board: PicoRelayBoard<SimulatedRelayBoard>
        var answer = BoardAnswer()

        init(_ bus: SimulatedRelayBoard = SimulatedRelayBoard()) {
            board = PicoRelayBoard(bus: bus, lease: Milliseconds(500))
        }

        mutating func tick(at time: Int, _ relays: RelayMask?, arms: Bool = false) {
            board.bus.advance(to: Instant(Int64(time)))
            var outputs = Outputs()
            if let relays {
                outputs.relays = relays
                outputs.heartbeat = (answer.status?.lastHeartbeat ?? 0) &+ 1
                outputs.carriesProof = true
            }
            outputs.arms = arms
            answer = board.exchange(outputs)
        }

        /// Holds `relays` from `start` until just before `end`, armed at the first tick.
        mutating func hold(_ relays: RelayMask, from start: Int, to end: Int) {
            for time in stride(from: start, to: end, by: 100) {
                tick(at: time, relays, arms: time == start)
            }
        }

        var lastChange: Change? { board.bus.changes.last }
    }

    private static func change(_ at: Int, _ relays: RelayMask) -> Change {
        Change(at: Instant(Int64(at)), relays: relays)
    }

    @Test("A lease drops its relays at its own ms between two ticks", arguments: [437, 500, 501])
    func leaseBetweenTicks(lease: Int) {
        var rig = PicoRelayBoard(
            bus: SimulatedRelayBoard(clockAtBoot: 0 &- 300_000),
            lease: Milliseconds(Int64(lease)))
        var outputs = Outputs()
        outputs.configures = true
        outputs.arms = true
        outputs.heartbeat = 1
        outputs.relays = .circulating
        _ = rig.exchange(outputs)
        rig.bus.advance(to: Instant(100_000))
        #expect(
            rig.bus.changes == [
                Self.change(0, .circulating), Self.change(lease, .none),
            ])
        rig.bus.removeChanges()
        #expect(rig.bus.changes.isEmpty)
    }

    @Test("Big steps and small ones give the same history")
    func stepsDoNotMatter() {
        var histories: [[Change]] = []
        for step in [1, 7, 100] {
            var rig = Rig(SimulatedRelayBoard(clockAtBoot: 0 &- 2_000_000))
            for time in stride(from: 0, to: 4_200, by: 100) {
                while rig.board.bus.now < Instant(Int64(time)) {
                    let next = min(rig.board.bus.now.rawValue + Int64(step), Int64(time))
                    rig.board.bus.advance(to: Instant(next))
                }
                rig.tick(at: time, time < 3_000 ? .igniting : .heating, arms: time == 0)
            }
            rig.board.bus.stickLow(.pump)
            rig.board.bus.advance(to: Instant(9_000))
            histories.append(rig.board.bus.changes)
        }
        #expect(
            histories[0] == [
                Self.change(0, .igniting), Self.change(3_000, .heating),
                Self.change(4_150, .none),
            ])
        #expect(histories[1] == histories[0] && histories[2] == histories[0])
    }

    @Test("A silent bus lets the lease run out and answers again at its end")
    func silence() {
        var rig = Rig()
        rig.board.bus.silence(from: Instant(1_000), to: Instant(2_000))
        rig.hold(.heating, from: 0, to: 2_000)
        #expect(rig.answer.failed)
        #expect(rig.lastChange == Self.change(1_400, .none))
        rig.tick(at: 2_000, nil)
        #expect(rig.answer.status?.tripCause == .leaseWithHeat)
    }

    @Test("A watchdog reset drops the relays at once and answers after its silence")
    func watchdogReset() {
        var rig = Rig()
        rig.hold(.heating, from: 0, to: 1_000)
        rig.board.bus.advance(to: Instant(950))
        rig.board.bus.restart(by: .watchdog, answersAfter: Milliseconds(40))
        #expect(rig.lastChange == Self.change(950, .none))
        #expect(rig.board.bus.isInReset)
        rig.tick(at: 989, nil)
        #expect(rig.answer.status == nil)
        rig.tick(at: 1_000, nil)
        #expect(rig.answer.status?.resetCause == .watchdog)
        #expect(rig.answer.status?.bootCount == 2)
        #expect(rig.answer.status?.isArmed == false)
        #expect(rig.answer.status?.clockMicroseconds == 10_000)
        #expect(rig.answer.status?.isTripped == false)
    }

    @Test("The third watchdog reset within 10 min trips; a power cycle forgets the first two")
    func threeResets() {
        for (second, isTripped) in [(BoardResetCause.watchdog, true), (.powerOn, false)] {
            var bus = SimulatedRelayBoard()
            for (time, cause) in [(1_000, .watchdog), (2_000, second), (3_000, .watchdog)] {
                bus.advance(to: Instant(Int64(time)))
                bus.restart(by: cause as BoardResetCause, answersAfter: Milliseconds(20))
            }
            bus.advance(to: Instant(4_000))
            #expect(bus.core.isTripped == isTripped)
        }
    }

    @Test(
        "A pin stuck high trips an idle board after 50 ms and reads back", arguments: [true, false])
    func stuckPins(isHigh: Bool) {
        var rig = Rig()
        rig.hold(.circulating, from: 0, to: 1_000)
        rig.board.bus.advance(to: Instant(925))
        if isHigh { rig.board.bus.stickHigh(.valve) } else { rig.board.bus.stickLow(.pump) }
        rig.tick(at: 974, nil)
        #expect(rig.answer.status?.hasMismatch == true)
        #expect(rig.answer.status?.isTripped == false)
        rig.tick(at: 1_000, nil)
        #expect(rig.lastChange == Self.change(975, .none))
        #expect(rig.answer.status?.tripCause == .readBack)
        #expect(rig.answer.status?.actual == (isHigh ? RelayMask.valve : RelayMask.none))
        rig.board.bus.unstick(RelayMask(rawValue: 0xFF))
        rig.tick(at: 1_100, nil)
        #expect(rig.answer.status?.hasMismatch == false)
    }

    @Test(
        "The board's clock drifts by ‰, and its lease with it",
        arguments: [(0, 1_000_000, 500), (20, 1_020_000, 491), (-21, 979_000, 511)])
    func drift(permille: Int, counted: UInt32, lease: Int) {
        var rig = Rig(SimulatedRelayBoard(clockAtBoot: .max))
        rig.board.bus.advance(to: Instant(7_000))
        rig.board.bus.setDrift(permille: permille)
        rig.tick(at: 7_000, nil)
        let before = rig.answer.status?.clockMicroseconds ?? 0
        rig.tick(at: 8_000, .circulating, arms: true)
        #expect((rig.answer.status?.clockMicroseconds ?? 0) &- before == counted)
        rig.board.bus.advance(to: Instant(9_000))
        #expect(rig.lastChange == Self.change(8_000 + lease, .none))
    }

    @Test("A slow transfer takes its time from the lease")
    func delay() {
        var rig = Rig()
        rig.board.bus.delayTransfers(by: Milliseconds(9))
        rig.tick(at: 0, .circulating, arms: true)
        // ARM at 9 ms, control at 18 ms, status at 27 ms.
        #expect(rig.board.bus.now == Instant(27))
        #expect(rig.lastChange == Self.change(18, .circulating))
        rig.board.bus.advance(to: Instant(20))
        #expect(rig.board.bus.now == Instant(27))
        rig.board.bus.advance(to: Instant(600))
        #expect(rig.lastChange == Self.change(518, .none))
    }

    @Test("The local reset lets ARM clear a trip")
    func localReset() {
        var rig = Rig()
        rig.tick(at: 0, nil)
        #expect(rig.board.trip() == .done)
        rig.board.bus.advance(to: Instant(1_003))
        rig.board.bus.setLocalReset(active: true)
        rig.board.bus.advance(to: Instant(2_002))
        rig.tick(at: 2_002, RelayMask.none, arms: true)
        #expect(rig.answer.status?.isTripped == true)
        #expect(rig.answer.status?.refusal == .noLocalReset)
        rig.tick(at: 2_003, RelayMask.none, arms: true)
        #expect(rig.answer.status?.isTripped == false)
        #expect(rig.answer.status?.isArmed == true)
        #expect(rig.board.bus.drive == .none)
    }

    @Test("A leap over the wrap of the board's counter forgets no deadline and no rest")
    func leap() {
        var rig = Rig()
        rig.hold(.heating, from: 0, to: 1_000)
        // The counter wraps after 4 294 967.3 ms; 5 s later the rest of 10 s would look half done.
        rig.tick(at: 1_400 + 4_294_968 + 5_000, nil)
        #expect(rig.lastChange == Self.change(1_400, .none))
        #expect(rig.answer.status?.isRested == true)
    }

    @Test("Another address does not answer")
    func otherAddress() {
        var bus = SimulatedRelayBoard()
        var block = InlineArray<32, UInt8>(repeating: 0)
        #expect(throws: RelayBusError.noAnswer) { try bus.read(1, of: 0x42, into: &block) }
    }
}

extension RelayMask {
    static let igniting = heating.union(spark)
}
