import Events
import Units

/// The rules D-01 to D-11 of §7.3, with timers of their own, before any job is asked.
///
/// It reads qualified signals and what the heating job is doing, and it can do one thing: find an
/// alarm. No job, setting, command or maintenance mode switches a rule off; only a sensor that the
/// site does not have does, and `busbar doctor` names what is then not covered.
struct DisasterDetector: ~Copyable {
    /// D-04, D-05: how long before it counts (§7.3).
    static let persistence = Milliseconds(1_000)
    /// D-05 in standby: a flame detector may see the sun for a moment, not for this long.
    static let standbyFlame = Milliseconds(10_000)
    /// D-08: dry fire. An element covered with water cannot do it.
    static let runaway: Int32 = 10_000

    private var riseWindow = RiseWindow()
    private var idleWatch = IdleWatch()
    /// As of the latest sample, so that the condition does not come and go between two samples.
    private(set) var idleRise: Int32 = 0
    private var idleChannels: UInt8 = 0

    /// What the rules must know of the job. A value, so that the detector cannot touch the job.
    struct Job {
        /// PRECHECK to POSTCIRC.
        var isActive: Bool
        /// In the part of the job in which a lost signal is fatal: PRECIRC to RUN, HOLD, RETRY.
        var needsSignals: Bool
        /// The job has had its fuel on: a flame is then a valve that leaks, not a detector that
        /// lies.
        var hasBurnt: Bool
        var isHeatOn: Bool
        /// When the heat last went off; long ago if it never was on.
        var heatOffAt: Instant
        var target: Int32
    }

    /// Runs every rule, in the order in which several of one tick are recorded.
    mutating func step(
        _ signals: SignalImage, _ job: Job, now: Instant, settings: Settings,
        alarms: inout AlarmEngine, events: inout EventBuffer
    ) {
        gas(signals, settings, &alarms, &events)
        overTemperature(signals, job, settings, &alarms, &events)
        runawayRate(signals, job, now, &alarms, &events)
        flame(signals, job, now, settings, &alarms, &events)
        tank(signals, job, now, settings, &alarms, &events)
        uncommandedHeat(signals, job, now, settings, &alarms, &events)
        disagreement(signals, job, &alarms, &events)
        lostSignal(signals, job, settings, &alarms, &events)
    }

    /// D-03. Two samples; one is a warning.
    private mutating func gas(
        _ signals: SignalImage, _ settings: Settings,
        _ alarms: inout AlarmEngine, _ events: inout EventBuffer
    ) {
        if signals.gas.isOn {
            find(.d03, .gasLeak, 1, 1, &alarms, &events)
        } else if signals.gas.isSingle {
            alarms.find(.singleGasSample, value: 1, limit: 1)
        }
    }

    /// D-02 always, D-01 while the job is active.
    private mutating func overTemperature(
        _ signals: SignalImage, _ job: Job, _ settings: Settings,
        _ alarms: inout AlarmEngine, _ events: inout EventBuffer
    ) {
        let hottest = signals.temperatures.hottest
        if signals.temperatures.isOverSite {
            find(
                .d02, .overTemperatureSite, hottest, settings.heating.siteLimit.rawValue,
                &alarms, &events)
        }
        if job.isActive, signals.temperatures.isOverJob {
            find(
                .d01, .overTemperatureJob, hottest,
                job.target + settings.heating.overTarget.rawValue, &alarms, &events)
        }
    }

    /// D-08, while heat is on.
    private mutating func runawayRate(
        _ signals: SignalImage, _ job: Job, _ now: Instant,
        _ alarms: inout AlarmEngine, _ events: inout EventBuffer
    ) {
        guard signals.temperatures.isNew else { return }
        let value = signals.temperatures.control
        riseWindow.take(value, at: now)
        guard job.isHeatOn else { return }
        let rise = riseWindow.rise(to: value, at: now)
        if rise >= Self.runaway { find(.d08, .runawayRate, rise, Self.runaway, &alarms, &events) }
    }

    /// D-05 with the valve never opened in this job, D-06 after it was.
    private mutating func flame(
        _ signals: SignalImage, _ job: Job, _ now: Instant, _ settings: Settings,
        _ alarms: inout AlarmEngine, _ events: inout EventBuffer
    ) {
        guard settings.profile == .gas, !job.isHeatOn, signals.flame.isOn,
            signals.flame.freshness.age(now) < settings.heating.flameStale
        else { return }
        // A flame that burnt while it was meant to counts from when it was not: a job that is cut
        // leaves its flame in sight for a frame or two.
        let since = now - max(signals.flame.changedAt, job.heatOffAt)
        let seconds = Int32(clamped: since.rawValue)
        if job.isActive, job.hasBurnt {
            guard now - job.heatOffAt >= settings.heating.flameOut else { return }
            find(
                .d06, .flameAfterClose, Int32(clamped: (now - job.heatOffAt).rawValue),
                Int32(clamped: settings.heating.flameOut.rawValue), &alarms, &events)
        } else if job.isActive, since >= Self.persistence {
            find(.d05, .flameSimulation, seconds, 1_000, &alarms, &events)
        } else if since >= Self.standbyFlame {
            find(.d05, .flameSimulation, seconds, 10_000, &alarms, &events)
        } else if since >= Self.persistence, !alarms.isStanding(.flameSimulation) {
            alarms.find(.flameInStandby, value: seconds, limit: 1_000)
        }
    }

    /// D-04. Two samples, and low since the first of them for a second.
    private mutating func tank(
        _ signals: SignalImage, _ job: Job, _ now: Instant, _ settings: Settings,
        _ alarms: inout AlarmEngine, _ events: inout EventBuffer
    ) {
        guard signals.has(.level), signals.level.lowCount >= 2,
            now - signals.level.lowSince >= Self.persistence
        else { return }
        let limit = settings.heating.levelMin.rawValue
        if job.isActive {
            find(.d04, .tankEmptyJob, signals.level.value, limit, &alarms, &events)
        } else if !alarms.isStanding(.tankEmptyJob) {
            alarms.find(.tankEmptyIdle, value: signals.level.value, limit: limit)
        }
    }

    /// D-07.
    private mutating func uncommandedHeat(
        _ signals: SignalImage, _ job: Job, _ now: Instant, _ settings: Settings,
        _ alarms: inout AlarmEngine, _ events: inout EventBuffer
    ) {
        guard !job.isHeatOn, now - job.heatOffAt >= IdleWatch.settle,
            !settings.heating.hasExternalHeatSource
        else {
            idleWatch.stop()
            idleRise = 0
            return
        }
        if signals.temperatures.validChannels != idleChannels {
            // Another probe speaks now: its value is no rise of the other's.
            idleChannels = signals.temperatures.validChannels
            idleWatch.stop()
            idleRise = 0
        }
        if signals.temperatures.isNew {
            idleRise = idleWatch.take(signals.temperatures.control, at: now)
        }
        if idleRise >= IdleWatch.rise {
            find(.d07, .uncommandedHeating, idleRise, IdleWatch.rise, &alarms, &events)
        }
    }

    /// D-10. When idle it is no disaster; the job refuses to start.
    private mutating func disagreement(
        _ signals: SignalImage, _ job: Job,
        _ alarms: inout AlarmEngine, _ events: inout EventBuffer
    ) {
        guard job.isActive, signals.temperatures.disagrees else { return }
        find(
            .d10, .sensorsDisagree, signals.temperatures.spread, Temperatures.spreadMaximum,
            &alarms, &events)
    }

    /// D-09.
    private mutating func lostSignal(
        _ signals: SignalImage, _ job: Job, _ settings: Settings,
        _ alarms: inout AlarmEngine, _ events: inout EventBuffer
    ) {
        guard job.needsSignals, signals.oldestSafety >= settings.heating.staleFatal else { return }
        find(
            .d09, .signalStaleFatal, Int32(clamped: signals.oldestSafety.rawValue),
            Int32(clamped: settings.heating.staleFatal.rawValue), &alarms, &events)
    }

    private mutating func find(
        _ rule: DisasterRule, _ code: AlarmCode, _ value: Int32, _ limit: Int32,
        _ alarms: inout AlarmEngine, _ events: inout EventBuffer
    ) {
        if !alarms.active.contains(code) { events.state(.disasterDetected(rule, code)) }
        alarms.find(code, value: value, limit: limit, as: .fatal)
    }
}
