import Events
import RelayBoard
import Testing
import Units

@testable import Control

/// §7.5 and §7.6 through the whole controller: what locks at the start, and the only way out.
@Suite("Controller, start and reset")
struct ControllerResetTests {
    static func record(_ codes: [AlarmCode], resets: UInt8 = 0) -> LockoutRecord {
        var record = LockoutRecord()
        record.recentResets = resets
        for code in codes { record.append(LockoutRecordTests.entry(code)) }
        return record
    }

    @Test("locked at the start: never ARM, heartbeat, edge or relay, whatever is asked")
    func lockedAtStart() {
        let rig = ControllerRig(lockout: .locked(Self.record([.gasLeak, .boardLost])))
        for _ in 0..<600 {
            rig.send(.demand(isOn: true))
            rig.send(.resetRemotely, by: .cluster)
            rig.tick()
        }
        #expect(rig.controller.interlockState == .tripped)
        #expect(rig.controller.heatingState == .lockout)
        #expect(rig.controller.lockout.firstOut == .gasLeak)
        #expect(rig.board.armsWritten == 0)
        #expect(rig.edges.isEmpty && rig.heartbeats.isEmpty && rig.everOn == .none)
        #expect(rig.board.status.isTripped, "the board's own latch is set as well")
    }

    @Test("what the two copies said decides the start", arguments: [0, 1, 2, 3, 4])
    func recollects(row: Int) {
        let cases: [(Recollection.Lockout, [String], Bool)] = [
            (.clear, [], false),
            (.repaired(LockoutRecord()), ["E605 0"], false),
            (.repaired(Self.record([.gasLeak])), ["E605 0"], true),
            (.unreadable, ["E606 0"], true),
            (.locked(Self.record([], resets: 5)), [], false),
        ]
        let (lockout, alarms, isLocked) = cases[row]
        let rig = ControllerRig(lockout: lockout)
        rig.tick()
        #expect(rig.alarms == alarms)
        #expect((rig.controller.interlockState == .tripped) == isLocked)
        #expect(rig.verdict.savesLockout == !alarms.isEmpty)
        if isLocked {
            #expect(rig.outputs.trips)
            rig.run(to: 5_000)
            #expect(rig.board.armsWritten == 0 && rig.edges.isEmpty)
        }
    }

    /// A rig that was cut by gas, 31 s ago, and whose gas is gone.
    static func cut(resets: UInt8 = 0) -> ControllerRig {
        let rig = ControllerRig(lockout: .locked(record([], resets: resets)))
        rig.heat()
        rig.node.gas = true
        while rig.controller.interlockState != .tripped, rig.time < 100_000 { rig.tick() }
        rig.node.gas = false
        rig.run(to: rig.time + 31_000)
        return rig
    }

    @Test("a press at the site leads through the self-check to standby, and no demand is left")
    func resets() {
        let rig = Self.cut()
        rig.send(.demand(isOn: true))
        rig.tick()
        rig.press(2_000)
        #expect(rig.facts.contains(.resetAccepted))
        #expect(rig.controller.interlockState == .tripped, "until the self-check is done")
        let relaysBefore = rig.everOn
        for _ in 0..<60 where rig.controller.interlockState == .tripped {
            rig.tick()
            #expect(rig.outputs.relays == .none)
        }
        #expect(rig.controller.interlockState == .open)
        #expect(rig.controller.heatingState == .standby)
        #expect(rig.verdict.savesLockout)
        let lockout = rig.controller.lockout
        #expect(!lockout.isLocked && lockout.recentResets == 1)
        rig.run(to: rig.time + 5_000)
        #expect(rig.controller.heatingState == .standby)
        #expect(rig.everOn == relaysBefore)
        rig.send(.demand(isOn: true))
        rig.tick()
        #expect(rig.controller.heatingState == .step(0), "T22: from PRECHECK")
    }

    @Test(
        "only presses of 1 000 to 5 000 ms are taken",
        arguments: [
            (Int64(900), ResetRefusal?.some(.pressTooShort)), (1_000, nil), (5_000, nil),
            (5_100, .pressTooLong),
        ])
    func presses(row: (length: Int64, refusal: ResetRefusal?)) {
        let rig = Self.cut()
        rig.isPressed = true
        rig.run(to: rig.time + row.length)
        rig.isPressed = false
        rig.tick()
        #expect(rig.refusals == (row.refusal.map { [$0] } ?? []))
        #expect(rig.facts.contains(.resetAccepted) == (row.refusal == nil))
    }

    @Test(
        "a press that begins within 30 s of the trip is refused",
        arguments: [
            (Int64(29_900), true), (30_000, false),
        ])
    func tooSoon(row: (delay: Int64, isRefused: Bool)) {
        let rig = ControllerRig()
        rig.heat()
        rig.node.gas = true
        while rig.controller.interlockState != .tripped, rig.time < 100_000 { rig.tick() }
        rig.node.gas = false
        rig.run(to: rig.time + row.delay - 100)
        rig.press(2_000)
        #expect(rig.refusals == (row.isRefused ? [.tooSoon] : []))
        #expect(rig.alarms.last?.hasPrefix("E701") == (row.isRefused ? true : false))
    }

    @Test("what still holds, power that is still there, and a reset from afar are refused")
    func refuses() {
        let holding = Self.cut()
        holding.node.gas = true
        holding.run(to: holding.time + 1_000)
        holding.press(2_000)
        #expect(holding.refusals == [.conditionHolds])

        let blind = Self.cut()
        blind.isSilent = true
        blind.run(to: blind.time + 3_000)
        blind.press(2_000)
        #expect(blind.refusals == [.conditionHolds], "what cannot be seen to be gone is not gone")

        let powered = Self.cut()
        powered.run(to: powered.time + 1_000)
        powered.isPressed = true
        powered.run(to: powered.time + 2_000)
        powered.forcedSense = .active
        powered.isPressed = false
        powered.tick()
        #expect(powered.refusals == [.powerStillPresent])

        for requester in [Requester.technician, .admin, .cluster, .schedule, .scenario, .site] {
            let remote = Self.cut()
            remote.send(.resetRemotely, by: requester)
            remote.tick()
            #expect(remote.refusals == [.notLocal])
            #expect(remote.controller.interlockState == .tripped)
        }
    }

    @Test(
        "five resets in 15 min are enough, also when they were before a restart",
        arguments: [
            (UInt8(4), false), (5, true),
        ])
    func tooMany(row: (earlier: UInt8, isRefused: Bool)) {
        let rig = Self.cut(resets: row.earlier)
        rig.press(2_000)
        #expect(rig.refusals == (row.isRefused ? [.tooMany] : []))
        #expect(rig.alarms.last?.hasPrefix("E703") == row.isRefused)
        guard row.isRefused else { return }
        rig.run(to: 900_000)
        rig.press(2_000)
        #expect(rig.facts.contains(.resetAccepted), "15 min after the start they count no more")
    }

    @Test("a button held for 10 s is E702, and nothing is reset by its release")
    func stuck() {
        let rig = Self.cut()
        rig.press(12_000)
        #expect(rig.alarms.last?.hasPrefix("E702") == true)
        #expect(rig.refusals.isEmpty && !rig.facts.contains(.resetAccepted))
    }

    @Test(
        "a new FATAL during the reset's self-check ends the reset, and the board is tripped again")
    func fatalDuringReset() {
        let rig = Self.cut()
        rig.press(2_000)
        rig.run(to: rig.time + 1_500)
        rig.node.level = 900
        rig.node.temperature = 70_000
        rig.run(to: rig.time + 500)
        #expect(rig.controller.lockout.contains(.overTemperatureSite))
        let last = rig.time
        rig.run(to: rig.time + 20_000)
        #expect(rig.controller.interlockState == .tripped)
        #expect(rig.controller.lockout.firstOut == .gasLeak)
        #expect(rig.board.status.isTripped)
        #expect((rig.edges.last ?? 0) <= last && (rig.heartbeats.last ?? 0) <= last)
    }

    @Test("a board that has not seen the button refuses to be armed, and so does the reset")
    func boardRefuses() {
        let rig = Self.cut()
        rig.press(2_000)
        for _ in 0..<100 where rig.refusals.isEmpty {
            rig.board.hasLocalReset = false
            rig.forgetRelease()
            rig.tick()
        }
        #expect(rig.refusals == [.boardRefused])
        #expect(rig.controller.interlockState == .tripped)
    }

    struct FailedCheck: CustomTestStringConvertible, Sendable {
        let testDescription: String
        let step: SelfCheckStep
        let breakIt: @Sendable (ControllerRig) -> Void
        let alarm: AlarmCode
        /// Of E607: which step of §7.6.
        var value: Int32?
    }

    @Test(
        "a reset whose self-check finds a fault is refused in words, once",
        arguments: [
            FailedCheck(
                testDescription: "power behind K1 in step 7", step: .permit,
                breakIt: { $0.forcedSense = .active }, alarm: .powerContact),
            FailedCheck(
                testDescription: "a relay that stays on in step 4", step: .outputs,
                breakIt: { $0.board.status.actual = .pump }, alarm: .readBackMismatch),
            FailedCheck(
                testDescription: "a clock that stands still in step 5", step: .clock,
                breakIt: { $0.board.isClockStopped = true }, alarm: .selfCheckFailed, value: 5),
        ])
    func checkFails(row: FailedCheck) {
        let rig = Self.cut()
        rig.press(2_000)
        var refusals: [ResetRefusal] = []
        var isBroken = false
        for _ in 0..<100 {
            if rig.controller.selfCheckStep == row.step, !isBroken {
                isBroken = true
                row.breakIt(rig)
            }
            rig.tick()
            refusals += rig.refusals
            if !rig.refusals.isEmpty {
                #expect(rig.controller.lockout.contains(row.alarm), "in the tick that finds it")
                let record = rig.controller.lockout
                let entry = (0..<Int(record.count)).map { record[$0] }.last { $0.code == row.alarm }
                #expect(row.value == nil || entry?.value == row.value)
            }
        }
        #expect(refusals == [.selfCheckFailed])
        #expect(rig.controller.interlockState == .tripped)
        #expect(rig.board.status.isTripped && !rig.isResetting)
    }

    @Test("a FATAL that never ceased to be active ends a reset in its tick, though it is not new")
    func standingFatalDuringReset() {
        var plan = sitePlan()
        // A site may keep an alarm active beyond its condition; so does chattering, for a minute.
        plan.alarms.offDelays[Int(AlarmCode.gasLeak.rawValue)] = ms(60_000)
        let rig = ControllerRig(plan)
        rig.heat()
        rig.node.gas = true
        while rig.controller.interlockState != .tripped, rig.time < 100_000 { rig.tick() }
        rig.node.gas = false
        rig.run(to: rig.time + 31_000)
        rig.press(2_000)
        while rig.isResetting, rig.controller.selfCheckStep != .permit { rig.tick() }
        rig.node.gas = true
        rig.tick()
        #expect(rig.outputs.heartbeat != nil, "the board is leased for the check")
        while rig.isResetting, rig.controller.selfCheckStep == .permit { rig.tick() }
        #expect(rig.alarms.last == "E701 \(rig.time)")
        #expect(rig.alarms.count { $0.hasPrefix("E103") } == 1, "it is not raised anew")
        #expect(rig.refusals == [.conditionHolds])
        #expect(rig.controller.interlockState == .tripped)
        #expect(rig.outputs.heartbeat == nil && !rig.outputs.arms, "not even in this tick")
        #expect(rig.outputs.trips)
        #expect(rig.verdict.permit == .low)
    }
}
