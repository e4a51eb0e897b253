import RelayBoard
import Testing

/// What crosses the wire: PEC, blocks, refusals, and the bytes of the registers.
@Suite("Bytes of the relay board")
struct WireTests {
    @Test("The PEC by table is the PEC by definition, for each byte after each code")
    func pec() {
        for first in UInt8.min...UInt8.max {
            for second in stride(from: UInt8(0), through: 255, by: 5) {
                var code = PEC()
                code.add(first)
                code.add(second)
                #expect(code.value == referencePEC([first, second]))
            }
        }
        // The catalogue's check value of CRC-8 with this polynomial: 0xF4 over "123456789".
        #expect(referencePEC(Array("123456789".utf8)) == 0xF4)
    }

    @Test("A control write and a status read are these bytes on the wire")
    func goldenBytes() {
        var bench = Bench()
        bench.send([0x04, 0x02, 0x41, 0x52, referencePEC([0x86, 0x04, 0x02, 0x41, 0x52])])
        bench.send([0x02, 0x03, 0x01, 0x03, 0xC2, referencePEC([0x86, 2, 3, 1, 3, 0xC2])])
        #expect(bench.drive == .circulating)
        bench.skip(to: 66)
        bench.loop()
        // Armed, lease, self-test, rested; 66 000 µs is 0x0101D0; lease 500 ms is 0x01F4.
        #expect(
            bench.read(0x01) == [
                0xC3, 0x03, 0x03, 0x01, 0, 0, 0, 7, 0xD0, 0x01, 0x01, 0, 0, 0, 0xF4, 0x01,
            ])
        #expect(bench.read(0x00) == [0x42, 0x55, 0x53, 0x42, 1, 1, 0, 0b111])
    }

    @Test(
        "A write that is not whole is not done",
        arguments: [
            ("only the register", [2], 0, .none),
            ("register and count", [2, 3], 1, .none),
            ("no PEC", [2, 3, 1, 3, 0], 1, .none),
            ("one byte short", [2, 3, 1, 3], 1, .none),
        ] as [(String, [UInt8], UInt8, WriteRefusal)])
    func truncated(name: String, bytes: [UInt8], damaged: UInt8, refusal: WriteRefusal) {
        var bench = Bench()
        bench.arm()
        bench.send(bytes)
        #expect(bench.drive == .none, "\(name)")
        #expect(bench.read(0x06)?.first == damaged, "\(name)")
        #expect(bench.status.refusal == refusal, "\(name)")
    }

    @Test(
        "An undamaged write that the map does not have is refused with its reason",
        arguments: [
            (0x00, [1, 2], .unknownRegister), (0x01, [1], .unknownRegister),
            (0x06, [1], .unknownRegister), (0x07, [1], .unknownRegister),
            (0xFF, [], .unknownRegister), (0x02, [1, 3], .wrongLength),
            (0x02, [1, 3, 0, 0], .wrongLength), (0x02, [], .wrongLength),
            (0x02, [UInt8](repeating: 1, count: 32), .wrongLength),
            (0x04, [0x52, 0x41], .wrongKey), (0x05, [0x54, 0x51], .wrongKey),
            (0x03, [1, 0xF4, 1, 1], .wrongKey), (0x03, [2, 0xF4, 1, 0], .wrongKey),
        ] as [(UInt8, [UInt8], WriteRefusal)])
    func refusals(register: UInt8, content: [UInt8], refusal: WriteRefusal) {
        var bench = Bench()
        bench.arm()
        bench.control(.circulating)
        bench.write(register, content)
        #expect(bench.status.refusal == refusal)
        #expect(bench.status.refusedCount == 1)
        #expect(bench.drive == .circulating)
    }

    @Test("A count that does not agree with the bytes is refused although the PEC is right")
    func countAndBytes() {
        var bench = Bench()
        bench.arm()
        for bytes in [[2, 2, 1, 3, 0], [2, 4, 1, 3, 0], [2, 3, 1, 3], [2]] as [[UInt8]] {
            bench.send(bytes + [referencePEC([0x86] + bytes)])
            #expect(bench.status.refusal == .wrongLength)
            #expect(bench.drive == .none)
        }
        #expect(bench.status.refusedCount == 4)
    }

    @Test("A write without STOP, or with a read after it, is not done")
    func noStop() {
        var bench = Bench()
        bench.arm()
        let bytes: [UInt8] = [2, 3, 1, 3, 0]
        bench.core.begin()
        for byte in bytes + [referencePEC([0x86] + bytes)] { bench.core.receive(byte) }
        bench.run(to: 10)
        #expect(bench.drive == .none)
        _ = bench.core.transmit()
        bench.core.stop(now: bench.clock)
        bench.run(to: 20)
        #expect(bench.drive == .none)
        // Neither refused nor damaged: it was a read.
        #expect(bench.read(0x06) == [0, 0, 0, 0, 0, 0, 0, 0])
    }

    @Test("What cannot be read is an empty block with a right PEC", arguments: UInt8(2)...255)
    func emptyBlocks(register: UInt8) {
        var bench = Bench()
        #expect(bench.read(register) == (register == 6 ? [UInt8](repeating: 0, count: 8) : []))
    }

    @Test("A reply at once is the reply byte by byte", arguments: UInt8(0)...7)
    func wholeReply(register: UInt8) {
        var bench = Bench()
        bench.control(.none)
        var block = InlineArray<32, UInt8>(repeating: 0)
        bench.core.begin()
        bench.core.receive([register].span)
        let answer = bench.core.transmit(into: &block)
        #expect(bench.core.transmit() == 0xFF)
        bench.core.stop(now: bench.clock)
        #expect((0..<Int(answer.count)).map { block[$0] } == bench.read(register))
        bench.core.begin()
        bench.core.receive(register)
        for _ in 0..<answer.count &+ 1 { _ = bench.core.transmit() }
        #expect(bench.core.transmit() == answer.code)
    }

    @Test("Whoever reads on after the end gets 0xFF, however long")
    func readOn() {
        var bench = Bench()
        bench.core.begin()
        bench.core.receive(0x00)
        for _ in 0..<10 { _ = bench.core.transmit() }
        for _ in 0..<600 { #expect(bench.core.transmit() == 0xFF) }
    }

    @Test("Every status survives its bytes, and an unknown cause or refusal is no status")
    func statusRoundTrip() {
        var random = SplitMix64(seed: 4)
        var refused = 0
        for _ in 0..<20_000 {
            var block = InlineArray<32, UInt8>(repeating: 0)
            for index in 0..<BoardStatus.length {
                block[index] = UInt8.random(in: 0...255, using: &random)
            }
            block[4] %= 10
            block[6] %= 4
            block[12] %= 15
            guard let status = BoardStatus(block) else {
                #expect(block[4] > 7 || block[6] > 2 || block[12] > 12)
                refused += 1
                continue
            }
            #expect(block[4] <= 7 && block[6] <= 2 && block[12] <= 12)
            var again = InlineArray<32, UInt8>(repeating: 0)
            status.encode(into: &again)
            for index in 0..<32 {
                #expect(again[index] == (index < BoardStatus.length ? block[index] : 0))
            }
        }
        #expect(refused > 1_000)
    }

    @Test("Every identity survives its bytes")
    func identityRoundTrip() {
        var identity = BoardIdentity()
        identity.magic = 0x0102_0304
        identity.mapVersion = 5
        identity.firmwareMajor = 6
        identity.firmwareMinor = 7
        identity.selfTest = 8
        var block = InlineArray<32, UInt8>(repeating: 0)
        identity.encode(into: &block)
        #expect((0..<8).map { block[$0] } == [4, 3, 2, 1, 5, 6, 7, 8])
        #expect(BoardIdentity(block) == identity)
    }
}
