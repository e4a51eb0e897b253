public import Events
import RelayBoard
public import Units

/// The whole controller as one value: (state, inputs, now) → (outputs, events), in two halves.
///
/// `decide` looks at what came in and says what the relay board shall do; `settle` looks at what
/// the board answered and says whether the permit line may change. The order within is the design
/// (§5):
///
///     signals → disaster → interlock → job → cut-off → [board] → read-back → cut-off → alarms
///
/// What it may never do: energise anything in the default value of its outputs, ask for an edge of
/// the permit line after a FATAL, or leave TRIPPED by anything but the button at the site. After a
/// crash it starts with everything open and the lockout that its record tells.
public struct Controller: ~Copyable {
    /// A gap between two ticks from which the tick counts as late (§7.4).
    public static let lateTick = Milliseconds(250)
    /// From the accepted press to the end of its self-check. A healthy one takes 4 s, and 5 s more
    /// are the sensors' (§7.6, step 8).
    static let resetSpan = Milliseconds(10_000)

    let settings: Settings
    public internal(set) var lockout: LockoutRecord
    /// The ten seconds before the first FATAL of the lockout.
    public internal(set) var preTrip = PreTripSamples()

    var tick = Tick(0)
    var now = Instant.never
    var signals: Signals
    var disaster = DisasterDetector()
    var job: HeatingJob
    var interlock = PowerInterlock()
    var link = BoardLink()
    var check = SelfCheck()
    var button = ResetButton()
    var resets = ResetHistory()
    var emergencyStop = EmergencyStop()
    var alarms: AlarmEngine
    var shown = InputsShown()

    private let recollection: Recollection
    private var hasStarted = false
    private var isLate = false
    private var hasJudgedStop = false
    var handledFatals = 0
    var isResetting = false
    var resetAt = Instant.never
    var trippedAt = Instant.never
    var tripCorrelation = Correlation(0)
    /// The lockout is one of an earlier run.
    var isLockoutRecalled = false
    /// What the latest demand was caused by, and when it came.
    var demandCause = Correlation(0)
    var demandedAt = Instant.never
    var outputs = Outputs()
    private var commanded = RelayMask.none
    var savesLockout = false
    var savesPreTrip = false
    private var wasHeatOn = false
    private var bootAtCheck: UInt8 = 0
    private var lostShown: UInt32 = 0

    /// The inputs of the tick that only the snapshot and the second half need.
    struct InputsShown {
        var sense = LineState.notFitted
        var monostable = LineState.notFitted
        var button = LineState.notFitted
        var emergencyStop = LineState.notFitted
        var bus = CANBusState.active
        var isPermitted = false
    }

    /// A controller that has seen nothing yet: all open, and locked if the record says so.
    ///
    /// - Parameter recollection: what is known of the time before this start; its default is the
    ///   worst, so that forgetting to look is not the same as finding nothing.
    public init(plan: ControlPlan, recollection: Recollection) {
        settings = Settings(plan)
        self.recollection = recollection
        signals = Signals(plan: plan.signals)
        job = HeatingJob(sequence: plan.sequence, target: plan.heating.target.rawValue)
        alarms = AlarmEngine(plan: plan.alarms)
        lockout = LockoutRecord()
    }

    // MARK: First half

    /// Decides what the relay board shall do in this tick.
    ///
    /// Pure. Call once a tick, with instants that never go back, and `settle` after it.
    public mutating func decide(
        _ inputs: inout Inputs, events: inout EventBuffer
    ) -> Outputs {
        let gap = inputs.now - now
        if hasStarted { tick = tick.next }
        now = inputs.now
        events.begin(tick: tick, at: now)
        alarms.beginTick()
        handledFatals = 0
        savesLockout = false
        savesPreTrip = false
        show(&inputs)
        if hasStarted { noteGap(gap, &events) } else { begin(&events) }

        signals.step(
            &inputs, settings: settings,
            jobLimit: job.jobTarget + settings.heating.overTarget.rawValue)
        noteSignals(&events)
        rememberSample()
        take(&inputs, &events)
        disaster.step(
            signals.image, job.view(), now: now, settings: settings, alarms: &alarms,
            events: &events)
        if emergencyStop.step(inputs.emergencyStop) { alarms.find(.emergencyStop) }
        interlock.check(
            sense: inputs.powerSense, now: now, alarms: &alarms, events: &events)
        operateButton(inputs.resetButton, &events)
        runJob(&events)
        cutIfFatal(&events)
        interlock.follow(
            wantsPower: job.wantsPower, sense: inputs.powerSense, now: now, alarms: &alarms,
            events: &events)
        cutIfFatal(&events)
        compose()
        return outputs
    }

    private mutating func begin(_ events: inout EventBuffer) {
        hasStarted = true
        job.begin(now: now)
        events.state(.deviceStarted(isClean: !recollection.wasUnclean))
        switch recollection.lockout {
        case .clear: break
        case .locked(let record): lockout = record
        case .repaired(let record):
            lockout = record
            savesLockout = true
            alarms.find(.lockoutCopyBad)
        case .unreadable:
            alarms.find(.lockoutCopiesBad, as: .fatal)
        }
        resets.begin(earlier: lockout.recentResets, now: now)
        guard lockout.isLocked else {
            check.start(now: now, events: &events)
            return
        }
        // Nothing but the site's button clears it: not this start, whatever caused it.
        alarms.firstOut = lockout.firstOut
        trippedAt = now
        isLockoutRecalled = true
        tripCorrelation = events.correlation
        interlock.trip(now: now, events: &events)
        job.lockOut(lockout[0].code, now: now, events: &events)
        for index in 0..<Int(lockout.count) { alarms.restore(lockout[index], events: &events) }
    }

    private mutating func show(_ inputs: inout Inputs) {
        shown.sense = inputs.powerSense
        shown.monostable = inputs.monostable
        shown.button = inputs.resetButton
        shown.emergencyStop = inputs.emergencyStop
        shown.bus = inputs.bus
    }

    private mutating func noteGap(_ gap: Milliseconds, _ events: inout EventBuffer) {
        // Every second one, so that a loop that is always late still runs its job.
        isLate = gap >= Self.lateTick && !isLate
        let isOverrun = gap >= Self.lateTick
        guard isOverrun else { return }
        let missed = UInt32(truncatingIfNeeded: gap.rawValue / settings.tick.rawValue - 1)
        events.state(.ticksMissed(gap: gap, missed: missed))
        alarms.find(
            .tickOverrun, value: Int32(clamped: gap.rawValue),
            limit: Int32(clamped: Self.lateTick.rawValue))
    }

    /// Alarms and events that are about the signals themselves.
    private mutating func noteSignals(_ events: inout EventBuffer) {
        if let boot = signals.image.restartedBoot { events.state(.nodeRestarted(boot: boot)) }
        if signals.image.adoptedStep { alarms.find(.stepAdopted) }
        let silence = now - max(signals.lastFrameAt, job.startOfRun)
        if shown.bus == .busOff || shown.bus == .down || silence >= Signals.busSilence {
            alarms.find(
                .busSilent,
                value: silence > Milliseconds(86_400_000) ? 0 : Int32(clamped: silence.rawValue))
        }
        // Right after the start there is nothing yet that could have got lost.
        let hasSettled = check.isDone || now - job.startOfRun >= SelfCheck.sensorSpan
        if hasSettled, signals.image.temperatures.isIncomplete { alarms.find(.channelExcluded) }
        if hasSettled, !signals.image.stale.isEmpty {
            alarms.find(
                .signalStale, value: Int32(clamped: signals.image.oldestSafety.rawValue),
                limit: Int32(clamped: settings.heating.hold.rawValue))
        }
        noteAmbient()
        guard signals.image.lost.bits != lostShown, check.isDone else { return }
        stateChanges(&events)
    }

    /// The ambient sensor protects nothing, so its loss waits until a silent bus, which explains
    /// it, would have been called silent.
    private mutating func noteAmbient() {
        let age = signals.image.ambientTemperature.freshness.age(now)
        guard check.isDone, signals.image.has(.ambientTemperature), age >= Signals.ambientLoss
        else { return }
        alarms.find(.ambientLost)
    }

    private mutating func rememberSample() {
        guard !isTripped, preTrip.isDue(now) else { return }
        var sample = PreTripSamples.Sample()
        sample.at = now
        sample.temperature = signals.image.temperatures.control
        sample.flow = signals.image.flow.value
        sample.level = signals.image.level.value
        sample.hasFlame = signals.image.flame.latest
        sample.hasGas = signals.image.gas.latest
        sample.isStale = !signals.image.stale.isEmpty
        sample.relays = commanded
        preTrip.append(sample)
    }

    private mutating func stateChanges(_ events: inout EventBuffer) {
        var changed = signals.image.lost.bits ^ lostShown
        while let signal = SignalSet.first(in: changed) {
            changed &= changed &- 1
            if signals.image.lost.contains(signal) {
                events.state(.signalLost(signal, quality(of: signal)))
            } else {
                events.state(.signalRegained(signal))
            }
        }
        lostShown = signals.image.lost.bits
    }

    private mutating func take(_ inputs: inout Inputs, _ events: inout EventBuffer) {
        for index in 0..<inputs.commands.count {
            carryOut(inputs.commands[index], &events)
        }
        if inputs.shell.rawValue != 0 { noteShell(inputs.shell) }
    }

    private mutating func noteShell(_ shell: ShellConditions) {
        if shell.contains(.journalUnwritable) { alarms.find(.journalUnwritable) }
        if shell.contains(.eventsLost) { alarms.find(.eventsLost) }
        if shell.contains(.notRealTime) { alarms.find(.notRealTime) }
        if shell.contains(.peerRefused) { alarms.find(.peerRefused) }
        if shell.contains(.clusterForgery) { alarms.find(.clusterForgery) }
        if shell.contains(.uplinkStalled) { alarms.find(.uplinkStalled) }
        if shell.contains(.clusterDisagrees) { alarms.find(.clusterDisagrees) }
        if shell.contains(.configurationRejected) { alarms.find(.configurationRejected) }
    }

    private mutating func runJob(_ events: inout EventBuffer) {
        if alarms.fatalCount > 0 {
            let context = jobContext()
            if let code = job.fatalInThisTick(signals.image, context, settings: settings) {
                alarms.find(code, as: .fatal)
            }
            return
        }
        // After a stop of the process the lease may have run out and the flame with it: what the
        // board answers in this tick comes before what the job would make of it.
        guard !isTripped, !isLate else { return }
        if job.hasPendingDemand, job.state == .standby, interlock.state == .open,
            check.isStale(now)
        {
            signals.mark()
            check.start(now: now, events: &events)
        }
        // The context is made here, so that a check begun in this very tick holds the job back.
        let context = jobContext()
        // What a demand leads to carries the demand's cause, also when a self-check came between.
        let tickCause = events.correlation
        if demandedAt == now || (job.hasPendingDemand && !job.isActive) {
            events.correlation = demandCause
        }
        job.step(
            signals.image, context, settings: settings, alarms: &alarms, events: &events)
        events.correlation = tickCause
        if job.beganHold { signals.mark() }
    }

    var isTripped: Bool { interlock.state == .tripped }

    mutating func jobContext() -> HeatingJob.Context {
        HeatingJob.Context(
            now: now, refusal: job.hasPendingDemand ? refusal() : nil,
            isSelfChecking: !check.isDone,
            isCheckStuck: check.isWaitingForSensors(now)
                || link.failures >= BoardLink.failuresMaximum,
            isPowerOpen: interlock.state == .open, isPowerProven: interlock.state == .closed)
    }

    /// Why a demand would be refused now. The order is that of how much it matters.
    mutating func refusal() -> HeatingRefusal? {
        if isTripped { return .fatalAlarm }
        if check.step == .failed { return .selfCheckFailed }
        if !alarms.errors.isEmpty || link.failures >= BoardLink.failuresMaximum {
            return .errorAlarm
        }
        if alarms.active.contains(.flameInStandby) { return .flameInStandby }
        if signals.image.has(.gasReady), !signals.image.gasReady.isOn { return .gasSensorNotReady }
        if signals.image.temperatures.disagrees { return .sensorsDisagree }
        if signals.image.temperatures.isOverJob { return .alreadyHot }
        return nil
    }

    private mutating func compose() {
        outputs = Outputs()
        outputs.readsIdentity = check.wantsIdentity
        if isTripped, !isResetting {
            outputs.trips = !(link.isAnswering && link.status.isTripped)
            link.prepare(&outputs, isLeased: false, settings: settings)
            return
        }
        if !isTripped {
            outputs.relays = job.relays.union(interlock.holdsK1 ? .power : .none)
            outputs.carriesProof = carriesProof()
        }
        link.prepare(&outputs, isLeased: check.wantsLease, settings: settings)
    }

    /// P5: what proves that the heat is wanted by somebody who can see it.
    private mutating func carriesProof() -> Bool {
        guard job.isHeatOn else { return false }
        switch settings.profile {
        case .gas:
            return signals.image.flame.isOn
                && signals.image.flame.freshness.age(now) < settings.heating.flameStale
        case .electric, .external:
            return signals.image.temperatures.isValid
        }
    }

    // MARK: Second half

    /// Looks at the board's answer to `decide`'s outputs and ends the tick.
    public mutating func settle(
        _ answer: BoardAnswer, events: inout EventBuffer
    ) -> Verdict {
        link.take(
            answer, outputs: outputs, isPowerClosed: interlock.isPowerClosed,
            isTripped: isTripped || !mayJudgeReadBack(answer), alarms: &alarms,
            events: &events)
        let wasTripped = isTripped
        let before = check.step
        let wasEdge = check.wantsEdge && (!isTripped || isResetting)
        advanceCheck(answer, wasEdge: wasEdge, &events)
        if before == .outputs, check.step == .clock { judgeUncleanStop() }
        cutIfFatal(&events)

        var verdict = Verdict()
        verdict.tripsNow = isTripped && !wasTripped
        if !isTripped || isResetting, !verdict.tripsNow, interlock.permits || wasEdge {
            verdict.permit = .edge
        }
        shown.isPermitted = verdict.permit == .edge
        noteRelays(&events)
        if isTripped {
            for index in 0..<Int(lockout.count) where holds(lockout[index].code) {
                alarms.hold(lockout[index].code)
            }
        }
        alarms.step(now: now, events: &events)
        verdict.savesLockout = savesLockout
        verdict.savesPreTrip = savesPreTrip
        if wasHeatOn != job.isHeatOn {
            wasHeatOn = job.isHeatOn
            verdict.savesRunMarker = wasHeatOn
        }
        return verdict
    }

    /// §7.6 step 9. The mark "heat on" of the run before, once the board has had the time to let
    /// that run's lease expire. With heat on that is E402, found before or in this very tick.
    private mutating func judgeUncleanStop() {
        guard recollection.wasHeating, !hasJudgedStop, alarms.fatalCount == 0 else { return }
        hasJudgedStop = true
        guard link.status.tripCause != .leaseWithHeat else { return }
        alarms.find(.uncleanStop)
    }

    /// While the check has not yet seen all outputs off, what a killed run left on may still be
    /// falling; the check itself judges it.
    private mutating func mayJudgeReadBack(_ answer: BoardAnswer) -> Bool {
        switch check.step {
        case .waiting, .identity, .outputs: answer.status?.isTripped ?? false
        case .clock, .lease, .permit, .sensors, .done, .failed: true
        }
    }

    private mutating func noteRelays(_ events: inout EventBuffer) {
        guard outputs.relays != commanded else { return }
        events.state(
            .relaysCommanded(from: commanded.rawValue, to: outputs.relays.rawValue))
        commanded = outputs.relays
        if link.isAnswering, link.status.actual == commanded {
            events.state(.relaysConfirmed(mask: commanded.rawValue))
        }
    }

    /// - Parameter wasEdge: an edge of the permit line is made for the check at the end of this
    ///   tick.
    private mutating func advanceCheck(
        _ answer: BoardAnswer, wasEdge: Bool, _ events: inout EventBuffer
    ) {
        recheckAfterRestart(&events)
        let step = check.step
        let failure = check.advance(
            SelfCheck.Findings(
                now: now, answer: answer, wasLeased: outputs.heartbeat != nil,
                wasEdge: wasEdge, sense: shown.sense, monostable: shown.monostable,
                areSensorsProven: areSensorsProven()),
            settings: settings, events: &events)
        if let failure { fail(failure, of: step, &events) }
        if check.isDone { bootAtCheck = link.status.bootCount }
        if isResetting { endReset(&events) }
    }

    /// A board that restarted while everything was open did no harm, but is checked anew.
    private mutating func recheckAfterRestart(_ events: inout EventBuffer) {
        guard check.isDone, !isTripped, interlock.state == .open, !job.isActive,
            link.hasRestarted(since: bootAtCheck)
        else { return }
        check.start(now: now, events: &events)
    }

    private mutating func areSensorsProven() -> Bool {
        let isFlameOff = settings.profile != .gas || signals.image.flame.isOff
        let isGasReady = !signals.image.has(.gasReady) || signals.image.gasReady.isOn
        return signals.image.isProven && isFlameOff && isGasReady
    }

    /// A reset whose check fails is refused in words too: whoever pressed must not have to guess.
    private mutating func fail(
        _ failure: SelfCheck.Failure, of step: SelfCheckStep, _ events: inout EventBuffer
    ) {
        switch failure {
        case .selfCheck:
            alarms.find(.selfCheckFailed, value: Int32(step.place), as: .fatal)
        case .readBack:
            alarms.find(
                .readBackMismatch, value: Int32(link.status.actual.rawValue), as: .fatal)
        case .sense: alarms.find(.powerContact, as: .fatal)
        case .arm:
            if isResetting {
                isResetting = false
                refuseReset(.boardRefused, &events)
                return
            }
            alarms.find(.selfCheckFailed, value: Int32(step.place), as: .fatal)
        }
        guard isResetting else { return }
        isResetting = false
        refuseReset(.selfCheckFailed, &events)
    }
}
