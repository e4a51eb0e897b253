import Control
import Events
import JSON
import Journal
import LinuxHAL
import LocalAPI
import Runtime
import Simulation
import Synchronization
import Units
import Wire

/// The device as the local API sees it: rings to the control thread, and a reader of the journal.
final class LocalDevice: DeviceBackend {
    let description: DeviceDescription
    let links: Links
    let reader: JournalReader
    let clock: RunClock
    private let queueReport: QueueReport
    private let uplinkDirectory: String?
    let expectsUplink: Bool
    /// Whether the relay board's faults are ours to make.
    private let takesBoardFaults: Bool
    /// The version of the record at which each follower found nothing more.
    private var quietAt: (place: EventPlace, version: UInt64)?
    /// Wall times of lockout entries, looked up once each; and those that the record did not have,
    /// with its version then. Four full lockouts: chosen, so that neither grows for ever.
    private static let wallTimesMax = 64
    private var wallTimes: [LockoutRecord.Entry: Wire.WallTime] = [:]
    private var missed: [LockoutRecord.Entry: UInt64] = [:]

    init(
        _ description: DeviceDescription, _ links: Links, _ queueReport: QueueReport,
        _ clock: RunClock, uplink uplinkDirectory: String?, expectsUplink: Bool,
        takesBoardFaults: Bool
    ) {
        self.description = description
        self.links = links
        self.queueReport = queueReport
        reader = queueReport.reader
        self.clock = clock
        self.uplinkDirectory = uplinkDirectory
        self.expectsUplink = expectsUplink
        self.takesBoardFaults = takesBoardFaults
    }

    func now() -> Instant { clock.now() }

    func wall() -> Wire.WallTime {
        var clock = clock
        return JournalWorker.wallTime(&clock)
    }

    func requestSnapshot() { links.post.snapshots.request() }
    func takeSnapshot() -> Snapshot? { links.post.snapshots.take() }

    func submit(_ request: RequestedCommand, ticket: UInt32, expiry: Instant) -> Bool {
        links.post.commands.push(
            TicketedCommand(ticket: ticket, request: request, expiry: expiry))
    }

    func takeResult() -> (ticket: UInt32, result: CommandResult)? {
        guard let outcome = links.post.outcomes.pop() else { return nil }
        let result: CommandResult =
            switch outcome.result {
            case .done: .done
            case .unchanged: .unchanged
            case .refusedHeat(let reason): .refusedHeat(reason)
            case .refusedReset(let reason): .refusedReset(reason)
            case .outOfRange: .outOfRange
            case .expired: .expired
            }
        return (outcome.ticket, result)
    }

    func receive(_ command: ReceivedCommand) -> Bool { links.received.push(command) }

    func takeAdmission() -> (ticket: UInt32, admission: Admission)? {
        links.admissions.pop().map { ($0.ticket, $0.admission) }
    }

    func hold(_ condition: ShellConditions, _ isPresent: Bool) {
        links.post.hold(condition, isPresent)
    }

    func pulse(_ condition: ShellConditions) { links.post.pulse(condition) }

    func noteFinding(_ line: String) { Log.line("busbard: \(line)") }

    func noteRefusedPeer(_ peer: Peer) {
        links.post.pulse(.peerRefused)
        Log.line("busbard: refused user \(peer.userID) (process \(peer.processID)): no role (E801)")
    }

    func noteCommand(_ audit: CommandAudit) {
        let outcome = audit.refusal.map { "refused: \($0.message)" } ?? "done"
        let parameters = JSONValue.object(audit.parameters).serialized()
        let origin = audit.origin.map { ", \($0.by), command \($0.id.text)" } ?? ""
        if audit.unrecorded > 0 {
            let count = audit.unrecorded
            Log.line("busbard: user \(audit.userID): \(count) more refusals were only counted")
        }
        Log.line(
            "busbard: \(audit.methodName) \(parameters) by user \(audit.userID) "
                + "(\(audit.role.name)\(origin)): \(outcome)")
        // Where there is no room, the ring counts, and the journal thread states how many.
        _ = links.answers.push(AnsweredCommand(answer: audit.answer, at: clock.now()))
    }

    func wallTime(of entry: LockoutRecord.Entry) -> Wire.WallTime? {
        if let known = wallTimes[entry] { return known }
        // What the record did not have it may have once something was added to it, not before.
        let version = links.recordVersion.load(ordering: .acquiring)
        guard missed[entry] != version else { return nil }
        if wallTimes.count + missed.count > Self.wallTimesMax {
            wallTimes.removeAll()
            missed.removeAll()
        }
        do throws(JournalError) {
            guard
                let wall = try reader.wallTime(
                    ofRaised: entry.code, tick: entry.tick, at: entry.at)
            else {
                missed[entry] = version
                return nil
            }
            wallTimes[entry] = wall
            missed[entry] = nil
            return wall
        } catch {
            Log.line("busbard: when \(entry.code.name) was raised cannot be read: \(error)")
            missed[entry] = version
            return nil
        }
    }

    var shell: ShellReport {
        var report = ShellReport()
        report.conditions = links.post.standing
        report.eventsLost = links.post.eventsLost.load(ordering: .relaxed)
        report.ticksMissed = links.ticksMissed.load(ordering: .relaxed)
        return report
    }

    func preTrip() throws(RPCError) -> JSONValue {
        let stored: String?
        do throws(JournalError) {
            stored = try reader.state()["pretrip"]
        } catch {
            throw RPCError(.journal, "the journal cannot be read: \(error)")
        }
        guard let stored else { return .null }
        do throws(JSONError) {
            return try JSONValue.parse(Array(stored.utf8))
        } catch {
            throw RPCError(.journal, "the samples before the lockout are damaged: \(error)")
        }
    }

    func events(_ query: EventQuery) throws(RPCError) -> EventPage {
        let version = links.recordVersion.load(ordering: .acquiring)
        if let after = query.after, let quiet = quietAt, quiet == (after, version) {
            return EventPage(events: [], last: after)
        }
        do throws(JournalError) {
            let page = try query.alarmsOnly ? alarmHistory(query) : lanes(query)
            if query.after != nil, page.events.isEmpty { quietAt = (page.last, version) }
            return page
        } catch {
            throw RPCError(.journal, "the journal cannot be read: \(error)")
        }
    }

    /// Both lanes in one order: that of the wall clock, which people read by, and of ticks where it
    /// is the same.
    private func lanes(_ query: EventQuery) throws(JournalError) -> EventPage {
        var rows: [EventRecord] = []
        var last = query.after ?? EventPlace()
        for lane in [Lane.alarm, .event] {
            let found: [EventRecord]
            if let after = query.after {
                let number = lane == .alarm ? after.alarm : after.event
                found = try reader.events(lane: lane, after: number, limit: query.limit)
            } else {
                let isFiltered = query.sinceUnixMilliseconds != nil
                found = try reader.latestEvents(
                    lane: lane, limit: isFiltered ? Limits.rows : query.limit)
            }
            if let newest = found.last?.seq {
                if lane == .alarm { last.alarm = newest } else { last.event = newest }
            }
            rows += found
        }
        let since = query.sinceUnixMilliseconds ?? .min
        rows.removeAll { $0.wall.unixMilliseconds < since }
        rows.sort { first, second in
            let (one, two) = (first.wall.unixMilliseconds, second.wall.unixMilliseconds)
            return (one, first.tick.rawValue, first.seq) < (two, second.tick.rawValue, second.seq)
        }
        if query.after == nil { rows = Array(rows.suffix(query.limit)) }
        return EventPage(events: rows.map { json($0.json) }, last: last)
    }

    private func alarmHistory(_ query: EventQuery) throws(JournalError) -> EventPage {
        let rows = try reader.alarmHistory(
            code: query.alarm?.number, sinceUnixMilliseconds: query.sinceUnixMilliseconds ?? .min,
            limit: query.limit)
        return EventPage(events: rows.reversed().map(transition), last: EventPlace())
    }

    /// As an event of the alarm lane looks, so that people and programs read both alike.
    private func transition(_ row: StoredTransition) -> JSONValue {
        let code = AlarmCode(number: row.code)
        var data = JSONObject()
        data.append("state", .string(row.state?.name ?? "unknown"))
        data.append("value", JSONValue(row.value))
        data.append("limit", JSONValue(row.limit))
        data.append("by", .string(row.requester?.name ?? "unknown"))
        if let person = row.person {
            data.append("user", .string(person.user))
            data.append("uid", JSONValue(person.userID))
            if let name = person.name { data.append("name", .string(name)) }
            if let reason = person.reason { data.append("reason", .string(reason)) }
        }
        return [
            "type": .string("alarm.\(row.change?.name ?? "unknown")"),
            "subject": .string("alarm/\(code?.name ?? String(row.code))"),
            "severity": .string(row.severity.name),
            "tick": JSONValue(row.stamp.tick.rawValue),
            "mono_ms": JSONValue(row.stamp.at.rawValue),
            "unix_ms": JSONValue(row.stamp.wall.unixMilliseconds),
            "clock": .string(row.stamp.wall.quality.name),
            "correlation": JSONValue(row.stamp.correlation.rawValue),
            "data": .object(data),
        ]
    }

    func transactions(limit: Int) throws(RPCError) -> [JSONValue] {
        do throws(JournalError) {
            return try reader.transactions(limit: limit).map { row in
                let state =
                    switch row.state {
                    case .open: "open"
                    case .closed: "closed"
                    case .interrupted: "interrupted"
                    }
                return [
                    "number": JSONValue(row.number), "kind": .string(row.kind),
                    "job": JSONValue(row.job),
                    "opened_unix_ms": JSONValue(row.openedUnixMilliseconds),
                    "changed_unix_ms": JSONValue(row.changedUnixMilliseconds),
                    "state": .string(state), "outcome": row.outcome.map { .string($0) } ?? .null,
                    "counters": json(Array(row.counters.utf8)),
                ]
            }
        } catch {
            throw RPCError(.journal, "the journal cannot be read: \(error)")
        }
    }

    func queues() throws(RPCError) -> JSONValue {
        do throws(JournalError) {
            return try queueReport.document(
                now: wall(), isWritable: !links.post.standing.contains(.journalUnwritable))
        } catch {
            throw RPCError(.journal, "the journal cannot be read: \(error)")
        }
    }

    func uplinkStatus() -> JSONValue {
        UplinkReport(
            directory: uplinkDirectory, bytes: UplinkStatusFile.read(in: uplinkDirectory),
            boot: Device.bootIdentifier().text,
            monotonicMs: MonotonicClock().now().rawValue
        ).answer
    }

    func applySimulation(_ parameters: JSONObject) throws(RPCError) -> JSONValue {
        guard description.board != BoardKind.raspberryPi.name else {
            throw RPCError(.notSimulated, "this is a real board: its world cannot be played")
        }
        let actions: [ScheduledAction]
        do throws(ScenarioError) {
            actions = try LiveWorld.actions(from: .object(parameters))
        } catch {
            throw RPCError(.invalidParameters, error.description)
        }
        if !takesBoardFaults, actions.contains(where: \.action.isBoardFault) {
            throw RPCError(
                .invalidParameters,
                "the relay board is a process of its own: make its faults there, not here")
        }
        for action in actions {
            guard links.actions.push(action) else {
                throw RPCError(.busy, "too many actions wait: try again")
            }
        }
        return ["done": true]
    }

    /// What the journal wrote is JSON; if a card has damaged it, it is shown as the text it is.
    private func json(_ bytes: [UInt8]) -> JSONValue {
        do throws(JSONError) {
            return try JSONValue.parse(bytes)
        } catch {
            return .string(String(decoding: bytes, as: UTF8.self))
        }
    }
}
