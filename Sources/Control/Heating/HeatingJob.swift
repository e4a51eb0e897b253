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
struct HeatingJob: ~Copyable {
    /// The rest that a contactor or valve gets between going off and on again: the relay board
    /// enforces the same (§6, P7), and refusing here is kinder than being refused there.
    static let heatRest = Milliseconds(10_000)

    private let sequence: Sequence
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
    /// HOLD was entered in this tick: three good samples are counted from here.
    private(set) var beganHold = false
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

    init(sequence: Sequence, target: Int32) {
        self.sequence = sequence
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
    mutating func view() -> DisasterDetector.Job {
        DisasterDetector.Job(
            isActive: isActive, needsSignals: needsSignals(), hasBurnt: hasBurnt,
            isHeatOn: isHeatOn, heatOffAt: heatOffAt, target: jobTarget)
    }

    private mutating func needsSignals() -> Bool {
        guard case .step(let index) = state, !isEnding else { return false }
        return sequence.steps[Int(index)].kind != .check
    }

    /// Everything that a rule may look at in this tick.
    struct Context {
        var now: Instant
        /// Why a start would be refused; nil if nothing stands against it.
        var refusal: HeatingRefusal?
        /// The self-check must be run first; a demand waits for it.
        var isSelfChecking: Bool
        /// The check waits for something that does not come.
        var isCheckStuck = false
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
        _ signals: SignalImage, _ context: Context, settings: Settings,
        alarms: inout AlarmEngine, events: inout EventBuffer
    ) {
        beganHold = false
        observe(signals, context.now, settings)
        switch state {
        case .standby:
            startIfAsked(context, settings: settings, alarms: &alarms, events: &events)
        case .step(let index):
            let (action, cause) = judge(index, signals, context, settings)
            if let action {
                carryOut(
                    action, cause, signals, context, settings: settings, alarms: &alarms,
                    events: &events)
            } else if sequence.steps[Int(index)].kind == .ignite,
                context.now - enteredAt >= sequence.steps[Int(index)].spark
            {
                relays = relays.subtracting(.spark)
            }
        case .complete, .failed:
            if context.isPowerOpen { enter(.standby, .interlock, context.now, &events) }
        case .lockout:
            break
        }
    }

    /// A FATAL came first in this tick, so the job is not run; what it would itself have found
    /// fatal in this tick is recorded behind the first-out (§8, T33).
    mutating func fatalInThisTick(
        _ signals: SignalImage, _ context: Context, settings: Settings
    ) -> AlarmCode? {
        observe(signals, context.now, settings)
        guard case .step(let index) = state else { return nil }
        let (action, _) = judge(index, signals, context, settings)
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
        _ context: Context, settings: Settings,
        alarms: inout AlarmEngine, events: inout EventBuffer
    ) {
        guard hasPendingDemand else { return }
        // A check that runs is waited for; one that cannot end is not, or heat would come on hours
        // after it was asked for.
        let stuck: HeatingRefusal? = context.isCheckStuck ? .selfCheckRunning : nil
        guard !context.isSelfChecking || stuck != nil else { return }
        if let refusal = context.refusal ?? (context.isSelfChecking ? stuck : nil) {
            hasDemand = false
            hasPendingDemand = false
            events.state(.heatingRefused(refusal, requester))
            return
        }
        guard context.isPowerOpen else { return }
        hasPendingDemand = false
        job &+= 1
        startedAt = context.now
        trialsLeft = settings.heating.trials
        recyclesLeft = settings.heating.recycles
        jobTarget = target
        failure = nil
        isStopping = false
        isEnding = false
        hasBurnt = false
        events.state(.heatingStarted(job: job))
        alarms.find(.jobStarted, value: Int32(bitPattern: job), cause: events.correlation)
        enterStep(0, .demand, context.now, settings, &events)
    }

    // MARK: Rules

    private mutating func observe(
        _ signals: SignalImage, _ now: Instant, _ settings: Settings
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
            Int64(widening: reference) + Int64(widening: settings.heating.noRiseGain.rawValue),
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
    private mutating func judge(
        _ index: UInt8, _ signals: SignalImage, _ context: Context,
        _ settings: Settings
    ) -> (Action?, HeatingTransition.Cause) {
        let elapsed = context.now - enteredAt
        let place = Int(index)
        for position in 0..<Int(sequence.steps[place].guards.count) {
            let rule = sequence.steps[place].guards.slots[position]
            if elapsed >= rule.after, holds(rule.condition, signals, context, settings) {
                return (rule.action, .condition(rule.condition))
            }
        }
        if elapsed >= sequence.steps[place].minimum,
            holds(sequence.steps[place].until, signals, context, settings),
            mayLeave(place, signals, context.now)
        {
            return (sequence.steps[place].onPass, .condition(sequence.steps[place].until))
        }
        if elapsed >= sequence.steps[place].maximum {
            return (sequence.steps[place].onTimeout, .timeout)
        }
        return (nil, .timeout)
    }

    /// A step that would lead from no heat into heat waits for the rest to be over, and for signals
    /// that can be believed: an old "no flame" is no news. D-09 ends that wait.
    private mutating func mayLeave(
        _ place: Int, _ signals: SignalImage, _ now: Instant
    ) -> Bool {
        let target: Int
        switch sequence.steps[place].onPass {
        case .next: target = place + 1
        case .go(let step): target = Int(step)
        case .fail, .abandon, .fatal, .hold, .retryTrial, .recycle, .resume, .stop, .finish:
            return true
        }
        guard !isHeatOn, target < Int(sequence.count) else { return true }
        switch sequence.steps[target].kind {
        case .ignite, .stabilise, .heat:
            return now - heatOffAt >= Self.heatRest && signals.stale.isEmpty
        case .check, .actuate, .wait, .circulate, .purge, .close, .hold, .retry:
            return true
        }
    }

    private mutating func holds(
        _ condition: Condition, _ signals: SignalImage, _ context: Context,
        _ settings: Settings
    ) -> Bool {
        switch condition {
        case .always: true
        case .never: false
        case .demandGone: !hasDemand
        case .flameOn: signals.flame.isOn
        case .flameOff: signals.flame.isOff
        case .flameStale:
            signals.flame.freshness.isStale(context.now, after: settings.heating.flameStale)
                || signals.adoptedStep
        case .signalsStale: !signals.stale.isEmpty || signals.adoptedStep
        case .signalsInvalid: !signals.stale.isEmpty
        case .signalsRegained: signals.isProven
        case .readyToStart: isReadyToStart(signals, context, settings)
        case .flowPresent: !signals.has(.flow) || signals.flow.highCount >= 2
        case .flowAbsent: signals.has(.flow) && signals.flow.highCount < 2
        case .flowLow: signals.has(.flow) && signals.flow.lowCount >= 3
        case .targetReached: targetCount >= 2
        case .noRise: context.now - referenceAt >= settings.heating.noRiseWindow
        case .postcirculated: context.now - heatOffAt >= settings.heating.postcirculate
        case .burnerLockout: signals.burnerLockout.isOn
        case .burnerNotOn:
            signals.has(.burnerOn) && !signals.burnerOn.isOn
                && context.now - max(burnerOffSince, enteredAt) >= Milliseconds(60_000)
        }
    }

    private mutating func isReadyToStart(
        _ signals: SignalImage, _ context: Context, _ settings: Settings
    ) -> Bool {
        let isLevelGood = !signals.has(.level) || signals.level.highCount >= 2
        let isGasAbsent = !signals.isSafety(.gas) || signals.gas.isOff
        let isFlameAbsent = settings.profile != .gas || (!sawFlame && signals.flame.isOff)
        return signals.stale.isEmpty && isLevelGood && isGasAbsent && isFlameAbsent
            && context.isPowerProven
    }
}

// MARK: Transitions

extension HeatingJob {
    private mutating func carryOut(
        _ action: Action, _ cause: HeatingTransition.Cause, _ signals: SignalImage,
        _ context: Context, settings: Settings,
        alarms: inout AlarmEngine, events: inout EventBuffer
    ) {
        let now = context.now
        switch action {
        case .next:
            guard case .step(let index) = state, index + 1 < sequence.count else {
                finish(cause, now, settings, &alarms, &events)
                return
            }
            enterStep(index + 1, cause, now, settings, &events)
        case .go(let index):
            enterStep(index, cause, now, settings, &events)
        case .fail(let code):
            failure = code
            alarms.find(code, value: Int32(clamped: (now - enteredAt).rawValue))
            leave(cause, now, settings, &alarms, &events)
        case .abandon(let code):
            // No failure of the installation: nothing was switched but the power (§7.2, PRECHECK).
            alarms.find(code, value: Int32(clamped: signals.oldestSafety.rawValue))
            standDown(cause, now, .failed, &events)
        case .fatal(let code):
            find(fatal: code, now, settings, signals, &alarms)
        case .hold(let code):
            alarms.find(code, value: Int32(clamped: signals.oldestSafety.rawValue))
            beganHold = true
            enter(kind: .hold, cause, now, settings, &events)
        case .retryTrial(let warning, let fatal):
            guard trialsLeft > 0 else {
                find(fatal: fatal, now, settings, signals, &alarms)
                return
            }
            alarms.find(warning, value: Int32(trialsLeft))
            enter(kind: .retry, cause, now, settings, &events)
        case .recycle(let warning, let fatal):
            guard recyclesLeft > 0 else {
                find(fatal: fatal, now, settings, signals, &alarms)
                return
            }
            recyclesLeft -= 1
            trialsLeft = 1
            alarms.find(warning, value: Int32(recyclesLeft))
            enter(kind: .retry, cause, now, settings, &events)
        case .resume:
            trialsLeft = 1
            enter(kind: .retry, cause, now, settings, &events)
        case .stop:
            isStopping = true
            leave(cause, now, settings, &alarms, &events)
        case .finish:
            finish(cause, now, settings, &alarms, &events)
        }
    }

    private mutating func find(
        fatal code: AlarmCode, _ now: Instant, _ settings: Settings,
        _ signals: SignalImage, _ alarms: inout AlarmEngine
    ) {
        let value =
            code == .noTemperatureRise
            ? signals.temperatures.control - reference
            : Int32(clamped: (now - enteredAt).rawValue)
        let limit = code == .noTemperatureRise ? settings.heating.noRiseGain.rawValue : 0
        alarms.find(code, value: value, limit: limit, as: .fatal)
    }

    /// The way out that the present step needs: through close if heat is on, through circulation if
    /// heat was on in this job or water is moving, else at once.
    private mutating func leave(
        _ cause: HeatingTransition.Cause, _ now: Instant, _ settings: Settings,
        _ alarms: inout AlarmEngine, _ events: inout EventBuffer
    ) {
        guard case .step(let index) = state else { return }
        if isHeatOn {
            isEnding = true
            enter(kind: .close, cause, now, settings, &events)
        } else if sequence.steps[Int(index)].kind == .check || (failure != nil && !hasBurnt) {
            // Nothing was heated: a pump that moves no water need not run on (E208).
            standDown(cause, now, failure == nil ? .stopped : .failed, &events)
        } else {
            isEnding = true
            enterStep(sequence.count - 1, cause, now, settings, &events)
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
        _ cause: HeatingTransition.Cause, _ now: Instant, _ settings: Settings,
        _ alarms: inout AlarmEngine, _ events: inout EventBuffer
    ) {
        switchOff(now)
        hasDemand = hasPendingDemand
        let outcome: HeatingOutcome =
            failure != nil ? .failed : isStopping ? .stopped : .completed
        events.state(.heatingFinished(job: job, outcome))
        if failure == nil, !isStopping {
            alarms.find(.jobFinished, value: Int32(bitPattern: job))
        }
        enter(failure == nil ? .complete : .failed, cause, now, &events)
    }

    private mutating func enter(
        kind: StepKind, _ cause: HeatingTransition.Cause, _ now: Instant,
        _ settings: Settings, _ events: inout EventBuffer
    ) {
        guard let index = sequence.first(kind) else {
            preconditionFailure("the validator lets no sequence through without this step")
        }
        enterStep(index, cause, now, settings, &events)
    }

    private mutating func enterStep(
        _ index: UInt8, _ cause: HeatingTransition.Cause, _ now: Instant,
        _ settings: Settings, _ events: inout EventBuffer
    ) {
        let step = sequence[index]
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
