import Control
import Events
import JSON
import Units
import Wire

/// What somebody at the site must do to bring a locked heater back, with what is already done and
/// how long the rest takes (site specification §7.5).
struct ResetProcedure {
    let state: StateJSON

    // The numbers of §7.5. They stand here for the text only; the rule itself is in Control.
    private static let settleTime = Milliseconds(30_000)
    private static let resetsMax = 5

    private var snapshot: Snapshot { state.snapshot }

    var answer: JSONValue {
        .array(steps.map { ["done": .bool($0.isDone), "text": .string($0.text)] })
    }

    private struct Step {
        var isDone: Bool
        var text: String
    }

    private var steps: [Step] {
        var steps: [Step] = []
        for index in 0..<Int(snapshot.lockout.count) { steps.append(cause(index)) }
        if snapshot.interlock.powerSense != .notFitted {
            let isOff = snapshot.interlock.powerSense == .inactive
            steps.append(
                Step(
                    isDone: isOff,
                    text: isOff
                        ? "No power behind the contactors."
                        : "Power is present behind the contactors."
                ))
        }
        steps.append(waiting)
        steps.append(resetsLeft)
        steps.append(
            Step(
                isDone: false,
                text: "At the site: let the reset button go, press it for 1 to 5 s, let it go."))
        steps.append(
            Step(
                isDone: false,
                text: "The self-check runs; then ask for heat anew: busbar heating start"))
        return steps
    }

    /// A sensor that is there, and valid, shows that the gas of a locked-in leak is gone, and has
    /// been for 30 s: one sample without gas calls nobody back into the house.
    var isGasSeenGone: Bool {
        let since = snapshot[.gasLeak].goneAt ?? snapshot.interlock.enteredAt
        return snapshot[.gas].isFitted && snapshot.now - since >= Self.settleTime
            && (0..<Int(snapshot.lockout.count)).contains {
                snapshot.lockout[$0].code == .gasLeak && cause($0).isDone
            }
    }

    /// A cause that no valid sample shows to be gone is not gone: after a start, or with a silent
    /// node, the alarm alone would look as if it were.
    private func cause(_ index: Int) -> Step {
        let code = snapshot.lockout[index].code
        let name = "\(code.name) \(alarmDefinition(code).name)"
        let view = snapshot[code]
        guard view.goneAt != nil || view.state == .latched || view.state == .normal else {
            return Step(isDone: false, text: "\(name): its cause is still there.")
        }
        guard !Self.isSeenBySelfCheckOnly(code) else {
            return Step(
                isDone: false, text: "\(name): the self-check will show whether it is gone.")
        }
        let unseen = unseenSignals
        guard unseen.isEmpty else {
            return Step(
                isDone: false,
                text: "\(name): whether its cause is gone cannot be seen; not valid: "
                    + unseen.joined(separator: ", ") + ".")
        }
        return Step(isDone: true, text: "\(name): its cause is gone.")
    }

    /// Faults of the contactors, the board and the records: with everything off nothing shows them.
    private static func isSeenBySelfCheckOnly(_ code: AlarmCode) -> Bool {
        switch code {
        case .powerContact, .readBackMismatch, .leaseExpired, .boardRestarted, .boardTripped,
            .selfCheckFailed, .lockoutCopiesBad:
            true
        default: false
        }
    }

    private var unseenSignals: [String] {
        (0..<UInt8(SignalID.count)).compactMap { SignalID(rawValue: $0) }.filter { signal in
            let view = snapshot[signal]
            return view.isFitted && view.isSafety
                && (view.quality != .ok || view.age >= StateJSON.ageMaximum)
        }.map(\.name)
    }

    private var waiting: Step {
        let left = Self.settleTime - (snapshot.now - snapshot.interlock.enteredAt)
        return left > .zero
            ? Step(
                isDone: false,
                text:
                    "Wait \(QuantityText.wait(left.rawValue)): the press may begin 30 s after the "
                    + "trip.")
            : Step(isDone: true, text: "30 s have passed since the trip.")
    }

    private var resetsLeft: Step {
        let used = Int(snapshot.lockout.recentResets)
        return used < Self.resetsMax
            ? Step(isDone: true, text: "\(used) of 5 resets were used in the last 15 min.")
            : Step(isDone: false, text: "5 resets in 15 min are used up: wait until one is older.")
    }
}
