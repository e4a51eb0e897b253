import RelayBoard
import Testing

/// P12: the permit line and the flame detector at the board's own pins.
@Suite("Wired proofs of the relay board")
struct WiredProofTests {
    /// A bench whose board has these wires. The loop runs each ms.
    private struct WiredBench {
        var bench: Bench
        var proofs: WiredProofs
        var permit = false
        var flame = false
        /// Each so many ms the permit line changes; 0 is never.
        var permitPeriod = 0

        init(permit: Bool, flame: Bool, clockAtBoot: UInt32 = 0) {
            bench = Bench(clockAtBoot: clockAtBoot)
            proofs = WiredProofs(isPermitFitted: permit, isFlameFitted: flame)
            look()
        }

        /// The order of the firmware's loop: the proofs first, then the rules.
        mutating func look() {
            let loss = proofs.sample(
                permit: permit, flame: flame, valve: bench.drive.contains(.valve), at: bench.clock)
            bench.core.apply(loss, at: bench.clock)
            bench.loop()
        }

        mutating func run(_ mask: RelayMask, to end: Int) {
            while bench.time < end {
                if bench.time % 100 == 0 { bench.control(mask) }
                bench.skip(to: bench.time + 1)
                if permitPeriod > 0, bench.time % permitPeriod == 0 { permit.toggle() }
                look()
            }
        }
    }

    @Test("without straps a silent line and a dark burner mean nothing")
    func notFitted() {
        var wired = WiredBench(permit: false, flame: false)
        wired.bench.arm()
        wired.run(.heating, to: 20_000)
        #expect(wired.bench.drive == .heating)
    }

    @Test(
        "PERMIT edges 299 ms apart hold, 300 ms after the last one all is off",
        arguments: clocksAtBoot)
    func permitEdges(clock: UInt32) {
        var wired = WiredBench(permit: true, flame: false, clockAtBoot: clock)
        wired.permitPeriod = 299
        wired.run(.none, to: 300)
        wired.bench.arm()
        wired.run(.circulating, to: 2_990)
        #expect(wired.bench.drive == .circulating)
        // The last edge was at 2 990 ms.
        wired.permitPeriod = 0
        wired.run(.circulating, to: 3_289)
        #expect(wired.bench.drive == .circulating)
        wired.run(.circulating, to: 3_290)
        #expect(wired.bench.lastChange == .init(at: 3_290, relays: .none))
        #expect(wired.bench.status.hasExpired && !wired.bench.status.isTripped)
        wired.run(.circulating, to: 4_000)
        #expect(wired.bench.drive == .none)
    }

    @Test("PERMIT that ends with heat on trips, as a lease does")
    func permitWithHeat() {
        var wired = WiredBench(permit: true, flame: false)
        wired.permitPeriod = 100
        wired.run(.none, to: 100)
        wired.bench.arm()
        wired.run(.heating, to: 1_000)
        wired.permitPeriod = 0
        wired.run(.heating, to: 1_300)
        #expect(wired.bench.lastChange == .init(at: 1_300, relays: .none))
        #expect(wired.bench.status.tripCause == .leaseWithHeat)
    }

    @Test("nothing goes on before the first edge, and an armed board stays armed without any")
    func noPermitYet() {
        var wired = WiredBench(permit: true, flame: false)
        wired.bench.arm()
        wired.run(.none, to: 400)
        #expect(wired.bench.status.isArmed)
        wired.run(.circulating, to: 402)
        #expect(wired.bench.drive == .none)
        #expect(wired.bench.status.hasExpired && !wired.bench.status.isArmed)
    }

    @Test(
        "a flame that was there and is gone for 1 000 ms closes the valve, 999 ms do not",
        arguments: clocksAtBoot)
    func lostFlame(clock: UInt32) {
        for (gap, holds) in [(999, true), (1_000, false)] {
            var wired = WiredBench(permit: false, flame: true, clockAtBoot: clock)
            wired.bench.arm()
            wired.run(.igniting, to: 2_000)
            wired.flame = true
            wired.run(.heating, to: 3_000)
            wired.flame = false
            wired.run(.heating, to: 3_000 + gap)
            wired.flame = true
            wired.run(.heating, to: 3_000 + gap + 1)
            #expect(wired.bench.drive == (holds ? .heating : .circulating))
            #expect(!wired.bench.status.isTripped)
            if !holds {
                #expect(wired.bench.lastChange == .init(at: 4_000, relays: .circulating))
                #expect(!wired.bench.status.isRested)
            }
        }
    }

    @Test("a valve that never sees a flame closes at 5 000 ms although the host has proof")
    func neverLit() {
        var wired = WiredBench(permit: false, flame: true)
        wired.bench.arm()
        wired.run(.heating, to: 4_999)
        #expect(wired.bench.drive == .heating)
        wired.run(.heating, to: 5_001)
        #expect(wired.bench.drive == .circulating)
        #expect(wired.bench.status.tripCause == .none)
    }

    @Test("a lost flame ends the spark with the valve, and an element heats on without a flame")
    func whatAFlameHolds() {
        var wired = WiredBench(permit: false, flame: true)
        wired.bench.arm()
        wired.flame = true
        wired.run(.heating, to: 1_000)
        wired.flame = false
        wired.run(.igniting, to: 2_001)
        #expect(wired.bench.drive == .circulating)

        var electric = WiredBench(permit: false, flame: true)
        electric.bench.arm()
        electric.run(.circulating.union(.element), to: 20_000)
        #expect(electric.bench.drive == .circulating.union(.element))
    }
}
