import CLinuxHAL
import Glibc
public import LinuxHAL
import Synchronization
public import Units

/// The thread that keeps the CAN link: asks netlink for its state ten times a second, brings it up,
/// takes it back after bus-off, and finds an interface that was gone and came again.
public final class CANLinkWatch: Sendable {
    /// Chosen: error frames tell the loop at once, so this only has to be short against the 2 s
    /// after which heat goes off.
    private static let period = Milliseconds(100)

    public let news = CANLinkNews()
    private let link: CANLink
    private let identifiers: [UInt32]
    private let origin: Milliseconds
    private let tell: @Sendable (String) -> Void
    private let isEnding = Atomic<Bool>(false)
    /// The interface's number before the loop's first socket was opened.
    private let firstIndex = Atomic<UInt32>(0)

    /// - Parameters:
    ///   - identifiers: the site's, at most 64.
    ///   - origin: the monotonic clock's reading at `Instant(0)` of this run.
    ///   - tell: takes a line for the daemon's log whenever the link changes.
    public init(
        link: CANLink, identifiers: [UInt32], origin: Milliseconds,
        tell: @escaping @Sendable (String) -> Void
    ) {
        self.link = link
        self.identifiers = identifiers
        self.origin = origin
        self.tell = tell
    }

    /// The socket that the loop starts with.
    public func openSocket() throws(SystemError) -> Int32 {
        firstIndex.store(busbar_can_index(link.name), ordering: .releasing)
        return try link.openSocket(for: identifiers)
    }

    /// Starts the thread. It ends after `end()`.
    public func start() throws(SystemError) -> OrdinaryThread {
        try OrdinaryThread(named: "can") { self.run() }
    }

    public func end() { isEnding.store(true, ordering: .releasing) }

    private func run() {
        let clock = MonotonicClock()
        var keeper = Keeper(
            link: link, recovery: CANRecovery(bitrate: link.bitrate),
            anchor: SocketAnchor(index: firstIndex.load(ordering: .acquiring)))
        while !isEnding.load(ordering: .acquiring) {
            let now = clock.now()
            look(&keeper, now - origin)
            clock.sleep(until: now + Self.period)
        }
        keeper.close()
        let old = news.takeOld()
        if old >= 0 { close(old) }
    }

    /// What the thread keeps between two looks.
    private struct Keeper {
        let link: CANLink
        var recovery: CANRecovery
        var anchor: SocketAnchor
        /// For asking only; nothing is read from it.
        var socket: Int32 = -1
        var state: CANBusState?
        var hasRefusalBeenTold = false
        var memory = ControllerMemory()

        mutating func close() {
            if socket >= 0 { Glibc.close(socket) }
            socket = -1
        }
    }

    private func look(_ keeper: inout Keeper, _ now: Instant) {
        let old = news.takeOld()
        if old >= 0 { close(old) }
        if keeper.socket < 0 { keeper.socket = busbar_can_query_socket() }
        let isAsked = keeper.memory.asks(at: now)
        let told = link.report(through: keeper.socket, asksController: isAsked)
        guard let report = keeper.memory.judge(told, wasAsked: isAsked, at: now) else { return }
        follow(report, &keeper)
        news.post(report.state, askedAt: now)
        // libsocketcan complains aloud of what is not there.
        if report.index != 0, let frames = link.framesReceived() {
            news.note(framesOnInterface: frames)
        }
        if report.state != keeper.state {
            keeper.state = report.state
            tell("CAN interface \(link.name) is \(Self.words(report))")
        }
        switch keeper.recovery.action(for: report, now: now) {
        case .wait: break
        case .configure: note(link.configure(isUp: report.isUp), "set up", &keeper)
        case .restart:
            let isDone = link.restart()
            if isDone { news.noteRestart() }
            note(isDone, "restart", &keeper)
        }
    }

    /// An interface with another number under the old name is another one: the loop's socket hangs
    /// on what is gone, and gets one on what came.
    private func follow(_ report: CANLinkReport, _ keeper: inout Keeper) {
        guard keeper.anchor.isLost(report) else { return }
        do throws(SystemError) {
            let unfetched = news.offer(try link.openSocket(for: identifiers))
            if unfetched >= 0 { close(unfetched) }
            keeper.anchor.move(to: report.index)
            tell("CAN interface \(link.name) is back under number \(report.index)")
        } catch {
            guard keeper.anchor.noteFailure() else { return }
            tell("CAN interface \(link.name) is back and does not open yet: \(error)")
        }
    }

    private func note(_ isDone: Bool, _ attempt: String, _ keeper: inout Keeper) {
        guard !isDone else {
            keeper.hasRefusalBeenTold = false
            tell("CAN interface \(link.name): \(attempt) done, \(news.restarts) restarts so far")
            return
        }
        news.noteFailure()
        guard !keeper.hasRefusalBeenTold else { return }
        keeper.hasRefusalBeenTold = true
        tell(
            "CAN interface \(link.name): \(attempt) refused by the kernel: give busbard "
                + "CAP_NET_ADMIN (its systemd unit has it), and see: ip -d link show \(link.name)")
    }

    private static func words(_ report: CANLinkReport) -> String {
        switch report.state {
        case .active: "active"
        case .passive: "error-passive: look for a missing terminator or a wrong bit rate"
        case .busOff: "bus-off: check the cable, both terminators and the bit rate"
        case .down: report.index == 0 ? "not there: check its overlay and the SPI wiring" : "down"
        }
    }
}
