import Events
import Units

// The way out of a FATAL (§7.5): the button at the site, the conditions, and the self-check that
// ends it. There is no other.

extension Controller {
    mutating func operateButton(_ line: LineState, _ events: inout EventBuffer) {
        let press = button.step(line, now: now)
        if button.isStuck { alarms.find(.buttonStuck) }
        guard let press, isTripped, !isResetting else { return }
        if let refusal = resetRefusal(press) {
            refuseReset(refusal, &events)
            return
        }
        // Accepted: from here the self-check decides, and the board, by its own sight of the
        // button.
        isResetting = true
        resetAt = now
        events.state(.resetAccepted)
        signals.mark()
        check.start(now: now, events: &events)
    }

    mutating func resetRefusal(_ press: ResetButton.Press) -> ResetRefusal? {
        if press.length < ResetButton.pressMinimum { return .pressTooShort }
        if press.length > ResetButton.pressMaximum { return .pressTooLong }
        if press.began - trippedAt < Milliseconds(30_000) { return .tooSoon }
        if resets.count(now) >= UInt8(ResetHistory.maximum) { return .tooMany }
        if shown.sense == .active { return .powerStillPresent }
        for index in 0..<Int(lockout.count) where holds(lockout[index].code) {
            return .conditionHolds
        }
        return nil
    }

    mutating func refuseReset(_ reason: ResetRefusal, _ events: inout EventBuffer) {
        events.state(.resetRefused(reason))
        if reason == .tooMany {
            alarms.find(
                .tooManyResets, value: Int32(resets.count(now)), limit: 5,
                cause: events.correlation)
        } else {
            alarms.find(
                .resetRefused, value: Int32(reason.rawValue), cause: events.correlation)
        }
    }

    /// The check has had its time. A sensor that comes back an hour later must not close anything:
    /// whoever pressed the button has left.
    mutating func endReset(_ events: inout EventBuffer) {
        var holding = !alarms.fatalsHolding.isEmpty
        for index in 0..<Int(lockout.count) where holds(lockout[index].code) { holding = true }
        if check.isDone, !holding {
            finishReset(&events)
        } else if holding {
            abandonReset(&events)
        } else if now - resetAt >= Self.resetSpan {
            isResetting = false
            check.stop(now: now, events: &events)
            refuseReset(.selfCheckTimedOut, &events)
        }
    }

    mutating func finishReset(_ events: inout EventBuffer) {
        isResetting = false
        isLockoutRecalled = false
        preTrip = PreTripSamples()
        events.correlation = tripCorrelation
        resets.note(now)
        lockout.clear()
        noteLockoutChange()
        alarms.firstOut = nil
        alarms.resetFatals(events: &events)
        interlock.release(now: now, events: &events)
        job.resetLockout(now: now, events: &events)
    }
}
