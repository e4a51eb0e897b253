import RelayBoard
import Testing

/// P2 to P11, each at its boundary.
@Suite("Rules of the relay board")
struct RuleTests {
    @Test("P2: a heartbeat renews, and the lease ends its length after the last one")
    func leaseRenews() {
        var bench = Bench()
        bench.arm()
        bench.control(.circulating)
        bench.run(to: 499)
        bench.control(.circulating)
        bench.run(to: 998)
        #expect(bench.drive == .circulating)
        bench.run(to: 999)
        #expect(bench.lastChange == .init(at: 999, relays: .none))
    }

    @Test("P2: a heartbeat that arrives when the lease is over does not bring the relays back")
    func lateHeartbeat() {
        var bench = Bench()
        bench.arm()
        bench.control(.circulating)
        // The loop did not run: the write itself must find the lease over.
        bench.skip(to: 500)
        bench.control(.circulating)
        #expect(bench.lastChange == .init(at: 500, relays: .none))
        #expect(bench.status.hasExpired && !bench.status.isArmed)
        #expect(bench.status.refusal == .notArmed)
    }

    @Test(
        "P2: the heartbeat number is the last one plus 1, modulo 256",
        arguments: [(255, 0, true), (255, 1, false), (0, 1, true), (7, 9, false), (7, 6, false)])
    func numbers(last: Int, next: Int, isTaken: Bool) {
        var bench = Bench()
        for _ in 0..<last { bench.control(.none) }
        #expect(bench.status.lastHeartbeat == UInt8(last))
        bench.control(.none, number: UInt8(next))
        #expect(bench.status.lastHeartbeat == UInt8(isTaken ? next : last))
    }

    @Test("P2: a host that restarts continues from the number in the status")
    func resynchronises() {
        var bench = Bench()
        bench.arm()
        for _ in 0..<20 { bench.control(.circulating) }
        bench.control(.circulating, number: 1)
        #expect(bench.status.refusal == .repeatedHeartbeat)
        guard let bytes = bench.read(0x01) else {
            Issue.record("the status could not be read")
            return
        }
        bench.control(.circulating, number: bytes[3] &+ 1)
        #expect(bench.status.lastHeartbeat == 21)
    }

    @Test("P2: ARM is worth one lease, and again on an armed board worth nothing")
    func armIsNoHeartbeat() {
        var bench = Bench()
        bench.arm()
        bench.control(.circulating)
        for time in stride(from: 100, through: 400, by: 100) {
            bench.run(to: time)
            bench.arm()
        }
        #expect(bench.drive == .circulating)
        bench.run(to: 500)
        #expect(bench.lastChange == .init(at: 500, relays: .none))
        bench.arm()
        bench.run(to: 999)
        #expect(bench.status.isArmed)
        bench.run(to: 1_000)
        #expect(!bench.status.isArmed)
    }

    @Test("P3: a lease that ran out without heat lets the host arm again; with heat it trips")
    func twoLatches() {
        var idle = Bench()
        idle.arm()
        idle.control(.circulating)
        idle.run(to: 500)
        #expect(idle.status.hasExpired && !idle.status.isTripped)
        idle.arm()
        #expect(idle.status.isArmed && !idle.status.hasExpired)
        #expect(idle.drive == .none)

        for heat in [RelayMask.valve, .element, .demand] {
            var hot = Bench()
            hot.arm()
            hot.control(.circulating.union(heat))
            hot.run(to: 500)
            #expect(!hot.status.hasExpired && hot.status.isTripped)
            #expect(hot.status.tripCause == .leaseWithHeat)
            #expect(hot.status.onAtTrip == .circulating.union(heat))
            hot.arm()
            #expect(!hot.status.isArmed)
            #expect(hot.status.refusal == .noLocalReset)
        }
    }

    @Test("P3: the first cause of a trip stands, and an idle lease does not wipe the record")
    func firstCauseStands() {
        var bench = Bench()
        bench.arm()
        bench.control(.heating)
        bench.run(to: 500)
        bench.trip()
        bench.control(.none)
        bench.run(to: 2_000)
        #expect(bench.status.tripCause == .leaseWithHeat)
        #expect(bench.status.onAtTrip == .heating)
        bench.control(.circulating)
        #expect(bench.status.refusal == .tripped)
        #expect(bench.changes.count == 2)
    }

    /// Every mask, against the rule as the specification words it.
    @Test("P4: of the 256 masks exactly the forbidden ones are refused")
    func forbiddenMasks() {
        for mask in (0...255).map({ RelayMask(rawValue: UInt8($0)) }) {
            let hasHeat = mask.contains(.valve) || mask.contains(.element) || mask.contains(.demand)
            let isForbidden =
                mask.contains(.spark) && !mask.contains(.valve)
                || hasHeat && !mask.contains(.pump)
                || hasHeat && !mask.contains(.power)
            var bench = Bench()
            bench.arm()
            bench.control(mask)
            #expect(bench.drive == (isForbidden ? .none : mask), "mask \(mask.rawValue)")
            #expect(bench.status.lastHeartbeat == (isForbidden ? 0 : 1), "mask \(mask.rawValue)")
        }
    }

    @Test(
        "P5: the first proof at 4 999 ms is in time, at 5 000 ms it is not", arguments: clocksAtBoot
    )
    func firstProof(clock: UInt32) {
        for (time, isInTime) in [(4_999, true), (5_000, false)] {
            var bench = Bench(clockAtBoot: clock)
            bench.arm()
            bench.hold(.heating, proof: false, to: time)
            bench.control(.heating, proof: true)
            #expect(bench.drive == (isInTime ? .heating : .none))
        }
    }

    @Test("P5: after the first proof the next must come within 1 500 ms", arguments: clocksAtBoot)
    func proofRenewal(clock: UInt32) {
        for (time, isInTime) in [(3_499, true), (3_500, false)] {
            var bench = Bench(clockAtBoot: clock)
            bench.arm()
            bench.hold(.heating, proof: false, to: 2_000)
            bench.control(.heating, proof: true)
            bench.hold(.heating, proof: false, to: time)
            bench.control(.heating, proof: true)
            #expect(bench.drive == (isInTime ? .heating : .none))
            #expect(bench.status.tripCause == (isInTime ? .none : .unproven))
        }
    }

    @Test("P5: a stuck byte proves nothing twice, and a missing proof is never a proof")
    func proofs() {
        for stuck in UInt8.min...UInt8.max {
            let proven = (UInt8.min...UInt8.max).filter { Register.proof(for: $0) == stuck }
            #expect(proven.count == (stuck < 0x80 ? 0 : 2))
            if proven.count == 2 { #expect(proven[1] - proven[0] == 128) }
        }
        var bench = Bench()
        bench.arm()
        while bench.time < 10_000, !bench.status.isTripped {
            bench.write(0x02, [bench.status.lastHeartbeat &+ 1, RelayMask.heating.rawValue, 0x9A])
            bench.run(to: bench.time + 20)
        }
        #expect(bench.status.tripCause == .unproven)
    }

    @Test("P5: heat that begins anew has 5 000 ms for its first proof", arguments: clocksAtBoot)
    func proofOfNextHeat(clock: UInt32) {
        var bench = Bench(clockAtBoot: clock)
        bench.arm()
        bench.hold(.heating, to: 1_000)
        bench.hold(.circulating, to: 11_000)
        bench.hold(.heating, proof: false, to: 15_999)
        #expect(bench.drive == .heating)
        bench.run(to: 16_000)
        #expect(bench.lastChange == .init(at: 16_000, relays: .none))
        #expect(bench.status.tripCause == .unproven)
    }

    @Test("P5: a second heat relay starts no new 5 000 ms")
    func secondHeatRelay() {
        var bench = Bench()
        bench.arm()
        bench.hold(.heating, proof: false, to: 4_900)
        bench.hold(.heating.union(.element), proof: false, to: 5_000)
        #expect(bench.lastChange == .init(at: 5_000, relays: .none))
    }

    @Test("P6: a short spark rests too", arguments: [(10_499, false), (10_500, true)])
    func shortSpark(time: Int, isTaken: Bool) {
        var bench = Bench()
        bench.arm()
        bench.hold(.igniting, to: 500)
        bench.hold(.heating, to: time)
        bench.control(.igniting)
        #expect(bench.drive == (isTaken ? .igniting : .heating))
    }

    @Test("P7: one heat relay's rest bars each heat relay, and the first heat needs none")
    func restBarsAllHeat() {
        var bench = Bench()
        bench.arm()
        bench.control(.heating)
        #expect(bench.drive == .heating)
        bench.hold(.heating, to: 1_000)
        bench.hold(.circulating, to: 2_000)
        bench.control(.circulating.union(.element))
        #expect(bench.status.refusal == .heatResting)
        #expect(bench.drive == .circulating)
    }

    @Test("P7: a rest is over once, however long the counter runs on")
    func restAfterWrap() {
        var bench = Bench()
        bench.arm()
        bench.control(.heating)
        bench.trip()
        // 71.6 min and 5 s later the difference of the counters is 5 s again.
        let wrap = 4_294_968 + 5_000
        for time in stride(from: 60_000, through: wrap, by: 60_000) {
            bench.skip(to: time)
            bench.loop()
        }
        bench.skip(to: wrap)
        bench.loop()
        #expect(bench.status.isRested)
    }

    @Test("P8: heat goes off and trips at 4 h", arguments: [0, 0 &- 500_000] as [UInt32])
    func heatTooLong(clock: UInt32) {
        var bench = Bench(clockAtBoot: clock)
        let limit = 4 * 3_600_000
        bench.arm()
        while bench.time < limit - 400 {
            bench.control(.heating)
            bench.skip(to: bench.time + 400)
            bench.loop()
        }
        bench.control(.heating)
        bench.run(to: limit - 1)
        #expect(bench.drive == .heating)
        #expect(bench.core.untilNextChange == 1_000)
        bench.run(to: limit)
        #expect(bench.lastChange == .init(at: limit, relays: .none))
        #expect(bench.status.tripCause == .heatTooLong)
    }

    @Test("P8: heat that pauses begins anew")
    func heatPauses() {
        var bench = Bench()
        bench.arm()
        for mask in [RelayMask.heating, .circulating, .heating] {
            let end = bench.time + 2 * 3_600_000 + 60_000
            while bench.time < end {
                bench.control(mask)
                bench.skip(to: bench.time + 400)
                bench.loop()
            }
        }
        #expect(bench.drive == .heating)
    }

    @Test("P9: a pin that differs for 50 ms trips, for 49 ms it does not", arguments: clocksAtBoot)
    func readBack(clock: UInt32) {
        for (length, trips) in [(49, false), (50, true)] {
            var bench = Bench(clockAtBoot: clock)
            bench.arm()
            bench.hold(.circulating, to: 200)
            bench.stuckHigh = .valve
            bench.loop()
            #expect(bench.status.hasMismatch && bench.status.actual.contains(.valve))
            bench.run(to: 200 + length)
            bench.stuckHigh = .none
            bench.run(to: 200 + length + 1)
            #expect(!bench.status.hasMismatch)
            #expect(bench.status.tripCause == (trips ? .readBack : .none))
            #expect(bench.drive == (trips ? .none : .circulating))
        }
    }

    @Test("P9: a pin that stays low is seen as well, and one that is stuck trips again after ARM")
    func stuckPin() {
        var bench = Bench()
        bench.stuckLow = .pump
        bench.arm()
        bench.hold(.circulating, to: 60)
        #expect(bench.lastChange == .init(at: 50, relays: .none))
        bench.stuckLow = .none
        bench.stuckHigh = .valve
        bench.localReset = true
        bench.run(to: 2_000)
        bench.arm()
        #expect(bench.status.isTripped)
        #expect(bench.status.tripCause == .readBack)
    }

    /// Runs between the watchdog resets, in ms; the last reset is judged.
    @Test(
        "P10: three watchdog resets within 10 min trip",
        arguments: [
            ([5_000, 300_000, 300_000], true), ([5_000, 300_000, 300_001], false),
            ([5_000, 0, 0], true), ([5_000, 100], false), ([5_000], false),
            ([5_000, 599_000, 2_000, 100], true), ([.max, .max, .max], false),
        ] as [([UInt32], Bool)])
    func watchdogResets(runs: [UInt32], trips: Bool) {
        var memory = ResetMemory()
        for run in runs { memory.restarted(by: .watchdog, after: run) }
        let bench = Bench(memory: memory)
        #expect(bench.status.tripCause == (trips ? .watchdog : .none))
    }

    @Test("P10: a forced reset neither counts nor interrupts the count; a loss of power ends it")
    func otherResets() {
        for (cause, trips) in [(BoardResetCause.forced, true), (.powerOn, false)] {
            var memory = ResetMemory()
            for next in [.watchdog, .watchdog, cause, .watchdog] as [BoardResetCause] {
                memory.restarted(by: next, after: 1_000)
            }
            #expect(memory.watchdog.trips == trips)
        }
    }

    @Test("A watchdog reset leaves the trip latch as it was; a loss of power does not")
    func latchOverReset() {
        for (cause, kept) in [
            (BoardResetCause.watchdog, TripCause.host), (.forced, .host), (.powerOn, .none),
        ] {
            var bench = Bench()
            bench.trip()
            var memory = bench.core.memory
            memory.restarted(by: cause, after: 60_000)
            #expect(Bench(memory: memory).status.tripCause == kept)
        }
    }

    @Test("P11: a board that failed one self-test is never armed", arguments: UInt8(0)...7)
    func selfTest(flags: UInt8) {
        var bench = Bench(selfTest: flags)
        bench.run(to: 300)
        bench.localReset = true
        bench.run(to: 2_000)
        bench.arm()
        bench.control(.circulating)
        #expect(bench.drive == (flags == 7 ? .circulating : .none))
        #expect(bench.status.selfTestPassed == (flags == 7))
        if flags != 7 {
            bench.arm()
            #expect(bench.status.refusal == .selfTestFailed)
        }
    }

    @Test("P11: a self-test that fails in operation trips and bars ARM even with the local reset")
    func selfTestInOperation() {
        var bench = Bench()
        bench.arm()
        bench.hold(.circulating, to: 300)
        bench.core.recordSelfTest(0b111)
        bench.loop()
        #expect(bench.drive == .circulating)
        bench.core.recordSelfTest(0b110)
        bench.loop()
        #expect(bench.drive == .none)
        #expect(bench.status.tripCause == .selfTest)
        bench.core.recordSelfTest(0b111)
        bench.localReset = true
        bench.run(to: 2_000)
        bench.arm()
        #expect(bench.status.refusal == .selfTestFailed)
    }

    @Test("Off is always allowed: a wrong number drops relays, renews nothing and takes no number")
    func offIsAlwaysAllowed() {
        var bench = Bench()
        bench.arm()
        bench.control(.heating)
        bench.run(to: 300)
        bench.control(.circulating, number: 99)
        #expect(bench.lastChange == .init(at: 300, relays: .circulating))
        #expect(bench.status.refusal == .repeatedHeartbeat)
        #expect(bench.status.lastHeartbeat == 1)
        bench.run(to: 500)
        #expect(bench.lastChange == .init(at: 500, relays: .none))
        #expect(bench.status.hasExpired && !bench.status.isTripped)
    }

    @Test("A wrong number with a mask that also turns something on changes nothing at all")
    func notOnlyOff() {
        var bench = Bench()
        bench.arm()
        bench.control(.circulating)
        bench.control(.power.union(.fan), number: 99)
        #expect(bench.drive == .circulating)
    }
}
