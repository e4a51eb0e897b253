import Events
import RelayBoard
import Units

// What a FATAL does, in the tick that finds it (§7.4): both contactors open, the job is locked out,
// the record is to be written. Nothing in this file can close anything.

extension Controller {
    /// Carries out every FATAL found so far in this tick. May only open.
    mutating func cutIfFatal(_ events: inout EventBuffer) {
        while handledFatals < alarms.fatalCount {
            let code = alarms.fatal(handledFatals)
            handledFatals += 1
            if !isTripped {
                cut(code, &events)
            } else {
                events.correlation = tripCorrelation
                abandonReset(&events)
            }
            enterInRecord(code)
        }
        // A FATAL that was active before needs no new place in the record, but it ends a reset like
        // a new one, before the board is spoken to. It finds no power to cut: a new FATAL has cut
        // in its tick, and a reset ends with none active.
        if !alarms.fatalsHolding.isEmpty { abandonReset(&events) }
    }

    /// Behind those that came before it; a code that stands there already keeps its place.
    mutating func enterInRecord(_ code: AlarmCode) {
        guard !lockout.contains(code) else { return }
        let view = alarms.views[Int(code.rawValue)]
        lockout.append(
            LockoutRecord.Entry(
                code: code, tick: tick, at: now, value: view.value, limit: view.limit))
        noteLockoutChange()
    }

    /// A new FATAL while the reset's self-check runs: whoever pressed the button had not seen it.
    mutating func abandonReset(_ events: inout EventBuffer) {
        guard isResetting else { return }
        isResetting = false
        check.stop(now: now, events: &events)
        outputs.relays = .none
        refuseReset(.conditionHolds, &events)
    }

    mutating func cut(_ code: AlarmCode, _ events: inout EventBuffer) {
        lockout.stateAtTrip = job.state
        savesPreTrip = true
        trippedAt = now
        tripCorrelation = events.correlation
        alarms.firstOut = code
        isResetting = false
        interlock.trip(now: now, events: &events)
        job.lockOut(code, now: now, events: &events)
        events.state(.powerCut(code))
        check.stop(now: now, events: &events)
        outputs.relays = .none
    }

    mutating func noteLockoutChange() {
        lockout.sequence &+= 1
        lockout.recentResets = resets.count(now)
        savesLockout = true
    }
}
