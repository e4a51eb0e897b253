import Control
import Events
import RelayBoard
import Site
import Units
import Wire

/// One run of one scenario.
struct Run: ~Copyable {
    private let scenario: Scenario
    private let site: Site
    private let runner: ScenarioRunner
    private let origin: Int64
    private let end: Int64
    private var simulator: Simulator
    private var recorder: Recorder
    private var actions: [ScheduledAction]
    private var next = 0
    /// Looks that expectations ask for: time and place of each, in the order of time.
    private var looks: [(at: Int64, index: Int)] = []
    private var nextLook = 0
    private var outcome: Outcome
    private var faults: [String] = []

    init(scenario: Scenario, site: Site, runner: ScenarioRunner) {
        self.scenario = scenario
        self.site = site
        self.runner = runner
        let isPrerolled = scenario.hasController && !scenario.startsAtBoot
        origin = isPrerolled ? Scenario.prerollMs : 0
        let feedMs = scenario.endsWithFeed ? runner.feedMs(tick: site.plan.tick) : nil
        end = origin + (runner.durationMs ?? feedMs ?? scenario.durationMs)
        simulator = Simulator(
            plan: site.plan, origin: origin, seed: runner.seed ?? scenario.seed,
            boardClockUs: scenario.boardClockUs, hasController: scenario.hasController)
        recorder = Recorder(
            origin: origin, tick: site.plan.tick.rawValue,
            encoder: EventEncoder(stepNames: site.stepNames), sink: runner.trace)
        actions = scenario.actions
        outcome = Outcome(
            history: History(), endedAt: end - origin, initialRelays: .none,
            stepNames: site.stepNames)
        planFaults()
        planLooks()
        let start = origin
        for index in actions.indices { actions[index].at += start }
    }

    mutating func toEnd() -> ScenarioRunner.Result {
        simulator.world.plant.heatsOnlyInRun = scenario.heatsOnlyInRun
        for action in scenario.plant { _ = simulator.apply(action, &recorder) }
        leadIntoFeed()
        simulator.run(before: origin, &recorder)
        var failures = checkReady()
        outcome.initialRelays = simulator.loop.board.bus.pins
        let startTemperature = simulator.world.plant.temperature(at: simulator.now)
        let edgesBefore = simulator.loop.lines.edges
        if failures.isEmpty { play() }
        if simulator.loop.lines.edges > edgesBefore {
            outcome.lastPermitEdge = simulator.loop.lines.lastEdge.rawValue - origin
        }
        outcome.firstOut = simulator.loop.controller.lockout.firstOut
        outcome.history = recorder.history
        if failures.isEmpty { failures = judge() }
        let ending = ending(from: startTemperature)
        return ScenarioRunner.Result(
            name: scenario.name, failures: failures, history: recorder.history,
            ticks: simulator.ticks, durationMs: end - origin, alarms: raised(), faults: faults,
            ending: ending)
    }

    private mutating func ending(from startTemperature: Int32) -> ScenarioRunner.Ending {
        let snapshot = simulator.loop.controller.snapshot()
        let firstOut = simulator.loop.controller.lockout.firstOut
        var ending = ScenarioRunner.Ending(
            startTemperature: startTemperature,
            temperature: simulator.world.plant.temperature(at: simulator.now),
            heatMs: recorder.history.heatMs(
                until: end - origin, initially: outcome.initialRelays))
        guard scenario.hasController else { return ending }
        ending.isProcessRunning = simulator.process == .running
        ending.heating = snapshot.heating.state.name(stepNames: site.stepNames)
        ending.interlock = snapshot.interlock.state.name
        ending.firstOut = firstOut
        return ending
    }

    /// Everything between t = 0 and the end. Order within one millisecond: actions, then the tick,
    /// then looks.
    private mutating func play() {
        if let feed = runner.feed {
            let start = origin
            simulator.world.feed = FrameFeed(
                feed.map { FrameFeed.Frame(at: $0.at + start, frame: $0.frame) })
        }
        while true {
            let action = next < actions.count ? actions[next].at : .max
            let look = nextLook < looks.count ? looks[nextLook].at : .max
            let stop = min(action, look, end)
            // A look at the time of a tick comes after it, an action before it.
            while simulator.hasTick(by: look == stop && action > stop ? stop : stop - 1) {
                simulator.tick(&recorder)
                if let wait = runner.wait { wait(simulator.now - origin) }
            }
            simulator.advance(to: max(stop, simulator.now), &recorder)
            if action == stop {
                perform()
            } else if look == stop {
                takeLook()
            } else {
                return
            }
        }
    }

    private mutating func perform() {
        let scheduled = actions[next]
        next += 1
        for (after, action) in simulator.apply(scheduled.action, &recorder) {
            let later = ScheduledAction(at: scheduled.at + after, action)
            let place = actions[next...].firstIndex { $0.at > later.at } ?? actions.count
            actions.insert(later, at: place)
        }
    }

    private mutating func takeLook() {
        let index = looks[nextLook].index
        nextLook += 1
        switch scenario.expectations[index].what {
        case .target:
            guard scenario.hasController else { return }
            outcome.targets[index] =
                simulator.loop.controller.snapshot().heating.target.rawValue
        case .board:
            outcome.boards[index] = simulator.loop.board.bus.look()
        default:
            break
        }
    }

    private mutating func planLooks() {
        for (index, expectation) in scenario.expectations.enumerated() {
            switch expectation.what {
            case .target, .board:
                if case .at(let time) = expectation.when {
                    looks.append((min(origin + time, end - 1), index))
                } else {
                    looks.append((end - 1, index))
                }
            default:
                break
            }
        }
        looks.sort { ($0.at, $0.index) < ($1.at, $1.index) }
    }

    private mutating func planFaults() {
        guard let seed = runner.seed else { return }
        simulator.isInvariantChecked = true
        let schedule = FaultSchedule(seed: seed, durationMs: end - origin)
        faults = schedule.lines
        actions = (actions + schedule.actions).enumerated()
            .sorted { ($0.element.at, $0.offset) < ($1.element.at, $1.offset) }
            .map(\.element)
    }

    /// Before a recording begins, the simulated node leads into it: its counters run into those of
    /// the recording, so that its first frame is no restart of the node.
    private mutating func leadIntoFeed() {
        guard let frames = runner.feed else { return }
        for opening in FrameFeed(frames).openings() {
            let period = simulator.world.node.period(ofFrame: opening.frame.id)
            guard period > 0 else { continue }
            simulator.world.node.lead(
                into: opening.frame, ahead: (origin + period - 1) / period)
        }
    }

    private func checkReady() -> [Failure] {
        guard scenario.hasController, !scenario.startsAtBoot else { return [] }
        let step = simulator.loop.controller.selfCheckStep
        guard step != .done else { return [] }
        return [
            Failure(
                scenario: scenario.name, time: "at 0 ms", expected: "the self-check done",
                found: "it at step \(step.name) after \(Scenario.prerollMs) ms; a scenario about "
                    + "the start itself says \"start\": \"boot\"")
        ]
    }

    private func judge() -> [Failure] {
        let judgement = Judgement(scenario: scenario.name, outcome: outcome)
        var failures = scenario.expectations.enumerated().compactMap { index, expectation in
            judgement.failure(of: expectation, at: index)
        }
        for rule in simulator.broken {
            failures.append(
                Failure(
                    scenario: scenario.name, time: "", expected: "what must hold in every tick",
                    found: rule))
        }
        return failures
    }

    private func raised() -> [AlarmCode] {
        recorder.history.entries.compactMap { entry in
            guard case .fact(.alarm(let transition)) = entry.what, transition.change == .raised
            else { return nil }
            return transition.code
        }
    }
}

extension SimulatedRelayBoard {
    /// What the board's registers say.
    func look() -> BoardView {
        var copy = self
        var block = InlineArray<32, UInt8>(repeating: 0)
        let count = try? copy.read(
            Register.counters.rawValue, of: Register.address, into: &block)
        let damaged = count == 8 ? UInt16(block[0]) | UInt16(block[1]) << 8 : 0
        return BoardView(status: core.status, damagedWrites: damaged)
    }
}
