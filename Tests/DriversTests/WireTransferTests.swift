import HAL
import RelayBoard
import Simulation
import Testing
import Units

/// The virtual board's I2C bus hands the simulated board bytes and no blocks: what a block transfer
/// does, these bytes must do, and a wrong byte must do nothing.
@Suite("Transfers byte by byte")
struct WireTransferTests {
    private static func withPEC(_ bytes: [UInt8]) -> [UInt8] {
        var code = PEC()
        code.add(Register.address << 1)
        code.add(bytes.span)
        return bytes + [code.value]
    }

    /// A lease of 700 ms.
    private static let configure = withPEC([0x03, 4, 1, 0xBC, 0x02, 0])

    private static func write(
        _ bytes: [UInt8], to board: inout SimulatedRelayBoard,
        at address: UInt8 = Register.address
    ) throws(RelayBusError) {
        _ = try board.transfer(bytes.span, reading: 0, isCounted: false, at: address)
    }

    @Test("A write with a right PEC is taken, one with a wrong one is not", arguments: [0, 1])
    func pec(damage: UInt8) throws {
        var board = SimulatedRelayBoard()
        var bytes = Self.configure
        bytes[bytes.count - 1] ^= damage
        try Self.write(bytes, to: &board)
        #expect(board.core.status.leaseMilliseconds == (damage == 0 ? 700 : 500))
    }

    @Test("What is read is the block with count and PEC, counted by the caller or by itself")
    func read() throws {
        var board = SimulatedRelayBoard()
        let register: [UInt8] = [Register.identity.rawValue]
        let whole = try board.transfer(
            register.span, reading: 10, isCounted: false, at: Register.address)
        let counted = try board.transfer(
            register.span, reading: 2, isCounted: true, at: Register.address)
        #expect(whole == counted)
        #expect(whole.prefix(5) == [8, 0x42, 0x55, 0x53, 0x42])
        var code = PEC()
        code.add(Register.address << 1)
        code.add(register.span)
        code.add(Register.address << 1 | 1)
        for byte in whole.dropLast() { code.add(byte) }
        #expect(whole.last == code.value)
    }

    @Test("Damage spoils the PEC of as many transfers as were asked for, and no more")
    func damage() throws {
        var board = SimulatedRelayBoard()
        board.damageTransfers(1)
        try Self.write(Self.configure, to: &board)
        #expect(board.core.status.leaseMilliseconds == 500)
        try Self.write(Self.configure, to: &board)
        #expect(board.core.status.leaseMilliseconds == 700)
    }

    @Test("Nobody answers at another address, on a silent bus, or from a board in reset")
    func noAnswer() {
        var board = SimulatedRelayBoard()
        #expect(throws: RelayBusError.noAnswer) {
            try Self.write(Self.configure, to: &board, at: Register.address + 1)
        }
        board.silence(from: Instant(5), to: Instant(9))
        for (time, answers) in [(4, true), (5, false), (8, false), (9, true)] {
            board.advance(to: Instant(Int64(time)))
            let answered = (try? Self.write(Self.configure, to: &board)) != nil
            #expect(answered == answers, "at \(time) ms")
        }
        board.restart(by: .watchdog, answersAfter: Milliseconds(20))
        #expect(throws: RelayBusError.noAnswer) { try Self.write(Self.configure, to: &board) }
    }
}
