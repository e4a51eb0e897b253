import Events
import RelayBoard
import Units

// What somebody may ask, and what of it is done.

extension Controller {
    /// What is stated meanwhile carries the command's correlation, so that the record shows what
    /// was asked and what came of it as one story.
    mutating func carryOut(_ request: RequestedCommand, _ events: inout EventBuffer) {
        let tickCause = events.correlation
        events.correlation = request.correlation ?? tickCause
        carryOut(request.command, by: request.requester, &events)
        events.correlation = tickCause
    }

    private mutating func carryOut(
        _ command: Command, by requester: Requester, _ events: inout EventBuffer
    ) {
        switch command {
        case .demand(let isOn):
            demandCause = events.correlation
            demandedAt = now
            job.demand(isOn, by: requester, events: &events)
        case .setTarget(let target):
            setTarget(target, by: requester, &events)
        case .acknowledge(let code):
            alarms.acknowledge(code, by: requester, events: &events)
        case .shelve(let code, let until):
            alarms.shelve(code, until: until, by: requester, events: &events)
        case .unshelve(let code):
            alarms.unshelve(code, by: requester, events: &events)
        case .setOutOfService(let code, let isOut):
            alarms.setOutOfService(
                code, isOut, by: requester, events: &events)
        case .resetRemotely:
            // Whoever asks: a FATAL is reset where it can be seen (§7.5). Without one there is
            // nothing to press the button for, as E701 would say.
            if isTripped {
                refuseReset(.notLocal, &events)
            } else {
                events.state(.resetRefused(.noLockout))
            }
        }
    }

    private mutating func setTarget(
        _ target: MilliCelsius, by requester: Requester, _ events: inout EventBuffer
    ) {
        guard target >= settings.heating.targetMinimum, target <= settings.heating.targetMaximum,
            target + MilliCelsius(5_000) <= settings.heating.siteLimit
        else {
            alarms.find(
                .requestOutOfRange, value: target.rawValue,
                limit: settings.heating.targetMaximum.rawValue, cause: events.correlation)
            return
        }
        let before = MilliCelsius(job.target)
        job.setTarget(target.rawValue)
        events.state(.targetChanged(from: before, to: target, requester))
    }

    /// Whether the condition behind a FATAL still holds, on valid samples; what cannot be seen to
    /// be gone is not gone (§7.5).
    ///
    /// It changes nothing, and is `mutating` for the compiler: to check what a borrowed controller
    /// may lend, Swift 6.3.1 takes 13 s of the module's 20 for this function alone (measured).
    mutating func holds(_ code: AlarmCode) -> Bool {
        switch code {
        case .uncommandedHeating:
            !signals.image.temperatures.isValid || disaster.idleRise >= IdleWatch.rise
        case .overTemperatureJob, .overTemperatureSite, .runawayRate, .noTemperatureRise:
            !signals.image.temperatures.isValid || signals.image.temperatures.isOverSite
                || signals.image.temperatures.isOverJob
        case .gasLeak:
            !signals.image.gas.isOff
                || signals.image.gas.freshness.isStale(now, after: settings.heating.hold)
        case .tankEmptyJob:
            signals.image.level.lowCount > 0
                || signals.image.level.freshness.isStale(now, after: settings.heating.hold)
        case .flameSimulation, .flameAfterClose, .ignitionFailed, .flameLostAgain:
            settings.profile == .gas
                ? !signals.image.flame.isOff
                    || signals.image.flame.freshness.isStale(
                        now, after: settings.heating.flameStale)
                : signals.image.has(.burnerLockout) && !signals.image.burnerLockout.isOff
        case .signalStaleFatal:
            !signals.image.stale.isEmpty
        case .sensorsDisagree:
            signals.image.temperatures.disagrees || !signals.image.temperatures.isValid
        case .emergencyStop: !emergencyStop.isReleased
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
            .tooManyResets, .peerRefused, .clusterForgery, .uplinkStalled, .clusterDisagrees,
            .configurationRejected, .requestOutOfRange:
            // Not FATAL unless a site has raised it; then its own presence tells.
            alarms.active.contains(code) && code != .lockoutCopiesBad
        }
    }
}
