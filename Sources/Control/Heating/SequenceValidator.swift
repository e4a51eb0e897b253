import Events
import RelayBoard
import Units

/// Why a sequence may not run (E901), and at which step.
public struct SequenceDefect: Hashable, Sendable {
    public enum Rule: UInt8, Sendable {
        /// Empty, a step without an end, a jump to nowhere, or a kind that every job needs missing.
        case structure = 0
        /// Spark only inside `ignite`.
        case v1
        /// Fuel or heat only in ignite, stabilise and heat, and every way out passes `close`.
        case v2
        /// Each fuel step has its flame guard, each heat step its four guards.
        case v3
        /// A check comes before the first fuel or heat.
        case v4
        /// A purge of at least `prepurgeMs` comes before each ignition.
        case v5
        /// No way back to an ignition but through a counted retry with a pause.
        case v6
        /// The pump runs before there is heat.
        case v7
        /// The last step ends the job with everything off.
        case v8
    }

    public var rule: Rule
    public var step: UInt8

    public init(_ rule: Rule, step: UInt8) {
        self.rule = rule
        self.step = step
    }

    /// What is wrong, for the message that refuses the site file.
    public var reason: StaticString {
        switch rule {
        case .structure:
            "a job needs check, close, hold, retry and a last step, and each step a finite end"
        case .v1: "V1: the spark may be on only in a step of kind ignite"
        case .v2: "V2: fuel or heat outside ignite, stabilise and heat, or a way out past close"
        case .v3: "V3: a fuel step without flame guard, or a heat step without its guards"
        case .v4: "V4: no check comes before the first fuel or heat"
        case .v5: "V5: no purge of at least prepurgeMs comes before the ignition"
        case .v6: "V6: a way back to heat that is no counted retry with its pause"
        case .v7: "V7: the pump is not running before there is heat"
        case .v8: "V8: the last step does not end the job with everything off"
        }
    }
}

/// Checks the rules V1 to V8 of §7.2 for any sequence, whoever wrote it.
///
/// - Returns: the first defect found, by rule; nil if the sequence may run.
public func defect(
    in sequence: Sequence, profile: HeatingProfile, _ parameters: HeatingParameters
) -> SequenceDefect? {
    let check = SequenceCheck(sequence: sequence, profile: profile, parameters: parameters)
    return check.structure() ?? check.v1() ?? check.v2() ?? check.v3() ?? check.v4()
        ?? check.v5() ?? check.v6() ?? check.v7() ?? check.v8()
}

private struct SequenceCheck {
    let sequence: Sequence
    let profile: HeatingProfile
    let parameters: HeatingParameters

    /// A day: nothing in a water heater may wait longer.
    static let longest = Milliseconds(86_400_000)

    private func makesHeat(_ kind: StepKind) -> Bool {
        switch kind {
        case .ignite, .stabilise, .heat: true
        case .check, .actuate, .wait, .circulate, .purge, .close, .hold, .retry: false
        }
    }

    private func firstHeat() -> UInt8? {
        for index in 0..<sequence.count where makesHeat(sequence[index].kind) { return index }
        return nil
    }

    /// What a guard must lead to, whatever its codes and steps.
    private enum Consequence {
        case hold, fatal, fail, retryOrFatal, stop

        func matches(_ action: Action) -> Bool {
            switch (self, action) {
            case (.hold, .hold), (.fatal, .fatal), (.fail, .fail), (.stop, .stop): true
            case (.retryOrFatal, .retryTrial), (.retryOrFatal, .recycle), (.retryOrFatal, .fatal):
                true
            default: false
            }
        }
    }

    /// Whether `step` has a guard that acts on `condition` at once, in the way that is needed.
    private func has(_ step: Step, _ condition: Condition, _ consequence: Consequence) -> Bool {
        for index in 0..<Int(step.guards.count)
        where step.guards[index].condition == condition && step.guards[index].after == .zero
            && consequence.matches(step.guards[index].action)
        {
            return true
        }
        return false
    }

    /// Every place that `step` can lead to by a jump of its own.
    private func jumps(_ step: Step, _ body: (UInt8) -> Bool) -> Bool {
        func visit(_ action: Action) -> Bool {
            if case .go(let target) = action { return body(target) }
            return true
        }
        for index in 0..<Int(step.guards.count) where !visit(step.guards[index].action) {
            return false
        }
        return visit(step.onPass) && visit(step.onTimeout)
    }

    func structure() -> SequenceDefect? {
        guard sequence.count > 0, sequence.first(.check) != nil, sequence.first(.close) != nil,
            sequence.first(.hold) != nil, sequence.first(.retry) != nil, firstHeat() != nil
        else { return SequenceDefect(.structure, step: 0) }
        for index in 0..<sequence.count {
            let step = sequence[index]
            guard step.maximum > .zero, step.maximum <= Self.longest,
                step.minimum >= .zero, step.minimum <= step.maximum,
                step.set.intersection(step.clear).isEmpty, !step.set.contains(.power),
                jumps(step, { $0 < sequence.count })
            else { return SequenceDefect(.structure, step: index) }
        }
        return nil
    }

    func v1() -> SequenceDefect? {
        for index in 0..<sequence.count where sequence[index].kind != .ignite {
            if sequence[index].set.contains(.spark) || sequence[index].spark > .zero {
                return SequenceDefect(.v1, step: index)
            }
        }
        for index in 0..<sequence.count where sequence[index].kind == .ignite {
            if sequence[index].spark > sequence[index].maximum
                || sequence[index].maximum > parameters.safetyTime
            {
                return SequenceDefect(.v1, step: index)
            }
        }
        return nil
    }

    func v2() -> SequenceDefect? {
        for index in 0..<sequence.count {
            let step = sequence[index]
            if makesHeat(step.kind) {
                // By `.next` into more heat or into close; by jumps never past it.
                let follower = index + 1 < sequence.count ? sequence[index + 1].kind : .circulate
                guard makesHeat(follower) || follower == .close,
                    jumps(
                        step,
                        { makesHeat(sequence[$0].kind) || sequence[$0].kind == .close }),
                    step.onPass != .finish, step.onTimeout != .finish
                else { return SequenceDefect(.v2, step: index) }
            } else {
                guard !step.set.intersects(.heat) else { return SequenceDefect(.v2, step: index) }
                let mustClear = step.kind == .close || step.kind == .hold || step.kind == .retry
                if mustClear, !step.clear.contains(.heat) {
                    return SequenceDefect(.v2, step: index)
                }
            }
        }
        return nil
    }

    func v3() -> SequenceDefect? {
        for index in 0..<sequence.count {
            let step = sequence[index]
            guard makesHeat(step.kind) else { continue }
            let holdsWhenStale =
                has(step, .signalsStale, .hold)
                || (step.kind != .heat && has(step, .flameStale, .hold))
            var isGuarded = holdsWhenStale && has(step, .demandGone, .stop)
            if profile == .gas, step.kind != .ignite {
                isGuarded = isGuarded && has(step, .flameOff, .retryOrFatal)
            }
            if step.kind == .heat {
                isGuarded =
                    isGuarded && has(step, .noRise, .fatal)
                    && (has(step, .flowLow, .fail) || parameters.isStaticTank)
                    && step.maximum <= parameters.maxRun
            }
            guard isGuarded else { return SequenceDefect(.v3, step: index) }
        }
        return nil
    }

    func v4() -> SequenceDefect? {
        let heat = firstHeat() ?? 0
        for index in 0..<heat
        where sequence[index].kind == .check && sequence[index].until == .readyToStart {
            return nil
        }
        return SequenceDefect(.v4, step: heat)
    }

    func v5() -> SequenceDefect? {
        guard let ignite = sequence.first(.ignite) else {
            // A fuel valve without an ignition step would be opened unlit.
            for index in 0..<sequence.count where sequence[index].set.contains(.valve) {
                return SequenceDefect(.v5, step: index)
            }
            return nil
        }
        guard ignite > 0, sequence[ignite - 1].kind == .purge,
            sequence[ignite - 1].minimum >= parameters.prepurge
        else { return SequenceDefect(.v5, step: ignite) }
        for index in (ignite + 1)..<sequence.count where sequence[index].kind == .ignite {
            return SequenceDefect(.v5, step: index)
        }
        return nil
    }

    func v6() -> SequenceDefect? {
        let heat = firstHeat() ?? 0
        let pause = profile == .gas ? parameters.interPurge : electricInterPurge
        for index in 0..<sequence.count {
            let step = sequence[index]
            if step.kind == .retry {
                guard step.minimum >= pause, step.until == .always else {
                    return SequenceDefect(.v6, step: index)
                }
            } else if !jumps(step, { $0 > index && ($0 > heat || index < heat) }) {
                return SequenceDefect(.v6, step: index)
            } else if index >= heat, !jumps(step, { !makesHeat(sequence[$0].kind) || $0 > index }) {
                return SequenceDefect(.v6, step: index)
            }
        }
        return nil
    }

    func v7() -> SequenceDefect? {
        if parameters.isStaticTank { return nil }
        let heat = firstHeat() ?? 0
        var isPumping = false
        for index in 0..<sequence.count {
            if sequence[index].set.contains(.pump) { isPumping = true }
            if sequence[index].clear.contains(.pump) { isPumping = false }
            if makesHeat(sequence[index].kind), !isPumping || index == heat && !pumped(before: heat)
            {
                return SequenceDefect(.v7, step: index)
            }
        }
        return nil
    }

    private func pumped(before heat: UInt8) -> Bool {
        for index in 0..<heat where sequence[index].set.contains(.pump) { return true }
        return false
    }

    func v8() -> SequenceDefect? {
        let last = sequence.count - 1
        guard sequence[last].onPass == .finish, sequence[last].onTimeout == .finish,
            sequence[last].set.isEmpty, !makesHeat(sequence[last].kind)
        else { return SequenceDefect(.v8, step: last) }
        return nil
    }
}
