import Events
import RelayBoard
import Testing
import Units

@testable import Control

/// How a job begins and ends, when a demand counts, and the profiles without a burner of their own.
@Suite("Heating job, demand and profiles")
struct HeatingDemandTests {
    @Test("a signal that is invalid at precheckMs sends it back to standby with E301")
    func invalidAtPrecheck() {
        let bench = JobBench()
        bench.run(to: 2_000)
        bench.isSilent = true
        bench.run(to: 3_400)
        bench.demand(true)
        bench.run(to: 4_500)
        // The flame's age passes 1 000 ms at 3 000; PRECHECK begins at 3 500.
        #expect(bench.log == ["check 3500", "standby 4500"])
        #expect(bench.numbers == [1, 301])
        bench.isSilent = false
        bench.run(to: 20_000)
        #expect(bench.log.count == 2, "it needs a new demand")
    }

    @Test("a flame seen once in PRECHECK never passes")
    func flameInPrecheck() {
        let bench = JobBench()
        bench.run(to: 100)
        bench.forcedFlame = true
        bench.run(to: 200)
        bench.demand(true)
        bench.run(to: 400)
        bench.forcedFlame = false
        bench.run(to: 11_200)
        #expect(bench.log == ["check 300"])
        bench.run(to: 11_300)
        #expect(bench.log == ["check 300", "standby 11300"])
    }

    @Test("without proof of power it does not begin to circulate")
    func needsPower() {
        let bench = JobBench()
        bench.isPowerProven = false
        bench.demand(true)
        bench.run(to: 1_900)
        #expect(bench.log == ["check 0"])
        bench.isPowerProven = true
        bench.run(to: 2_000)
        #expect(bench.log == ["check 0", "circulate 2000"])
    }

    @Test(
        "T17: no flow fails at flowProveMs with the pump off at once, and a second demand is taken")
    func noFlow() {
        let bench = JobBench()
        bench.node.flow = 0
        bench.demand(true)
        bench.run(to: 6_100)
        #expect(bench.log == ["check 0", "circulate 1000", "failed 6000", "standby 6100"])
        #expect(bench.relayLog == ["pump on 1000", "pump off 6000"])
        #expect(bench.numbers == [1, 208])
        bench.demand(true)
        bench.run(to: 6_200)
        #expect(bench.log.last == "check 6200")
    }

    @Test("flow that is lost again while circulating fails at once")
    func flowLostInPrecirculation() {
        let bench = JobBench()
        bench.demand(true)
        bench.run(to: 7_900)
        bench.node.flow = 980
        bench.run(to: 8_000)
        #expect(bench.log.last == "failed 8000")
    }

    @Test("demand removed in PRECHECK goes to standby, in PRECIRC out through POSTCIRC")
    func demandRemoved() {
        let early = JobBench()
        early.demand(true)
        early.run(to: 500)
        early.demand(false)
        early.run(to: 600)
        #expect(early.log == ["check 0", "standby 600"])
        let later = JobBench()
        later.demand(true)
        later.run(to: 5_000)
        later.demand(false)
        later.run(to: 5_300)
        #expect(
            later.log == [
                "check 0", "circulate 1000", "circulate 5100", "complete 5200", "standby 5300",
            ])
    }

    @Test(
        "a demand in CLOSE or POSTCIRC is kept and acted on from standby",
        arguments: [
            Int64(390_200), 390_300, 400_000, 420_100,
        ])
    func keepsDemand(time: Int64) {
        let bench = JobBench()
        bench.demand(true)
        bench.run(to: time)
        bench.demand(true)
        let isKept = bench.job.hasPendingDemand
        #expect(isKept)
        bench.node.temperature = 20_000
        bench.run(to: 421_500)
        #expect(bench.log.suffix(3) == ["standby 420300", "check 420400", "circulate 421400"])
    }

    @Test("a demand that is kept and then removed is gone")
    func forgetsRemovedDemand() {
        let bench = JobBench()
        bench.demand(true)
        bench.run(to: 400_000)
        bench.demand(true)
        bench.run(to: 410_000)
        bench.demand(false)
        bench.run(to: 430_000)
        #expect(bench.log.last == "standby 420300")
    }

    @Test("a demand repeated in RUN does not start a second job")
    func ignoresRepeatedDemand() {
        let bench = JobBench()
        bench.demand(true)
        bench.run(to: 50_000)
        bench.demand(true)
        bench.run(to: 430_000)
        #expect(bench.log.last == "standby 420300")
    }

    @Test("a demand is refused in lockout, and none is restored after the reset")
    func neverRestores() {
        let bench = JobBench()
        bench.forcedFlame = false
        bench.demand(true)
        bench.run(to: 62_000)
        #expect(bench.state == .lockout)
        bench.demand(true)
        #expect(bench.facts.last == .heatingRefused(.fatalAlarm, .technician))
        bench.reset()
        bench.run(to: 80_000)
        #expect(bench.state == .standby)
        let hasDemand = bench.job.hasDemand || bench.job.hasPendingDemand
        #expect(!hasDemand)
        #expect(bench.job.relays == .none)
    }

    @Test("a refused demand is forgotten and says why")
    func refuses() {
        let bench = JobBench()
        bench.refusal = .flameInStandby
        bench.demand(true)
        bench.run(to: 0)
        #expect(bench.facts.last == .heatingRefused(.flameInStandby, .technician))
        bench.refusal = nil
        bench.run(to: 1_000)
        #expect(bench.log.isEmpty)
    }

    @Test("a target lowered in RUN keeps the higher limit for over-temperature until the job ends")
    func keepsJobTarget() {
        let bench = JobBench()
        bench.demand(true)
        bench.run(to: 50_000)
        bench.job.setTarget(30_000)
        #expect(bench.job.target == 30_000)
        #expect(bench.job.jobTarget == 38_000)
        bench.job.setTarget(45_000)
        #expect(bench.job.jobTarget == 45_000)
    }

    // MARK: Electric

    @Test("electric: PRECHECK, PRECIRC, RUN, CLOSE, and POSTCIRC in the next tick")
    func electric() {
        let bench = JobBench(.electric)
        bench.heatingRate = 500
        bench.demand(true)
        bench.run(to: 78_000)
        #expect(
            bench.log == [
                "check 0", "circulate 1000", "heat 11000", "close 47200", "circulate 47300",
                "complete 77200", "standby 77300",
            ])
        #expect(
            bench.relayLog == [
                "pump on 1000", "element on 11000", "element off 47200", "pump off 77200",
            ])
    }

    @Test("electric: HOLD, a pause of 10 s, and RUN with a new no-rise window")
    func electricHold() {
        let bench = JobBench(.electric)
        bench.demand(true)
        bench.run(to: 20_000)
        bench.isSilent = true
        bench.run(to: 24_000)
        bench.isSilent = false
        bench.heatingRate = 0
        bench.run(to: 220_000)
        #expect(
            bench.log.suffix(4) == ["hold 22000", "retry 24600", "heat 34600", "lockout 214600"])
    }

    @Test("the no-rise reference never moves down")
    func referenceStays() {
        let bench = JobBench(.electric)
        bench.heatingRate = 0
        bench.demand(true)
        bench.run(to: 100_000)
        for _ in 0..<20 {
            bench.node.temperature -= 200
            bench.run(to: bench.time + 200)
        }
        // Up again by 3.9 K of the 4 K lost: no rise above the reference at the entry.
        for _ in 0..<39 {
            bench.node.temperature += 100
            bench.run(to: bench.time + 200)
        }
        bench.run(to: 191_000)
        #expect(bench.log.last == "lockout 191000")
    }

    @Test("heat comes back no sooner than 10 s after it went off")
    func rests() {
        let bench = JobBench(.electric) {
            $0.precirculate = .zero; $0.postcirculate = .zero
        }
        bench.demand(true)
        bench.run(to: 5_000)
        bench.demand(false)
        bench.run(to: 5_200)
        bench.demand(true)
        bench.run(to: 30_000)
        let off = bench.relayLog.first { $0.hasPrefix("element off") }
        let on = bench.relayLog.last { $0.hasPrefix("element on") }
        #expect(bench.log.suffix(3) == ["check 5500", "circulate 6500", "heat 15100"])
        #expect(off == "element off 5100")
        #expect(on == "element on 15100")
    }

    // MARK: External

    @Test("external: the lockout contact is FATAL E204 at its second sample")
    func burnerLockout() {
        let bench = JobBench(.external)
        bench.demand(true)
        bench.run(to: 19_900)
        bench.node.burnerLockout = true
        bench.run(to: 20_200)
        #expect(bench.log.suffix(2) == ["heat 11000", "lockout 20200"])
        #expect(bench.numbers == [1, 204])
    }

    @Test("external: a burner that reports nothing for 60 s fails with E202")
    func burnerSilent() {
        let bench = JobBench(.external)
        bench.node.burnerOn = false
        bench.demand(true)
        bench.run(to: 70_900)
        #expect(bench.log.last == "heat 11000")
        bench.run(to: 71_000)
        #expect(bench.log.last == "close 71000")
        #expect(bench.numbers == [1, 202])
    }

    @Test("external: a burner that pauses for less than 60 s does not fail")
    func burnerPauses() {
        let bench = JobBench(.external)
        bench.demand(true)
        bench.run(to: 40_000)
        bench.node.burnerOn = false
        bench.run(to: 99_000)
        bench.node.burnerOn = true
        bench.run(to: 120_000)
        #expect(bench.log.last == "heat 11000")
    }
}
