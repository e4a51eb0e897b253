import Events
import RelayBoard
import Units

@testable import Control

/// The heating job behind the whole signal path, with the plant P1 of §8 and an ideal interlock.
///
/// The node has sent its frames, each 200 ms, since a second before t = 0.
final class JobBench {
    var plan: ControlPlan
    var signals: Signals
    var job: HeatingJob
    var alarms = AlarmEngine(plan: AlarmPlan())
    var node = Node()
    var time: Int64 = -1_100
    var isSilent = false
    var isPowerProven = true
    var refusal: HeatingRefusal?
    /// Overrides the plant's flame.
    var forcedFlame: Bool?
    /// m°C per second while there is heat.
    var heatingRate: Int32 = 50
    private(set) var log: [String] = []
    private(set) var codes: [AlarmCode] = []
    private(set) var facts: [Fact] = []
    private(set) var relayLog: [String] = []
    private var before = RelayMask.none

    init(_ profile: HeatingProfile = .gas, _ change: (inout HeatingParameters) -> Void = { _ in }) {
        plan = sitePlan(profile)
        change(&plan.heating)
        plan.sequence = builtInSequence(for: profile, plan.heating)
        signals = Signals(plan: plan.signals)
        job = HeatingJob(
            sequence: plan.sequence, target: plan.heating.target.rawValue)
        job.begin(now: at(-100_000))
        run(to: -100)
    }

    func demand(_ isOn: Bool) {
        var events = EventBuffer()
        events.begin(tick: Tick(0), at: at(time))
        job.demand(isOn, by: .technician, events: &events)
        facts += events.facts
    }

    func reset() {
        var events = EventBuffer()
        job.resetLockout(now: at(time), events: &events)
    }

    private func movePlant() {
        let isHeating = job.isHeatOn
        let sinceOn = time - job.heatOnAt.rawValue
        node.flame = forcedFlame ?? (isHeating && sinceOn >= 800)
        if case .step(let index) = job.state, plan.sequence[index].kind == .heat,
            time > job.enteredAt.rawValue
        {
            node.temperature += heatingRate / 5
        }
    }

    func tick() {
        time += 100
        var inputs = Inputs()
        inputs.now = at(time)
        if time % 200 == 0 {
            movePlant()
            if !isSilent {
                inputs.frames.append(ReceivedFrame(node.frame(), arrival: at(time)))
            }
        }
        var events = EventBuffer()
        events.begin(tick: Tick(UInt64(time + 2_000) / 100), at: at(time))
        alarms.beginTick()
        let settings = Settings(plan)
        signals.step(
            &inputs, settings: settings,
            jobLimit: job.jobTarget + plan.heating.overTarget.rawValue)
        let context = HeatingJob.Context(
            now: at(time), refusal: refusal, isSelfChecking: false, isPowerOpen: !job.isActive,
            isPowerProven: isPowerProven)
        job.step(
            signals.image, context, settings: settings, alarms: &alarms, events: &events)
        if job.beganHold { signals.mark() }
        if alarms.fatalCount > 0 { job.lockOut(alarms.fatal(0), now: at(time), events: &events) }
        note(events.facts)
        alarms.step(now: at(time), events: &events)
        for transition in events.transitions where transition.change == .raised {
            codes.append(transition.code)
        }
    }

    private func note(_ new: [Fact]) {
        facts += new
        for case .heatingStepEntered(let state) in new { log.append("\(name(state)) \(time)") }
        for (relay, name) in [
            (RelayMask.pump, "pump"), (.valve, "valve"), (.spark, "spark"),
            (.element, "element"), (.demand, "demand"),
        ] where job.relays.contains(relay) != before.contains(relay) {
            relayLog.append("\(name) \(job.relays.contains(relay) ? "on" : "off") \(time)")
        }
        before = job.relays
    }

    func name(_ state: HeatingState) -> String {
        switch state {
        case .standby: "standby"
        case .step(let index): "\(plan.sequence[index].kind)"
        case .complete: "complete"
        case .failed: "failed"
        case .lockout: "lockout"
        }
    }

    func run(to end: Int64) {
        while time < end { tick() }
    }

    /// Runs with what the test does at its times; the tick of a time comes after what is done in
    /// it.
    func run(_ script: [(Int64, @Sendable (JobBench) -> Void)], to end: Int64) {
        for (time, act) in script {
            run(to: time - 100)
            act(self)
        }
        run(to: end)
    }

    var state: HeatingState { job.state }
    var numbers: [UInt16] { codes.map(\.number) }
}
