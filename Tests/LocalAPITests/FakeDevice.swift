import Control
import Events
import Foundation
import Testing
import JSON
import Synchronization
import Units
import Wire

@testable import LocalAPI

/// A device in memory. Its "control thread" answers when the server asks, by the rule that the test
/// has set, so every test is over in milliseconds.
final class FakeDevice: DeviceBackend, @unchecked Sendable {
    let description: DeviceDescription
    var snapshot = Snapshot()
    /// What the controller would do with each command, and to the state.
    var decide: (RequestedCommand, inout Snapshot) -> CommandResult? = { _, _ in .done }
    var isHung = false
    var isSimulated = true
    /// The ring of commands has no room.
    var isFull = false
    var stored: [(place: EventPlace, event: JSONValue)] = []

    private(set) var commands: [RequestedCommand] = []
    private(set) var expiries: [Instant] = []
    private(set) var refusedPeers: [Peer] = []
    private(set) var audits: [CommandAudit] = []
    private(set) var snapshotsGiven = 0
    private var isRequested = false
    private var results: [(ticket: UInt32, result: CommandResult)] = []
    private let started = ContinuousClock.now

    init(stepNames: [String] = ["PRECHECK", "HEAT"]) {
        var plan = ControlPlan()
        _ = plan.sequence.append(
            Step(.check, maximum: Milliseconds(1_000), until: .readyToStart, onTimeout: .finish))
        _ = plan.sequence.append(
            Step(
                .heat, set: .element, maximum: Milliseconds(7_200_000), until: .targetReached,
                onTimeout: .fail(.maximumRunTime)))
        description = DeviceDescription(
            site: "test-site", device: "heater-1", board: "simulated", version: "0.0", processID: 1,
            startedAt: Instant(0), plan: plan, encoder: EventEncoder(stepNames: stepNames))
        snapshot.heating.target = MilliCelsius(38_000)
    }

    /// A minute of lead, so that ages in the past are possible; a test may let time pass by it.
    let lead = Atomic<Int64>(60_000)
    func now() -> Instant {
        let elapsed = ContinuousClock.now - started
        return Instant(lead.load(ordering: .relaxed) + Int64(elapsed / .milliseconds(1)))
    }

    func requestSnapshot() { isRequested = true }

    func takeSnapshot() -> Snapshot? {
        guard isRequested, !isHung else { return nil }
        isRequested = false
        snapshotsGiven += 1
        snapshot.now = now()
        return snapshot
    }

    /// The inbox: what it says to the next commands, in order; then `admitted`, as long as it is
    /// not held.
    var admissionsToCome: [Admission] = []
    var isInboxHeld = false
    var isInboxFull = false
    /// The inbox speaks only when nobody reads from clients any more.
    var releasesInboxAtTheEnd = false
    var isServed = true
    var wallTime = WallTime(unixMilliseconds: 1_700_000_000_000, quality: .synced)
    private(set) var received: [ReceivedCommand] = []
    private var isTaken = 0
    private(set) var held: [ShellConditions: Bool] = [:]
    private(set) var pulses: [ShellConditions] = []
    private(set) var findingLines: [String] = []

    func wall() -> WallTime { wallTime }

    func receive(_ command: ReceivedCommand) -> Bool {
        guard !isInboxFull else { return false }
        received.append(command)
        return true
    }

    func takeAdmission() -> (ticket: UInt32, admission: Admission)? {
        guard !isInboxHeld || (releasesInboxAtTheEnd && !isServed), isTaken < received.count else {
            return nil
        }
        let ticket = received[isTaken].ticket
        isTaken += 1
        return (ticket, admissionsToCome.isEmpty ? .admitted : admissionsToCome.removeFirst())
    }

    func hold(_ condition: ShellConditions, _ isPresent: Bool) { held[condition] = isPresent }
    func pulse(_ condition: ShellConditions) { pulses.append(condition) }
    func noteFinding(_ line: String) { findingLines.append(line) }

    func preTrip() throws(RPCError) -> JSONValue { .array([]) }

    func submit(_ request: RequestedCommand, ticket: UInt32, expiry: Instant) -> Bool {
        commands.append(request)
        expiries.append(expiry)
        guard commands.count <= 64, !isFull else { return false }
        if !isHung, let result = decide(request, &snapshot) { results.append((ticket, result)) }
        return true
    }

    func takeResult() -> (ticket: UInt32, result: CommandResult)? {
        results.isEmpty ? nil : results.removeFirst()
    }

    /// What the record tells of when alarms were raised.
    var wallTimes: [AlarmCode: WallTime] = [:]
    func wallTime(of entry: LockoutRecord.Entry) -> WallTime? { wallTimes[entry.code] }

    func noteRefusedPeer(_ peer: Peer) { refusedPeers.append(peer) }
    func noteCommand(_ audit: CommandAudit) { audits.append(audit) }

    var shell: ShellReport { ShellReport() }

    func events(_ query: EventQuery) throws(RPCError) -> EventPage {
        let rows =
            query.after.map { after in stored.filter { $0.place.event > after.event } }
            ?? Array(stored.suffix(query.limit))
        return EventPage(
            events: rows.map(\.event), last: rows.last?.place ?? query.after ?? EventPlace())
    }

    func alarmPerformance(over span: Milliseconds) throws(RPCError) -> JSONValue {
        ["asked_ms": JSONValue(span.rawValue)]
    }

    func queues() throws(RPCError) -> JSONValue { ["lanes": .array([])] }
    var uplinkFile: [UInt8]?
    var expectsUplink = false
    func uplinkStatus() -> JSONValue {
        UplinkReport(directory: "uplink", bytes: uplinkFile, boot: "b", monotonicMs: 100_000).answer
    }

    func transactions(limit: Int) throws(RPCError) -> [JSONValue] { [] }

    func applySimulation(_ parameters: JSONObject) throws(RPCError) -> JSONValue {
        guard isSimulated else { throw RPCError(.notSimulated, "this board is real") }
        return .object(parameters)
    }
}

/// A server on a socket of its own, turned by a thread of its own until the test is over.
final class ServedDevice: @unchecked Sendable {
    let device: FakeDevice
    let path: String
    private let isStopping = Atomic<Bool>(false)
    private let isOver = DispatchSemaphore(value: 0)

    init(_ device: FakeDevice = FakeDevice(), policy: AccessPolicy = AccessPolicy()) throws {
        self.device = device
        path =
            FileManager.default.temporaryDirectory.path
            + "/busbar-\(getpid())-\(UInt32.random(in: 0 ... .max)).sock"
        let path = self.path
        let isReady = DispatchSemaphore(value: 0)
        let problem = Mutex<ListenError?>(nil)
        let thread = Thread { [self] in
            do throws(ListenError) {
                // Of this user, whoever runs the tests.
                var policy = policy
                policy.allow(user: getuid(), .admin)
                let server = try LocalServer(
                    path: path, group: nil, policy: policy, backend: device)
                isReady.signal()
                server.serve(patience: 20) {
                    device.isServed = !isStopping.load(ordering: .relaxed)
                    return !device.isServed
                }
            } catch {
                problem.withLock { $0 = error }
                isReady.signal()
            }
            isOver.signal()
        }
        thread.start()
        isReady.wait()
        if let error = problem.withLock({ $0 }) { throw error }
    }

    func stop() {
        isStopping.store(true, ordering: .relaxed)
        isOver.wait()
    }
}

/// A client that can send what no client should.
final class RawClient {
    let descriptor: Int32
    private var input: [UInt8] = []

    init(_ path: String) throws {
        descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        var address = try #require(UnixAddress(path: path))
        let result = address.withPointer { connect(descriptor, $0, $1) }
        try #require(result == 0, "connect: \(String(cString: strerror(errno)))")
        var limit = timeval(tv_sec: 5, tv_usec: 0)
        setsockopt(
            descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
    }

    deinit { close(descriptor) }

    /// - Returns: false if the other end has closed.
    @discardableResult func send(_ text: String) -> Bool { send(Array(text.utf8)) }

    @discardableResult func send(_ bytes: [UInt8]) -> Bool {
        var written = 0
        while written < bytes.count {
            let count = bytes[written...].withUnsafeBytes {
                Foundation.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else { return false }
            written += count
        }
        return true
    }

    /// The next line, or nil if the other end closed or said nothing for 5 s.
    func line() -> String? {
        while true {
            if let end = input.firstIndex(of: 10) {
                let line = String(decoding: input[..<end], as: UTF8.self)
                input.removeFirst(end + 1)
                return line
            }
            var chunk = [UInt8](repeating: 0, count: 65_536)
            let count = recv(descriptor, &chunk, chunk.count, 0)
            guard count > 0 else { return nil }
            input += chunk[..<count]
        }
    }

    func reply() throws -> JSONValue {
        let line = try #require(self.line(), "the server closed or said nothing")
        return try JSONValue.parse(Array(line.utf8))
    }

    func call(_ method: String, _ parameters: String = "{}") throws -> JSONValue {
        send("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"\(method)\",\"params\":\(parameters)}\n")
        return try reply()
    }
}
