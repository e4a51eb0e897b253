import JSON
import Units

// `watch` and `events.tail`: one result, then updates until the client hangs up.

extension LocalServer {
    /// How often the record is looked at for `events.tail`: chosen, quick enough for an eye.
    private static let tailPeriod = Milliseconds(250)

    func beginStream(
        _ method: Method, _ request: RPCRequest, on connection: Connection, now: Instant
    ) throws(RPCError) {
        guard connection.stream == nil else {
            throw RPCError(.invalidRequest, "this connection already streams: open another one")
        }
        switch method {
        case .watch:
            let parameters = try Parameters(request, of: method, known: ["hz"])
            let hertz = try parameters.optionalInteger("hz", in: 1...10) ?? 4
            let period = Milliseconds(1_000 / hertz)
            connection.stream = .watch(id: request.id, period: period, next: now)
            let result: JSONValue = ["period_ms": JSONValue(period.rawValue)]
            connection.send(RPCReply.result(result, id: request.id), now: now)
        case .eventsTail:
            let parameters = try Parameters(request, of: method, known: ["limit"])
            let limit = try parameters.optionalInteger("limit", in: 1...Int64(Limits.rows)) ?? 10
            let page = try backend.events(EventQuery(limit: Int(limit)))
            let query = EventQuery(after: page.last, limit: Limits.rows)
            let next = now + Self.tailPeriod
            connection.stream = .events(id: request.id, query: query, next: next)
            connection.send(RPCReply.result(RecordMethods.page(page), id: request.id), now: now)
        default:
            preconditionFailure("\(method.rawValue) is no stream")
        }
    }

    /// Sends what has been recorded since the last look.
    func continueTail(_ connection: Connection, now: Instant) {
        guard case .events(let id, var query, let next) = connection.stream, next <= now,
            !connection.hasOutput
        else { return }
        do throws(RPCError) {
            let page = try backend.events(query)
            query.after = page.last
            for event in page.events { connection.send(RPCReply.update(event, id: id), now: now) }
            connection.stream = .events(id: id, query: query, next: now + Self.tailPeriod)
        } catch {
            connection.send(RPCReply.error(error, id: id), now: now)
            connection.isEnding = true
        }
    }
}

extension Connection {
    /// Whether the state at the end of a tick is wanted for it.
    func wantsSnapshot(at now: Instant) -> Bool {
        if call?.waitsForSnapshot == true { return true }
        if case .watch(_, _, let next) = stream { return next <= now }
        return false
    }
}
