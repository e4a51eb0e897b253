import Events
import Testing
import Units

@testable import Control

/// §7.3, rule by rule, at the boundaries of value and time.
@Suite("Disaster detector")
struct DisasterDetectorTests {
    /// The detector behind the whole signal path, with a job that the test states.
    final class Bench {
        var signals: Signals
        var plan: ControlPlan
        var detector = DisasterDetector()
        var alarms = AlarmEngine(plan: AlarmPlan())
        var node = Node()
        var job = DisasterDetector.Job(
            isActive: false, needsSignals: false, hasBurnt: false, isHeatOn: false,
            heatOffAt: at(0), target: 38_000)
        var isSilent = false
        var time: Int64 = -100
        /// What each tick found, FATALs in their order.
        var found: [(time: Int64, code: AlarmCode)] = []
        var facts: [Fact] = []

        init(_ profile: HeatingProfile = .gas) {
            plan = sitePlan(profile)
            signals = Signals(plan: plan.signals)
        }

        func tick() {
            time += 100
            var inputs = Inputs()
            inputs.now = at(time)
            if time % 200 == 0, !isSilent {
                inputs.frames.append(ReceivedFrame(node.frame(), arrival: at(time)))
            }
            var events = EventBuffer()
            events.begin(tick: Tick(UInt64(time / 100)), at: at(time))
            alarms.beginTick()
            let settings = Settings(plan)
            signals.step(&inputs, settings: settings, jobLimit: job.target + 10_000)
            detector.step(
                signals.image, job, now: at(time), settings: settings, alarms: &alarms,
                events: &events)
            for index in 0..<alarms.fatalCount { found.append((time, alarms.fatal(index))) }
            facts += events.facts
            var ending = EventBuffer()
            ending.begin(tick: Tick(UInt64(time / 100)), at: at(time))
            alarms.step(now: at(time), events: &ending)
            for transition in ending.transitions
            where transition.change == .raised && transition.severity != .fatal {
                found.append((time, transition.code))
            }
        }

        func run(to end: Int64) {
            while time < end { tick() }
        }

        /// "E103 at 1200", in order.
        var findings: [String] { found.map { "E\($0.code.number) at \($0.time)" } }
    }

    @Test("D-03: one gas sample warns, two are FATAL")
    func gas() {
        let blip = Bench()
        blip.run(to: 900)
        blip.node.gas = true
        blip.run(to: 1_100)
        blip.node.gas = false
        blip.run(to: 3_000)
        #expect(blip.findings == ["E311 at 1000"])

        let leak = Bench()
        leak.run(to: 900)
        leak.node.gas = true
        leak.run(to: 3_000)
        #expect(leak.findings == ["E311 at 1000", "E103 at 1200"])
        #expect(leak.facts == [.disasterDetected(.d03, .gasLeak)])
    }

    @Test(
        "D-02: two samples at the site limit, always; one below is nothing",
        arguments: [
            Int32(64_900), 65_000,
        ])
    func siteLimit(value: Int32) {
        let bench = Bench()
        bench.node.temperature = 64_000
        bench.run(to: 900)
        bench.node.temperature = value
        bench.run(to: 3_000)
        #expect(bench.findings == (value >= 65_000 ? ["E102 at 1200"] : []))
    }

    @Test(
        "D-01: two samples at target and 10 K, while the job is active",
        arguments: [
            (Int32(47_900), true), (48_000, true), (48_000, false),
        ])
    func jobLimit(row: (value: Int32, isActive: Bool)) {
        let bench = Bench()
        bench.node.temperature = 47_500
        bench.job.isActive = row.isActive
        bench.run(to: 900)
        bench.node.temperature = row.value
        bench.run(to: 3_000)
        #expect(bench.findings == (row.value >= 48_000 && row.isActive ? ["E101 at 1200"] : []))
    }

    @Test(
        "D-08: 10 K within 5 s while heat is on",
        arguments: [
            (Int32(400), true), (300, true), (400, false),
        ])
    func runaway(row: (perFrame: Int32, isHeatOn: Bool)) {
        let bench = Bench(.electric)
        bench.job.isActive = true
        bench.job.isHeatOn = row.isHeatOn
        bench.run(to: 900)
        for _ in 0..<30 {
            bench.node.temperature += row.perFrame
            bench.run(to: bench.time + 200)
        }
        // 25 frames of 400 m°C are 10 K: from 20.0 °C at 800 to 30.0 °C at 5 800.
        let isRunaway = row.perFrame == 400 && row.isHeatOn
        #expect(bench.findings.first == (isRunaway ? "E108 at 5800" : nil))
    }

    @Test("D-05: a flame for 1 000 ms before the valve was ever open")
    func flameBeforeValve() {
        let bench = Bench()
        bench.job.isActive = true
        bench.run(to: 900)
        bench.node.flame = true
        bench.run(to: 2_100)
        #expect(bench.findings.isEmpty)
        bench.run(to: 2_200)
        #expect(bench.findings == ["E105 at 2200"])
    }

    @Test("D-05 in standby: E310 after 1 000 ms, FATAL after 10 000 ms")
    func flameInStandby() {
        let bench = Bench()
        bench.run(to: 900)
        bench.node.flame = true
        bench.run(to: 12_000)
        #expect(bench.findings == ["E310 at 2200", "E105 at 11200"])
    }

    @Test("D-06: a flame when the valve has been off for flameOutMs")
    func flameAfterClose() {
        let bench = Bench()
        bench.job.isActive = true
        bench.job.hasBurnt = true
        bench.job.isHeatOn = true
        bench.node.flame = true
        bench.run(to: 3_000)
        bench.job.isHeatOn = false
        bench.job.heatOffAt = at(3_000)
        bench.run(to: 4_900)
        #expect(bench.findings.isEmpty)
        bench.run(to: 5_000)
        #expect(bench.findings == ["E106 at 5000"])
    }

    @Test("D-05 and D-06 need fresh samples of the flame")
    func staleFlame() {
        let bench = Bench()
        bench.job.isActive = true
        bench.job.hasBurnt = true
        bench.node.flame = true
        bench.job.heatOffAt = at(0)
        bench.run(to: 900)
        bench.isSilent = true
        bench.job.heatOffAt = at(900)
        bench.run(to: 10_000)
        #expect(bench.findings.isEmpty)
    }

    @Test(
        "D-04: at the minimum level for 1 000 ms, FATAL in a job and ERROR without",
        arguments: [
            (Int32(51), true), (50, true), (50, false),
        ])
    func tank(row: (level: Int32, isActive: Bool)) {
        let bench = Bench()
        bench.job.isActive = row.isActive
        bench.run(to: 900)
        bench.node.level = row.level
        bench.run(to: 1_900)
        #expect(bench.findings.isEmpty)
        bench.run(to: 3_000)
        let expected = row.isActive ? ["E104 at 2000"] : ["E306 at 2000"]
        #expect(bench.findings == (row.level <= 50 ? expected : []))
    }

    @Test("D-04: a sample above the minimum begins the 1 000 ms anew")
    func tankBeginsAnew() {
        let bench = Bench()
        bench.job.isActive = true
        bench.run(to: 900)
        bench.node.level = 40
        bench.run(to: 1_700)
        bench.node.level = 51
        bench.run(to: 1_900)
        bench.node.level = 40
        bench.run(to: 2_900)
        #expect(bench.findings.isEmpty)
        bench.run(to: 3_000)
        #expect(bench.findings == ["E104 at 3000"])
    }

    @Test(
        "D-07: 5 K above the lowest, 120 s after the heat went off",
        arguments: [
            (Int32(4_900), false), (5_000, false), (5_000, true),
        ])
    func uncommanded(row: (rise: Int32, hasOtherSource: Bool)) {
        let bench = Bench()
        bench.plan.heating.hasExternalHeatSource = row.hasOtherSource
        // What rises before the 120 s are over does not count.
        bench.run(to: 110_000)
        bench.node.temperature = 23_000
        bench.run(to: 140_000)
        for rise in stride(from: Int32(100), through: row.rise, by: 100) {
            bench.node.temperature = 23_000 + rise
            bench.run(to: bench.time + 200)
        }
        bench.run(to: 200_000)
        let isFound = row.rise >= 5_000 && !row.hasOtherSource
        #expect(bench.found.map { $0.code } == (isFound ? [.uncommandedHeating] : []))
    }

    @Test("D-07: before the heat has been off for 120 s any rise is the heat's own")
    func uncommandedTooEarly() {
        let bench = Bench()
        bench.run(to: 1_000)
        for _ in 0..<100 {
            bench.node.temperature += 100
            bench.run(to: bench.time + 1_000)
        }
        bench.run(to: 200_000)
        #expect(bench.findings.isEmpty)
    }

    @Test(
        "D-09: a safety signal that old, in the part of a job that needs it",
        arguments: [true, false])
    func lostSignal(needsSignals: Bool) {
        let bench = Bench()
        bench.run(to: 1_000)
        bench.job.isActive = true
        bench.job.needsSignals = needsSignals
        bench.isSilent = true
        bench.run(to: 10_900)
        #expect(bench.findings.isEmpty)
        bench.run(to: 11_000)
        #expect(bench.findings == (needsSignals ? ["E302 at 11000"] : []))
    }

    @Test("several in one tick keep the order D-03, D-02, D-01, D-05, D-04")
    func order() {
        let bench = Bench()
        bench.job.isActive = true
        bench.node.temperature = 64_900
        bench.job.target = 55_000
        bench.run(to: 400)
        bench.found = []
        // Flame and level from 600 on are due at 1 800 and 1 600: the level is made later.
        bench.node.flame = true
        bench.run(to: 700)
        bench.node.level = 40
        bench.run(to: 1_500)
        bench.node.gas = true
        bench.node.temperature = 65_000
        bench.run(to: 1_700)
        bench.found = []
        bench.run(to: 1_800)
        #expect(
            bench.findings == [
                "E103 at 1800", "E102 at 1800", "E101 at 1800", "E105 at 1800", "E104 at 1800",
            ])
    }
}
