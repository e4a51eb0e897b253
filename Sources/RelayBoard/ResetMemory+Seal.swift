// How the memory stands in the watchdog's scratch registers.
//
// | Word | Content                                                                          |
// |------|----------------------------------------------------------------------------------|
// | 0    | trip cause, relays on at the trip, boot count, check: a byte each, lowest first  |
// | 1, 2 | ages of the last two watchdog resets, ms                                         |
//
// The check is the PEC over the three bytes before it and the bytes of words 1 and 2, inverted:
// so that zeros, which a loss of power leaves, are no memory.

extension ResetMemory {
    public func seal(bootCount: UInt8) -> InlineArray<3, UInt32> {
        let bytes =
            UInt32(tripCause.rawValue) | UInt32(onAtTrip.rawValue) &<< 8 | UInt32(bootCount) &<< 16
        let ages = (watchdog.lastAge, watchdog.secondLastAge)
        return [bytes | UInt32(Self.check(bytes, ages)) &<< 24, ages.0, ages.1]
    }

    /// What `seal` was given; or, if the words are not what it gave, the worst that they may have
    /// been: two watchdog resets just before, so that the board trips if the next one is here.
    public static func unseal(
        _ words: InlineArray<3, UInt32>
    ) -> (memory: ResetMemory, bootCount: UInt8) {
        var memory = ResetMemory()
        let ages = (words[1], words[2])
        guard UInt8(truncatingIfNeeded: words[0] &>> 24) == check(words[0], ages),
            let cause = TripCause(rawValue: UInt8(truncatingIfNeeded: words[0]))
        else {
            memory.watchdog = WatchdogHistory(lastAge: 0, secondLastAge: 0)
            return (memory, UInt8(truncatingIfNeeded: words[0] &>> 16))
        }
        memory.tripCause = cause
        memory.onAtTrip = RelayMask(rawValue: UInt8(truncatingIfNeeded: words[0] &>> 8))
        memory.watchdog = WatchdogHistory(lastAge: ages.0, secondLastAge: ages.1)
        return (memory, UInt8(truncatingIfNeeded: words[0] &>> 16))
    }

    private static func check(_ bytes: UInt32, _ ages: (UInt32, UInt32)) -> UInt8 {
        var code = PEC()
        for shift in 0..<3 { code.add(UInt8(truncatingIfNeeded: bytes &>> UInt32(8 &* shift))) }
        for shift in 0..<4 { code.add(UInt8(truncatingIfNeeded: ages.0 &>> UInt32(8 &* shift))) }
        for shift in 0..<4 { code.add(UInt8(truncatingIfNeeded: ages.1 &>> UInt32(8 &* shift))) }
        return ~code.value
    }
}
