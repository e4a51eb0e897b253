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
    private var tick = Tick(0)
    private var isRealtimeStated = false

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
    }

    mutating func tick(at now: Instant, lateness: Pacing.Lateness?) -> Bool {
        if let lateness {
            links.ticksMissed.wrappingAdd(UInt64(lateness.missed), ordering: .relaxed)
        }
        advanceWorld(to: now)
        guard !links.isStopping.load(ordering: .acquiring) else {
            switchOff(now)
            return false
        }
        loop.tick(at: now)
        endWorldTick()
        stateRealtime(now)
        loop.mail.finishTick()
        let post = links.post
        if post.snapshots.isWanted { post.snapshots.publish(loop.controller.snapshot()) }
        if post.images.isWanted { post.images.publish(loop.controller.snapshot()) }
        tick = tick.next
        post.ticksDone.wrappingAdd(1, ordering: .releasing)
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

    /// That the kernel gave no real-time priority is found after the thread runs, so it is stated
    /// here, once: only this thread may post events.
    private mutating func stateRealtime(_ now: Instant) {
        guard !isRealtimeStated else { return }
        let number = links.realtimeErrno.load(ordering: .acquiring)
        guard number != 0 else { return }
        isRealtimeStated = true
        state(.notRealTime(errno: number), now)
    }

    /// A clean stop: permit low, every relay off by the board's own read-back, and only then the
    /// farewell. A board that does not answer opens by its lease.
    private mutating func switchOff(_ now: Instant) {
        loop.lines.permitLow()
        var outputs = Outputs()
        let number = loop.controller.snapshot().interlock.board.lastHeartbeat
        outputs.heartbeat = number &+ 1
        let answer = loop.board.exchange(outputs)
        endWorldTick()
        if answer.status?.actual.isEmpty != true {
            Log.line("busbard: the relay board did not confirm that all is off; its lease does it")
        }
        loop.mail.post(runMarker: false)
        state(.deviceStopped, now)
        loop.mail.finishTick()
    }

    private mutating func state(_ fact: Fact, _ now: Instant) {
        loop.mail.post(
            Event(fact, tick: tick, at: now, correlation: Correlation(tick: tick, place: 255)))
    }
}

/// Tells systemd that ticks advance: fed by the pacing loop after each completed tick, passed on
/// once a second, a fraction of any sensible WatchdogSec.
struct ServiceWatchdog: Watchdog, ~Copyable {
    private let service: SystemdNotifier?
    private let ticksBetween: UInt32
    private var ticks: UInt32 = 0

    init(service: consuming SystemdNotifier?, period: Milliseconds) {
        self.service = service
        ticksBetween = UInt32(max(1, 1_000 / period.rawValue))
    }

    mutating func feed() {
        ticks &+= 1
        if ticks % ticksBetween == 0 { service?.alive() }
    }
}
