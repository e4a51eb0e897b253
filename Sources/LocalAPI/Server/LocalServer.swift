import Control
import Events
import Glibc
import JSON
import Units

/// Serves the local socket from one thread: JSON-RPC 2.0, one object on a line.
///
/// Nothing that a client does reaches the control thread but a command in its ring and a request
/// for a snapshot. Connections, lines, waiting and unread output are all bounded (`Limits`).
public final class LocalServer {
    private let listener: Listener
    private let policy: AccessPolicy
    let backend: any DeviceBackend
    var connections: [Connection] = []
    private var refusedUsers: Set<UInt32> = []
    private var chunk = [UInt8](repeating: 0, count: 16 * 1_024)
    private var acceptsAgainAt = Instant.never
    var nextTicket: UInt32 = 1
    var refusals = RefusalQuota()
    /// Commands whose clients have hung up before the answer: they are carried out, so they go to
    /// the record.
    var orphans: [Orphan] = []
    /// Who has shelved what, of alarms that still are.
    var shelves: [AlarmCode: Shelf] = [:]
    /// What busbar-uplink has found.
    var findings = FindingBoard()
    var uplinkWatch = UplinkWatch()

    /// Binds the socket; `serve` answers on it.
    /// - Parameter group: who beside root may open the socket; nil leaves the process's group.
    public init(
        path: String, group: UInt32?, policy: AccessPolicy, backend: any DeviceBackend
    ) throws(ListenError) {
        listener = try Listener(path: path, group: group)
        self.policy = policy
        self.backend = backend
    }

    /// Answers until `isStopping` says so, which is asked at least each `patience` milliseconds.
    /// - Parameter bell: a descriptor that becomes readable when `isStopping` should be asked.
    public func serve(patience: Int32 = 1_000, bell: Int32 = -1, until isStopping: () -> Bool) {
        while !isStopping() { turn(patience: patience, bell: bell) }
        recordUnanswered()
    }

    /// Waits for something to do, at most `patience` milliseconds, and does it.
    public func turn(patience: Int32, bell: Int32 = -1) {
        var watched = connections.map { connection in
            let input = connection.wantsInput ? Int16(POLLIN) : 0
            let output = connection.hasOutput ? Int16(POLLOUT) : 0
            return pollfd(fd: connection.descriptor, events: input | output, revents: 0)
        }
        let isAccepting = acceptsAgainAt <= backend.now()
        watched.append(
            pollfd(fd: isAccepting ? listener.descriptor : -1, events: Int16(POLLIN), revents: 0))
        watched.append(pollfd(fd: bell, events: Int16(POLLIN), revents: 0))
        let count = poll(&watched, nfds_t(watched.count), min(patience, waitingTime()))
        let now = backend.now()
        watchUplink(now: now)
        letFindingsEnd(now: now)
        // Before any new call is read: it must be answered with a state that is younger than it.
        collectAnswers(now: now)
        if count > 0 {
            for (index, connection) in connections.enumerated() {
                serve(connection, watched[index].revents, now: now)
            }
            if watched[connections.count].revents != 0 { acceptWaiting(now: now) }
        }
        for connection in connections {
            pump(connection, now: now)
            continueTail(connection, now: now)
        }
        connections.removeAll { connection in
            let isOver =
                connection.isBroken || connection.hasExpired(at: now)
                || (connection.isEnding && !connection.hasOutput)
            if isOver { adoptCommand(of: connection) }
            return isOver
        }
        if connections.contains(where: { $0.wantsSnapshot(at: now) }) { backend.requestSnapshot() }
    }

    /// How long `poll` may wait with what is open now, in milliseconds.
    private func waitingTime() -> Int32 {
        var time: Int64 = orphans.isEmpty ? .init(Int32.max) : 5
        let now = backend.now()
        for connection in connections {
            // The control thread rings no bell for us, so whoever waits for it looks often: 5 ms is
            // a twentieth of a tick, and costs nothing when nobody waits.
            if connection.call != nil { time = min(time, 5) }
            switch connection.stream {
            case .watch(_, _, let next):
                time = min(time, next <= now ? 5 : (next - now).rawValue)
            case .events(_, _, let next): time = min(time, max(1, (next - now).rawValue))
            case nil: break
            }
        }
        return Int32(clamping: time)
    }

    private func serve(_ connection: Connection, _ events: Int16, now: Instant) {
        if events & Int16(POLLOUT) != 0 { connection.flush(now: now) }
        if events & Int16(POLLIN) != 0 {
            connection.receive(into: &chunk, now: now)
        } else if events & Int16(POLLHUP | POLLERR | POLLNVAL) != 0 {
            connection.isBroken = true
        }
    }

    /// Takes whole lines out and begins to answer them, until one needs the control thread.
    private func pump(_ connection: Connection, now: Instant) {
        while connection.wantsInput {
            guard !connection.input.isOverlong else {
                let kilobytes = Limits.lineBytes / 1_024
                reject(
                    connection, RPCError(.lineTooLong, "a line has at most \(kilobytes) KiB"), now)
                connection.isEnding = true
                return
            }
            guard let line = connection.input.next() else { return }
            connection.noteLinesTaken(now: now)
            do throws(RPCError) {
                begin(try RPCRequest(line: line), on: connection, now: now)
            } catch {
                reject(connection, error, now)
                connection.badLines += 1
                if connection.badLines >= Limits.badLines { connection.isEnding = true }
            }
        }
    }

    /// Answers what was no request, and so has no id.
    private func reject(_ connection: Connection, _ error: RPCError, _ now: Instant) {
        connection.send(RPCReply.error(error, id: .null), now: now)
    }

    /// Takes in who waits at the door; at most 64 in a turn, so that a storm leaves time for those
    /// who are inside.
    private func acceptWaiting(now: Instant) {
        for _ in 0..<64 {
            let (accepted, isExhausted) = listener.accept()
            // Out of descriptors: looking again at once would spin.
            if isExhausted { acceptsAgainAt = now + Milliseconds(100) }
            guard let descriptor = accepted else { return }
            admit(descriptor, now: now)
        }
    }

    private func admit(_ descriptor: Int32, now: Instant) {
        let peer = Peer.of(connection: descriptor)
        let nobody = Peer(processID: 0, userID: .max, groupIDs: [])
        let role = peer.flatMap { policy.role(of: $0) }
        let connection = Connection(
            descriptor: descriptor, peer: peer ?? nobody, role: role ?? .viewer, now: now)
        guard role != nil else {
            refuse(connection, now)
            return
        }
        let own = connections.count { $0.peer.userID == connection.peer.userID }
        guard connections.count < Limits.connections, own < Limits.connectionsOfOneUser else {
            reject(connection, tooMany(own: own), now)
            return
        }
        connections.append(connection)
    }

    private func tooMany(own: Int) -> RPCError {
        RPCError(
            .busy,
            own >= Limits.connectionsOfOneUser
                ? "you have \(own) connections open, the most that one user may have"
                : "\(connections.count) connections are open, the most that are served")
    }

    private func refuse(_ connection: Connection, _ now: Instant) {
        let user = connection.peer.userID
        let error = RPCError(
            .notPermitted,
            "user \(SystemAccounts.userName(of: user)) has no role at this device: "
                + "ask for an entry in the site file under roles", reason: "unlisted")
        reject(connection, error, now)
        guard !refusedUsers.contains(user), refusedUsers.count < Limits.refusedUsers else { return }
        refusedUsers.insert(user)
        backend.noteRefusedPeer(connection.peer)
    }
}
