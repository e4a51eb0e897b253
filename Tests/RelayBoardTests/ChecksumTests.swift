import RelayBoard
import Testing

/// The two checksums of what the board keeps over a reset.
@Suite("Checksums of the relay board")
struct ChecksumTests {
    @Test("CRC-32/MPEG-2 of the catalogue's \"123456789\" is 0x0376E6E7, by bytes and by words")
    func crc() {
        var bytes = CRC32()
        for byte in UInt8(0x31)...0x39 { bytes.add(byte) }
        #expect(bytes.value == 0x0376_E6E7)
        var words = CRC32()
        words.add(UInt32(0x3433_3231))
        words.add(UInt32(0x3837_3635))
        words.add(UInt8(0x39))
        #expect(words.value == bytes.value)
    }

    @Test("the memory of a reset survives its seal, and one changed bit anywhere breaks it")
    func seal() {
        var memory = ResetMemory()
        memory.tripCause = .unproven
        memory.onAtTrip = .heating
        memory.restarted(by: .watchdog, after: 5_000)
        memory.restarted(by: .watchdog, after: 123_456)
        let words = memory.seal(bootCount: 200)
        #expect(ResetMemory.unseal(words).memory == memory)
        #expect(ResetMemory.unseal(words).bootCount == 200)
        for bit in 0..<96 {
            var damaged = words
            damaged[bit / 32] ^= 1 << UInt32(bit % 32)
            var unsealed = ResetMemory.unseal(damaged).memory
            #expect(unsealed != memory)
            // Nobody knows how many resets there were: the next one is one too many.
            unsealed.restarted(by: .watchdog, after: 1_000)
            #expect(unsealed.watchdog.trips)
        }
        #expect(ResetMemory.unseal([0, 0, 0]).memory.watchdog.lastAge == 0)
    }
}
