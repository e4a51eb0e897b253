import Events
import RelayBoard
import Units

/// The two contactors in series with the site's supply (§7.4): K1, held by the relay board under
/// its lease, and K2, held by a monostable that needs an edge of the permit line each 300 ms.
///
/// Each opening opens one of them first and waits for the supply to vanish behind it, K1 and K2 in
/// turn, so that a welded contact is found within two cycles while the other can still cut.
struct PowerInterlock: Sendable {
    /// The supply must appear or vanish within this time of a contact's movement (§7.4).
    static let senseDelay = Milliseconds(500)

    private(set) var state = InterlockState.open
    private(set) var enteredAt = Instant.never
    /// K1 is to be energised.
    private(set) var holdsK1 = false
    /// The permit line is to keep changing.
    private(set) var permits = false
    /// Counts openings: in an odd one K1 goes first, in an even one K2.
    private(set) var cycle: UInt32 = 1
    private var wrongSince: Instant?
    private var wasVerified = false

    var isPowerClosed: Bool {
        switch state {
        case .closing, .closed, .opening: true
        case .open, .tripped: false
        }
    }
    private var firstContact: Int32 { cycle % 2 == 1 ? 1 : 2 }

    /// Whether the supply is where it must be. Runs before the job, in every state.
    mutating func check(
        sense: LineState, now: Instant, alarms: inout AlarmEngine, events: inout EventBuffer
    ) {
        guard sense != .notFitted else {
            if state == .closing { enter(.closed, now, &events) }
            if state == .opening { openBoth(now, &events) }
            return
        }
        let isPresent = sense == .active
        switch state {
        case .closing:
            if isPresent {
                enter(.closed, now, &events)
                events.state(.powerOn)
            } else if now - enteredAt >= Self.senseDelay {
                find(0, &alarms)
            }
        case .closed:
            if isWrong(!isPresent, now) { find(0, &alarms) }
        case .opening:
            if !isPresent {
                openBoth(now, &events)
            } else if now - enteredAt >= Self.senseDelay {
                find(firstContact, &alarms)
            }
        case .open:
            if isWrong(isPresent, now) { find(0, &alarms) }
        case .tripped:
            if isWrong(isPresent, now) {
                find(0, &alarms)
            } else if !isPresent, !wasVerified {
                wasVerified = true
                events.state(.powerCutVerified)
            }
        }
    }

    /// Follows the job: power while it wants power. Runs after the job.
    mutating func follow(
        wantsPower: Bool, sense: LineState, now: Instant, alarms: inout AlarmEngine,
        events: inout EventBuffer
    ) {
        switch state {
        case .open where wantsPower:
            if sense == .active {
                // Supply behind two open contacts: one is welded or somebody bridged them.
                find(0, &alarms)
                return
            }
            holdsK1 = true
            permits = true
            enter(.closing, now, &events)
        case .closing where !wantsPower, .closed where !wantsPower:
            if firstContact == 1 { holdsK1 = false } else { permits = false }
            enter(.opening, now, &events)
        case .open, .closing, .closed, .opening, .tripped:
            break
        }
    }

    /// Cuts both ways at once. Nothing in here switches anything on again before `release`.
    mutating func trip(now: Instant, events: inout EventBuffer) {
        holdsK1 = false
        permits = false
        guard state != .tripped else { return }
        wasVerified = false
        enter(.tripped, now, &events)
        // The 500 ms for the supply to vanish begin with the cut, not with the next look at it.
        wrongSince = now
    }

    /// The reset procedure and its self-check have succeeded.
    mutating func release(now: Instant, events: inout EventBuffer) {
        enter(.open, now, &events)
    }

    private mutating func openBoth(_ now: Instant, _ events: inout EventBuffer) {
        holdsK1 = false
        permits = false
        cycle &+= 1
        enter(.open, now, &events)
    }

    private mutating func isWrong(_ isWrongNow: Bool, _ now: Instant) -> Bool {
        guard isWrongNow else {
            wrongSince = nil
            return false
        }
        let since = wrongSince ?? now
        wrongSince = since
        return now - since >= Self.senseDelay
    }

    /// - Parameter contact: 1 for K1, 2 for K2, 0 where either may be the cause.
    private func find(_ contact: Int32, _ alarms: inout AlarmEngine) {
        alarms.find(
            .powerContact, value: contact, limit: Int32(clamped: Self.senseDelay.rawValue),
            as: .fatal)
    }

    private mutating func enter(
        _ new: InterlockState, _ now: Instant, _ events: inout EventBuffer
    ) {
        state = new
        enteredAt = now
        wrongSince = nil
        events.state(.interlockEntered(new))
    }
}
