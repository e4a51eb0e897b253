import Events
import Testing
import Units

@testable import Control

/// §7.4: the two contactors, the weld test, and the times of the sense.
@Suite("Power interlock")
struct PowerInterlockTests {
    final class Bench {
        var interlock = PowerInterlock()
        var alarms = AlarmEngine(plan: AlarmPlan())
        var wantsPower = false
        var time: Int64 = -100
        var sense = LineState.inactive
        var facts: [Fact] = []
        /// E404s with the contact that each names, and when.
        var faults: [String] = []

        func tick() {
            time += 100
            var events = EventBuffer()
            events.begin(tick: Tick(0), at: at(time))
            alarms.beginTick()
            interlock.check(sense: sense, now: at(time), alarms: &alarms, events: &events)
            if alarms.fatalCount == 0 {
                interlock.follow(
                    wantsPower: wantsPower, sense: sense, now: at(time), alarms: &alarms,
                    events: &events)
            }
            if alarms.fatalCount > 0 {
                let contact = alarms.views[Int(AlarmCode.powerContact.rawValue)].value
                faults.append("E404 \(contact) at \(time)")
                interlock.trip(now: at(time), events: &events)
            }
            alarms.step(now: at(time), events: &events)
            facts += events.facts
        }

        func run(to end: Int64) {
            while time < end { tick() }
        }

        /// Through one whole cycle; both contactors follow ideally.
        func cycle() {
            wantsPower = true
            tick()
            sense = .active
            tick()
            wantsPower = false
            tick()
            sense = .inactive
            tick()
        }
    }

    @Test("both contactors close in the tick of the job's start, and the sense proves it")
    func closes() {
        let bench = Bench()
        bench.run(to: 0)
        #expect(bench.interlock.state == .open)
        #expect(!bench.interlock.holdsK1 && !bench.interlock.permits)
        bench.wantsPower = true
        bench.tick()
        #expect(bench.interlock.state == .closing)
        #expect(bench.interlock.holdsK1 && bench.interlock.permits)
        bench.tick()
        #expect(bench.interlock.state == .closing)
        bench.sense = .active
        bench.tick()
        #expect(bench.interlock.state == .closed)
        #expect(bench.facts.contains(.powerOn))
    }

    @Test("the supply must appear within 500 ms", arguments: [Int64(400), 500, 600])
    func closesInTime(delay: Int64) {
        let bench = Bench()
        bench.wantsPower = true
        bench.run(to: delay - 100)
        bench.sense = .active
        bench.run(to: 900)
        #expect(bench.faults == (delay <= 500 ? [] : ["E404 0 at 500"]))
        #expect((bench.interlock.state == .closed) == (delay <= 500))
    }

    @Test("supply behind two open contacts is found before they close")
    func findsBridge() {
        let bench = Bench()
        bench.run(to: 0)
        bench.sense = .active
        bench.wantsPower = true
        bench.tick()
        #expect(bench.faults == ["E404 0 at 100"])
        #expect(!bench.interlock.holdsK1 && !bench.interlock.permits)
    }

    @Test("supply that comes by itself is found after 500 ms", arguments: [Int64(400), 500])
    func findsSupply(length: Int64) {
        let bench = Bench()
        bench.run(to: 900)
        bench.sense = .active
        bench.run(to: 900 + length)
        bench.sense = .inactive
        bench.run(to: 3_000)
        #expect(bench.faults.isEmpty, "seen from 1 000 on, and gone before 500 ms were over")

        bench.sense = .active
        bench.run(to: 3_500)
        #expect(bench.faults.isEmpty)
        bench.run(to: 3_600)
        #expect(bench.faults == ["E404 0 at 3600"])
    }

    @Test("supply that goes while closed is found after 500 ms")
    func findsLoss() {
        let bench = Bench()
        bench.wantsPower = true
        bench.tick()
        bench.sense = .active
        bench.run(to: 1_000)
        bench.sense = .inactive
        bench.run(to: 1_500)
        #expect(bench.faults.isEmpty)
        bench.run(to: 1_600)
        #expect(bench.faults == ["E404 0 at 1600"])
    }

    @Test("odd openings open K1 first, even ones K2: each contact is tested every two cycles")
    func alternates() {
        let bench = Bench()
        for cycle in 1...6 {
            #expect(bench.interlock.cycle == UInt32(cycle))
            bench.wantsPower = true
            bench.tick()
            bench.sense = .active
            bench.tick()
            bench.wantsPower = false
            bench.tick()
            #expect(bench.interlock.state == .opening)
            #expect(bench.interlock.holdsK1 == (cycle % 2 == 0))
            #expect(bench.interlock.permits == (cycle % 2 == 1))
            bench.sense = .inactive
            bench.tick()
            #expect(bench.interlock.state == .open)
            #expect(!bench.interlock.holdsK1 && !bench.interlock.permits)
        }
    }

    @Test(
        "T28: a welded contact is named 500 ms after it was to open, and both are opened",
        arguments: [
            1, 2,
        ])
    func findsWeld(contact: Int) {
        let bench = Bench()
        if contact == 2 { bench.cycle() }
        bench.wantsPower = true
        bench.tick()
        bench.sense = .active
        bench.tick()
        bench.wantsPower = false
        bench.tick()
        let opening = bench.time
        bench.run(to: opening + 400)
        #expect(bench.faults.isEmpty)
        bench.run(to: opening + 500)
        #expect(bench.faults == ["E404 \(contact) at \(opening + 500)"])
        #expect(!bench.interlock.holdsK1 && !bench.interlock.permits)
        #expect(bench.interlock.state == .tripped)
    }

    @Test(
        "after a trip the supply must vanish within 500 ms of the cut",
        arguments: [Int64(400), 500])
    func verifiesCut(remains: Int64) {
        let bench = Bench()
        bench.wantsPower = true
        bench.tick()
        bench.sense = .active
        bench.run(to: 1_000)
        var events = EventBuffer()
        bench.interlock.trip(now: at(1_000), events: &events)
        bench.run(to: 1_000 + remains)
        bench.sense = .inactive
        bench.run(to: 2_000)
        #expect(bench.faults == (remains < 500 ? [] : ["E404 0 at 1500"]))
        #expect(bench.facts.filter { $0 == .powerCutVerified }.count == 1)
    }

    @Test("tripped stays tripped whatever the job wants, until it is released")
    func staysTripped() {
        let bench = Bench()
        bench.run(to: 0)
        var events = EventBuffer()
        bench.interlock.trip(now: at(0), events: &events)
        bench.wantsPower = true
        bench.run(to: 10_000)
        #expect(bench.interlock.state == .tripped)
        #expect(!bench.interlock.holdsK1 && !bench.interlock.permits)
        bench.interlock.release(now: at(10_000), events: &events)
        #expect(bench.interlock.state == .open)
    }

    @Test("without a sense wire it takes each state for granted, one tick later")
    func withoutSense() {
        let bench = Bench()
        bench.sense = .notFitted
        bench.wantsPower = true
        bench.tick()
        #expect(bench.interlock.state == .closing)
        bench.tick()
        #expect(bench.interlock.state == .closed)
        bench.wantsPower = false
        bench.tick()
        #expect(bench.interlock.state == .opening)
        bench.tick()
        #expect(bench.interlock.state == .open)
        bench.run(to: 5_000)
        #expect(bench.faults.isEmpty)
    }
}
