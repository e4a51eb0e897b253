import Events
import JSON
import Units

/// Methods that read the journal.
enum RecordMethods {
    static func answer(
        _ method: Method, _ request: RPCRequest, _ backend: any DeviceBackend
    ) throws(RPCError) -> JSONValue {
        switch method {
        case .eventsList:
            let known = ["since_unix_ms", "limit"]
            let parameters = try Parameters(request, of: method, known: known)
            var query = EventQuery(limit: try limit(parameters))
            query.sinceUnixMilliseconds = try parameters.optionalInteger(
                "since_unix_ms", in: 0...Int64.max)
            return page(try backend.events(query))
        case .alarmsHistory:
            let known = ["since_unix_ms", "limit", "code"]
            let parameters = try Parameters(request, of: method, known: known)
            var query = EventQuery(alarmsOnly: true, limit: try limit(parameters))
            query.alarm = try parameters.optionalAlarm("code")
            query.sinceUnixMilliseconds = try parameters.optionalInteger(
                "since_unix_ms", in: 0...Int64.max)
            return page(try backend.events(query))
        case .alarmsPerformance:
            let parameters = try Parameters(request, of: method, known: ["span_ms"])
            let span = try parameters.integer("span_ms", in: 1...Limits.performanceSpan.rawValue)
            return try backend.alarmPerformance(over: Milliseconds(span))
        case .transactionsList:
            let parameters = try Parameters(request, of: method, known: ["limit"])
            let rows = try backend.transactions(limit: try limit(parameters))
            return ["transactions": .array(rows)]
        case .queueStatus:
            _ = try Parameters(request, of: method, known: [])
            return try backend.queues()
        case .uplinkStatus:
            _ = try Parameters(request, of: method, known: [])
            return backend.uplinkStatus()
        default:
            preconditionFailure("\(method.rawValue) does not read the journal")
        }
    }

    static func page(_ page: EventPage) -> JSONValue {
        ["events": .array(page.events)]
    }

    private static func limit(_ parameters: Parameters) throws(RPCError) -> Int {
        Int(try parameters.optionalInteger("limit", in: 1...Int64(Limits.rows)) ?? 100)
    }
}
