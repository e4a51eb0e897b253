import Events
import RelayBoard
import Testing
import Units

@testable import Control

/// §5's order of a tick and §7.4's order of a cut, from the outside.
@Suite("Controller")
struct ControllerTests {
    @Test("the default outputs are the safe state")
    func defaults() {
        let outputs = Outputs()
        #expect(outputs.relays == .none)
        #expect(outputs.heartbeat == nil)
        #expect(!outputs.arms && !outputs.carriesProof && !outputs.trips)
        #expect(Verdict().permit == .low)
        guard case .unreadable = Recollection().lockout else {
            Issue.record("forgetting to look must not be the same as finding nothing")
            return
        }
    }

    @Test("the self-check passes, and energises nothing")
    func selfChecks() {
        let rig = ControllerRig()
        rig.start()
        #expect(rig.controller.selfCheckStep == .done)
        #expect(rig.time <= 5_000)
        #expect(rig.everOn == .none)
        #expect(rig.alarms.isEmpty)
        let edges = rig.edges
        #expect(edges.count == Int(SelfCheck.permitEdges), "each edge that is made is counted")
        rig.run(to: rig.time + 10_000)
        #expect(rig.edges == edges, "and none follows")
    }

    @Test("a demand during the self-check waits for its end")
    func demandWaits() {
        let rig = ControllerRig()
        rig.tick()
        rig.send(.demand(isOn: true))
        rig.run(to: 1_000)
        #expect(rig.controller.heatingState == .standby)
        rig.run(to: 6_000)
        #expect(rig.controller.heatingState != .standby)
    }

    @Test("heat comes with pump, power, permit edges each tick, and the proof of the flame")
    func heats() {
        let rig = ControllerRig()
        rig.heat()
        #expect(rig.isInHeat)
        rig.run(to: rig.time + 1_000)
        let outputs = rig.outputs
        #expect(outputs.relays == RelayMask.valve.union(.pump).union(.power))
        #expect(outputs.carriesProof)
        #expect(rig.verdict.permit == .edge)
        #expect(rig.controller.interlockState == .closed)
        #expect(rig.edges.suffix(5) == (0..<5).map { rig.time - 400 + $0 * 100 }[...])
    }

    @Test("a FATAL: permit dropped, TRIP written, no heartbeat, nothing on, all in its own tick")
    func cuts() {
        let rig = ControllerRig()
        rig.heat()
        rig.node.gas = true
        while rig.controller.interlockState != .tripped, rig.time < 100_000 { rig.tick() }
        let outputs = rig.outputs
        #expect(outputs.trips)
        #expect(outputs.heartbeat == nil)
        #expect(outputs.relays == .none)
        #expect(!outputs.arms && !outputs.carriesProof)
        let verdict = rig.verdict
        #expect(verdict.permit == .low)
        #expect(verdict.savesLockout)
        #expect(verdict.savesRunMarker == false)
        #expect(rig.controller.lockout.firstOut == .gasLeak)
        #expect(rig.facts.contains(.powerCut(.gasLeak)))
        #expect(rig.facts.contains(.disasterDetected(.d03, .gasLeak)))
        #expect(rig.board.status.tripCause == .host)

        let cut = rig.time
        rig.run(to: cut + 20_000)
        #expect(rig.heartbeats.last == cut - 100)
        #expect(rig.edges.last == cut - 100)
        #expect(rig.board.tripsWritten == 1, "acknowledged, so not repeated")
    }

    @Test("TRIP is repeated each tick until it reads back, and the lease is not renewed meanwhile")
    func repeatsTrip() {
        let rig = ControllerRig()
        rig.heat()
        rig.board.isDeafToTrip = true
        rig.node.gas = true
        while rig.controller.interlockState != .tripped, rig.time < 100_000 { rig.tick() }
        let cut = rig.time
        rig.run(to: cut + 300)
        #expect(rig.board.tripsWritten == 4)
        #expect(rig.heartbeats.last == cut - 100)
        rig.board.isDeafToTrip = false
        rig.run(to: cut + 2_000)
        #expect(rig.board.tripsWritten <= 6)
        #expect(rig.board.status.isTripped)
    }

    @Test("a FATAL found in the board's answer: TRIP at once, and no edge in that tick")
    func cutsInSettle() {
        let rig = ControllerRig()
        rig.heat()
        rig.board.restart()
        rig.tick()
        let verdict = rig.verdict
        #expect(verdict.tripsNow)
        #expect(verdict.permit == .low)
        #expect(verdict.savesLockout)
        #expect(rig.controller.lockout.firstOut == .boardRestarted)
        let cut = rig.time
        #expect(rig.edges.last == cut - 100)
        rig.tick()
        let outputs = rig.outputs
        #expect(!rig.verdict.tripsNow)
        #expect(outputs.heartbeat == nil && outputs.relays == .none)
        #expect(rig.verdict.permit == .low)
    }

    @Test("a FATAL in a tick in which the self-check wanted an edge: no edge is made")
    func cutsDuringCheck() {
        let rig = ControllerRig()
        while rig.controller.selfCheckStep != .permit || rig.edges.isEmpty { rig.tick() }
        let edges = rig.edges
        rig.forcedSense = .active
        rig.tick()
        #expect(rig.verdict.tripsNow && rig.verdict.permit == .low)
        #expect(rig.controller.lockout.firstOut == .powerContact)
        rig.run(to: rig.time + 5_000)
        #expect(rig.edges == edges)
    }

    @Test("T21: a dead board in RUN is E401 in the third tick")
    func deadBoard() {
        let rig = ControllerRig()
        rig.heat()
        rig.board.isDead = true
        let last = rig.time
        rig.run(to: last + 200)
        #expect(rig.controller.interlockState == .closed)
        rig.run(to: last + 300)
        #expect(rig.controller.lockout.firstOut == .boardLost)
        #expect(rig.edges.last == last + 200)
    }

    @Test("T25: stopped for 3 s in RUN, the first tick after it finds E402, and says E601")
    func stopped() {
        let rig = ControllerRig()
        rig.heat()
        rig.tick(after: 3_000)
        #expect(rig.controller.lockout.firstOut == .leaseExpired)
        #expect(rig.verdict.tripsNow && rig.verdict.permit == .low)
        let time = rig.time
        #expect(rig.alarms.contains("E601 \(time)") && rig.alarms.contains("E402 \(time)"))
    }

    @Test("E601 from a gap of 250 ms on", arguments: [Int64(249), 250])
    func lateTick(gap: Int64) {
        let rig = ControllerRig()
        rig.start()
        rig.tick(after: gap)
        #expect(rig.alarms.contains { $0.hasPrefix("E601") } == (gap >= 250))
    }

    @Test("T33: gas and the end of the no-rise window in one tick: gas first, E201 recorded")
    func firstOut() {
        // 3 s in RUN without a rise; the gas comes so that its second sample is in that tick.
        var plan = sitePlan()
        plan.heating.noRiseWindow = ms(10_000)
        plan.heating.noRiseGain = MilliCelsius(5_000)
        plan.sequence = builtInSequence(for: .gas, plan.heating)
        let rig = ControllerRig(plan)
        rig.heat()
        let entered = rig.time
        // Its samples come at even 200 ms, as the deadline does not: the first one before it.
        rig.run(to: entered + 9_700)
        rig.node.gas = true
        rig.run(to: entered + 10_000)
        let lockout = rig.controller.lockout
        if entered % 200 == 0 {
            #expect(lockout.firstOut == .gasLeak)
            #expect(lockout.count == 2 && lockout[1].code == .noTemperatureRise)
            #expect(lockout[0].tick == lockout[1].tick)
        } else {
            Issue.record("RUN was entered between two frames; the test needs a frame's tick")
        }
    }

    @Test(
        "E902: a target is taken within its limits only, and the old one stays",
        arguments: [
            (Int32(4_999), false), (5_000, true), (60_000, true), (60_001, false),
            (.max, false), (.min, false),
        ])
    func target(row: (target: Int32, isTaken: Bool)) {
        let rig = ControllerRig()
        rig.start()
        rig.send(.setTarget(MilliCelsius(row.target)))
        rig.tick()
        let target = rig.controller.snapshot().heating.target.rawValue
        #expect(target == (row.isTaken ? row.target : 38_000))
        #expect(rig.alarms.isEmpty == row.isTaken)
    }

    @Test("the check is run again before the first demand after 24 h")
    func checksAgain() {
        let rig = ControllerRig()
        rig.start()
        rig.tick(after: 86_400_000)
        rig.run(to: rig.time + 2_000)
        #expect(rig.controller.selfCheckStep == .done)
        rig.send(.demand(isOn: true))
        rig.tick()
        #expect(rig.controller.selfCheckStep != .done)
        #expect(rig.controller.heatingState == .standby)
        rig.run(to: rig.time + 6_000)
        #expect(rig.controller.selfCheckStep == .done)
        #expect(rig.controller.heatingState != .standby)
    }

    @Test("sensors that do not come within 5 s of the check inhibit the start with E301")
    func sensorsLate() {
        let rig = ControllerRig()
        rig.node.gasReady = false
        rig.send(.demand(isOn: true))
        rig.run(to: 12_000)
        #expect(rig.controller.selfCheckStep == .sensors)
        #expect(rig.controller.heatingState == .standby)
        #expect(rig.alarms.count == 1 && rig.alarms.first?.hasPrefix("E301") == true)
        rig.node.gasReady = true
        rig.run(to: 14_000)
        #expect(rig.controller.selfCheckStep == .done)
        #expect(rig.controller.heatingState == .standby, "the demand was refused meanwhile")
        rig.send(.demand(isOn: true))
        rig.tick()
        #expect(rig.controller.heatingState != .standby)
    }
}
