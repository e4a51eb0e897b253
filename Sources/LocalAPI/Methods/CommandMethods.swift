import Control
import Events
import JSON
import Units
import Wire

/// Methods that ask something of the controller: parameters in, command out; result in, answer out.
enum CommandMethods {
    /// What the call asks of the controller.
    static func command(
        _ method: Method, _ request: RPCRequest, now: Instant
    ) throws(RPCError) -> Command {
        switch method {
        case .heatingStart:
            _ = try Parameters(request, of: method, known: [])
            return .demand(isOn: true)
        case .heatingStop:
            _ = try Parameters(request, of: method, known: [])
            return .demand(isOn: false)
        case .heatingSetTarget:
            let key = "target_millicelsius"
            let parameters = try Parameters(request, of: method, known: [key])
            // Wide, so that it is the controller that refuses what the site does not allow (E902).
            let target = try parameters.integer(key, in: -273_000...1_000_000)
            return .setTarget(MilliCelsius(Int32(target)))
        case .alarmsAcknowledge:
            return .acknowledge(
                try Parameters(request, of: method, known: ["code"]).alarm("code"))
        case .alarmsShelve:
            let known = ["code", "minutes", "reason", "name"]
            let parameters = try Parameters(request, of: method, known: known)
            // Asked for so that they stand in the record; the controller does not need them.
            _ = try parameters.string("reason")
            if request.parameters["name"] != nil { _ = try parameters.string("name") }
            let most = Limits.shelf.rawValue / 60_000
            let minutes = try parameters.integer(
                "minutes", in: 1...most, remark: " (\(most / 60) h)")
            return .shelve(
                try parameters.alarm("code"), until: now + Milliseconds(minutes * 60_000))
        case .alarmsUnshelve:
            return .unshelve(try Parameters(request, of: method, known: ["code"]).alarm("code"))
        case .reset:
            _ = try Parameters(request, of: method, known: [])
            return .resetRemotely
        default:
            preconditionFailure("\(method.rawValue) is no command")
        }
    }

    /// What became of it. The controller's word for a refusal counts; where it said nothing, the
    /// state after the tick tells whether what was asked for is so.
    static func answer(
        _ command: Command, _ result: CommandResult, _ state: StateJSON
    ) throws(RPCError) -> JSONValue {
        switch result {
        case .refusedHeat(let reason):
            throw RPCError(.refused, "heating refused: \(reason.sentence)", reason: reason.name)
        case .refusedReset(let reason):
            throw RPCError(.refused, "reset refused: \(reason.sentence)", reason: reason.name)
        case .outOfRange:
            throw outOfRange(state)
        case .expired:
            throw RPCError(
                .noAnswer,
                "not carried out: the control loop came to it only after "
                    + "\(Limits.commandWait.rawValue) ms; look at the state and ask again",
                reason: "expired")
        case .done, .unchanged:
            break
        }
        switch command {
        case .demand(let isOn):
            let heating = state.snapshot.heating
            if isOn, !heating.hasDemand, !heating.hasPendingDemand {
                let why = heating.refusal
                throw RPCError(
                    .refused,
                    "heating refused: \(why?.sentence ?? "the controller gave no reason")",
                    reason: why?.name)
            }
            return changed(result, state.heating, "heating")
        case .setTarget(let target):
            guard state.snapshot.heating.target == target else { throw outOfRange(state) }
            return changed(result, state.heating, "heating")
        case .acknowledge(let code), .shelve(let code, _), .unshelve(let code),
            .setOutOfService(let code, _):
            try check(command, code, state)
            return changed(result, state.alarm(code), "alarm")
        case .resetRemotely:
            throw RPCError(
                .refused, "reset refused: \(ResetRefusal.notLocal.sentence)",
                reason: ResetRefusal.notLocal.name)
        }
    }

    private static func changed(
        _ result: CommandResult, _ value: JSONValue, _ name: String
    ) -> JSONValue {
        var answer = JSONObject()
        answer.append("changed", .bool(result == .done))
        answer.append(name, value)
        return .object(answer)
    }

    private static func outOfRange(_ state: StateJSON) -> RPCError {
        let heating = state.description.plan.heating
        return RPCError(
            .refused,
            "target refused: this site allows "
                + QuantityText.celsius(Int64(heating.targetMinimum.rawValue)) + " to "
                + QuantityText.celsius(Int64(heating.targetMaximum.rawValue)),
            reason: "out_of_range")
    }

    private static func check(
        _ command: Command, _ code: AlarmCode, _ state: StateJSON
    ) throws(RPCError) {
        let view = state.snapshot[code]
        switch command {
        case .acknowledge where view.state == .unacknowledged || view.state == .returned:
            throw RPCError(
                .refused, "\(code.name) was not acknowledged: it is \(view.state.name)",
                reason: view.state.name)
        case .shelve where view.shelvedUntil == nil:
            let isFatal = state.severity(code) == .fatal
            throw RPCError(
                .refused,
                isFatal
                    ? "\(code.name) was not shelved: a FATAL can never be hidden"
                    : "\(code.name) was not shelved: it does not stand, or is hidden already",
                reason: isFatal ? "fatal" : "not_standing")
        case .unshelve where view.shelvedUntil != nil:
            throw RPCError(.refused, "\(code.name) is still shelved", reason: "shelved")
        default:
            return
        }
    }
}
