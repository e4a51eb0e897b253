import Events
import Units

/// How an alarm lives (ISA-18.2): raised, seen, gone, latched, reset; shelved, suppressed, out of
/// service. What the alarms mean is in the table; when one is found is the business of the parts.
///
/// Each tick the parts *find* conditions; at its end `step` compares what was found with what is
/// active. A FATAL is also listed in the order of its finding, because the first-out keeps place
/// one. What is found as FATAL cuts: no acknowledgement, shelf, suppression or delay stands in
/// between.
struct AlarmEngine: ~Copyable {
    /// More alarms than this in `floodWindow` are a flood (EEMUA 191, "more than 10 in 10 min").
    static let floodCount = 10
    static let floodWindow = Milliseconds(600_000)
    /// Three in a minute chatter (ISA-18.2's usual start value).
    static let chatterWindow = Milliseconds(60_000)
    /// The off-delay of an alarm that chatters: it must be quiet for as long as the window.
    static let chatterOffDelay = Milliseconds(60_000)
    static let shelfMaximum = Milliseconds(12 * 3_600_000)

    private let plan: AlarmPlan
    private(set) var views: InlineArray<53, AlarmView>
    private(set) var active = AlarmSet()
    private var found = AlarmSet()
    private var fatals: InlineArray<16, AlarmCode>
    /// FATALs found in this tick that were not active before, in the order of their finding.
    private(set) var fatalCount = 0
    /// Every FATAL whose condition holds in this tick, whether it is new or not: while there is
    /// one, no reset can end and nothing that is closed may stay so.
    private(set) var fatalsHolding = AlarmSet()
    /// ERRORs whose condition held in this tick: no start while there is one.
    private(set) var errors = AlarmSet()
    /// Found in this tick because of something that has a correlation of its own, and which.
    private var caused = AlarmSet()
    private var causes: InlineArray<53, Correlation>
    private var shelved = AlarmSet()
    private var chattering = AlarmSet()
    private var earlierRaises: InlineArray<53, (Instant, Instant)>
    private var raises: InlineArray<11, Instant>
    private var raiseIndex = 0
    private var isFlood = false
    private var wasBusSilent = false
    /// The FATAL that came first, for the flood event.
    var firstOut: AlarmCode?

    init(plan: AlarmPlan) {
        self.plan = plan
        views = InlineArray(repeating: AlarmView())
        fatals = InlineArray(repeating: .gasLeak)
        causes = InlineArray(repeating: Correlation(0))
        earlierRaises = InlineArray(repeating: (Instant.never, Instant.never))
        raises = InlineArray(repeating: Instant.never)
    }

    mutating func beginTick() {
        found = AlarmSet()
        errors = AlarmSet()
        fatalsHolding = AlarmSet()
        caused = AlarmSet()
        fatalCount = 0
    }

    /// A part saw `code`'s condition hold in this tick.
    ///
    /// - Parameters:
    ///   - value: what was measured, in the unit of the rule; `limit` what it was compared with.
    ///   - given: the severity where the moment decides it (E401); the plan's if nil.
    ///   - cause: what a raised alarm is to carry in place of the tick's correlation: a command's.
    mutating func find(
        _ code: AlarmCode, value: Int32 = 0, limit: Int32 = 0, as given: Severity? = nil,
        cause: Correlation? = nil
    ) {
        let row = Int(code.rawValue)
        if let cause {
            causes[row] = cause
            caused.insert(code)
        }
        let present = given ?? plan.severities[row]
        if present == .error { errors.insert(code) }
        // What is latched stays FATAL until the site resets it, however mild it comes again.
        let isLatched = views[row].severity == .fatal && views[row].state != .normal
        let severity = isLatched ? .fatal : present
        if severity == .fatal { fatalsHolding.insert(code) }
        let isWorse = severity > views[row].severity
        if found.contains(code), !isWorse { return }
        found.insert(code)
        if active.contains(code), !isWorse { return }
        views[row].severity = severity
        views[row].value = value
        views[row].limit = limit
        if severity == .fatal, fatalCount < 16 {
            fatals[fatalCount] = code
            fatalCount += 1
        }
        // A condition that got worse while it held is raised anew, at its new severity.
        if isWorse { active.remove(code) }
    }

    /// Raised, and neither cleared nor reset: a consequence of it needs no alarm of its own.
    mutating func isStanding(_ code: AlarmCode) -> Bool {
        views[Int(code.rawValue)].state != .normal
    }

    /// The cause of a FATAL can still be seen, by a sight that finds nothing while the power is
    /// cut.
    mutating func hold(_ code: AlarmCode) {
        if active.contains(code) { found.insert(code) }
    }

    mutating func fatal(_ index: Int) -> AlarmCode { fatals[index] }

    /// Ends the tick: states every change of an alarm's state.
    mutating func step(
        now: Instant, events: inout EventBuffer
    ) {
        // FATALs first and in the order of their finding, so that the first-out stands first.
        for index in 0..<fatalCount {
            let code = fatals[index]
            if !active.contains(code) { raise(code, now, &events) }
        }
        var new = found.subtracting(active)
        while let code = new.popFirst() { raise(code, now, &events) }
        guard !active.isEmpty || !shelved.isEmpty else { return }
        var watched = active
        while let code = watched.popFirst() {
            watch(code, now, offDelay: plan.offDelays[Int(code.rawValue)], &events)
        }
        suppressConsequences(&events)
        unshelve(now, &events)
    }

    private mutating func raise(
        _ code: AlarmCode, _ now: Instant, _ events: inout EventBuffer
    ) {
        let row = Int(code.rawValue)
        let tickCause = events.correlation
        if caused.contains(code) { events.correlation = causes[row] }
        defer { events.correlation = tickCause }
        views[row].raisedAt = now
        views[row].raisedTick = events.tick
        views[row].goneAt = nil
        views[row].count &+= 1
        guard views[row].severity != .info else {
            state(code, .raised, .site, &events)
            return
        }
        active.insert(code)
        views[row].state = .unacknowledged
        state(code, .raised, .site, &events)
        noteRate(code, now, &events)
    }

    private mutating func watch(
        _ code: AlarmCode, _ now: Instant, offDelay: Milliseconds, _ events: inout EventBuffer
    ) {
        let row = Int(code.rawValue)
        if found.contains(code) {
            views[row].goneAt = nil
            return
        }
        let goneAt = views[row].goneAt ?? now
        views[row].goneAt = goneAt
        let delay = chattering.contains(code) ? max(offDelay, Self.chatterOffDelay) : offDelay
        guard now - goneAt >= delay else { return }
        active.remove(code)
        chattering.remove(code)
        switch views[row].state {
        case .unacknowledged:
            views[row].state = .returned
            state(code, .returned, .site, &events)
        case .acknowledged:
            rest(code, .site, &events)
        case .normal, .returned, .latched:
            break
        }
    }

    /// The condition is gone and somebody has seen it: normal, or latched until the site resets it.
    private mutating func rest(
        _ code: AlarmCode, _ requester: Requester, _ events: inout EventBuffer
    ) {
        let row = Int(code.rawValue)
        if views[row].severity == .fatal {
            views[row].state = .latched
            state(code, .latched, requester, &events)
        } else {
            views[row].state = .normal
            state(code, .cleared, requester, &events)
        }
    }

    mutating func acknowledge(
        _ code: AlarmCode, by requester: Requester, events: inout EventBuffer
    ) {
        let row = Int(code.rawValue)
        switch views[row].state {
        case .unacknowledged:
            views[row].state = .acknowledged
            state(code, .acknowledged, requester, &events)
        case .returned:
            state(code, .acknowledged, requester, &events)
            rest(code, requester, &events)
        case .normal, .acknowledged, .latched:
            break
        }
    }

    /// The reset procedure at the site has succeeded: every FATAL is over.
    mutating func resetFatals(events: inout EventBuffer) {
        for row in 0..<UInt8(AlarmCode.count) {
            guard let code = AlarmCode(rawValue: row), views[Int(row)].severity == .fatal,
                views[Int(row)].state != .normal
            else { continue }
            active.remove(code)
            chattering.remove(code)
            views[Int(row)].state = .normal
            views[Int(row)].goneAt = nil
            state(code, .reset, .site, &events)
        }
    }

    /// A FATAL of an earlier run, known from the lockout record: latched, and not seen in this run.
    mutating func restore(_ entry: LockoutRecord.Entry, events: inout EventBuffer) {
        let row = Int(entry.code.rawValue)
        views[row].severity = .fatal
        views[row].value = entry.value
        views[row].limit = entry.limit
        views[row].raisedAt = .never
        views[row].state = .latched
        views[row].count = 1
        state(entry.code, .latched, .site, &events)
    }

    // Hiding. A FATAL cannot be hidden by anybody, and what is hidden still runs and is recorded.

    mutating func shelve(
        _ code: AlarmCode, until: Instant, by requester: Requester,
        events: inout EventBuffer
    ) {
        let row = Int(code.rawValue)
        guard plan.severities[row] != .fatal, until > events.at,
            until - events.at <= Self.shelfMaximum
        else { return }
        views[row].shelvedUntil = until
        shelved.insert(code)
        state(code, .shelved, requester, &events)
    }

    mutating func unshelve(
        _ code: AlarmCode, by requester: Requester, events: inout EventBuffer
    ) {
        guard shelved.contains(code) else { return }
        shelved.remove(code)
        views[Int(code.rawValue)].shelvedUntil = nil
        state(code, .unshelved, requester, &events)
    }

    mutating func setOutOfService(
        _ code: AlarmCode, _ isOut: Bool, by requester: Requester,
        events: inout EventBuffer
    ) {
        let row = Int(code.rawValue)
        guard plan.severities[row] != .fatal, views[row].isOutOfService != isOut else { return }
        views[row].isOutOfService = isOut
        state(code, isOut ? .outOfService : .inService, requester, &events)
    }

    private mutating func unshelve(_ now: Instant, _ events: inout EventBuffer) {
        var waiting = shelved
        while let code = waiting.popFirst() {
            guard let until = views[Int(code.rawValue)].shelvedUntil, now >= until else { continue }
            unshelve(code, by: .site, events: &events)
        }
    }

    /// A lost bus hides its stale signals; it is itself never hidden.
    private mutating func suppressConsequences(_ events: inout EventBuffer) {
        let isSilent = active.contains(.busSilent)
        guard isSilent || wasBusSilent else { return }
        wasBusSilent = isSilent
        for row in 0..<UInt8(AlarmCode.count) {
            guard let code = AlarmCode(rawValue: row),
                alarmDefinition(code).consequenceOf == .busSilent
            else { continue }
            let isHidden =
                isSilent && active.contains(code) && views[Int(row)].severity != .fatal
            guard isHidden != views[Int(row)].isSuppressed else { continue }
            views[Int(row)].isSuppressed = isHidden
            state(code, isHidden ? .suppressed : .unsuppressed, .site, &events)
        }
    }

    private mutating func noteRate(
        _ code: AlarmCode, _ now: Instant, _ events: inout EventBuffer
    ) {
        let row = Int(code.rawValue)
        let (before, earlier) = earlierRaises[row]
        earlierRaises[row] = (now, before)
        if now - earlier <= Self.chatterWindow, !chattering.contains(code) {
            chattering.insert(code)
            events.state(.alarmChattering(code))
        }
        // The slot after the newest of eleven is the tenth before this one.
        raises[raiseIndex] = now
        raiseIndex = (raiseIndex + 1) % (Self.floodCount + 1)
        let isMany = now - raises[raiseIndex] <= Self.floodWindow
        if isMany, !isFlood {
            events.state(
                .alarmFlood(count: UInt16(Self.floodCount + 1), firstOut: firstOut))
        }
        isFlood = isMany
    }

    private mutating func state(
        _ code: AlarmCode, _ change: AlarmChange, _ requester: Requester,
        _ events: inout EventBuffer
    ) {
        let view = views[Int(code.rawValue)]
        events.state(
            .alarm(
                AlarmTransition(
                    code: code, severity: view.severity, change: change, state: view.state,
                    value: view.value, limit: view.limit, requester: requester)))
    }
}
