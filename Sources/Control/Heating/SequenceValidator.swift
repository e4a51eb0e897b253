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
/// The rules that speak of "before" and "past" are asked of every way that a job can take through
/// the steps, not of the order in which they are written: a jump must not get around a check or a
/// purge.
///
/// - Returns: the first defect found, by rule; nil if the sequence may run.
public func defect(
    in sequence: Sequence, profile: HeatingProfile, _ parameters: HeatingParameters
) -> SequenceDefect? {
    let check = SequenceCheck(sequence, profile, parameters)
    return check.structure() ?? check.v1() ?? check.v2() ?? check.v3() ?? check.v4()
        ?? check.v5() ?? check.v6() ?? check.v7() ?? check.v8()
}

private struct SequenceCheck {
    let sequence: Sequence
    let graph: SequenceGraph
    let profile: HeatingProfile
    let parameters: HeatingParameters

    init(_ sequence: Sequence, _ profile: HeatingProfile, _ parameters: HeatingParameters) {
        self.sequence = sequence
        self.profile = profile
        self.parameters = parameters
        graph = SequenceGraph(sequence)
    }

    /// A day: nothing in a water heater may wait longer.
    static let longest = Milliseconds(86_400_000)

    private func makesHeat(_ index: UInt8) -> Bool { graph.heat & SequenceGraph.bit(index) != 0 }

    /// The defect at the first step of a set, if there is one in it.
    private func defect(_ rule: SequenceDefect.Rule, at steps: UInt32) -> SequenceDefect? {
        steps == 0
            ? nil
            : SequenceDefect(rule, step: UInt8(truncatingIfNeeded: steps.trailingZeroBitCount))
    }

    // MARK: Rules for one step

    func structure() -> SequenceDefect? {
        guard sequence.count > 0, sequence.first(.check) != nil, sequence.first(.close) != nil,
            sequence.first(.hold) != nil, sequence.first(.retry) != nil, graph.heat != 0
        else { return SequenceDefect(.structure, step: 0) }
        for index in 0..<sequence.count {
            let step = sequence[index]
            guard step.maximum > .zero, step.maximum <= Self.longest,
                step.minimum >= .zero, step.minimum <= step.maximum,
                step.set.intersection(step.clear).isEmpty, !step.set.contains(.power),
                SequenceGraph.every(step, { leadsSomewhere($0) })
            else { return SequenceDefect(.structure, step: index) }
        }
        return nil
    }

    private func leadsSomewhere(_ action: Action) -> Bool {
        if case .go(let target) = action { target < sequence.count } else { true }
    }

    func v1() -> SequenceDefect? {
        for index in 0..<sequence.count {
            let step = sequence[index]
            let isWithin =
                step.kind == .ignite
                ? step.spark <= step.maximum && step.maximum <= parameters.safetyTime
                : !step.set.contains(.spark) && step.spark == .zero
            guard isWithin else { return SequenceDefect(.v1, step: index) }
        }
        return nil
    }

    func v2() -> SequenceDefect? {
        for index in 0..<sequence.count {
            let step = sequence[index]
            if makesHeat(index) {
                guard SequenceGraph.every(step, { leadsOnOrToClose($0, from: index) })
                else { return SequenceDefect(.v2, step: index) }
            } else {
                let mustClear = step.kind == .close || step.kind == .hold || step.kind == .retry
                guard !step.set.intersects(.heat), !mustClear || step.clear.contains(.heat)
                else { return SequenceDefect(.v2, step: index) }
            }
        }
        return nil
    }

    /// Hold and retry switch the heat off as close does; a FATAL switches everything off.
    private func leadsOnOrToClose(_ action: Action, from index: UInt8) -> Bool {
        switch action {
        case .next, .go:
            let target = graph.targets(action, from: index)
            return target != 0 && target & ~(graph.heat | graph.closes) == 0
        case .finish, .abandon: return false
        case .fail, .fatal, .hold, .retryTrial, .recycle, .resume, .stop: return true
        }
    }

    func v3() -> SequenceDefect? {
        for index in 0..<sequence.count where makesHeat(index) {
            let step = sequence[index]
            let holdsWhenStale =
                has(step, .signalsStale, .hold)
                || (step.kind != .heat && has(step, .flameStale, .hold))
            var isGuarded = holdsWhenStale && has(step, .demandGone, .stop)
            if step.kind == .ignite {
                // The trial itself is the flame guard: on with a flame, else counted or FATAL.
                isGuarded =
                    isGuarded && step.until == .flameOn
                    && Consequence.retryOrFatal.matches(step.onTimeout)
            } else if profile == .gas {
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

    // MARK: Rules for the ways through

    func v4() -> SequenceDefect? {
        let unchecked = graph.reachable(from: 1) { index in
            let step = sequence[index]
            return step.kind == .check && step.until == .readyToStart ? .pass : .none
        }
        return defect(.v4, at: unchecked & graph.heat)
    }

    func v5() -> SequenceDefect? {
        guard sequence.first(.ignite) != nil else {
            // A fuel valve without an ignition step would be opened unlit.
            for index in 0..<sequence.count where sequence[index].set.contains(.valve) {
                return SequenceDefect(.v5, step: index)
            }
            return nil
        }
        let unpurged = graph.reachable(from: 1) { index in
            let step = sequence[index]
            let isPurge = step.kind == .purge || step.kind == .retry
            return isPurge && step.minimum >= parameters.prepurge ? .passAndTimeout : .none
        }
        return defect(.v5, at: unpurged & graph.ignitions)
    }

    func v6() -> SequenceDefect? {
        let pause = profile == .gas ? parameters.interPurge : electricInterPurge
        for index in 0..<sequence.count {
            let step = sequence[index]
            let isPause = step.kind != .retry || step.minimum >= pause && step.until == .always
            guard isPause, keepsItsPause(step, at: index), holdsOnlyWhenStale(step),
                SequenceGraph.every(step, { counts($0, in: step, at: index) })
            else { return SequenceDefect(.v6, step: index) }
        }
        // From heat on, by any way but a retry's end: forward through heat, and never back to it.
        let after = graph.reachable(from: graph.heat) { index in
            sequence[index].kind == .retry ? .passAndTimeout : .none
        }
        for index in 0..<sequence.count
        where after & SequenceGraph.bit(index) != 0 && sequence[index].kind != .retry {
            let own = SequenceGraph.bit(index)
            let back = makesHeat(index) ? graph.heat & (own | (own &- 1)) : graph.heat
            if graph.successors(of: index, without: .none) & (back | graph.ignitions) != 0 {
                return SequenceDefect(.v6, step: index)
            }
        }
        return nil
    }

    /// From a retry only its end leads on to heat: a guard could take the pause away.
    private func keepsItsPause(_ step: Step, at index: UInt8) -> Bool {
        guard step.kind == .retry else { return true }
        for position in 0..<Int(step.guards.count)
        where graph.targets(step.guards[position].action, from: index) & graph.heat != 0 {
            return false
        }
        return true
    }

    /// Into retry and hold only by the actions that count trials and wait for signals.
    private func counts(_ action: Action, in step: Step, at index: UInt8) -> Bool {
        switch action {
        case .next, .go: graph.targets(action, from: index) & graph.pauses == 0
        case .resume: step.kind == .hold
        case .fail, .abandon, .fatal, .hold, .retryTrial, .recycle, .stop, .finish: true
        }
    }

    private func holdsOnlyWhenStale(_ step: Step) -> Bool {
        for index in 0..<Int(step.guards.count) {
            guard case .hold = step.guards[index].action else { continue }
            switch step.guards[index].condition {
            case .signalsStale, .signalsInvalid, .flameStale: continue
            default: return false
            }
        }
        if case .hold = step.onPass { return false }
        if case .hold = step.onTimeout { return false }
        return true
    }

    func v7() -> SequenceDefect? {
        if parameters.isStaticTank { return nil }
        let reached = graph.reachable(from: 1) { _ in .none }
        // Steps that a job can enter, and be in, with the pump off.
        var entered: UInt32 = 1
        var dry: UInt32 = 0
        for _ in 0..<sequence.count {
            for index in 0..<sequence.count where reached & SequenceGraph.bit(index) != 0 {
                let step = sequence[index]
                let isLeftOff =
                    entered & SequenceGraph.bit(index) != 0 && !step.set.contains(.pump)
                guard isLeftOff || step.clear.contains(.pump) else { continue }
                dry |= SequenceGraph.bit(index)
                entered |= graph.successors(of: index, without: .none)
            }
        }
        return defect(.v7, at: dry & graph.heat)
    }

    func v8() -> SequenceDefect? {
        let last = sequence.count - 1
        guard sequence[last].onPass == .finish, sequence[last].onTimeout == .finish,
            sequence[last].set.isEmpty, !makesHeat(last)
        else { return SequenceDefect(.v8, step: last) }
        return nil
    }

    // MARK: Guards

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

    /// Whether the guard of `step` that acts first on `condition` acts at once, in the way needed.
    private func has(_ step: Step, _ condition: Condition, _ consequence: Consequence) -> Bool {
        for index in 0..<Int(step.guards.count) where step.guards[index].condition == condition {
            return step.guards[index].after == .zero
                && consequence.matches(step.guards[index].action)
        }
        return false
    }
}
