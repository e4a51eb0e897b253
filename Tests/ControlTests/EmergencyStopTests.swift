import Events
import Testing
import Units

@testable import Control

@Suite("Emergency stop")
struct EmergencyStopTests {
    struct Row: CustomTestStringConvertible, Sendable {
        let testDescription: String
        /// P pressed, r released, - not fitted: one letter a tick.
        let samples: String
        let isPressed: Bool
        let isReleased: Bool
    }

    @Test(
        "two samples in a row decide",
        arguments: [
            Row(testDescription: "one", samples: "rrP", isPressed: false, isReleased: false),
            Row(testDescription: "two", samples: "rrPP", isPressed: true, isReleased: false),
            Row(testDescription: "a bounce", samples: "rPrP", isPressed: false, isReleased: false),
            Row(testDescription: "let go", samples: "PPr", isPressed: false, isReleased: false),
            Row(testDescription: "released", samples: "PPrr", isPressed: false, isReleased: true),
            Row(testDescription: "held", samples: "PPPPPP", isPressed: true, isReleased: false),
            Row(testDescription: "none", samples: "--", isPressed: false, isReleased: true),
        ])
    func debounce(row: Row) {
        var stop = EmergencyStop()
        var isPressed = false
        for letter in row.samples {
            let line: LineState =
                letter == "P" ? .active : letter == "r" ? .inactive : .notFitted
            isPressed = stop.step(line)
        }
        #expect(isPressed == row.isPressed)
        #expect(stop.isReleased == row.isReleased)
    }

    @Test("cuts in the second tick of it, and is latched when it is released")
    func cuts() {
        let rig = ControllerRig()
        rig.run(to: 10_000)
        rig.isStopped = true
        rig.tick()
        #expect(rig.controller.lockout.isLocked == false)
        rig.tick()
        #expect(rig.controller.lockout.firstOut == .emergencyStop)
        #expect(rig.verdict.permit == .low)
        rig.isStopped = false
        rig.run(to: 20_000)
        #expect(rig.controller.lockout.firstOut == .emergencyStop)
    }

    @Test("no reset while it is pressed, and one after it was released", arguments: [true, false])
    func reset(staysPressed: Bool) {
        let rig = ControllerRig()
        rig.run(to: 10_000)
        rig.isStopped = true
        rig.run(to: 11_000)
        rig.isStopped = staysPressed
        rig.run(to: 50_000)
        rig.isPressed = true
        rig.run(to: 52_000)
        rig.isPressed = false
        var refusals: [ResetRefusal] = []
        var accepted = 0
        while rig.time < 62_000 {
            rig.tick()
            refusals += rig.refusals
            if rig.facts.contains(where: { if case .resetAccepted = $0 { true } else { false } }) {
                accepted += 1
            }
        }
        #expect(rig.controller.lockout.isLocked == staysPressed)
        // Refused at once: a self-check with the stop pressed would only find it again.
        #expect(accepted == (staysPressed ? 0 : 1))
        #expect(refusals == (staysPressed ? [.conditionHolds] : []))
    }
}
