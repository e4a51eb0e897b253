import Glibc
import HAL
import LinuxHAL
import RelayBoard
import Testing
import Units

@testable import LinuxBuses

@Suite("I2C adapter")
struct I2CTests {
    /// By the bits of busbar_devices.h: 1 reads blocks, 2 writes blocks, 4 gives codes, 8 is plain.
    @Test(
        "the kernel gives the codes for an adapter of plain I2C",
        arguments: [
            // i2c-bcm2835, i2c_designware, one that does SMBus by itself, and one without codes.
            (Int32(14), true), (Int32(11), true), (Int32(7), true), (Int32(3), false),
        ])
    func codes(row: (abilities: Int32, areGiven: Bool)) {
        #expect(I2CRelayBus.givesPEC(row.abilities) == row.areGiven)
    }

    @Test(
        "each errno of an adapter is a kind of failure",
        arguments: [
            (ENXIO, RelayBusError.noAnswer), (EREMOTEIO, .noAnswer), (ENODEV, .noAnswer),
            (EIO, .noAnswer), (ETIMEDOUT, .timedOut), (EBUSY, .timedOut), (EBADMSG, .wrongPEC),
            (EAGAIN, .arbitrationLost), (EPROTO, .wrongLength), (EMSGSIZE, .wrongLength),
        ])
    func kinds(number: Int32, error: RelayBusError) {
        #expect(relayBusError(ofErrno: number) == error)
    }

    @Test(
        "one transfer takes a fifth of a tick at most, in steps of 10 ms",
        arguments: [(20, 10), (49, 10), (50, 10), (99, 10), (100, 20)] as [(Int64, Int64)])
    func timeout(tick: Int64, expected: Int64) {
        #expect(I2CRelayBus.timeout(forTick: Milliseconds(tick)) == Milliseconds(expected))
    }

    @Test("a node that is not there is refused with what to do")
    func refusal() throws {
        let error = #expect(throws: SystemError.self) {
            _ = try I2CRelayBus(
                path: "/dev/i2c-that-is-not-there", address: 0x43, tick: Milliseconds(100))
        }
        #expect(
            error?.description == """
                cannot open the relay board's bus /dev/i2c-that-is-not-there: No such file or \
                directory (errno 2): switch the bus on (dtparam=i2c_arm=on) and load the module \
                i2c-dev
                """)
    }

    @Test("three time-outs in a row are a stuck bus, once; any answer ends it")
    func stuckBus() {
        var stuck = StuckBus()
        for _ in 0..<2 { stuck.note(.timedOut) }
        #expect(!stuck.isStuck && stuck.count == 0)
        stuck.note(.timedOut)
        #expect(stuck.isStuck && stuck.count == 1)
        stuck.note(.timedOut)
        #expect(stuck.isStuck && stuck.count == 1)
        stuck.note(.noAnswer)
        #expect(!stuck.isStuck)
        for _ in 0..<2 { stuck.note(.timedOut) }
        stuck.note(nil)
        stuck.note(.timedOut)
        #expect(!stuck.isStuck && stuck.count == 1)
        for _ in 0..<2 { stuck.note(.timedOut) }
        #expect(stuck.isStuck && stuck.count == 2)
    }
}

/// Reads whose length is known beforehand, as the Pi 4's adapter makes them.
@Suite("Block read as a plain message")
struct BlockContentTests {
    static let address: UInt8 = 0x43
    static let register: UInt8 = 0x00

    /// Count, content, code, and what a target may send after the end.
    static func message(count: UInt8, content: [UInt8], after: [UInt8] = []) -> [UInt8] {
        var code = PEC()
        for byte in [address << 1, register, address << 1 | 1, count] + content { code.add(byte) }
        return [count] + content + [code.value] + after
    }

    static func judge(_ bytes: [UInt8]) -> Result<Int, RelayBusError> {
        blockContent(of: bytes.span, register: register, address: address)
    }

    @Test("a whole block is taken")
    func whole() {
        #expect(Self.judge(Self.message(count: 8, content: Array(1...8))) == .success(8))
    }

    @Test("one wrong bit anywhere is a wrong code, or a wrong length", arguments: 0..<80)
    func oneBit(bit: Int) {
        var bytes = Self.message(count: 8, content: Array(1...8))
        bytes[bit / 8] ^= 1 << UInt8(bit % 8)
        #expect(throws: RelayBusError.self) { _ = try Self.judge(bytes).get() }
    }

    @Test("another register's answer is a wrong code")
    func otherRegister() {
        let bytes = Self.message(count: 8, content: Array(1...8))
        #expect(
            blockContent(of: bytes.span, register: 1, address: Self.address)
                == .failure(.wrongPEC))
        #expect(blockContent(of: bytes.span, register: 0, address: 0x42) == .failure(.wrongPEC))
    }

    @Test("a shorter block is a wrong length, not a damaged one")
    func shorter() {
        let bytes = Self.message(count: 0, content: [], after: Array(repeating: 0xFF, count: 8))
        #expect(Self.judge(bytes) == .failure(.wrongLength))
        let seven = Self.message(count: 7, content: Array(1...7), after: [0xFF])
        #expect(Self.judge(seven) == .failure(.wrongLength))
    }

    @Test("a count beyond the block is a wrong length up to 32, and damage above")
    func longer() {
        let nine = Self.message(count: 9, content: Array(1...8))
        #expect(Self.judge(nine) == .failure(.wrongLength))
        let floating = [UInt8](repeating: 0xFF, count: 10)
        #expect(Self.judge(floating) == .failure(.wrongPEC))
    }

    @Test("the map's lengths are those of what is read")
    func lengths() {
        #expect(Register.status.readLength == UInt8(BoardStatus.length))
        #expect(Register.identity.readLength == UInt8(BoardIdentity.length))
        #expect(Register.counters.readLength == 8)
        for register in [Register.control, .configure, .arm, .trip] {
            #expect(register.readLength == nil)
            #expect(register.writeLength != nil)
        }
    }
}
