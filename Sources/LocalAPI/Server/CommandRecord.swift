import Control
import Events
import JSON
import Units
import Wire

// That no command stays without a record, whatever its client does meanwhile.

/// A command whose client has hung up.
struct Orphan {
    var call: Call
    var userID: UInt32
    var role: Role
}

extension LocalServer {
    /// The state as clients get it, with what the server and the record add to it.
    func stateJSON(_ snapshot: Snapshot) -> StateJSON {
        let state = StateJSON(
            description: backend.description, snapshot: snapshot, shell: backend.shell)
        for index in 0..<Int(snapshot.lockout.count) {
            let entry = snapshot.lockout[index]
            state.wallTimes[entry.code] = backend.wallTime(of: entry)
        }
        shelves = shelves.filter { snapshot[$0.key].shelvedUntil != nil }
        state.shelves = shelves
        state.findings = findings
        return state
    }

    func audit(_ call: Call, _ connection: Connection, refusal: RPCError?) {
        record(
            Orphan(call: call, userID: connection.peer.userID, role: connection.role), refusal)
    }

    /// One that never reached the controller.
    func audit(
        _ method: Method, _ request: RPCRequest, _ connection: Connection, ticket: UInt32,
        refusal: RPCError
    ) {
        var call = Call(request: request, method: method, deadline: .never)
        call.ticket = ticket
        audit(call, connection, refusal: refusal)
    }

    /// Keeps the command of a connection that ends.
    func adoptCommand(of connection: Connection) {
        guard let call = connection.call, call.command != nil else { return }
        orphans.append(
            Orphan(call: call, userID: connection.peer.userID, role: connection.role))
    }

    /// Records what came of commands whose clients are gone. There is no state to compare with, so
    /// the controller's word alone counts.
    func settleOrphans(_ now: Instant) {
        orphans.removeAll { orphan in
            guard !orphan.call.waitsForInbox else { return false }
            guard let result = orphan.call.result else {
                guard orphan.call.deadline <= now else { return false }
                record(orphan, RPCError(.noAnswer, "the control loop did not answer"))
                return true
            }
            record(orphan, Self.refusal(in: result))
            return true
        }
    }

    /// At the end of serving: a command that waits for its answer is recorded with what is known.
    func recordUnanswered() {
        for connection in connections {
            adoptCommand(of: connection)
            connection.call = nil
        }
        for index in orphans.indices where orphans[index].call.waitsForInbox {
            orphans[index].call.expiry = .never
        }
        collectAnswers(now: backend.now())
        for var orphan in orphans {
            // If the inbox takes it in yet, this is what came of it.
            if orphan.call.waitsForInbox { orphan.call.origin?.isAdmitted = true }
            record(orphan, RPCError(.noAnswer, "the daemon stopped before the answer"))
        }
        orphans.removeAll()
    }

    private static func refusal(in result: CommandResult) -> RPCError? {
        switch result {
        case .done, .unchanged: nil
        case .refusedHeat(let reason): RPCError(.refused, reason.sentence, reason: reason.name)
        case .refusedReset(let reason): RPCError(.refused, reason.sentence, reason: reason.name)
        case .outOfRange: RPCError(.refused, "out of range", reason: "out_of_range")
        case .expired: RPCError(.noAnswer, "not carried out in time", reason: "expired")
        }
    }

    func record(_ command: Orphan, _ refusal: RPCError?) {
        let call = command.call
        var audit = CommandAudit(
            method: call.method, ticket: call.ticket ?? 0, userID: command.userID,
            role: call.origin == nil ? command.role : .cluster,
            parameters: call.request.parameters, result: call.result, refusal: refusal)
        audit.origin = call.origin
        audit.asked = call.asked
        // What the inbox has taken in gets its answer, however many were refused.
        if refusal != nil, call.origin?.isAdmitted != true {
            let quota = refusals.admit(user: command.userID, now: backend.now())
            guard let unrecorded = quota else { return }
            audit.unrecorded = unrecorded
        }
        if case .shelve(let code, _) = call.command, call.result == .done {
            let answer = audit.answer
            shelves[code] = Shelf(
                user: answer.user, name: answer.name, reason: answer.reason ?? "")
        }
        backend.noteCommand(audit)
    }
}
