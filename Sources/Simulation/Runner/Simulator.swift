public import Control
public import Drivers
import Events
import HAL
import RelayBoard
public import Runtime
import Units

/// The loop that runs on the Pi, over the simulated world.
public typealias SimulatedLoop = ControlLoop<
    SimulatedCANBus, PicoRelayBoard<SimulatedRelayBoard>, SimulatedLines, SimulatedMailbox,
    WatchedRegion
>

/// The whole device in virtual time: world, buses, loop, and the process that may stop or die.
///
/// One loop, no clock, no I/O. A tick in which nothing changes touches neither trace nor history.
public struct Simulator: ~Copyable {
    /// Whether the process of the controller runs.
    public enum Process: Hashable, Sendable {
        case running
        /// Stopped (a hang, a debugger): goes on where it was at this time.
        case stopped(until: Int64)
        /// Dead: a new one starts at this time and knows what storage tells.
        case dead(until: Int64)
        /// There is none: the scenario writes to the board itself.
        case absent
    }

    public var loop: SimulatedLoop
    public var world: World
    public private(set) var process: Process
    /// How often the process was started.
    public private(set) var starts = 0
    public private(set) var ticks: UInt64 = 0
    /// What hand-written transfers to the board failed with.
    public private(set) var failedWrites = 0
    public var isInvariantChecked = false
    private(set) var broken: [String] = []
    /// For the next process; nothing in an ordinary tick looks at it.
    private let plan: ControlPlan
    private let period: Int64
    private var nextTick: Int64 = 0
    private let heatSteps: UInt16
    private var invariants = Invariants()

    /// A device at power-on, at world time 0, with storage that never saw a start.
    public init(
        plan: ControlPlan, origin: Int64, seed: UInt64, boardClockUs: UInt32 = 0,
        hasController: Bool = true
    ) {
        var mail = SimulatedMailbox()
        let recollection = mail.storage.recollect()
        loop = ControlLoop(
            bus: SimulatedCANBus(plan: plan.signals),
            board: PicoRelayBoard(
                bus: SimulatedRelayBoard(clockAtBoot: boardClockUs), lease: plan.interlock.lease),
            lines: SimulatedLines(plan: plan.interlock), mail: mail,
            controller: Controller(plan: plan, recollection: recollection),
            region: WatchedRegion())
        world = World(plan: plan, origin: origin, seed: seed)
        process = hasController ? .running : .absent
        self.plan = plan
        period = plan.tick.rawValue
        heatSteps = plan.heatSteps
    }

    public var now: Int64 { world.now }

    /// Runs to world time `end`, ticks at `end` not included, without doing anything.
    mutating func run(before end: Int64, _ recorder: inout Recorder) {
        while nextTick < end { tick(&recorder) }
        advance(to: end, &recorder)
    }

    /// Lets the world pass to `time` and notes what changed on the way.
    mutating func advance(to time: Int64, _ recorder: inout Recorder) {
        world.advance(
            to: time, bus: &loop.bus, board: &loop.board.bus, lines: &loop.lines)
        if !world.changes.isEmpty { note(&recorder) }
    }

    /// Whether the next tick comes before `time`, or at it.
    func hasTick(by time: Int64) -> Bool { nextTick <= time }

    /// One control period: the world up to it, then the cycle itself if the process runs.
    mutating func tick(_ recorder: inout Recorder) {
        let now = nextTick
        nextTick = now &+ period
        ticks &+= 1
        world.advance(to: now, bus: &loop.bus, board: &loop.board.bus, lines: &loop.lines)
        world.deliver(to: &loop.bus)
        if process != .running { revive(at: now) }
        if process == .running {
            loop.tick(at: Instant(now))
            if !loop.mail.events.isEmpty { noteEvents(at: now, &recorder) }
            world.settle(board: &loop.board.bus, lines: &loop.lines)
        }
        if !world.changes.isEmpty { note(&recorder) }
        if isInvariantChecked { checkInvariants(at: now) }
    }

    /// Takes note of what an action did by itself.
    mutating func settle(_ recorder: inout Recorder) {
        world.settle(board: &loop.board.bus, lines: &loop.lines, isForced: true)
        if !world.changes.isEmpty { note(&recorder) }
    }

    mutating func set(process: Process) { self.process = process }
    mutating func noteFailedWrite() { failedWrites += 1 }

    private mutating func revive(at now: Int64) {
        switch process {
        case .running, .absent: return
        case .stopped(let until):
            if now >= until { process = .running }
        case .dead(let until):
            guard now >= until else { return }
            loop.bus.close()
            loop.mail.close()
            loop.controller = Controller(
                plan: plan, recollection: loop.mail.storage.recollect())
            world.plant.isInRun = false
            process = .running
            starts += 1
        }
    }

    private mutating func noteEvents(at now: Int64, _ recorder: inout Recorder) {
        for event in loop.mail.events {
            switch event.fact {
            case .heatingStepEntered(.step(let index)):
                setInRun(heatSteps & (1 << UInt16(index)) != 0)
            case .heatingStepEntered:
                setInRun(false)
            default:
                break
            }
            recorder.record(event.fact, at: now)
        }
        if isInvariantChecked { invariants.note(loop.mail.events) }
        loop.mail.clearEvents()
    }

    private mutating func setInRun(_ isInRun: Bool) {
        guard world.plant.isInRun != isInRun else { return }
        world.plant.isInRun = isInRun
        world.settle(board: &loop.board.bus, lines: &loop.lines, isForced: true)
    }

    private mutating func note(_ recorder: inout Recorder) {
        for change in world.changes { recorder.record(change) }
        world.clearChanges()
    }

    private mutating func checkInvariants(at now: Int64) {
        let edge = loop.lines.lastEdge.rawValue
        guard
            let rule = invariants.check(
                world.plant, flame: world.plant.hasFlame(at: now), edge: edge, now: now,
                isRunning: process == .running)
        else { return }
        if broken.count < 10 { broken.append("at \(now) ms of the world: \(rule)") }
    }
}

extension ControlPlan {
    /// The steps that heat, one bit each: P1's water warms in them only.
    var heatSteps: UInt16 {
        var steps: UInt16 = 0
        for index in 0..<sequence.count where sequence[index].kind == .heat {
            steps |= 1 << UInt16(index)
        }
        return steps
    }
}
