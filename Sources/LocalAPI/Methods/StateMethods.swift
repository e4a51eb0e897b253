import Events
import JSON
import RelayBoard
import Wire

/// Methods that are answered from one snapshot.
struct StateMethods {
    let state: StateJSON
    let backend: any DeviceBackend

    func answer(_ method: Method, _ request: RPCRequest) throws(RPCError) -> JSONValue {
        switch method {
        case .status:
            _ = try Parameters(request, of: method, known: [])
            return state.state
        case .heatingStatus:
            _ = try Parameters(request, of: method, known: [])
            return state.heating
        case .alarmsList:
            return try alarms(request)
        case .why:
            let subject = try Parameters(request, of: method, known: ["subject"]).string("subject")
            return try reason(for: subject)
        default:
            preconditionFailure("\(method.rawValue) is not answered from a snapshot")
        }
    }

    private func alarms(_ request: RPCRequest) throws(RPCError) -> JSONValue {
        let parameters = try Parameters(request, of: .alarmsList, known: ["all"])
        let wantsAll = try parameters.optionalInteger("all", in: 0...1) == 1
        return [
            "alarms": .array(
                wantsAll ? AlarmCode.all.map { state.alarm($0) } : state.standingAlarms),
            "lockout": state.lockout,
        ]
    }

    /// A relay by its name or an alarm by its code.
    private func reason(for subject: String) throws(RPCError) -> JSONValue {
        if let code = AlarmCode(name: subject.uppercased()) {
            var answer = AlarmReason(state: state, code: code).answer.object ?? JSONObject()
            if state.snapshot.lockout.contains(code) {
                answer["before"] = try backend.preTrip()
            }
            return .object(answer)
        }
        let names = state.description.encoder.relayNames
        let fitted = state.description.plan.fittedRelays
        let known = names.indices.filter { fitted.rawValue & 1 << UInt8($0) != 0 }
        guard let bit = known.first(where: { names[$0] == subject.lowercased() }) else {
            throw RPCError(
                .invalidParameters,
                "there is no relay or alarm \"\(subject)\": relays are "
                    + known.map { names[$0] }.joined(separator: ", ") + "; alarms are E001 to E902")
        }
        let relay = RelayMask(rawValue: 1 << UInt8(bit))
        return RelayReason(state: state, relay: relay, name: names[bit]).answer
    }
}
