import RelayBoard
import Testing

/// Flash in memory: programming clears bits, erasing sets them. Power can be cut in the middle of
/// either, and a slot can be worn out.
struct FlashInMemory: TripLogFlash {
    private(set) var words = [UInt32](repeating: .max, count: TripLog.wordCount)
    private(set) var erasures = [0, 0]
    private(set) var records = 0
    /// So many words are still programmed, or set by erasing, before the power goes.
    var powerLeft = Int.max
    /// Slots that take nothing any more.
    var worn = 0..<0

    func word(_ index: Int) -> UInt32 { words[index] }

    mutating func program(_ content: InlineArray<4, UInt32>, into slot: Int) {
        guard !worn.contains(slot) else { return }
        records += 1
        for index in 0..<4 where takePower() {
            words[4 * slot + index] &= content[index]
        }
    }

    mutating func erase(_ sector: Int) {
        erasures[sector] += 1
        for index in 0..<1_024 where takePower() {
            words[1_024 * sector + index] = .max
        }
    }

    /// Clears some bits of one word, as a write that was cut short may leave them.
    mutating func tear(_ index: Int, to value: UInt32) { words[index] &= value }

    private mutating func takePower() -> Bool {
        if powerLeft > 0, powerLeft < .max { powerLeft -= 1 }
        return powerLeft > 0
    }
}

@Suite("The trip log")
struct TripLogTests {
    /// A board's life with its log: what it wrote last, and the flash.
    private struct Life {
        var flash = FlashInMemory()
        var log: TripLog

        init() { log = TripLog(reading: flash) }

        /// Whether the flash took what was written last.
        private(set) var took = true

        mutating func write(_ cause: TripCause, _ relays: RelayMask = .none) {
            took = log.write(cause, onAtTrip: relays, to: &flash)
        }

        /// What a board does at boot.
        mutating func boot() {
            flash.powerLeft = .max
            log = TripLog(reading: flash)
            if !log.isSettled { _ = log.write(log.cause, onAtTrip: log.onAtTrip, to: &flash) }
            log.makeRoom(in: &flash)
        }
    }

    @Test("a blank flash is a board that has never tripped")
    func blank() {
        let log = Life().log
        #expect(log.cause == .none && log.isSettled && !log.needsErasing)
    }

    @Test("what was written last is what is read, over 1 300 records with a boot after each fifth")
    func lastRecordStands() {
        var life = Life()
        for number in 1...1_300 {
            let cause: TripCause = number % 2 == 1 ? .unproven : .none
            let relays: RelayMask = number % 2 == 1 ? .heating : .none
            life.write(cause, relays)
            #expect(life.took)
            if number % 5 == 0 { life.boot() }
            // Reading all of it takes a while: each 19th time, and around a sector's end.
            guard number % 19 == 0 || (number + 2) % 256 < 4 else { continue }
            let read = TripLog(reading: life.flash)
            #expect(read.cause == cause && read.onAtTrip == relays && read.isSettled)
        }
        // 1 300 records fill 256 slots five times, and the sixth began in a sector erased at boot.
        #expect(life.flash.erasures[0] + life.flash.erasures[1] == 5)
        #expect(life.flash.records == 1_300)
    }

    @Test("without a boot between, a sector is erased only when the next record needs it")
    func erasesWhenFull() {
        var life = Life()
        for number in 1...512 {
            #expect(!life.log.needsErasing)
            life.write(number % 2 == 1 ? .host : .none)
            #expect(life.took)
        }
        #expect(life.log.needsErasing)
        #expect(life.flash.erasures == [0, 0])
        life.write(.host)
        #expect(life.took)
        #expect(life.flash.erasures == [1, 0])
        #expect(!life.log.needsErasing)
        #expect(TripLog(reading: life.flash).cause == .host)
    }

    /// Goal: no loss of power loses a trip, and none makes one out of nothing but a reset that was
    /// under way. Method: at each fill of the log that matters, and after each number of words.
    @Test(
        "power cut in the midst of a trip's record: tripped or not begun; of a reset's: tripped",
        arguments: [0, 1, 2, 3, 254, 255, 256, 257, 510, 511, 512, 513, 768])
    func powerCuts(before: Int) {
        var filled = Life()
        for number in 0..<before {
            filled.write(number % 2 == 0 ? .host : .none, number % 2 == 0 ? .power : .none)
        }
        let wasTripped = filled.log.cause != .none
        #expect(wasTripped == (before % 2 == 1))
        for powerLeft in [1, 2, 3, 4, 5, 100, 513, 1_000, 1_024, 1_025, 1_026, 1_028] {
            var life = filled
            life.flash.powerLeft = powerLeft
            life.write(wasTripped ? .none : .heatTooLong)
            let isWhole = TripLog(reading: life.flash).isSettled
            let isBegun = life.flash.words[4 * (before % 512)] == UInt32(before + 1)
            life.boot()
            let isTripped = life.log.cause != .none
            if wasTripped { #expect(isTripped == !(isWhole && isBegun)) }
            if !wasTripped, isBegun { #expect(isTripped) }
            // Not begun, and no sector was being erased for it either: nothing has happened.
            if !wasTripped, !isBegun, before < 512 { #expect(!isTripped) }
            // And from here on it works as ever, at the next boot too.
            #expect(life.log.isSettled)
            let settled = life.log.cause
            life.boot()
            #expect(life.log.cause == settled)
            life.write(.readBack)
            #expect(life.took)
            life.boot()
            #expect(life.log.cause == .readBack)
        }
    }

    @Test("a damaged newest record stands for a trip, whichever of its words is damaged")
    func damagedRecord() {
        for index in [0, 1, 3] {
            for cause in [TripCause.host, .none] {
                var life = Life()
                life.write(.unproven)
                life.write(.none)
                life.write(cause)
                life.flash.tear(4 * 2 + index, to: 0x0F0F_F0F0)
                life.boot()
                #expect(life.log.cause == .selfTest)
                #expect(TripLog(reading: life.flash).isSettled)
            }
        }
    }

    @Test("an old record that is damaged changes nothing")
    func oldDamage() {
        var life = Life()
        life.write(.unproven)
        life.write(.none)
        life.flash.tear(1, to: 0)
        life.boot()
        #expect(life.log.cause == .none)
    }

    @Test("a flash full of something else is a trip, and can be used all the same")
    func foreignContent() {
        var life = Life()
        for index in 0..<TripLog.wordCount { life.flash.tear(index, to: 0x1234_5678) }
        life.boot()
        #expect(life.log.cause == .selfTest && life.log.isSettled)
        life.write(.none)
        #expect(life.took)
        life.boot()
        #expect(life.log.cause == .none)
    }

    @Test("worn slots are passed over, and four of them are a broken flash")
    func wornSlots() {
        var life = Life()
        life.flash.worn = 0..<3
        life.write(.host)
        #expect(life.took)
        #expect(TripLog(reading: life.flash).cause == .host)

        var broken = Life()
        broken.flash.worn = 0..<512
        broken.write(.host)
        #expect(!broken.took)
        #expect(!broken.log.isSettled)
    }

    @Test("a cause that this firmware does not know is a trip")
    func unknownCause() {
        var flash = FlashInMemory()
        var code = CRC32()
        code.add(UInt32(1))
        code.add(UInt32(0x544C_0163))
        flash.program([1, 0x544C_0163, .max, code.value], into: 0)
        let log = TripLog(reading: flash)
        #expect(log.cause == .selfTest && log.onAtTrip == .power)
    }
}
