import Events
import RelayBoard
import Units

/// The self-check of §7.6: at every start, before the first demand after 24 h, and as the last part
/// of a reset. Steps 1, 2 and 9 are done before and beside it; this is the board, the contactors'
/// second way and the sensors.
///
/// It may arm the board, and it may move the permit line, but never both contactors: no relay is
/// energised in any of its steps.
struct SelfCheck: Sendable {
    /// A check is good for this long (§7.6).
    static let validity = Milliseconds(24 * 3_600_000)
    static let clockSpan = Milliseconds(1_000)
    /// ±2 %, the oscillators' worst case with a wide margin (§2.3, "Clock").
    static let clockTolerancePercent: Int64 = 2
    /// The lease may be found expired between its length and this much later (§7.6, step 6).
    static let leaseSlack = Milliseconds(100)
    /// K2 drops between these after the last edge (§7.6, step 7).
    static let dropEarliest = Milliseconds(200)
    static let dropLatest = Milliseconds(400)
    /// Three, a tick apart: a monostable that does not retrigger drops out 300 ms after the first,
    /// so 100 ms after the last, which is seen to be too early. Four would end as it triggers anew.
    static let permitEdges: UInt8 = 3
    /// Looks at K2 in a row that came too late to tell; chosen. A machine that late for so long, or
    /// a K2 that is really slow, is no start.
    static let permitLooks: UInt8 = 3
    /// What a run that was killed left on may need to fall: the longest lease (1 000 ms) and K2. A
    /// board that answers has this long to tell its identity, too.
    static let settleSpan = Milliseconds(1_500)
    static let sensorSpan = Milliseconds(5_000)

    private(set) var step = SelfCheckStep.waiting
    private(set) var doneAt = Instant.never
    private var enteredAt = Instant.never
    private var boardTimeAtEntry: UInt32 = 0
    private var hasBoardTime = false
    private var lastBeatAt: Instant?
    private var edges: UInt8 = 0
    private var lastEdgeAt = Instant.never
    private var sawClosed = false
    private var lateLooks: UInt8 = 0

    var isDone: Bool { step == .done }
    /// The board must be armed and its lease renewed in this tick.
    var wantsLease: Bool {
        switch step {
        case .lease: lastBeatAt == nil
        case .permit, .sensors, .done: true
        case .waiting, .identity, .outputs, .clock, .failed: false
        }
    }
    var wantsIdentity: Bool { step == .identity }
    var wantsEdge: Bool { step == .permit && edges < Self.permitEdges }
    /// The sensors did not come up in time: the start is inhibited, and E301 says why.
    func isWaitingForSensors(_ now: Instant) -> Bool {
        step == .sensors && now - enteredAt >= Self.sensorSpan
    }

    func isStale(_ now: Instant) -> Bool { isDone && now - doneAt >= Self.validity }

    mutating func start(now: Instant, events: inout EventBuffer) {
        enter(.identity, now, &events)
    }

    mutating func stop(now: Instant, events: inout EventBuffer) {
        enter(.waiting, now, &events)
    }

    /// What the tick found out, in the words of the steps.
    struct Findings {
        var now: Instant
        var answer: BoardAnswer
        var wasLeased: Bool
        var wasEdge: Bool
        var sense: LineState
        var monostable: LineState
        var areSensorsProven: Bool
    }

    /// Why a step failed; nil if it has not.
    enum Failure { case selfCheck, sense, readBack, arm }

    /// Advances by one tick, after the board has answered.
    mutating func advance(
        _ findings: Findings, settings: Settings, events: inout EventBuffer
    ) -> Failure? {
        let failure = judge(findings, settings, &events)
        if failure != nil { enter(.failed, findings.now, &events) }
        return failure
    }

    private mutating func judge(
        _ findings: Findings, _ settings: Settings, _ events: inout EventBuffer
    ) -> Failure? {
        switch step {
        case .waiting, .done, .failed: return nil
        case .identity: return identity(findings, &events)
        case .outputs: return outputs(findings, &events)
        case .clock: return clock(findings, &events)
        case .lease: return lease(findings, settings, &events)
        case .permit: return permit(findings, &events)
        case .sensors:
            if findings.areSensorsProven {
                doneAt = findings.now
                enter(.done, findings.now, &events)
            }
            return nil
        }
    }

    private mutating func identity(
        _ findings: Findings, _ events: inout EventBuffer
    ) -> Failure? {
        // A board that is not there at all is E401's business, and is waited for.
        guard findings.answer.status != nil else {
            enteredAt = findings.now
            return nil
        }
        guard let identity = findings.answer.identity else {
            return findings.now - enteredAt >= Self.settleSpan ? .selfCheck : nil
        }
        guard identity.magic == Register.magic, identity.mapVersion == Register.mapVersion,
            identity.firmwareMajor == RelayBoardCore.firmwareMajor,
            identity.selfTest == BoardIdentity.selfTestPassed
        else { return .selfCheck }
        enter(.outputs, findings.now, &events)
        return nil
    }

    private mutating func outputs(
        _ findings: Findings, _ events: inout EventBuffer
    ) -> Failure? {
        guard let status = findings.answer.status else { return nil }
        let isLate = findings.now - enteredAt >= Self.settleSpan
        if !status.actual.isEmpty { return isLate ? .readBack : nil }
        // K2 of the run before may still be dropping out.
        if findings.sense == .active { return isLate ? .sense : nil }
        hasBoardTime = false
        enter(.clock, findings.now, &events)
        return nil
    }

    private mutating func clock(_ findings: Findings, _ events: inout EventBuffer) -> Failure? {
        guard let status = findings.answer.status else {
            hasBoardTime = false
            return nil
        }
        guard hasBoardTime else {
            hasBoardTime = true
            boardTimeAtEntry = status.clockMicroseconds
            enteredAt = findings.now
            return nil
        }
        let elapsed = findings.now - enteredAt
        guard elapsed >= Self.clockSpan else { return nil }
        // The board's counter wraps after 71.6 min; the difference over a second does not.
        let board = Int64(
            widening: Int32(
                clamped: Int64(
                    bitPattern: UInt64(
                        widening: status.clockMicroseconds &- boardTimeAtEntry))))
        let deviation = abs(board - elapsed.rawValue * 1_000) * 100
        guard deviation <= elapsed.rawValue * 1_000 * Self.clockTolerancePercent else {
            return .selfCheck
        }
        lastBeatAt = nil
        enter(.lease, findings.now, &events)
        return nil
    }

    /// Arms with nothing on, withholds the heartbeats, and sees the lease run out when it must.
    private mutating func lease(
        _ findings: Findings, _ settings: Settings, _ events: inout EventBuffer
    ) -> Failure? {
        guard let status = findings.answer.status else { return nil }
        guard let lastBeatAt else {
            if status.isArmed, status.isLeaseRunning {
                lastBeatAt = findings.now
            } else if findings.now - enteredAt >= PowerInterlock.senseDelay {
                return .arm
            }
            return nil
        }
        let elapsed = findings.now - lastBeatAt
        if status.hasExpired {
            guard elapsed >= settings.interlock.lease else { return .selfCheck }
            edges = 0
            sawClosed = false
            lateLooks = 0
            enter(settings.interlock.hasMonostable ? .permit : .sensors, findings.now, &events)
        } else if !status.isLeaseRunning
            || elapsed >= settings.interlock.lease + Self.leaseSlack
        {
            // A lease that ended in another way than by running out has proved nothing.
            return .selfCheck
        }
        return nil
    }

    /// Moves the permit line with K1 open, and sees K2 close and drop out again.
    ///
    /// K2 is looked at once a tick, and a tick may come late. Closed at 300 ms and open at 401, it
    /// may have dropped in time or not: that proves nothing either way, and is tried again twice.
    private mutating func permit(_ findings: Findings, _ events: inout EventBuffer) -> Failure? {
        if findings.sense == .active { return .sense }
        if findings.wasEdge {
            edges += 1
            lastEdgeAt = findings.now
            return nil
        }
        let elapsed = findings.now - lastEdgeAt
        if findings.monostable == .active {
            sawClosed = true
            return elapsed >= Self.dropLatest ? .selfCheck : nil
        }
        guard sawClosed, elapsed >= Self.dropEarliest else { return .selfCheck }
        guard elapsed <= Self.dropLatest else {
            lateLooks += 1
            edges = 0
            sawClosed = false
            return lateLooks < Self.permitLooks ? nil : .selfCheck
        }
        enter(.sensors, findings.now, &events)
        return nil
    }

    private mutating func enter(
        _ new: SelfCheckStep, _ now: Instant, _ events: inout EventBuffer
    ) {
        step = new
        enteredAt = now
        events.state(.selfCheckEntered(new))
    }
}
