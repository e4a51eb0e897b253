import Control
import Events
import JSON
import RelayBoard
import Units
import Wire

/// Why a relay is on or off: the chain from the relay back to its cause, one sentence a link.
struct RelayReason {
    let state: StateJSON
    let relay: RelayMask
    let name: String

    private var snapshot: Snapshot { state.snapshot }
    private var plan: ControlPlan { state.description.plan }
    private var isCommanded: Bool { snapshot.interlock.commanded.contains(relay) }

    var answer: JSONValue {
        [
            "subject": .string("relay/\(name)"),
            "headline": .string(headline),
            "chain": .array(chain.map { .string($0) }),
            "inputs": .array(InputTable(state: state).rows),
            "transitions": .array(state.transitions),
            "reset": snapshot.lockout.isLocked ? ResetProcedure(state: state).answer : .null,
        ]
    }

    private var headline: String {
        guard let actual = snapshot.interlock.actual else {
            return "\(name) is commanded \(word(isCommanded)); the relay board does not answer, "
                + "so it opens when its lease runs out"
        }
        let isOn = actual.contains(relay)
        return isOn == isCommanded
            ? "\(name) is \(word(isOn)), as commanded and as read back"
            : "\(name) is commanded \(word(isCommanded)) but reads back \(word(isOn))"
    }

    private var chain: [String] {
        if snapshot.interlock.state == .tripped { return trippedChain }
        if relay == .power { return powerChain }
        guard case .step(let index) = snapshot.heating.state else { return idleChain }
        return stepChain(index)
    }

    private var trippedChain: [String] {
        var chain = [
            "The power interlock is TRIPPED since \(age(snapshot.interlock.enteredAt)): "
                + "it keeps every relay off, whatever else asks."
        ]
        if let first = snapshot.lockout.firstOut {
            chain.append(
                "What came first: \(first.name) \(alarmDefinition(first).name), while heating was "
                    + "in \(state.name(snapshot.lockout.stateAtTrip)).")
            chain.append("See busbar why \(first.name).")
        }
        return chain
    }

    private var powerChain: [String] {
        let interlock = snapshot.interlock
        let since =
            interlock.enteredAt == .never ? "since the start" : "for \(age(interlock.enteredAt))"
        let heating = state.name(snapshot.heating.state)
        switch interlock.state {
        case .open where interlock.selfCheck != .done:
            return [
                "The power interlock is OPEN \(since).",
                "The self-check is at \(interlock.selfCheck.name); it must be done before a job.",
            ]
        case .open:
            return ["The power interlock is OPEN \(since): no job needs power."] + idleChain
        case .closing:
            return ["The power interlock is CLOSING \(since): K1, then K2, then the sense."]
        case .closed:
            return [
                "The power interlock is CLOSED \(since), because heating is in \(heating).",
                "The permit line is \(interlock.isPermitted ? "kept changing" : "low").",
            ]
        case .opening:
            return [
                "The power interlock is OPENING \(since): heating has ended in \(heating)."
            ]
        case .tripped:
            return trippedChain
        }
    }

    private var idleChain: [String] {
        let heating = snapshot.heating
        var chain = [
            "Heating is in \(state.name(heating.state)) for \(age(heating.enteredAt)): "
                + "no step runs, so nothing is set."
        ]
        if heating.hasPendingDemand {
            chain.append("A demand by \(heating.requester.name) waits until it can be taken.")
        } else if !heating.hasDemand {
            chain.append("Nobody asks for heat.")
        }
        if let refusal = heating.refusal {
            chain.append("A demand would be refused now: \(refusal.sentence).")
        }
        return chain
    }

    private func stepChain(_ index: UInt8) -> [String] {
        let heating = snapshot.heating
        let step = plan.sequence[index]
        let current = state.name(heating.state)
        var chain: [String] = []
        if let (decider, isSet) = decider(upTo: index) {
            let which = state.name(.step(decider))
            let verb = isSet ? "sets" : "clears"
            chain.append(
                decider == index
                    ? "Step \(current) \(verb) it." : "Step \(which) \(verb) it, before \(current)."
            )
        } else {
            chain.append("No step up to \(current) sets it.")
        }
        if isCommanded != (decider(upTo: index)?.isSet ?? false) {
            chain.append("A rule inside the step, or the interlock, has overruled that.")
        }
        chain.append("Step \(current) runs for \(age(heating.enteredAt)).")
        if heating.transitions.count > 0 {
            let transition = heating.transitions[0]
            chain.append(
                "It came from \(state.name(transition.from)) because \(transition.cause.phrase).")
        }
        chain.append("It ends when \(step.until.phrase)\(timeLimit(of: step)).")
        if let rest = restLeft {
            chain.append(
                "Heat rests for 10 s after it was last on, or after a start: \(rest) left.")
        }
        for place in 0..<Int(step.guards.count) where step.guards[place].condition != .never {
            chain.append("It is left at once when \(step.guards[place].condition.phrase).")
        }
        chain.append(
            heating.hasDemand
                ? "Heat is asked for by \(heating.requester.name)."
                : "Nobody asks for heat any more.")
        return chain
    }

    /// What is left of the rest that the relay board insists on between two heats; nil if it is
    /// over.
    private var restLeft: String? {
        let heating = snapshot.heating
        guard !heating.isHeatOn, heating.heatChangedAt != .never else { return nil }
        let rest = Milliseconds(Int64(RelayBoardLimits.rest) / 1_000)
        let left = rest - (snapshot.now - heating.heatChangedAt)
        return left > .zero ? QuantityText.wait(left.rawValue) : nil
    }

    /// The last step, up to the one that runs, that has said anything about the relay.
    private func decider(upTo index: UInt8) -> (step: UInt8, isSet: Bool)? {
        for candidate in stride(from: Int(index), through: 0, by: -1) {
            let step = plan.sequence[UInt8(candidate)]
            if step.set.contains(relay) { return (UInt8(candidate), true) }
            if step.clear.contains(relay) { return (UInt8(candidate), false) }
        }
        return nil
    }

    private func timeLimit(of step: Step) -> String {
        step.maximum > .zero
            ? ", at the latest after \(QuantityText.duration(step.maximum.rawValue))" : ""
    }

    private func word(_ isOn: Bool) -> String { isOn ? "ON" : "OFF" }

    private func age(_ instant: Instant) -> String {
        QuantityText.duration((snapshot.now - instant).rawValue)
    }
}

/// The signals that decide, each with its age and its limits.
struct InputTable {
    let state: StateJSON

    /// The safety signals first; those that nothing depends on are left out unless they are bad.
    var rows: [JSONValue] {
        (0..<UInt8(SignalID.count)).compactMap { raw -> JSONValue? in
            guard let signal = SignalID(rawValue: raw) else { return nil }
            let view = state.snapshot[signal]
            guard view.isFitted, view.isSafety || view.quality != .ok else { return nil }
            guard var row = state.signal(signal).object else { return nil }
            row.append("age_limit_ms", JSONValue(ageLimit(of: signal).rawValue))
            row.append("limits", .string(limits(of: signal)))
            return .object(row)
        }
    }

    private var heating: HeatingParameters { state.description.plan.heating }

    private func ageLimit(of signal: SignalID) -> Milliseconds {
        signal == .flame ? heating.flameStale : heating.hold
    }

    private func limits(of signal: SignalID) -> String {
        switch signal {
        case .temperature1, .temperature2, .temperature3:
            let target = state.snapshot.heating.target
            let over = target + heating.overTarget
            return "target \(QuantityText.celsius(Int64(target.rawValue))), trips at "
                + QuantityText.celsius(Int64(min(over, heating.siteLimit).rawValue))
        case .flow:
            return "at least \(QuantityText.value(Int64(heating.minFlow.rawValue), of: .flow))"
        case .level:
            return "at least \(QuantityText.value(Int64(heating.levelMin.rawValue), of: .level))"
        case .gas: return "trips on two samples"
        case .gasReady: return "must be yes"
        case .flame: return "no with the valve closed"
        case .burnerLockout: return "must be no"
        case .ambientTemperature, .ambientHumidity, .burnerOn, .probe1Ratio, .probe2Ratio,
            .probe3Ratio:
            return ""
        }
    }
}
