import Control
import Drivers
import HAL
import RelayBoard
import Simulation
import Testing
import Units

/// The driver against the board's own rules, over bytes with PECs.
@Suite("Driver of the relay board")
struct PicoRelayBoardTests {
    private func makeBoard() -> PicoRelayBoard<SimulatedRelayBoard> {
        PicoRelayBoard(bus: SimulatedRelayBoard(), lease: Milliseconds(400))
    }

    /// What the core asks for in a tick in which it holds these relays.
    private func holding(_ relays: RelayMask, number: UInt8, proof: Bool = true) -> Outputs {
        var outputs = Outputs()
        outputs.relays = relays
        outputs.heartbeat = number
        outputs.carriesProof = proof
        return outputs
    }

    @Test("Configure, arm and control of one tick energise in that tick")
    func firstTick() {
        var board = makeBoard()
        var outputs = holding(.circulating, number: 1)
        outputs.configures = true
        outputs.arms = true
        outputs.readsIdentity = true
        let answer = board.exchange(outputs)
        #expect(answer.writes == .done && answer.trip == .notTried && !answer.failed)
        #expect(answer.identity?.magic == Register.magic)
        #expect(answer.identity?.selfTest == BoardIdentity.selfTestPassed)
        #expect(answer.status?.leaseMilliseconds == 400)
        #expect(answer.status?.isArmed == true)
        #expect(answer.status?.lastHeartbeat == 1)
        #expect(answer.status?.wanted == .circulating)
        #expect(answer.status?.actual == .circulating)
        #expect(board.bus.drive == .circulating)
        #expect(board.counters == TransferCounters())
    }

    @Test("Without a heartbeat nothing is written, and the status is read")
    func silentTick() {
        var board = makeBoard()
        let answer = board.exchange(Outputs())
        #expect(answer.writes == .notTried && answer.trip == .notTried)
        #expect(answer.status != nil && answer.identity == nil)
        #expect(!answer.failed)
    }

    @Test("The proof goes only with outputs that carry it")
    func proof() {
        for carriesProof in [true, false] {
            var board = makeBoard()
            var outputs = holding(.heating, number: 0, proof: carriesProof)
            outputs.arms = true
            for tick in 0...80 {
                board.bus.advance(to: Instant(Int64(tick) * 100))
                outputs.heartbeat = UInt8(tick + 1)
                _ = board.exchange(outputs)
                outputs.arms = false
            }
            #expect(board.bus.drive == (carriesProof ? .heating : .none))
            #expect(board.bus.core.status.tripCause == (carriesProof ? .none : .unproven))
        }
    }

    @Test("TRIP goes alone: no control write is made beside it")
    func tripAlone() {
        var board = makeBoard()
        var outputs = holding(.circulating, number: 1)
        outputs.arms = true
        _ = board.exchange(outputs)
        outputs = holding(.circulating, number: 2)
        outputs.trips = true
        outputs.configures = true
        outputs.arms = true
        let answer = board.exchange(outputs)
        #expect(answer.trip == .done && answer.writes == .notTried)
        #expect(answer.status?.tripCause == .host)
        #expect(answer.status?.onAtTrip == .circulating)
        #expect(answer.status?.lastHeartbeat == 1)
        #expect(board.bus.drive == .none)
    }

    @Test("A board that does not answer fails writes and status, each attempt counted")
    func noAnswer() {
        var board = makeBoard()
        board.bus.silence(from: Instant(0), to: Instant(100))
        let answer = board.exchange(holding(.circulating, number: 1))
        #expect(answer.writes == .failed && answer.status == nil && answer.failed)
        // Control once, status twice.
        #expect(board.counters.noAnswer == 3)
        #expect(board.trip() == .failed)
        #expect(board.counters.noAnswer == 5)
        board.bus.advance(to: Instant(100))
        #expect(board.trip() == .done)
    }

    @Test("After a time-out nothing more is tried in the exchange, but TRIP always is")
    func timedOut() {
        var board = makeBoard()
        board.bus.delayTransfers(by: SimulatedRelayBoard.timeOut)
        var outputs = holding(.circulating, number: 1)
        outputs.configures = true
        outputs.arms = true
        outputs.readsIdentity = true
        let answer = board.exchange(outputs)
        #expect(answer.writes == .failed && answer.status == nil && answer.identity == nil)
        #expect(board.counters.timedOut == 1)
        #expect(board.bus.now == Instant(10))
        #expect(board.trip() == .failed)
        #expect(board.counters.timedOut == 2)
        board.bus.delayTransfers(by: Milliseconds(9))
        #expect(board.trip() == .done)
        #expect(!board.exchange(Outputs()).failed)
    }

    @Test("A failed configure keeps ARM from being written; the relays can still be switched off")
    func failedConfigure() {
        var bus = Script()
        bus.failing = [.configure]
        var board = PicoRelayBoard(bus: bus, lease: Milliseconds(500))
        var outputs = holding(.none, number: 9)
        outputs.configures = true
        outputs.arms = true
        let answer = board.exchange(outputs)
        #expect(answer.writes == .failed)
        #expect(answer.status == BoardStatus())
        #expect(board.bus.seen == [.configure, .configure, .control, .status])
    }

    @Test("Only the control write is never repeated")
    func retries() {
        for (failing, seen) in [
            (Register.control, [Register.configure, .arm, .control, .status, .identity]),
            (.arm, [.configure, .arm, .arm, .control, .status, .identity]),
            (.status, [.configure, .arm, .control, .status, .status, .identity]),
            (.identity, [.configure, .arm, .control, .status, .identity, .identity]),
        ] {
            var bus = Script()
            bus.failing = [failing]
            var board = PicoRelayBoard(bus: bus, lease: Milliseconds(500))
            var outputs = holding(.none, number: 1)
            outputs.configures = true
            outputs.arms = true
            outputs.readsIdentity = true
            let answer = board.exchange(outputs)
            #expect(board.bus.seen == seen)
            #expect((answer.writes == .failed) == (failing == .control || failing == .arm))
            #expect((answer.status == nil) == (failing == .status))
            #expect((answer.identity == nil) == (failing == .identity))
        }
    }

    @Test("Each kind of error has its counter")
    func kinds() {
        var counters = TransferCounters()
        let kinds: [RelayBusError] = [
            .noAnswer, .timedOut, .wrongPEC, .arbitrationLost, .wrongLength,
        ]
        for (index, kind) in kinds.enumerated() {
            for _ in 0...index { counters.add(kind) }
        }
        #expect(counters.noAnswer == 1 && counters.timedOut == 2 && counters.wrongPEC == 3)
        #expect(counters.arbitrationLost == 4 && counters.wrongLength == 5)
    }

    @Test("A status of another length or with an unknown cause is no status")
    func strangeStatus() {
        var short = PicoRelayBoard(bus: Script(statusLength: 15), lease: Milliseconds(500))
        #expect(short.exchange(Outputs()).status == nil)
        #expect(short.counters.wrongLength == 2)
        var strange = PicoRelayBoard(bus: Script(tripCause: 8), lease: Milliseconds(500))
        #expect(strange.exchange(Outputs()).status == nil)
        #expect(strange.counters.unreadable == 1)
    }

    @Test("A control write damaged on its way shows in the status, and the next number is the same")
    func damagedControl() {
        var board = makeBoard()
        var outputs = holding(.circulating, number: 1)
        outputs.arms = true
        _ = board.exchange(outputs)
        board.bus.advance(to: Instant(100))
        board.bus.damageTransfers(1)
        var answer = board.exchange(holding(.circulating, number: 2))
        #expect(answer.writes == .done)
        #expect(answer.status?.lastHeartbeat == 1)
        board.bus.advance(to: Instant(200))
        answer = board.exchange(holding(.circulating, number: 2))
        #expect(answer.status?.lastHeartbeat == 2)
    }

    @Test("A damaged status is read again")
    func damagedStatus() {
        var board = makeBoard()
        board.bus.damageTransfers(1)
        #expect(board.exchange(Outputs()).status != nil)
        #expect(board.counters.wrongPEC == 1)
        board.bus.damageTransfers(2)
        #expect(board.exchange(Outputs()).status == nil)
        #expect(board.counters.wrongPEC == 3)
    }
}

/// A bus that fails where it is told to and remembers what was asked.
private struct Script: RelayBus {
    var failing: [Register] = []
    var seen: [Register] = []
    var statusLength = BoardStatus.length
    var tripCause: UInt8 = 0

    mutating func write(
        _ block: Span<UInt8>, to register: UInt8, of address: UInt8
    ) throws(RelayBusError) {
        try note(register)
    }

    mutating func read(
        _ register: UInt8, of address: UInt8, into block: inout InlineArray<32, UInt8>
    ) throws(RelayBusError) -> Int {
        try note(register)
        guard register == Register.status.rawValue else { return BoardIdentity.length }
        block[4] = tripCause
        return statusLength
    }

    private mutating func note(_ register: UInt8) throws(RelayBusError) {
        guard let register = Register(rawValue: register) else { throw .noAnswer }
        seen.append(register)
        if failing.contains(register) { throw .arbitrationLost }
    }
}

extension RelayMask {
    static let circulating = power.union(pump)
    static let heating = circulating.union(valve)
}
