import Control
import Drivers
import HAL
import RelayBoard
import Simulation
import Testing
import Units

/// Answers that no sound board gives: each part of the proof must hold by itself.
@Suite("Proof that the relays are off, from a board that is not sound")
struct OffProofAnswersTests {
    /// The firmware's own core, and a defect in front of it.
    struct DefectiveBoard: RelayBus {
        enum Defect { case none, losesTrips, wantsThePump, isAnother }

        var core = SimulatedRelayBoard()
        var defect = Defect.none

        mutating func write(
            _ block: Span<UInt8>, to register: UInt8, of address: UInt8
        ) throws(RelayBusError) {
            // Acknowledged like any other: I2C does not tell what became of a write.
            if defect == .losesTrips, register == Register.trip.rawValue { return }
            try core.write(block, to: register, of: address)
        }

        mutating func read(
            _ register: UInt8, of address: UInt8, into block: inout InlineArray<32, UInt8>
        ) throws(RelayBusError) -> Int {
            let count = try core.read(register, of: address, into: &block)
            switch (defect, Register(rawValue: register)) {
            case (.wantsThePump, .status): block[1] = RelayMask.pump.rawValue
            case (.isAnother, .identity): block[0] ^= 0x01
            default: break
            }
            return count
        }
    }

    struct Row: CustomTestStringConvertible, Sendable {
        let testDescription: String
        let defect: DefectiveBoard.Defect
        let proof: OffProof
        let sentence: String
    }

    static let rows = [
        Row(
            testDescription: "none", defect: .none, proof: .proven(attempts: 2),
            sentence: "RELAYS PROVEN OFF: the relay board is tripped and reads every pin low "
                + "(attempt 2); it heats again after the reset button at the site"),
        Row(
            testDescription: "all low, but not tripped: a late heartbeat may still switch",
            defect: .losesTrips, proof: .notTripped,
            sentence: "RELAYS NOT PROVEN OFF: the relay board answers, but did not take the TRIP. "
                + "Switch the installation off at its isolator before anything else"),
        Row(
            testDescription: "all low, but one still wanted", defect: .wantsThePump,
            proof: .stillOn(.pump),
            sentence: "RELAYS NOT PROVEN OFF: the relay board is tripped, but reads pump as on. "
                + "Switch the installation off at its isolator before anything else"),
        Row(
            testDescription: "another device at its address", defect: .isAnother,
            proof: .stranger(magic: Register.magic ^ 1),
            sentence: "RELAYS NOT PROVEN OFF: what answers at 0x43 is no relay board: it says "
                + "0x42535543. Switch the installation off at its isolator before anything else"),
    ]

    @Test("one defect, one sentence", arguments: rows)
    func defect(row: Row) {
        var board = PicoRelayBoard(bus: DefectiveBoard(), lease: Milliseconds(500))
        board.bus.defect = row.defect
        let proof = OffProof.take(of: &board) { $0.core.advance(to: $0.core.now + OffProof.pause) }
        #expect(proof == row.proof)
        #expect(proof.sentence(relayNames: ["power", "pump"]) == row.sentence)
    }

    @Test("two answers in a row prove it, not two with a silence between them")
    func interrupted() {
        var board = PicoRelayBoard(bus: DefectiveBoard(), lease: Milliseconds(500))
        board.bus.core.silence(from: Instant(50), to: Instant(150))
        let proof = OffProof.take(of: &board) { $0.core.advance(to: $0.core.now + OffProof.pause) }
        #expect(proof == .proven(attempts: 4))
    }
}
