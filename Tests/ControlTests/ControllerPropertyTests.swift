import Events
import RelayBoard
import Testing
import Units

@testable import Control

/// Whatever comes in: frames, answers, commands and buttons drawn from a seed.
@Suite("Controller, any input")
struct ControllerPropertyTests {
    /// A site whose job gets to its heat within seconds, so that a run sees many of them.
    static func quickPlan(_ profile: HeatingProfile) -> ControlPlan {
        var plan = sitePlan(profile)
        plan.heating.prepurge = ms(5_000)
        plan.heating.interPurge = ms(5_000)
        plan.heating.precirculate = .zero
        plan.heating.flowProve = ms(1_000)
        plan.heating.stabilise = ms(1_000)
        plan.heating.postcirculate = ms(1_000)
        plan.sequence = builtInSequence(for: profile, plan.heating)
        return plan
    }

    static func disturb(_ rig: ControllerRig, _ random: inout SplitMix64) {
        switch Int.random(in: 0..<400, using: &random) {
        case 0: rig.node.gas = true
        case 1: rig.node.level = 40
        case 2: rig.isSilent = true
        case 3: rig.node.boot = (rig.node.boot + 1) % 16
        case 4: rig.node.temperature = Int32.random(in: -130_000...120_000, using: &random)
        case 5: rig.node.flow = 0
        case 6: rig.forcedFlame = Bool.random(using: &random)
        case 7: rig.board.restart()
        case 8: rig.board.isDead = true
        case 9:
            rig.board.status.actual = RelayMask(rawValue: UInt8.random(in: 0...127, using: &random))
        case 10: rig.forcedSense = Bool.random(using: &random) ? .active : .inactive
        case 11: rig.board.trip(.unproven)
        case 12: rig.send(.setTarget(MilliCelsius(Int32.random(in: .min ... .max, using: &random))))
        case 13: rig.send(.resetRemotely, by: .cluster)
        case 14...20: rig.send(.demand(isOn: false))
        case 21...60: rig.send(.demand(isOn: true), by: .schedule)
        case 61...90: recover(rig)
        case 91...95:
            rig.extraFrames = (0..<Int.random(in: 1...20, using: &random)).map { _ in
                CANFrame(
                    id: Bool.random(using: &random) ? NodeLayout.id : 0x123,
                    length: UInt8.random(in: 0...8, using: &random), payload: random.next())
            }
        case 96: rig.bus = .busOff
        default: break
        }
    }

    static func recover(_ rig: ControllerRig) {
        rig.node.gas = false
        rig.node.level = 800
        rig.node.flow = 3_000
        rig.node.temperature = 20_000
        rig.isSilent = false
        rig.forcedFlame = nil
        rig.forcedSense = nil
        rig.board.isDead = false
        rig.board.status.actual = rig.board.status.wanted
        rig.bus = .active
    }

    @Test(
        "after a FATAL nothing is asked for until a reset, and heat never without pump and power",
        arguments: [HeatingProfile.gas, .electric, .external], [UInt64(1), 2, 3, 4])
    func holds(profile: HeatingProfile, seed: UInt64) {
        var random = SplitMix64(seed: seed)
        let rig = ControllerRig(Self.quickPlan(profile))
        var isCut = false
        var (cuts, heats, resets) = (0, 0, 0)
        var pressUntil: Int64 = -1
        var cutAt: Int64 = 0
        for _ in 0..<6_000 {
            // Once cut, it is left alone more often, so that some resets come to their end.
            if !isCut || random.next() % 16 == 0 { Self.disturb(rig, &random) }
            // Some time after a cut somebody mends it all and presses the button.
            if isCut, rig.time - cutAt == 40_000 { Self.recover(rig) }
            if isCut, rig.time - cutAt == 43_000 {
                Self.recover(rig)
                pressUntil = rig.time + 2_000
            }
            rig.isPressed = rig.time < pressUntil
            let wasResetting = rig.isResetting
            let step = Int64.random(in: 0..<500, using: &random) == 0 ? Int64(1_000) : 100
            rig.tick(after: step)
            let outputs = rig.outputs
            let isEdge = rig.verdict.permit == .edge
            let text = "seed \(seed), \(profile), \(rig.time) ms"
            let isReset = rig.facts.contains(.resetAccepted)
            if isCut, !rig.isResetting { #expect(!isEdge, "\(text)") }
            if isCut, !isReset, !wasResetting {
                #expect(outputs.relays.isEmpty, "\(text)")
                #expect(outputs.heartbeat == nil && !outputs.arms, "\(text)")
            }
            if outputs.relays.intersects(.heat) {
                heats += 1
                #expect(outputs.relays.contains(RelayMask.pump.union(.power)), "\(text)")
            }
            if outputs.relays.contains(.spark) {
                #expect(outputs.relays.contains(.valve), "\(text)")
            }
            let isTripped = rig.controller.interlockState == .tripped
            if isTripped {
                #expect(outputs.relays.isEmpty || rig.verdict.tripsNow, "\(text)")
            }
            if !isTripped {
                // Why the cut-off need not look for FATALs that are not new.
                let active = allCodes.filter { code in
                    rig.controller.alarms.active.contains(code)
                        && rig.controller.alarms.views[Int(code.rawValue)].severity == .fatal
                }
                #expect(active.isEmpty, "\(text)")
            }
            if isTripped, !isCut {
                cuts += 1
                cutAt = rig.time
                #expect(!isEdge && rig.verdict.savesLockout, "\(text)")
            }
            if isCut, !isTripped { resets += 1 }
            isCut = isTripped
        }
        #expect(cuts > 0 && heats > 0 && resets > 0, "the seed exercises nothing: choose another")
    }
}
