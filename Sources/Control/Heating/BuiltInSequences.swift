import Events
import RelayBoard
import Units

/// The sequence of §7.2 for a profile, with the site's durations in it.
///
/// The order of the guards in a step is the order of the rows in the specification's table. A time-out
/// that the table does not give is there because every wait must end, and is far beyond what a healthy
/// plant needs (chosen).
public func builtInSequence(for profile: HeatingProfile, _ p: HeatingParameters) -> Sequence {
    switch profile {
    case .gas: gasSequence(p)
    case .electric: waterOnlySequence(p, heat: .element)
    case .external: waterOnlySequence(p, heat: .demand)
    }
}

/// After a hold without a burner of our own there is nothing to purge; the contactor rests (§7.2).
public let electricInterPurge = Milliseconds(10_000)

private func gasSequence(_ p: HeatingParameters) -> Sequence {
    let ignite: UInt8 = 3
    var sequence = Sequence()
    add(precheck(p), to: &sequence)
    add(precirculate(p), to: &sequence)
    add(
        with(
            Step(
                .purge, minimum: p.prepurge, maximum: p.prepurge + Milliseconds(150_000),
                until: .flameOff, onTimeout: .fatal(.flameSimulation)),
            Guard(.demandGone, .stop)),
        to: &sequence)
    add(
        with(
            Step(
                .ignite, set: RelayMask.valve.union(.spark), maximum: p.safetyTime,
                until: .flameOn, onTimeout: .retryTrial(.trialFailed, .ignitionFailed),
                spark: p.spark),
            Guard(.demandGone, .stop),
            Guard(.flameStale, .hold(.signalStale))),
        to: &sequence)
    add(
        with(
            Step(
                .stabilise, minimum: p.stabilise, maximum: p.stabilise + Milliseconds(1_000),
                until: .always, onTimeout: .next),
            Guard(.demandGone, .stop),
            Guard(.flameStale, .hold(.signalStale)),
            Guard(.flameOff, .retryTrial(.trialFailed, .ignitionFailed))),
        to: &sequence)
    add(
        with(
            Step(
                .heat, maximum: p.maxRun, until: .targetReached, onPass: .next,
                onTimeout: .fail(.maximumRunTime)),
            Guard(.signalsStale, .hold(.signalStale)),
            Guard(.flameOff, .recycle(.flameLostRecycle, .flameLostAgain)),
            Guard(.demandGone, .stop),
            Guard(.flowLow, .fail(.flowLost)),
            Guard(.noRise, .fatal(.noTemperatureRise))),
        to: &sequence)
    add(
        Step(
            .close, clear: RelayMask.heat.union(.spark), maximum: Milliseconds(30_000),
            until: .flameOff, onPass: .go(9), onTimeout: .fatal(.signalStaleFatal)),
        to: &sequence)
    add(hold(p), to: &sequence)
    add(
        with(
            Step(
                .retry, clear: RelayMask.heat.union(.spark), minimum: p.interPurge,
                maximum: p.interPurge + p.staleFatal + Milliseconds(1_000), until: .always,
                onPass: .go(ignite), onTimeout: .fatal(.signalStaleFatal)),
            Guard(.demandGone, .stop)),
        to: &sequence)
    add(postcirculate(p), to: &sequence)
    return sequence
}

/// Electric and external burner: water and heat, no fuel of our own.
private func waterOnlySequence(_ p: HeatingParameters, heat: RelayMask) -> Sequence {
    let run: UInt8 = 2
    var sequence = Sequence()
    add(precheck(p), to: &sequence)
    add(precirculate(p), to: &sequence)
    var step = with(
        Step(
            .heat, set: heat, maximum: p.maxRun, until: .targetReached, onPass: .next,
            onTimeout: .fail(.maximumRunTime)),
        Guard(.signalsStale, .hold(.signalStale)),
        Guard(.demandGone, .stop),
        Guard(.flowLow, .fail(.flowLost)),
        Guard(.noRise, .fatal(.noTemperatureRise)))
    if heat == .demand {
        step = with(
            step, Guard(.burnerLockout, .fatal(.ignitionFailed)),
            Guard(.burnerNotOn, .fail(.burnerFeedbackMissing)))
    }
    add(step, to: &sequence)
    add(
        Step(
            .close, clear: .heat, maximum: Milliseconds(1_000), until: .always, onPass: .go(6),
            onTimeout: .go(6)),
        to: &sequence)
    add(hold(p), to: &sequence)
    add(
        with(
            Step(
                .retry, clear: .heat, minimum: electricInterPurge,
                maximum: electricInterPurge + p.staleFatal + Milliseconds(1_000), until: .always,
                onPass: .go(run), onTimeout: .fatal(.signalStaleFatal)),
            Guard(.demandGone, .stop)),
        to: &sequence)
    add(postcirculate(p), to: &sequence)
    return sequence
}

private func precheck(_ p: HeatingParameters) -> Step {
    with(
        Step(
            .check, minimum: p.precheck, maximum: p.precheck + Milliseconds(10_000),
            until: .readyToStart, onTimeout: .abandon(.signalStale)),
        Guard(.demandGone, .stop),
        Guard(.signalsInvalid, after: p.precheck, .abandon(.signalStale)))
}

private func precirculate(_ p: HeatingParameters) -> Step {
    with(
        Step(
            .circulate, set: .pump, minimum: p.precirculate,
            maximum: max(p.precirculate, p.flowProve) + Milliseconds(120_000),
            until: .flowPresent, onTimeout: .fail(.noFlowAtStart)),
        Guard(.demandGone, .stop),
        Guard(.flowAbsent, after: p.flowProve, .fail(.noFlowAtStart)))
}

private func hold(_ p: HeatingParameters) -> Step {
    with(
        Step(
            .hold, clear: RelayMask.heat.union(.spark), maximum: p.staleFatal + p.staleFatal,
            until: .signalsRegained, onPass: .resume, onTimeout: .fatal(.signalStaleFatal)),
        Guard(.demandGone, .stop))
}

private func postcirculate(_ p: HeatingParameters) -> Step {
    Step(
        .circulate, maximum: p.postcirculate + Milliseconds(1_000), until: .postcirculated,
        onPass: .finish, onTimeout: .finish)
}

/// `step` with guards, in the order given. Not variadic: that would be an array, which allocates.
private func with(
    _ step: Step, _ first: Guard, _ second: Guard? = nil, _ third: Guard? = nil,
    _ fourth: Guard? = nil, _ fifth: Guard? = nil
) -> Step {
    var result = step
    var fits = result.add(first)
    if let second { fits = result.add(second) && fits }
    if let third { fits = result.add(third) && fits }
    if let fourth { fits = result.add(fourth) && fits }
    if let fifth { fits = result.add(fifth) && fits }
    precondition(fits, "a built-in step has at most eight guards")
    return result
}

private func add(_ step: Step, to sequence: inout Sequence) {
    precondition(sequence.append(step), "a built-in sequence fits")
}
