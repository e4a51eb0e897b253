import Control
import Events
import Glibc
import Journal
import LinuxBuses
import LinuxHAL
import LocalAPI
import Runtime
import Simulation
import Site
import Synchronization
import Units
import Wire

/// Site, journal, loop and API in the order in which they may begin and end.
final class Device {
    let site: Site
    private let links = Links()
    private let clock = RunClock()
    private let description: DeviceDescription
    private let board: BoardKind
    private let watchdogPath: String?
    private let stateDirectory: String
    private let uplinkDirectory: String?
    private let uplinkStatusDirectory: String?
    private let lock: StateDirectoryLock?
    private var journalThread: OrdinaryThread?
    private var controlThread: RealtimeThread?
    /// Open from the start on a Raspberry Pi, until the control thread takes them.
    private let ports: Handover<RaspberryPiPorts>?
    private var canWatch: CANLinkWatch?
    private var canThread: OrdinaryThread?

    /// Loads and checks the site, and takes the state directory for this process alone. Starts
    /// nothing.
    init(_ arguments: Arguments) throws(StartError) {
        site = try StartError.wrapping { () throws(SiteError) in
            try Site.load(directory: arguments.site, profile: arguments.profile)
        }
        board = arguments.board
        watchdogPath = arguments.watchdog
        stateDirectory = arguments.stateDirectory
        uplinkDirectory = arguments.uplinkDirectory
        uplinkStatusDirectory = arguments.uplinkStatusDirectory ?? arguments.uplinkDirectory
        lock = try Self.lock(stateDirectory)
        description = DeviceDescription(
            site: site.name, device: site.device, board: board.name, version: Busbard.version,
            processID: getpid(), startedAt: clock.now(), plan: site.plan,
            encoder: EventEncoder(
                stepNames: site.stepNames, sqliteVersion: Journal.sqliteVersion),
            alarmTexts: site.alarmTexts)
        switch board {
        case .simulated, .socket: ports = nil
        case .raspberryPi:
            let (site, clock) = (site, clock)
            let opened = try StartError.wrapping { () throws(SystemError) in
                try RaspberryPiPorts(site, clock: clock)
            }
            canWatch = opened.watch
            ports = Handover(opened)
        }
    }

    /// Two daemons on one state directory would both drive relays and overwrite each other's
    /// lockout record, so the second one ends here. A directory that cannot be written is another
    /// matter: heat is not refused for it, and the journal says what is wrong (E603).
    private static func lock(_ directory: String) throws(StartError) -> StateDirectoryLock? {
        do throws(JournalError) {
            return try StateDirectoryLock(directory: directory)
        } catch {
            guard error.isHeldElsewhere else { return nil }
            throw StartError(
                "another busbard keeps the state directory \(directory) (it has journal.lock): "
                    + "stop that one, or give this one a --state-dir of its own")
        }
    }

    /// The local API's server, bound and not yet serving.
    func makeServer(at path: String) throws(StartError) -> LocalServer {
        let reader = JournalReader(directory: stateDirectory)
        let queues = QueueReport(reader: reader, quotas: site.queues, cursorPath: cursorPath)
        let device = LocalDevice(
            description, links, queues, clock, uplink: uplinkStatusDirectory,
            expectsUplink: expectsUplink, takesBoardFaults: board == .simulated)
        var unknown = UnknownAccounts()
        var policy = AccessPolicy(site.roles, unknown: &unknown)
        // A simulated board harms nobody: whoever started it may play with all of it.
        if board != .raspberryPi { policy.allow(user: geteuid(), .admin) }
        if let sentence = unknown.sentence(isTrial: board != .raspberryPi) {
            Log.line("busbard: \(sentence)")
        }
        return try StartError.wrapping { () throws(ListenError) in
            try LocalServer(
                path: path, group: SystemAccounts.groupID(named: "busbar"), policy: policy,
                backend: device)
        }
    }

    /// Where the site says "local", nothing is sent, so nothing can stall; and of an uplink that
    /// this daemon was not told of nobody can say whether it is silent.
    private var expectsUplink: Bool {
        guard let uplink = site.uplink, uplinkStatusDirectory != nil else { return false }
        return uplink.guarantee != .local
    }

    private var cursorPath: String? { uplinkDirectory.map { "\($0)/\(UplinkCursor.fileName)" } }

    /// Opens the journal, learns from it what was, and starts the loop.
    func start() throws(StartError) {
        var configuration = Journal.Configuration(
            directory: stateDirectory, encoder: description.encoder,
            boot: Self.bootIdentifier())
        configuration.lock = lock
        configuration.lanes = site.routes.lanes
        configuration.hardware = ThisDevice.hardware
        configuration.alarmQuota = site.queues.alarm
        configuration.eventQuota = site.queues.event
        configuration.telemetryQuota = site.queues.telemetry
        configuration.cursorPath = cursorPath
        let worker = JournalWorker.Start(
            configuration: configuration,
            links: links, description: description, clock: clock,
            deviceName: site.device, samplePeriod: site.telemetryPeriod,
            uplinkStatusDirectory: uplinkStatusDirectory)
        journalThread = try StartError.wrapping { () throws(SystemError) in
            try OrdinaryThread(named: "journal") { worker.run() }
        }
        // Opening takes at most some seconds, by the journal's own limit, and nothing may move
        // before it is known whether there is a lockout.
        while links.recollection.withLock({ $0 == nil }) { pause() }
        guard let recollection = links.recollection.withLock({ $0 }) else { return }
        switch board {
        case .simulated:
            try startControl(simulatedWork(recollection) { SimulatedRelayBoard() })
        case .socket(let path):
            // The tick waits for it at most three times: before it, in the exchange, and for a
            // TRIP. A quarter of the period each leaves the last one for the tick itself.
            let patience = Milliseconds(site.plan.tick.rawValue / 4)
            let address = try StartError.wrapping { () throws(SystemError) in
                try UnixSocketAddress(path: path)
            }
            let work = simulatedWork(recollection) {
                EmulatedBoard(SocketRelayBus(address: address, patience: patience))
            }
            try startControl(work)
        case .raspberryPi: try startControl(raspberryPiWork(recollection))
        }
    }

    /// - Parameter work: runs on the control thread until the daemon is told to stop.
    private func startControl(_ work: @escaping @Sendable () -> Void) throws(StartError) {
        ProcessMemory.releaseProgramPages()
        do throws(SystemError) { try ProcessMemory.lock() } catch { noteNotRealTime(error) }
        ProcessMemory.keepHeap()
        let links = links
        let thread = try StartError.wrapping { () throws(SystemError) in
            try RealtimeThread(named: "control") {
                work()
                links.hasControlEnded.store(true, ordering: .releasing)
            }
        }
        if let refusal = thread.refusal { noteNotRealTime(refusal) }
        controlThread = consume thread
    }

    /// - Parameter makeBoard: called once, on the control thread.
    private func simulatedWork<Board: WorldBoard & ~Copyable & SendableMetatype>(
        _ recollection: Recollection, makeBoard: @escaping @Sendable () -> Board
    ) -> @Sendable () -> Void {
        let (plan, links, clock) = (site.plan, links, clock)
        return {
            var clock = clock
            var work = SimulatedDevice(
                plan: plan, board: makeBoard(), recollection: recollection, links: links,
                seed: UInt64(truncatingIfNeeded: MonotonicClock().now().rawValue))
            var watchdog = ServiceWatchdog(period: plan.tick)
            runPaced(&work, period: plan.tick, clock: &clock, watchdog: &watchdog)
        }
    }

    /// Arms the machine's watchdog, so what follows is the first tick.
    private func raspberryPiWork(
        _ recollection: Recollection
    ) throws(StartError) -> @Sendable () -> Void {
        guard let ports, let watch = canWatch else {
            preconditionFailure("a Raspberry Pi's ports are open")
        }
        let (plan, links, clock, path) = (site.plan, links, clock, watchdogPath)
        canThread = try StartError.wrapping { () throws(SystemError) in try watch.start() }
        let hardware = try StartError.wrapping { () throws(SystemError) in
            Handover(try path.map { path throws(SystemError) in try HardwareWatchdog(path: path) })
        }
        return {
            guard let ports = ports.take(), let hardware = hardware.take() else { return }
            var clock = clock
            var work = RaspberryPiDevice(
                ports: ports, plan: plan, recollection: recollection, links: links)
            var watchdog = BoardWatchdog(
                service: ServiceWatchdog(period: plan.tick), hardware: hardware)
            runPaced(&work, period: plan.tick, clock: &clock, watchdog: &watchdog)
            watchdog.end(isProvenOff: work.isProvenOff)
        }
    }

    private func noteNotRealTime(_ error: SystemError) {
        links.realtimeErrno.store(error.number, ordering: .releasing)
        links.post.hold(.notRealTime, true)
        Log.line("busbard: not real-time (E608): \(error.description)")
    }

    /// - Returns: whether the first tick came to its end within 5 s.
    func waitForFirstTick() -> Bool {
        let deadline = clock.now() + Milliseconds(5_000)
        while links.post.ticksDone.load(ordering: .acquiring) == 0 {
            guard clock.now() < deadline else { return false }
            pause()
        }
        return true
    }

    /// Relays off, then the farewell, then the end of the journal.
    func stop() {
        links.isStopping.store(true, ordering: .releasing)
        controlThread.take()?.join()
        canWatch?.end()
        canThread.take()?.join()
        journalThread.take()?.join()
    }

    /// 5 ms: chosen, for starting only.
    private func pause() { clock.wait(until: clock.now() + Milliseconds(5)) }

    /// The kernel's number for this boot. A system without one gets a random number: each start
    /// then looks like a boot of its own, which is the careful way.
    static func bootIdentifier() -> Identifier128 {
        do throws(FileError) {
            let bytes = try readFile("/proc/sys/kernel/random/boot_id")
            let text = String(decoding: bytes, as: UTF8.self).prefix { $0 != "\n" }
            return Identifier128(text: String(text)) ?? .random()
        } catch {
            Log.line("busbard: no boot id: \(error)")
            return .random()
        }
    }
}
