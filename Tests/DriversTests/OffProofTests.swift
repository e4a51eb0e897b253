import Control
import Drivers
import RelayBoard
import Simulation
import Testing
import Units

/// Against the firmware's own core: what a board says after its controller was given up.
@Suite("Proof that the relays are off")
struct OffProofTests {
    private static let names = [
        "power", "pump", "valve", "spark", "element", "demand", "fan", "relay7",
    ]

    /// A board that holds the pump in the middle of a lease, as a killed controller leaves it.
    private static func abandoned(
        _ prepare: (inout SimulatedRelayBoard) -> Void = { _ in }
    ) -> PicoRelayBoard<SimulatedRelayBoard> {
        var board = PicoRelayBoard(bus: SimulatedRelayBoard(), lease: Milliseconds(500))
        var outputs = Outputs()
        outputs.configures = true
        outputs.arms = true
        outputs.heartbeat = 1
        outputs.relays = .pump.union(.power)
        _ = board.exchange(outputs)
        prepare(&board.bus)
        return board
    }

    private static func prove(_ board: inout PicoRelayBoard<SimulatedRelayBoard>) -> OffProof {
        OffProof.take(of: &board) { $0.advance(to: $0.now + OffProof.pause) }
    }

    @Test("a running lease is cut short, and the second answer proves it")
    func proven() {
        var board = Self.abandoned()
        #expect(board.bus.drive == .pump.union(.power))
        let proof = Self.prove(&board)
        #expect(proof == .proven(attempts: 2) && proof.isProven)
        #expect(board.bus.drive.isEmpty && board.bus.core.status.tripCause == .host)
        #expect(board.bus.now == Instant(100), "it must not wait for the lease")
        #expect(
            proof.sentence(relayNames: Self.names)
                == "RELAYS PROVEN OFF: the relay board is tripped and reads every pin low (attempt "
                + "2); it heats again after the reset button at the site")
    }

    @Test("a pin that stays high is named, and nothing is proven")
    func stillOn() {
        var board = Self.abandoned { $0.stickHigh(.pump.union(.demand)) }
        let proof = Self.prove(&board)
        #expect(proof == .stillOn(.pump.union(.demand)) && !proof.isProven)
        #expect(
            proof.sentence(relayNames: Self.names)
                == "RELAYS NOT PROVEN OFF: the relay board is tripped, but reads pump, demand as "
                + "on. Switch the installation off at its isolator before anything else")
    }

    @Test("a board that restarts is waited for, to the last attempt", arguments: [4_800, 4_900])
    func restarting(silence: Int64) {
        var board = Self.abandoned {
            $0.silence(from: Instant(0), to: Instant(silence))
        }
        let proof = Self.prove(&board)
        // Two answers are needed: those at 4 800 and 4 900 ms are the last two.
        if silence == 4_800 {
            #expect(proof == .proven(attempts: 50))
        } else {
            #expect(proof == .unconfirmed)
            #expect(
                proof.sentence(relayNames: Self.names)
                    == "RELAYS NOT PROVEN OFF: the relay board answered only once, too late to be "
                    + "asked again. Switch the installation off at its isolator before anything "
                    + "else")
        }
    }

    @Test("silence is no proof, though every lease is over")
    func silent() {
        var board = Self.abandoned { $0.silence(from: Instant(0), to: Instant(60_000)) }
        let proof = Self.prove(&board)
        // Each attempt: TRIP, status and identity, twice each.
        #expect(
            proof.sentence(relayNames: Self.names)
                == "RELAYS NOT PROVEN OFF: no relay board answered (300 not acknowledged). Switch "
                + "the installation off at its isolator before anything else")
    }

    @Test("a board whose clock stands still proves nothing: the answer may be an old one")
    func frozen() {
        var board = Self.abandoned()
        let proof = OffProof.take(of: &board) { _ in }
        #expect(proof == .frozen)
        #expect(
            proof.sentence(relayNames: Self.names)
                == "RELAYS NOT PROVEN OFF: the relay board answers, but its clock stands still. "
                + "Switch the installation off at its isolator before anything else")
    }

    @Test("one damaged answer in between costs one attempt")
    func damaged() {
        var board = Self.abandoned { $0.damageTransfers(7) }
        #expect(Self.prove(&board) == .proven(attempts: 3))
    }

    @Test("a bus that cannot be opened proves nothing, and says what to do first")
    func unreachable() {
        #expect(
            OffProof.unreachable("cannot open the relay board's bus /dev/i2c-1: No such file")
                == "RELAYS NOT PROVEN OFF: cannot open the relay board's bus /dev/i2c-1: No such "
                + "file. Switch the installation off at its isolator before anything else")
    }
}
