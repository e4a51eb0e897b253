import Control
import Drivers
import Events
import HAL
import LinuxHAL
import RelayBoard
import Runtime
import Simulation
import Units

/// The control thread's work in a simulated world: the loop that runs on the Pi, over buses in
/// memory, and the world behind them kept up with real time. The relay board is one in memory too,
/// or one of its own behind a socket.
struct SimulatedDevice<Board: WorldBoard & ~Copyable>: ~Copyable, PacedWork {
    typealias Loop = ControlLoop<
        SimulatedCANBus, PicoRelayBoard<Board>, SimulatedLines, ThreadedMailbox, WatchedRegion
    >

    private var loop: Loop
    private var world: LiveWorld
    private let links: Links
    /// Actions whose time has not come, by that time.
    private var waiting: [ScheduledAction] = []
    private var report: TickReport

    init(
        plan: ControlPlan, board: consuming Board, recollection: Recollection, links: Links,
        seed: UInt64
    ) {
        loop = Loop(
            bus: SimulatedCANBus(plan: plan.signals),
            board: PicoRelayBoard(bus: board, lease: plan.interlock.lease),
            lines: SimulatedLines(plan: plan.interlock), mail: ThreadedMailbox(links.post),
            controller: Controller(plan: plan, recollection: recollection), region: WatchedRegion())
        world = LiveWorld(plan: plan, now: Instant(0), seed: seed)
        self.links = links
        report = TickReport(links: links)
    }

    mutating func tick(at now: Instant, lateness: Pacing.Lateness?) -> Bool {
        report.note(lateness)
        advanceWorld(to: now)
        guard !report.isStopping else {
            switchOff(now)
            return false
        }
        loop.tick(at: now)
        endWorldTick()
        report.finish(&loop.mail, &loop.controller, at: now)
        return true
    }

    private mutating func advanceWorld(to now: Instant) {
        while let action = links.actions.pop() {
            waiting.append(
                ScheduledAction(at: now.rawValue + action.at, action.action))
        }
        if !waiting.isEmpty { play(until: now.rawValue) }
        world.begin(at: now, bus: &loop.bus, board: &loop.board.bus, lines: &loop.lines)
    }

    private mutating func endWorldTick() {
        world.end(
            state: loop.controller.heatingState, board: &loop.board.bus, lines: &loop.lines)
    }

    private mutating func play(until now: Int64) {
        for action in waiting where action.at <= now {
            world.apply(
                action.action, bus: &loop.bus, board: &loop.board.bus, lines: &loop.lines)
        }
        waiting.removeAll { $0.at <= now }
    }

    /// A clean stop: the relays first, then the farewell.
    private mutating func switchOff(_ now: Instant) {
        let isOff = loop.switchOff()
        endWorldTick()
        if !isOff {
            Log.line("busbard: the relay board did not confirm that all is off; its lease does it")
        }
        report.sayFarewell(&loop.mail, at: now)
    }
}

/// Tells systemd that ticks advance: fed by the pacing loop after each completed tick, passed on
/// once a second, a fraction of any sensible WatchdogSec.
struct ServiceWatchdog: Watchdog, ~Copyable {
    private let service: SystemdNotifier?
    private let ticksBetween: UInt32
    private var ticks: UInt32 = 0

    init(period: Milliseconds) {
        // Unreachable here would have been unreachable for the main thread before it.
        service = try? SystemdNotifier.fromEnvironment()
        ticksBetween = UInt32(max(1, 1_000 / period.rawValue))
    }

    mutating func feed() {
        ticks &+= 1
        if ticks % ticksBetween == 0 { service?.alive() }
    }
}
