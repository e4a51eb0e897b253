import RelayBoard
import Testing

/// U01 to U10 of the specification's §8, by their bytes and to the millisecond. Each runs with the
/// board's counter far from its wrap and across it, which makes all of them U10 as well.
@Suite("Scenarios of the relay board")
struct ScenarioTests {
    @Test("U01: a valve without proof goes off and trips at 5 000 ms", arguments: clocksAtBoot)
    func unprovenValve(clock: UInt32) {
        var bench = Bench(clockAtBoot: clock)
        bench.arm()
        bench.hold(.heating, proof: false, to: 4_999)
        #expect(bench.drive == .heating)
        bench.run(to: 5_000)
        #expect(bench.lastChange == .init(at: 5_000, relays: .none))
        #expect(bench.status.tripCause == .unproven)
        #expect(bench.status.onAtTrip == .heating)
        #expect(!bench.status.isArmed)
    }

    @Test("U02: a held spark goes off at 3 000 ms and rests 10 000 ms", arguments: clocksAtBoot)
    func heldSpark(clock: UInt32) {
        var bench = Bench(clockAtBoot: clock)
        bench.arm()
        bench.hold(.igniting, to: 2_999)
        #expect(bench.drive == .igniting)
        bench.run(to: 3_000)
        #expect(bench.lastChange == .init(at: 3_000, relays: .heating))
        #expect(!bench.status.isRested)

        bench.control(.igniting)
        #expect(bench.status.refusal == .sparkResting)
        bench.hold(.heating, to: 12_999)
        bench.control(.igniting)
        #expect(bench.drive == .heating)
        bench.hold(.heating, to: 13_000)
        #expect(bench.status.isRested)
        bench.control(.igniting)
        #expect(bench.lastChange == .init(at: 13_000, relays: .igniting))
    }

    @Test("U03: the same heartbeat number again renews no lease", arguments: clocksAtBoot)
    func repeatedHeartbeat(clock: UInt32) {
        var bench = Bench(clockAtBoot: clock)
        bench.arm()
        bench.control(.circulating, number: 1)
        for time in stride(from: 100, to: 500, by: 100) {
            bench.run(to: time)
            bench.control(.circulating, number: 1)
        }
        #expect(bench.status.refusal == .repeatedHeartbeat)
        #expect(bench.status.refusedCount == 4)
        bench.run(to: 499)
        #expect(bench.drive == .circulating)
        bench.run(to: 500)
        #expect(bench.lastChange == .init(at: 500, relays: .none))
    }

    @Test("U04: a wrong PEC is counted and leaves the mask as it is")
    func wrongPEC() {
        var bench = Bench()
        bench.arm()
        bench.control(.circulating)
        let before = bench.status
        for bit in 0..<8 { bench.write(0x02, [2, 0, 0], damage: 1 << bit) }
        #expect(bench.status == before)
        #expect(bench.drive == .circulating)
        #expect(bench.read(0x06) == [8, 0, 0, 0, 0, 0, 0, 0])
    }

    @Test("U05: a mask with valve and no pump is refused whole and the mask before it stays")
    func valveWithoutPump() {
        var bench = Bench()
        bench.arm()
        bench.control(.heating)
        bench.run(to: 100)
        bench.control(.power.union(.valve).union(.fan))
        #expect(bench.drive == .heating)
        #expect(bench.status.refusal == .forbiddenMask)
        #expect(bench.status.lastHeartbeat == 1)
        bench.run(to: 500)
        #expect(bench.lastChange == .init(at: 500, relays: .none))
    }

    @Test("U06: ARM on a tripped board needs the local reset, and the relays stay off")
    func armWhileTripped() {
        var bench = Bench()
        bench.arm()
        bench.control(.circulating)
        bench.trip()
        #expect(bench.lastChange == .init(at: 0, relays: .none))
        bench.run(to: 300)
        bench.arm()
        #expect(bench.status.refusal == .noLocalReset)
        #expect(bench.status.isTripped && !bench.status.isArmed)

        bench.localReset = true
        bench.run(to: 2_300)
        bench.localReset = false
        bench.run(to: 2_400)
        bench.arm()
        #expect(bench.status.isArmed && !bench.status.isTripped)
        #expect(bench.status.tripCause == .none)
        bench.run(to: 2_500)
        #expect(bench.drive == .none)
        bench.control(.circulating)
        #expect(bench.drive == .circulating)
    }

    @Test("U07: a valve is refused for 10 000 ms after it closed", arguments: clocksAtBoot)
    func valveRest(clock: UInt32) {
        var bench = Bench(clockAtBoot: clock)
        bench.arm()
        bench.hold(.heating, to: 1_000)
        bench.hold(.circulating, to: 10_999)
        bench.control(.heating)
        #expect(bench.drive == .circulating)
        #expect(bench.status.refusal == .heatResting)
        bench.run(to: 11_000)
        bench.control(.heating)
        #expect(bench.lastChange == .init(at: 11_000, relays: .heating))
    }

    @Test("U08: from power-on to ARM no pin is ever high")
    func powerOn() {
        var bench = Bench()
        for mask in UInt8(0)...255 {
            bench.control(RelayMask(rawValue: mask))
            bench.run(to: bench.time + 20)
        }
        bench.control(.circulating)
        #expect(bench.status.refusal == .notArmed)
        #expect(bench.changes.isEmpty)
        bench.arm()
        #expect(bench.changes.isEmpty)
        bench.control(.circulating)
        #expect(bench.changes == [.init(at: 5_120, relays: .circulating)])
    }

    @Test(
        "U09: the burner profile takes leases of 300 to 1 000 ms only",
        arguments: [
            (0, false), (100, false), (299, false), (300, true), (500, true), (1_000, true),
            (1_001, false), (2_500, false), (65_535, false),
        ])
    func leaseRange(lease: Int, isTaken: Bool) {
        var bench = Bench()
        bench.configure(lease: UInt16(lease))
        #expect(bench.status.leaseMilliseconds == (isTaken ? UInt16(lease) : 500))
        #expect(bench.status.refusal == (isTaken ? .none : .leaseOutOfRange))
    }

    @Test(
        "U10: a lease ends to the µs although the counter wraps in it",
        arguments: [300, 500, 1_000] as [UInt32], [1, 2, 150_000, 299_999, 300_000] as [UInt32])
    func wrapInLease(lease: UInt32, before: UInt32) {
        var bench = Bench(clockAtBoot: 0 &- before)
        bench.configure(lease: UInt16(lease))
        bench.arm()
        bench.control(.circulating)
        let start = bench.clock
        let last = start &+ (lease * 1_000 - 1)
        #expect(
            bench.core.tick(now: last, pins: .circulating, localReset: false) == .circulating)
        #expect(bench.core.untilNextChange == 1)
        let end = bench.core.tick(now: last &+ 1, pins: .circulating, localReset: false)
        #expect(end == .none)
        #expect(bench.status.hasExpired && !bench.status.isTripped)
        #expect(bench.status.onAtTrip == .circulating)
    }
}
