public import Events
import Units

/// Turns facts into the JSON that is stored, shown and sent. Holds the names that a site gives to
/// its steps and relays; everything else has one name everywhere.
public struct EventEncoder: Sendable {
    public let stepNames: [String]
    public let relayNames: [String]
    /// What the journal is kept with: told at each start, because some versions of SQLite have
    /// faults that a later reader of the record will want to know of. Nil leaves it out.
    public let sqliteVersion: String?

    public init(
        stepNames: [String], relayNames: [String] = standardRelayNames,
        sqliteVersion: String? = nil
    ) {
        self.sqliteVersion = sqliteVersion
        self.stepNames = stepNames
        self.relayNames = relayNames
    }

    /// What the fact is about: `alarm/E103`, `relay/mask`, `job/12`.
    public func subject(of fact: Fact) -> String {
        switch fact {
        case .alarm(let transition): "alarm/\(transition.code.name)"
        case .alarmFlood: "alarm/flood"
        case .alarmChattering(let code): "alarm/\(code.name)"
        case .disasterDetected(let rule, _): "disaster/\(rule.name)"
        case .relaysCommanded, .relaysConfirmed, .relaysDisagreed: "relay/mask"
        case .powerOn, .powerCut, .powerCutVerified: "power/site"
        case .interlockEntered: "interlock/power"
        case .heatingRequested, .heatingRefused, .heatingStepEntered, .targetChanged:
            "heating/water"
        case .heatingStarted(let job), .heatingFinished(let job, _): "job/\(job)"
        case .signalLost(let signal, _), .signalRegained(let signal): "signal/\(signal.name)"
        case .nodeRestarted: "node/sensors"
        case .selfCheckEntered: "device/selfcheck"
        case .resetAccepted, .resetRefused: "interlock/reset"
        case .deviceStarted, .deviceStopped: "device/controller"
        case .ticksMissed: "device/tick"
        case .clockStepped: "device/clock"
        case .eventsLost: "device/ring"
        case .notRealTime: "device/scheduler"
        }
    }

    /// The event's data as one JSON object; `{}` when the type says it all.
    public func data(of fact: Fact) -> [UInt8] {
        var members = JSONMembers()
        appendMembers(of: fact, to: &members)
        return members.object
    }

    /// Adds the event's data, member by member: for those who have an object open already.
    public func appendMembers(of fact: Fact, to members: inout JSONMembers) {
        switch fact {
        case .alarm(let transition):
            append(transition, to: &members)
        case .alarmFlood(let count, let firstOut):
            members.add("count", count)
            add("first_out", firstOut?.name, to: &members)
        case .alarmChattering(let code):
            members.add("code", code.name)
        case .disasterDetected(let rule, let code):
            members.add("rule", rule.name)
            members.add("code", code.name)
        case .relaysCommanded(let from, let to):
            members.add("from", names(of: from))
            members.add("to", names(of: to))
        case .relaysConfirmed(let mask):
            members.add("energised", names(of: mask))
        case .relaysDisagreed(let commanded, let actual):
            members.add("commanded", names(of: commanded))
            members.add("actual", names(of: actual))
        case .powerCut(let code):
            members.add("code", code.name)
        case .powerOn, .powerCutVerified, .resetAccepted, .deviceStopped:
            break
        case .interlockEntered(let state):
            members.add("state", state.name)
        case .heatingRequested(let requester):
            members.add("by", requester.name)
        case .heatingRefused(let reason, let requester):
            members.add("reason", reason.name)
            members.add("by", requester.name)
        case .heatingStarted(let job):
            members.add("job", job)
        case .heatingStepEntered(let state):
            members.add("state", state.name(stepNames: stepNames))
        case .heatingFinished(let job, let outcome):
            members.add("job", job)
            members.add("outcome", outcome.name)
        case .targetChanged(let from, let to, let requester):
            members.add("from_millicelsius", from.rawValue)
            members.add("to_millicelsius", to.rawValue)
            members.add("by", requester.name)
        case .signalLost, .signalRegained, .nodeRestarted, .selfCheckEntered, .resetRefused,
            .deviceStarted, .ticksMissed, .clockStepped, .eventsLost, .notRealTime:
            appendCondition(fact, to: &members)
        }
    }

    /// The second half of `appendMembers`: signals, and what the device says of itself.
    private func appendCondition(_ fact: Fact, to members: inout JSONMembers) {
        switch fact {
        case .signalLost(let signal, let quality):
            members.add("signal", signal.name)
            members.add("quality", quality.name)
        case .signalRegained(let signal):
            members.add("signal", signal.name)
        case .nodeRestarted(let boot):
            members.add("boot", boot)
        case .selfCheckEntered(let step):
            members.add("step", step.name)
        case .resetRefused(let reason):
            members.add("reason", reason.name)
        case .deviceStarted(let isClean):
            members.add("clean", isClean)
            if let sqliteVersion { members.add("sqlite", sqliteVersion) }
        case .ticksMissed(let gap, let missed):
            members.add("gap_ms", gap.rawValue)
            members.add("missed", missed)
        case .clockStepped(let step):
            members.add("by_ms", step.rawValue)
        case .eventsLost(let count):
            members.add("count", count)
        case .notRealTime(let number):
            members.add("errno", number)
        case .alarm, .alarmFlood, .alarmChattering, .disasterDetected, .relaysCommanded,
            .relaysConfirmed, .relaysDisagreed, .powerCut, .powerOn, .powerCutVerified,
            .resetAccepted, .deviceStopped, .interlockEntered, .heatingRequested, .heatingRefused,
            .heatingStarted, .heatingStepEntered, .heatingFinished, .targetChanged:
            preconditionFailure("appendMembers writes this fact itself")
        }
    }

    private func append(_ transition: AlarmTransition, to members: inout JSONMembers) {
        members.add("code", transition.code.name)
        members.add("severity", transition.severity.name)
        members.add("state", transition.state.name)
        members.add("value", transition.value)
        members.add("limit", transition.limit)
        members.add("by", transition.requester.name)
    }

    private func add(_ name: String, _ value: String?, to members: inout JSONMembers) {
        if let value { members.add(name, value) } else { members.addNull(name) }
    }

    /// The energised relays of a mask, lowest bit first.
    public func names(of mask: UInt8) -> [String] {
        (0..<8).filter { mask & (1 << $0) != 0 }.map { bit in
            bit < relayNames.count ? relayNames[bit] : "relay\(bit)"
        }
    }
}
