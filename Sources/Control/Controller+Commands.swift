import Events
import RelayBoard
import Units

// What somebody may ask, and what of it is done.

extension Controller {
    mutating func carryOut(_ request: RequestedCommand, _ events: inout EventBuffer) {
        let requester = request.requester
        switch request.command {
        case .demand(let isOn):
            job.demand(isOn, by: requester, events: &events)
        case .setTarget(let target):
            setTarget(target, by: requester, &events)
        case .acknowledge(let code):
            alarms.acknowledge(code, by: requester, events: &events)
        case .shelve(let code, let until):
            alarms.shelve(code, until: until, by: requester, plan: plan.alarms, events: &events)
        case .unshelve(let code):
            alarms.unshelve(code, by: requester, events: &events)
        case .setOutOfService(let code, let isOut):
            alarms.setOutOfService(
                code, isOut, by: requester, plan: plan.alarms, events: &events)
        case .resetRemotely:
            // Whoever asks: a FATAL is reset where it can be seen (§7.5).
            refuseReset(isTripped ? .notLocal : .noLockout, &events)
        }
    }

    private mutating func setTarget(
        _ target: MilliCelsius, by requester: Requester, _ events: inout EventBuffer
    ) {
        guard target >= plan.heating.targetMinimum, target <= plan.heating.targetMaximum,
            target + MilliCelsius(5_000) <= plan.heating.siteLimit
        else {
            alarms.find(
                .requestOutOfRange, plan, value: target.rawValue,
                limit: plan.heating.targetMaximum.rawValue)
            return
        }
        let before = MilliCelsius(job.target)
        job.setTarget(target.rawValue)
        events.state(.targetChanged(from: before, to: target, requester))
    }

    /// Whether the condition behind a FATAL still holds, on valid samples; what cannot be seen to be
    /// gone is not gone (§7.5).
    func holds(_ code: AlarmCode) -> Bool {
        switch code {
        case .uncommandedHeating:
            !signals.temperatures.isValid || alarms.active.contains(code)
        case .overTemperatureJob, .overTemperatureSite, .runawayRate, .noTemperatureRise:
            !signals.temperatures.isValid || signals.temperatures.isOverSite
                || signals.temperatures.isOverJob
        case .gasLeak:
            !signals.gas.isOff
                || signals.gas.freshness.isStale(now, after: plan.heating.hold)
        case .tankEmptyJob:
            signals.level.lowCount > 0
                || signals.level.freshness.isStale(now, after: plan.heating.hold)
        case .flameSimulation, .flameAfterClose, .ignitionFailed, .flameLostAgain:
            plan.profile == .gas
                ? !signals.flame.isOff
                    || signals.flame.freshness.isStale(now, after: plan.heating.flameStale)
                : plan.signals.has(.burnerLockout) && !signals.burnerLockout.isOff
        case .signalStaleFatal:
            !signals.stale.isEmpty
        case .sensorsDisagree:
            signals.temperatures.disagrees || !signals.temperatures.isValid
        case .boardLost, .leaseExpired, .boardRestarted, .boardTripped, .selfCheckFailed:
            !link.isAnswering
        case .powerContact:
            shown.sense == .active
        case .readBackMismatch:
            !link.isAnswering || !link.status.actual.isEmpty
        case .jobStarted, .jobFinished, .burnerFeedbackMissing, .trialFailed, .flameLostRecycle,
            .maximumRunTime, .noFlowAtStart, .flowLost, .signalStale, .channelExcluded,
            .stepAdopted, .tankEmptyIdle, .flameInStandby, .singleGasSample, .ambientLost,
            .busSilent, .tickOverrun, .uncleanStop, .journalUnwritable, .eventsLost,
            .lockoutCopyBad, .lockoutCopiesBad, .notRealTime, .resetRefused, .buttonStuck,
            .tooManyResets, .peerRefused, .configurationRejected, .requestOutOfRange:
            // Not FATAL unless a site has raised it; then its own presence tells.
            alarms.active.contains(code) && code != .lockoutCopiesBad
        }
    }
}
