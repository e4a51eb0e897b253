import Control
import Events
import JSON
import Units
import Wire

// Commands of the cluster, as busbar-uplink brings them: first to the inbox, and only when it has
// them on the disk to the controller. A slow card only delays the answer, and what has waited
// longer than the command's own life is not carried out.

extension LocalServer {
    /// Checks a command and hands it to the inbox.
    func receive(
        _ request: RPCRequest, on connection: Connection, now: Instant
    ) throws(RPCError) {
        var call = Call(request: request, method: .uplinkCommand, deadline: .never)
        call.ticket = takeTicket()
        do throws(RPCError) {
            var members = request.parameters
            if let resent = members["resent"] {
                call.isResent = resent.bool == true
                members["resent"] = nil
            }
            let command = try Self.read(members)
            call.asked = command.method
            call.origin = CommandOrigin(id: command.id, by: command.by)
            call.request = RPCRequest(
                id: request.id, method: command.method, parameters: command.parameters)
            call.expiry = try expiry(of: command, isResent: call.isResent, now: now)
            call.method = try Self.method(of: command)
            call.command = try CommandMethods.command(call.method, call.request, now: now)
            guard backend.receive(received(command, call, connection)) else {
                throw RPCError(
                    .busy, "too many commands are waiting for the inbox: send it again",
                    reason: "busy")
            }
            call.waitsForInbox = true
            // What the inbox knows of one that came before has no expiry.
            call.deadline = now + Limits.inboxTime
            if !call.isResent { call.deadline = min(call.deadline, call.expiry) }
            connection.call = call
        } catch {
            audit(call, connection, refusal: error)
            throw error
        }
    }

    private static func read(_ members: JSONObject) throws(RPCError) -> ClusterCommand {
        do throws(MessageError) {
            // The uplink has verified the signature, with a key that this process does not have.
            return try SignedCommand(members: members).command
        } catch {
            throw RPCError(.invalidParameters, "\(Method.uplinkCommand.rawValue): \(error)")
        }
    }

    private static func method(of command: ClusterCommand) throws(RPCError) -> Method {
        if let method = Method(rawValue: command.method), method.isForCluster { return method }
        // A reset is taken only to be refused, so nobody is told to ask for one.
        let known = Method.allCases.filter { $0.isForCluster && $0 != .reset }.map(\.rawValue)
        throw RPCError(
            .invalidParameters,
            "the cluster cannot ask for \"\(command.method)\": it can ask for "
                + known.joined(separator: ", "), reason: "not_for_cluster")
    }

    /// - Returns: when it expires, by the loop's clock: a step of the wall clock changes nothing
    ///   for a command that is here.
    private func expiry(
        of command: ClusterCommand, isResent: Bool, now: Instant
    ) throws(RPCError) -> Instant {
        guard command.device == backend.description.device else {
            let text =
                "the command \(command.id.text) is for the device \"\(command.device)\", this is "
                + "\"\(backend.description.device)\""
            note(.commandOtherDevice, text, now: now)
            throw RPCError(.refused, text, reason: "other_device")
        }
        let wall = backend.wall()
        guard wall.quality != .unsynced else {
            throw RPCError(
                .refused,
                "this device's clock is not set, so nobody can tell whether the command has "
                    + "expired: wait for the time server, or check it with timedatectl",
                reason: "clock_not_set")
        }
        let left = command.expiresUnixMilliseconds - wall.unixMilliseconds
        guard left > 0 || isResent else {
            throw RPCError(
                .refused, "the command expired \(-left) ms ago: send it again with a new id",
                reason: "expired")
        }
        return now + Milliseconds(left)
    }

    private func received(
        _ command: ClusterCommand, _ call: Call, _ connection: Connection
    ) -> ReceivedCommand {
        let user = connection.peer.userID
        let kept = CommandAudit.kept(command.parameters)
        return ReceivedCommand(
            origin: CommandOrigin(id: command.id, by: command.by), ticket: call.ticket ?? 0,
            method: command.method, parameters: JSONValue.object(kept).serializedBytes(),
            userID: user, user: SystemAccounts.userName(of: user),
            issuedUnixMilliseconds: command.issuedUnixMilliseconds,
            expiresUnixMilliseconds: command.expiresUnixMilliseconds)
    }

    /// Hands on what the inbox has taken in, and answers what it has not.
    func collectAdmissions(now: Instant) {
        while let (ticket, admission) = backend.takeAdmission() {
            if let connection = connections.first(where: { $0.call?.ticket == ticket }),
                var call = connection.call
            {
                let refusal = proceed(&call, admission, now: now)
                connection.call = refusal == nil ? call : nil
                guard let refusal else { continue }
                if !call.isKnownBy(admission) { audit(call, connection, refusal: refusal) }
                connection.send(RPCReply.error(refusal, id: call.request.id), now: now)
            } else if let index = orphans.firstIndex(where: { $0.call.ticket == ticket }) {
                // Whoever brought it has hung up. It is the cluster's command all the same, and its
                // answer goes to the cluster by way of the journal.
                let refusal = proceed(&orphans[index].call, admission, now: now)
                guard let refusal else { continue }
                let orphan = orphans.remove(at: index)
                if !orphan.call.isKnownBy(admission) { record(orphan, refusal) }
            }
        }
    }

    /// - Returns: why the command is not carried out; nil if it is on its way to the controller.
    private func proceed(
        _ call: inout Call, _ admission: Admission, now: Instant
    ) -> RPCError? {
        guard let command = call.command, let ticket = call.ticket, let origin = call.origin else {
            preconditionFailure("only commands go to the inbox")
        }
        call.waitsForInbox = false
        guard admission == .admitted else { return refusal(admission, of: call, origin, now) }
        call.origin?.isAdmitted = true
        guard now < call.expiry else {
            return RPCError(
                .refused,
                "the inbox took the command in too late; it was not carried out: see busbar why "
                    + "E603, and send it again with a new id", reason: "expired")
        }
        let requested = RequestedCommand(
            command, by: .cluster, correlation: Correlation(command: ticket))
        let expiry = min(now + Limits.commandWait, call.expiry)
        guard backend.submit(requested, ticket: ticket, expiry: expiry) else {
            return RPCError(
                .busy, "too many commands are waiting: send it again with a new id",
                reason: "busy")
        }
        call.deadline = now + Limits.commandTime
        return nil
    }

    private func refusal(
        _ admission: Admission, of call: Call, _ origin: CommandOrigin, _ now: Instant
    ) -> RPCError {
        let id = origin.id.text
        switch admission {
        case .admitted: preconditionFailure("is no refusal")
        case .repeated(let outcome):
            let before = outcome.map { "it was answered: " + ($0.refusal ?? $0.result.name) }
            let text =
                "the command \(id) was taken before and is not carried out again; "
                + (before ?? "it is being carried out")
            if !call.isResent { note(.commandRepeated, text, now: now) }
            return RPCError(.refused, text, reason: "repeated")
        case .forgotten:
            let text =
                "the command \(id) expires no later than others that were forgotten, so nobody can "
                + "tell whether it was taken before: send it again with a new id and a later expiry"
            // Signed and in its time: a repetition at the worst.
            note(.commandRepeated, text, now: now)
            return RPCError(.refused, text, reason: "forgotten")
        case .beforeInbox:
            return RPCError(
                .refused,
                "the command \(id) was signed before this device's journal began, so nobody can "
                    + "tell whether it was carried out before: send it again with a new id",
                reason: "before_inbox")
        case .full(let count):
            return RPCError(
                .refused,
                "\(count) commands wait in the inbox for their expiry, the most it holds: wait, or "
                    + "give them shorter lives", reason: "inbox_full")
        case .failed(let why):
            return RPCError(
                .journal, "the command was not carried out, because it cannot be kept: \(why)",
                reason: "journal")
        }
    }

    /// Stops waiting for the inbox. Should it take the command in yet, the record says that it was
    /// too late.
    func abandon(_ connection: Connection, _ now: Instant) {
        guard var call = connection.call else { return }
        connection.call = nil
        call.expiry = .never
        orphans.append(
            Orphan(call: call, userID: connection.peer.userID, role: connection.role))
        let error = RPCError(
            .noAnswer,
            "the inbox did not take the command in time; it will not be carried out: see busbar "
                + "why E603, and send it again with a new id", reason: "expired")
        connection.send(RPCReply.error(error, id: call.request.id), now: now)
    }
}

extension Call {
    /// Whether the inbox has, or will have, an answer to it, and the uplink only asks again.
    fileprivate func isKnownBy(_ admission: Admission) -> Bool {
        guard isResent, case .repeated = admission else { return false }
        return true
    }
}
