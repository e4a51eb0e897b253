import Control
import Events
import JSON
import Units
import Wire

/// Why an alarm stands, and what it waits for.
struct AlarmReason {
    let state: StateJSON
    let code: AlarmCode

    private var snapshot: Snapshot { state.snapshot }
    private var view: AlarmView { snapshot[code] }
    private var definition: AlarmDefinition { alarmDefinition(code) }

    var answer: JSONValue {
        let isLocked = snapshot.lockout.contains(code)
        return [
            "subject": .string("alarm/\(code.name)"),
            "headline": .string(headline),
            "chain": .array(chain.map { .string($0) }),
            "advice": advice.map { .string($0) } ?? .null,
            "alarm": state.alarm(code),
            "inputs": .array(InputTable(state: state).rows),
            "transitions": .array(state.transitions),
            "reset": isLocked ? ResetProcedure(state: state).answer : .null,
        ]
    }

    private var stands: Bool { view.state != .normal || snapshot.lockout.contains(code) }

    /// Nil for what is over. A gas leak in the lockout comes before whatever this alarm needs.
    private var advice: String? {
        guard stands else { return nil }
        return snapshot.lockout.contains(.gasLeak)
            ? state.lockoutAdvice : state.description.advice(code)
    }

    private var headline: String {
        let subject = "\(code.name) \(definition.name)"
        let severity = state.severity(code).name.uppercased()
        guard stands else {
            return "\(subject) (\(severity)) does not stand"
        }
        return "\(subject) (\(severity)) is \(view.state.name)"
    }

    private var chain: [String] {
        guard stands else {
            return [whenLast, "It comes when \(code.meaning).", consequence]
                + ["When it comes: \(state.description.advice(code))"]
        }
        var chain = [raised]
        if let found = happened ?? measurement { chain.append(found) }
        chain += state.findings.sentences(of: code)
        if snapshot.lockout.firstOut == code {
            chain.append("It was the first of the lockout: what came later may be its consequence.")
        } else if let first = snapshot.lockout.firstOut, snapshot.lockout.contains(code) {
            chain.append("It came after \(first.name) \(alarmDefinition(first).name).")
        }
        if let cause = definition.consequenceOf, view.isSuppressed {
            chain.append("It is a consequence of \(cause.name) \(alarmDefinition(cause).name).")
        }
        if happened == nil { chain.append(condition) }
        chain.append(waitsFor)
        return chain
    }

    // MARK: One that does not stand

    private var whenLast: String {
        let now = "It does not stand now"
        guard view.count > 0 else {
            return "\(now), and was not raised since the controller started. Earlier times: busbar "
                + "alarms history --code \(code.name)"
        }
        guard view.raisedAt != .never else {
            return "\(now). It was raised before the controller last started, and is over."
        }
        let last = view.count == 1 ? "" : "last "
        return "\(now). It was raised \(times) since the controller started, "
            + "\(last)\(age(view.raisedAt)) ago, and is over."
    }

    /// What its severity does (§7.1).
    private var consequence: String {
        switch state.severity(code) {
        case .fatal: "The power is then cut at once, and stays cut until a reset at the site."
        case .error: "Heating then ends, and none starts before its cause is gone."
        case .warning: "It locks nothing out, and is shown until it is over and acknowledged."
        case .info: "It is for the record only."
        }
    }

    // MARK: One that stands

    private var raised: String {
        view.raisedAt == .never
            ? raisedBeforeTheStart
            : "It was raised \(age(view.raisedAt)) ago, in tick \(view.raisedTick.rawValue), "
                + (view.count <= 1
                    ? "for the first time since the controller started."
                    : "and \(times) in all since the controller started.")
    }

    /// The record's instants are on the clock of an earlier run, so only the wall clock can tell.
    private var raisedBeforeTheStart: String {
        let start = "before the controller last started, and the lockout record kept it"
        guard let wall = state.wallTimes[code] else {
            return "It was raised \(start); no record tells when."
        }
        return "It was raised on \(QuantityText.wallTime(wall)), \(start)."
    }

    private var times: String { view.count == 1 ? "once" : "\(view.count) times" }

    /// What E701 and E703 tell: they stand for one press of the button, not for something that
    /// goes on, so they have no measurement and no cause that could go.
    private var happened: String? {
        switch code {
        case .resetRefused:
            // Its value is the reason; a byte that is none would be a fault of this program.
            guard let reason = UInt8(exactly: view.value).flatMap(ResetRefusal.init(rawValue:))
            else { return "The reset was refused for reason \(view.value), which has no name." }
            return "The reset was refused: \(reason.sentence)."
        case .tooManyResets:
            return "The reset was refused: \(view.value) resets in 15 minutes."
        default:
            return nil
        }
    }

    private var measurement: String? {
        AlarmMeasurement(code, view, state.description).sentence
    }

    private var condition: String {
        if let gone = view.goneAt { return "Its cause is gone for \(age(gone))." }
        return view.state == .latched ? "Its cause is gone." : "Its cause is still there."
    }

    private var waitsFor: String {
        if snapshot.lockout.contains(code) {
            return "It waits for a reset at the site; nothing remote can clear it."
        }
        switch view.state {
        case .normal: return "It waits for nothing."
        case .unacknowledged where happened != nil:
            return "It waits for an acknowledgement: busbar alarms ack \(code.name)"
        case .acknowledged where happened != nil:
            return "It is acknowledged and ends by itself."
        case .unacknowledged: return "It waits for an acknowledgement and for its cause to go."
        case .acknowledged: return "It is acknowledged and waits for its cause to go."
        case .returned: return "It waits for an acknowledgement: busbar alarms ack \(code.name)"
        case .latched: return "It waits for a reset at the site."
        }
    }

    private func age(_ instant: Instant) -> String {
        QuantityText.duration((snapshot.now - instant).rawValue)
    }
}
