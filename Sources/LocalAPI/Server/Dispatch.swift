import Control
import Events
import JSON
import Units

// From a request to its answer. Three ways: at once; after a snapshot; after a command and then a
// snapshot. A call that waits is in its connection's `call`.

extension LocalServer {
    func begin(_ request: RPCRequest, on connection: Connection, now: Instant) {
        do throws(RPCError) {
            guard let method = Method(rawValue: request.method) else {
                throw RPCError(
                    .unknownMethod, "there is no method \"\(request.method.prefix(60))\"")
            }
            try permit(method, request, connection)
            switch method.answer {
            case .immediate:
                reply(try immediate(method, request, now), to: request, on: connection, now)
            case .record:
                let answer = try RecordMethods.answer(method, request, backend)
                reply(answer, to: request, on: connection, now)
            case .stream:
                try beginStream(method, request, on: connection, now: now)
            case .state:
                var call = Call(request: request, method: method, deadline: deadline(now))
                call.waitsForSnapshot = true
                connection.call = call
            case .command:
                try submit(method, request, on: connection, now: now)
            case .inbox:
                try receive(request, on: connection, now: now)
            }
        } catch {
            connection.send(RPCReply.error(error, id: request.id), now: now)
        }
    }

    private func deadline(_ now: Instant) -> Instant { now + Limits.commandTime }

    private func permit(
        _ method: Method, _ request: RPCRequest, _ connection: Connection
    ) throws(RPCError) {
        guard !method.isOpen(to: connection.role) else { return }
        let refusal = RPCError(
            .notPermitted,
            "\(method.rawValue) needs the role \(method.minimumRole.name), you are "
                + connection.role.name, reason: "role")
        audit(method, request, connection, ticket: takeTicket(), refusal: refusal)
        throw refusal
    }

    func takeTicket() -> UInt32 {
        defer { nextTicket &+= 1 }
        return nextTicket
    }

    private func immediate(
        _ method: Method, _ request: RPCRequest, _ now: Instant
    ) throws(RPCError) -> JSONValue {
        if method == .simulationApply {
            return try backend.applySimulation(request.parameters)
        }
        if method == .uplinkFinding {
            note(try UplinkFinding(request), now: now)
            return .object(JSONObject())
        }
        _ = try Parameters(request, of: method, known: [])
        let description = backend.description
        return [
            "version": .string(description.version),
            "site": .string(description.site),
            "board": .string(description.board),
            "pid": JSONValue(description.processID),
        ]
    }

    private func submit(
        _ method: Method, _ request: RPCRequest, on connection: Connection, now: Instant
    ) throws(RPCError) {
        let ticket = takeTicket()
        do throws(RPCError) {
            let command = try CommandMethods.command(method, request, now: now)
            let requested = RequestedCommand(
                command, by: connection.role.requester, correlation: Correlation(command: ticket))
            let expiry = now + Limits.commandWait
            guard backend.submit(requested, ticket: ticket, expiry: expiry) else {
                throw RPCError(
                    .busy, "too many commands are waiting: try again in some seconds",
                    reason: "busy")
            }
            var call = Call(request: request, method: method, deadline: deadline(now))
            call.command = command
            call.ticket = ticket
            connection.call = call
        } catch {
            audit(method, request, connection, ticket: ticket, refusal: error)
            throw error
        }
    }

    /// Gives results and snapshots that have come to those who wait, and ends calls that waited too
    /// long.
    func collectAnswers(now: Instant) {
        deliverSnapshot(now)
        collectAdmissions(now: now)
        var hasResult = false
        while let (ticket, result) = backend.takeResult() {
            hasResult = true
            for connection in connections where connection.call?.ticket == ticket {
                connection.call?.result = result
            }
            for index in orphans.indices where orphans[index].call.ticket == ticket {
                orphans[index].call.result = result
            }
        }
        // A snapshot that came meanwhile may be from before the result, so it answers only others.
        if hasResult { deliverSnapshot(now) }
        for connection in connections {
            guard let call = connection.call else { continue }
            if call.result != nil { connection.call?.waitsForSnapshot = true }
            if call.deadline <= now { giveUp(call, connection, now) }
        }
        settleOrphans(now)
    }

    private func deliverSnapshot(_ now: Instant) {
        guard let snapshot = backend.takeSnapshot() else { return }
        let state = stateJSON(snapshot)
        for connection in connections {
            if let call = connection.call, call.waitsForSnapshot {
                finish(call, state, connection, now)
            }
            if case .watch(let id, let period, let next) = connection.stream, next <= now {
                // A client that does not keep up misses pictures; it must not collect old ones.
                if !connection.hasOutput {
                    connection.send(RPCReply.update(state.state, id: id), now: now)
                }
                connection.stream = .watch(id: id, period: period, next: now + period)
            }
        }
    }

    private func finish(
        _ call: Call, _ state: StateJSON, _ connection: Connection, _ now: Instant
    ) {
        connection.call = nil
        do throws(RPCError) {
            let answer: JSONValue
            if let command = call.command, let result = call.result {
                answer = try CommandMethods.answer(command, result, state)
                audit(call, connection, refusal: nil)
            } else {
                answer = try StateMethods(state: state, backend: backend).answer(
                    call.method, call.request)
            }
            reply(answer, to: call.request, on: connection, now)
        } catch {
            if call.command != nil { audit(call, connection, refusal: error) }
            connection.send(RPCReply.error(error, id: call.request.id), now: now)
        }
    }

    private func giveUp(_ call: Call, _ connection: Connection, _ now: Instant) {
        if call.waitsForInbox {
            abandon(connection, now)
            return
        }
        connection.call = nil
        // One that waits in the ring has expired (`Limits.commandWait`).
        let later = call.command == nil ? "" : " and will not take the command later"
        let error = RPCError(
            .noAnswer,
            "the control loop did not answer within 2 s\(later): see systemctl status busbard")
        if call.command != nil { audit(call, connection, refusal: error) }
        connection.send(RPCReply.error(error, id: call.request.id), now: now)
    }

    private func reply(
        _ result: JSONValue, to request: RPCRequest, on connection: Connection, _ now: Instant
    ) {
        connection.send(RPCReply.result(result, id: request.id), now: now)
    }
}
