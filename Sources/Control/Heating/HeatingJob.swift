import Events
import RelayBoard
import Units

/// The heating job: runs a validated sequence, one step at a time.
///
/// It decides which relays the job wants and when it is over. It may not cut power (a FATAL that it
/// finds is carried out by the interlock), it keeps nothing over a restart, and a demand that came
/// before a restart, reset or lockout is forgotten.
///
/// A transition made in a tick runs its entry actions in that tick; the new step's rules are asked
/// from the next tick on. So a tick makes at most one transition.
struct HeatingJob: Sendable {
    /// The rest that a contactor or valve gets between going off and on again: the relay board
    /// enforces the same (§6, P7), and refusing here is kinder than being refused there.
    static let heatRest = Milliseconds(10_000)

    private(set) var state = HeatingState.standby
    private(set) var enteredAt = Instant.never
    private(set) var relays = RelayMask.none
    private(set) var job: UInt32 = 0
    private(set) var startedAt = Instant.never
    private(set) var trialsLeft: UInt8 = 0
    private(set) var recyclesLeft: UInt8 = 0
    private(set) var hasDemand = false
    private(set) var hasPendingDemand = false
    private(set) var requester = Requester.site
    private(set) var target: Int32
    /// The highest target of this job: lowering a target must not look like over-temperature.
    private(set) var jobTarget: Int32
    private(set) var heatOffAt = Instant.never
    private(set) var heatOnAt = Instant.never
    private(set) var hasBurnt = false
    private(set) var transitions = TransitionLog()
    /// When the controller began: nothing can have been silent for longer.
    private(set) var startOfRun = Instant.never

    private var failure: AlarmCode?
    private var isStopping = false
    private var isEnding = false
    private var sawFlame = false
    private var targetCount: UInt8 = 0
    private var control: Int32 = 0
    private var reference: Int32 = 0
    private var referenceAt = Instant.never
    private var burnerOffSince = Instant.never

    init(target: Int32) {
        self.target = target
        self.jobTarget = target
    }

    /// PRECHECK to POSTCIRC.
    var isActive: Bool {
        if case .step = state { true } else { false }
    }
    var isHeatOn: Bool { relays.intersects(.heat) }
    /// The job wants the site's supply closed.
    var wantsPower: Bool { isActive }

    /// What the disaster rules may know.
    func view(_ plan: ControlPlan) -> DisasterDetector.Job {
        DisasterDetector.Job(
            isActive: isActive, needsSignals: needsSignals(plan), hasBurnt: hasBurnt,
            isHeatOn: isHeatOn, heatOffAt: heatOffAt, target: jobTarget)
    }

    private func needsSignals(_ plan: ControlPlan) -> Bool {
        guard case .step(let index) = state, !isEnding else { return false }
        return plan.sequence[index].kind != .check
    }

    /// Everything that a rule may look at in this tick.
    struct Context {
        var now: Instant
        /// Why a start would be refused; nil if nothing stands against it.
        var refusal: HeatingRefusal?
        /// The self-check must be run first; a demand waits for it.
        var isSelfChecking: Bool
        var isPowerOpen: Bool
        var isPowerProven: Bool
    }

    // MARK: Demand

    /// Takes a demand or its end. An end is always taken.
    mutating func demand(_ isOn: Bool, by requester: Requester, events: inout EventBuffer) {
        guard isOn else {
            hasDemand = false
            hasPendingDemand = false
            return
        }
        self.requester = requester
        events.state(.heatingRequested(requester))
        switch state {
        case .standby, .complete, .failed:
            hasDemand = true
            hasPendingDemand = true
        case .step:
            if isEnding { hasPendingDemand = true }
            hasDemand = true
        case .lockout:
            events.state(.heatingRefused(.fatalAlarm, requester))
        }
    }

    /// - Precondition: `target` is within the plan's range; the caller has checked it (E902).
    mutating func setTarget(_ target: Int32) {
        self.target = target
        jobTarget = isActive ? max(jobTarget, target) : target
        targetCount = 0
    }

    // MARK: One tick

    /// Advances by one tick, after the disaster rules and the interlock found nothing fatal.
    mutating func step(
        _ signals: inout Signals, _ context: Context, plan: ControlPlan,
        alarms: inout AlarmEngine, events: inout EventBuffer
    ) {
        observe(signals, context.now, plan)
        switch state {
        case .standby:
            startIfAsked(context, plan: plan, alarms: &alarms, events: &events)
        case .step(let index):
            let (action, cause) = judge(index, signals, context, plan)
            if let action {
                carryOut(
                    action, cause, &signals, context, plan: plan, alarms: &alarms,
                    events: &events)
            } else if plan.sequence[index].kind == .ignite,
                context.now - enteredAt >= plan.sequence[index].spark
            {
                relays = relays.subtracting(.spark)
            }
        case .complete, .failed:
            if context.isPowerOpen { enter(.standby, .interlock, context.now, &events) }
        case .lockout:
            break
        }
    }

    /// A FATAL came first in this tick, so the job is not run; what it would itself have found fatal
    /// in this tick is recorded behind the first-out (§8, T33).
    mutating func fatalInThisTick(
        _ signals: Signals, _ context: Context, plan: ControlPlan
    ) -> AlarmCode? {
        observe(signals, context.now, plan)
        guard case .step(let index) = state else { return nil }
        let (action, _) = judge(index, signals, context, plan)
        if case .fatal(let code) = action { return code }
        return nil
    }

    /// Everything off; only a reset at the site leads out.
    mutating func lockOut(_ code: AlarmCode, now: Instant, events: inout EventBuffer) {
        guard state != .lockout else { return }
        if isActive { events.state(.heatingFinished(job: job, .lockedOut)) }
        switchOff(now)
        hasDemand = false
        hasPendingDemand = false
        enter(.lockout, .alarm(code), now, &events)
    }

    mutating func resetLockout(now: Instant, events: inout EventBuffer) {
        enter(.standby, .reset, now, &events)
    }

    /// The start of the controller counts as the end of whatever heated before it.
    mutating func begin(now: Instant) {
        heatOffAt = now
        enteredAt = now
        startOfRun = now
    }

    private mutating func startIfAsked(
        _ context: Context, plan: ControlPlan,
        alarms: inout AlarmEngine, events: inout EventBuffer
    ) {
        guard hasPendingDemand, !context.isSelfChecking else { return }
        if let refusal = context.refusal {
            hasDemand = false
            hasPendingDemand = false
            events.state(.heatingRefused(refusal, requester))
            return
        }
        guard context.isPowerOpen else { return }
        hasPendingDemand = false
        job &+= 1
        startedAt = context.now
        trialsLeft = plan.heating.trials
        recyclesLeft = plan.heating.recycles
        jobTarget = target
        failure = nil
        isStopping = false
        isEnding = false
        hasBurnt = false
        events.state(.heatingStarted(job: job))
        alarms.find(.jobStarted, plan, value: Int32(bitPattern: job))
        enterStep(0, .demand, context.now, plan, &events)
    }

    // MARK: Rules

    private mutating func observe(
        _ signals: Signals, _ now: Instant, _ plan: ControlPlan
    ) {
        if signals.flame.isOn { sawFlame = true }
        control = signals.temperatures.control
        if signals.temperatures.isNew {
            if signals.temperatures.control >= target {
                if targetCount < .max { targetCount += 1 }
            } else {
                targetCount = 0
            }
        }
        let goal = min(
            Int64(widening: reference) + Int64(widening: plan.heating.noRiseGain.rawValue),
            Int64(widening: target))
        if Int64(widening: signals.temperatures.control) >= goal {
            reference = max(reference, signals.temperatures.control)
            referenceAt = now
        }
        if !signals.burnerOn.isOn {
            if burnerOffSince == .never { burnerOffSince = now }
        } else {
            burnerOffSince = .never
        }
    }

    /// Guards from first to last, then `until`, then the time-out: what passes counts before what
    /// times out.
    private func judge(
        _ index: UInt8, _ signals: Signals, _ context: Context,
        _ plan: ControlPlan
    ) -> (Action?, HeatingTransition.Cause) {
        let elapsed = context.now - enteredAt
        let step = plan.sequence[index]
        for position in 0..<Int(step.guards.count) {
            let rule = step.guards[position]
            if elapsed >= rule.after, holds(rule.condition, signals, context, plan) {
                return (rule.action, .condition(rule.condition))
            }
        }
        if elapsed >= step.minimum, holds(step.until, signals, context, plan),
            mayPass(index, context.now, plan)
        {
            return (step.onPass, .condition(step.until))
        }
        if elapsed >= step.maximum { return (step.onTimeout, .timeout) }
        return (nil, .timeout)
    }

    /// A step that would lead from no heat into heat waits for the rest to be over.
    private func mayPass(_ index: UInt8, _ now: Instant, _ plan: ControlPlan) -> Bool {
        guard !isHeatOn, now - heatOffAt < Self.heatRest else { return true }
        let target: UInt8
        switch plan.sequence[index].onPass {
        case .next: target = index + 1
        case .go(let step): target = step
        case .fail, .abandon, .fatal, .hold, .retryTrial, .recycle, .resume, .stop, .finish:
            return true
        }
        guard target < plan.sequence.count else { return true }
        switch plan.sequence[target].kind {
        case .ignite, .stabilise, .heat: return false
        case .check, .actuate, .wait, .circulate, .purge, .close, .hold, .retry: return true
        }
    }

    private func holds(
        _ condition: Condition, _ signals: Signals, _ context: Context,
        _ plan: ControlPlan
    ) -> Bool {
        switch condition {
        case .always: true
        case .never: false
        case .demandGone: !hasDemand
        case .flameOn: signals.flame.isOn
        case .flameOff: signals.flame.isOff
        case .flameStale:
            signals.flame.freshness.isStale(context.now, after: plan.heating.flameStale)
                || signals.adoptedStep
        case .signalsStale: !signals.stale.isEmpty || signals.adoptedStep
        case .signalsInvalid: !signals.stale.isEmpty
        case .signalsRegained: signals.isProven(plan.signals)
        case .readyToStart: isReadyToStart(signals, context, plan)
        case .flowPresent: !plan.signals.has(.flow) || signals.flow.highCount >= 2
        case .flowAbsent: plan.signals.has(.flow) && signals.flow.highCount < 2
        case .flowLow: plan.signals.has(.flow) && signals.flow.lowCount >= 3
        case .targetReached: targetCount >= 2
        case .noRise: context.now - referenceAt >= plan.heating.noRiseWindow
        case .postcirculated: context.now - heatOffAt >= plan.heating.postcirculate
        case .burnerLockout: signals.burnerLockout.isOn
        case .burnerNotOn:
            plan.signals.has(.burnerOn) && !signals.burnerOn.isOn
                && context.now - max(burnerOffSince, enteredAt) >= Milliseconds(60_000)
        }
    }

    private func isReadyToStart(
        _ signals: Signals, _ context: Context, _ plan: ControlPlan
    ) -> Bool {
        let isLevelGood = !plan.signals.has(.level) || signals.level.highCount >= 2
        let isGasAbsent = !plan.signals.isSafety(.gas) || signals.gas.isOff
        let isFlameAbsent = plan.profile != .gas || (!sawFlame && signals.flame.isOff)
        return signals.stale.isEmpty && isLevelGood && isGasAbsent && isFlameAbsent
            && context.isPowerProven
    }
}

// MARK: Transitions

extension HeatingJob {
    private mutating func carryOut(
        _ action: Action, _ cause: HeatingTransition.Cause, _ signals: inout Signals,
        _ context: Context, plan: ControlPlan,
        alarms: inout AlarmEngine, events: inout EventBuffer
    ) {
        let now = context.now
        switch action {
        case .next:
            guard case .step(let index) = state, index + 1 < plan.sequence.count else {
                finish(cause, now, plan, &alarms, &events)
                return
            }
            enterStep(index + 1, cause, now, plan, &events)
        case .go(let index):
            enterStep(index, cause, now, plan, &events)
        case .fail(let code):
            failure = code
            alarms.find(code, plan, value: Int32(clamped: (now - enteredAt).rawValue))
            leave(cause, now, plan, &alarms, &events)
        case .abandon(let code):
            // No failure of the installation: nothing was switched but the power (§7.2, PRECHECK).
            alarms.find(code, plan, value: Int32(clamped: signals.oldestSafety.rawValue))
            standDown(cause, now, .failed, &events)
        case .fatal(let code):
            find(fatal: code, now, plan, signals, &alarms)
        case .hold(let code):
            alarms.find(code, plan, value: Int32(clamped: signals.oldestSafety.rawValue))
            signals.mark()
            enter(kind: .hold, cause, now, plan, &events)
        case .retryTrial(let warning, let fatal):
            guard trialsLeft > 0 else {
                find(fatal: fatal, now, plan, signals, &alarms)
                return
            }
            alarms.find(warning, plan, value: Int32(trialsLeft))
            enter(kind: .retry, cause, now, plan, &events)
        case .recycle(let warning, let fatal):
            guard recyclesLeft > 0 else {
                find(fatal: fatal, now, plan, signals, &alarms)
                return
            }
            recyclesLeft -= 1
            trialsLeft = 1
            alarms.find(warning, plan, value: Int32(recyclesLeft))
            enter(kind: .retry, cause, now, plan, &events)
        case .resume:
            trialsLeft = 1
            enter(kind: .retry, cause, now, plan, &events)
        case .stop:
            isStopping = true
            leave(cause, now, plan, &alarms, &events)
        case .finish:
            finish(cause, now, plan, &alarms, &events)
        }
    }

    private mutating func find(
        fatal code: AlarmCode, _ now: Instant, _ plan: ControlPlan,
        _ signals: Signals, _ alarms: inout AlarmEngine
    ) {
        let value =
            code == .noTemperatureRise
            ? signals.temperatures.control - reference
            : Int32(clamped: (now - enteredAt).rawValue)
        let limit = code == .noTemperatureRise ? plan.heating.noRiseGain.rawValue : 0
        alarms.find(code, value: value, limit: limit, as: .fatal)
    }

    /// The way out that the present step needs: through close if heat is on, through circulation if
    /// heat was on in this job or water is moving, else at once.
    private mutating func leave(
        _ cause: HeatingTransition.Cause, _ now: Instant, _ plan: ControlPlan,
        _ alarms: inout AlarmEngine, _ events: inout EventBuffer
    ) {
        guard case .step(let index) = state else { return }
        if isHeatOn {
            isEnding = true
            enter(kind: .close, cause, now, plan, &events)
        } else if plan.sequence[index].kind == .check || (failure != nil && !hasBurnt) {
            // Nothing was heated: a pump that moves no water need not run on (E208).
            standDown(cause, now, failure == nil ? .stopped : .failed, &events)
        } else {
            isEnding = true
            enterStep(plan.sequence.count - 1, cause, now, plan, &events)
        }
    }

    private mutating func standDown(
        _ cause: HeatingTransition.Cause, _ now: Instant, _ outcome: HeatingOutcome,
        _ events: inout EventBuffer
    ) {
        switchOff(now)
        hasDemand = hasPendingDemand
        events.state(.heatingFinished(job: job, outcome))
        enter(failure == nil ? .standby : .failed, cause, now, &events)
    }

    private mutating func finish(
        _ cause: HeatingTransition.Cause, _ now: Instant, _ plan: ControlPlan,
        _ alarms: inout AlarmEngine, _ events: inout EventBuffer
    ) {
        switchOff(now)
        hasDemand = hasPendingDemand
        let outcome: HeatingOutcome =
            failure != nil ? .failed : isStopping ? .stopped : .completed
        events.state(.heatingFinished(job: job, outcome))
        if failure == nil, !isStopping {
            alarms.find(.jobFinished, plan, value: Int32(bitPattern: job))
        }
        enter(failure == nil ? .complete : .failed, cause, now, &events)
    }

    private mutating func enter(
        kind: StepKind, _ cause: HeatingTransition.Cause, _ now: Instant,
        _ plan: ControlPlan, _ events: inout EventBuffer
    ) {
        guard let index = plan.sequence.first(kind) else {
            preconditionFailure("the validator lets no sequence through without this step")
        }
        enterStep(index, cause, now, plan, &events)
    }

    private mutating func enterStep(
        _ index: UInt8, _ cause: HeatingTransition.Cause, _ now: Instant,
        _ plan: ControlPlan, _ events: inout EventBuffer
    ) {
        let step = plan.sequence[index]
        let before = relays
        relays = relays.union(step.set).subtracting(step.clear)
        if step.kind == .ignite {
            trialsLeft = trialsLeft > 0 ? trialsLeft - 1 : 0
        } else {
            relays = relays.subtracting(.spark)
        }
        if step.kind == .heat {
            reference = control
            referenceAt = now
            targetCount = 0
        }
        if step.kind == .close { isEnding = true }
        sawFlame = false
        noteHeat(before, now)
        enter(.step(index), cause, now, &events)
    }

    private mutating func enter(
        _ new: HeatingState, _ cause: HeatingTransition.Cause, _ now: Instant,
        _ events: inout EventBuffer
    ) {
        transitions.append(HeatingTransition(at: now, from: state, to: new, cause: cause))
        state = new
        enteredAt = now
        events.state(.heatingStepEntered(new))
    }

    private mutating func switchOff(_ now: Instant) {
        let before = relays
        relays = .none
        noteHeat(before, now)
    }

    private mutating func noteHeat(_ before: RelayMask, _ now: Instant) {
        if before.intersects(.heat), !isHeatOn { heatOffAt = now }
        if !before.intersects(.heat), isHeatOn { heatOnAt = now }
        if isHeatOn { hasBurnt = true }
    }
}
