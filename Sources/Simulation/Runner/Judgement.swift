import Control
import Events
import RelayBoard
import Units
import Wire

/// What an expectation found that it did not expect.
public struct Failure: Hashable, Sendable, CustomStringConvertible {
    public var scenario: String
    /// "at 26000 ms", "by 50400 ms", "never".
    public var time: String
    public var expected: String
    public var found: String

    public var description: String {
        let when = time.isEmpty ? "" : "\(time): "
        return "\(scenario): \(when)expected \(expected), found \(found)"
    }
}

/// What a run left behind for its expectations: its history, and looks taken on the way.
struct Outcome {
    var history: History
    var endedAt: Int64
    var lastPermitEdge: Int64?
    var firstOut: AlarmCode?
    /// The relays at t = 0.
    var initialRelays: RelayMask
    /// By the place of the expectation that asked for it.
    var targets: [Int: Int32] = [:]
    var boards: [Int: BoardView] = [:]
    var stepNames: [String]
}

/// The relay board at one moment.
struct BoardView {
    var status: BoardStatus
    var damagedWrites: UInt16
}

/// Judges expectations by an outcome.
struct Judgement {
    let scenario: String
    let outcome: Outcome

    /// - Returns: nil if the expectation holds.
    func failure(of expectation: Expectation, at index: Int) -> Failure? {
        switch expectation.what {
        case .relay, .permit, .k2, .power, .heating, .interlock, .alarm, .event, .refusal,
            .resetRefusal:
            judge(expectation)
        case .intervals(let relay, let expected): judge(relay, expected)
        case .alarms(let codes): judge(codes)
        case .count(let kind, let range): judge(kind, range)
        case .firstOut(let code):
            code == outcome.firstOut
                ? nil
                : failure(
                    "", "first-out \(code?.title ?? "none")", outcome.firstOut?.title ?? "none")
        case .noPermitEdgeAfter(let time):
            (outcome.lastPermitEdge ?? -1) <= time
                ? nil
                : failure(
                    "after \(time) ms", "no edge of the permit line",
                    "the last at \(outcome.lastPermitEdge ?? -1) ms")
        case .noRelayEverOn: judgeNoRelay()
        case .target(let value):
            outcome.targets[index] == value
                ? nil
                : failure(
                    describe(expectation.when), "target \(value) m°C",
                    outcome.targets[index].map { "\($0) m°C" } ?? "no controller")
        case .board(let look):
            outcome.boards[index].flatMap { judge(look, $0, expectation.when) }
        case .sameOutputs, .siteRefused: nil
        }
    }

    private func failure(_ time: String, _ expected: String, _ found: String) -> Failure {
        Failure(scenario: scenario, time: time, expected: expected, found: found)
    }

    private func judge(_ expectation: Expectation) -> Failure? {
        let times = outcome.history.times { matches(expectation.what, $0) }
        let holds: Bool
        switch expectation.when {
        case .at(let time): holds = times.contains(time)
        case .by(let time): holds = times.contains { $0 <= time }
        case .before(let time): holds = times.contains { $0 < time }
        case .within(let range): holds = times.contains { range.contains($0) }
        case .never(let range): holds = !times.contains { range.contains($0) }
        case .everSo: holds = !times.isEmpty
        }
        guard !holds else { return nil }
        let found =
            times.isEmpty
            ? "it never"
            : "it at " + times.prefix(5).map { "\($0)" }.joined(separator: ", ") + " ms"
        return failure(
            describe(expectation.when), describe(expectation.what),
            state(of: expectation.what, expectation.when).map { "\($0), \(found)" } ?? found)
    }

    private func matches(_ what: Expectation.What, _ entry: History.What) -> Bool {
        switch (what, entry) {
        case (.relay(let relay, let isOn), .world(.relay(let bit, let found))):
            relay.rawValue == 1 << bit && isOn == found
        case (.permit(let isOn), .world(.permit(let found))): isOn == found
        case (.k2(let isClosed), .world(.k2(let found))): isClosed == found
        case (.power(let isClosed), .world(.power(let found))): isClosed == found
        case (.heating(let name), .fact(.heatingStepEntered(let state))):
            state.name(stepNames: outcome.stepNames) == name
        case (.interlock(let state), .fact(.interlockEntered(let found))): state == found
        case (.alarm(let code, let change), .fact(.alarm(let transition))):
            transition.code == code && transition.change == change
        case (.event(let kind), .fact(let fact)): fact.kind == kind
        case (.refusal(let reason), .fact(.heatingRefused(let found, _))): reason == found
        case (.resetRefusal(let reason), .fact(.resetRefused(let found))): reason == found
        default: false
        }
    }

    /// For a relay: what it was at the time that the expectation names.
    private func state(of what: Expectation.What, _ when: Expectation.When) -> String? {
        guard case .relay(let relay, _) = what else { return nil }
        let time: Int64
        switch when {
        case .at(let at), .by(let at), .before(let at): time = at
        case .within(let range): time = range.upperBound
        case .never, .everSo: return nil
        }
        var isOn = outcome.initialRelays.contains(relay)
        for change in changes(of: relay) where change.at <= time { isOn = change.isOn }
        return isOn ? "on" : "off"
    }

    private func changes(of relay: RelayMask) -> [(at: Int64, isOn: Bool)] {
        outcome.history.changes { change in
            guard case .relay(let bit, let isOn) = change, relay.rawValue == 1 << bit
            else { return nil }
            return isOn
        }
    }

    private func judge(_ relay: RelayMask, _ expected: [Expectation.Interval]) -> Failure? {
        var found: [Expectation.Interval] =
            outcome.initialRelays.contains(relay) ? [.init(on: 0, off: nil)] : []
        for change in changes(of: relay) {
            if change.isOn {
                found.append(Expectation.Interval(on: change.at, off: nil))
            } else if !found.isEmpty {
                found[found.count - 1].off = change.at
            }
        }
        guard found != expected else { return nil }
        let name = Words.name(of: relay, in: Words.relays)
        return failure("", "relay \(name) on at \(describe(expected))", describe(found))
    }

    private func judge(_ codes: [AlarmCode]) -> Failure? {
        let found = outcome.history.entries.compactMap { entry -> AlarmCode? in
            guard case .fact(.alarm(let transition)) = entry.what, transition.change == .raised
            else { return nil }
            return transition.code
        }
        guard found != codes else { return nil }
        return failure("", "alarms \(AlarmCode.titles(codes))", AlarmCode.titles(found))
    }

    private func judge(_ kind: EventKind, _ range: ClosedRange<Int64>) -> Failure? {
        let count = Int64(
            outcome.history.times { entry in
                guard case .fact(let fact) = entry else { return false }
                return fact.kind == kind
            }.count)
        guard !range.contains(count) else { return nil }
        let expected =
            range.lowerBound == range.upperBound
            ? "\(range.lowerBound)" : "\(range.lowerBound) to \(range.upperBound)"
        return failure("", "\(expected) of event \(kind.name)", "\(count)")
    }

    private func judgeNoRelay() -> Failure? {
        guard outcome.initialRelays.isEmpty else {
            return failure("at 0 ms", "no relay ever on", "one on from the start")
        }
        for entry in outcome.history.entries {
            if case .world(.relay(let bit, true)) = entry.what {
                return failure(
                    "", "no relay ever on", "\(standardRelayNames[Int(bit)]) at \(entry.at) ms")
            }
        }
        return nil
    }

    private func judge(
        _ look: Expectation.BoardLook, _ view: BoardView, _ when: Expectation.When
    ) -> Failure? {
        var wrong: [(expected: String, found: String)] = []
        func compare<Value: Equatable>(_ name: String, _ expected: Value?, _ found: Value) {
            if let expected, expected != found {
                wrong.append(("\(name) \(expected)", "\(found)"))
            }
        }
        let status = view.status
        compare("armed", look.isArmed, status.isArmed)
        compare("tripped", look.isTripped, status.isTripped)
        compare("expired", look.hasExpired, status.hasExpired)
        compare(
            "relays", look.relays.map { describe($0) }, describe(status.actual))
        compare("trip cause", look.tripCause, status.tripCause)
        compare("refusal", look.refusal, status.refusal)
        compare("last heartbeat", look.lastHeartbeat, status.lastHeartbeat)
        compare("lease in ms", look.leaseMs, status.leaseMilliseconds)
        compare("damaged writes", look.damagedWrites, view.damagedWrites)
        guard !wrong.isEmpty else { return nil }
        return failure(
            describe(when), "board " + wrong.map(\.expected).joined(separator: ", "),
            wrong.map(\.found).joined(separator: ", "))
    }
}

// How expectations read in a failure.

extension Judgement {
    private func describe(_ when: Expectation.When) -> String {
        switch when {
        case .at(let time): "at \(time) ms"
        case .by(let time): "by \(time) ms"
        case .before(let time): "before \(time) ms"
        case .within(let range): "within \(range.lowerBound) to \(range.upperBound) ms"
        case .never(let range):
            range.upperBound >= ActionReader.timeMax
                ? "never" : "never from \(range.lowerBound) to \(range.upperBound) ms"
        case .everSo: "at any time"
        }
    }

    private func describe(_ what: Expectation.What) -> String {
        switch what {
        case .relay(let relay, let isOn):
            "relay \(Words.name(of: relay, in: Words.relays)) \(isOn ? "on" : "off")"
        case .permit(let isOn): "permit \(isOn ? "on" : "off")"
        case .k2(let isClosed): "K2 \(isClosed ? "closed" : "open")"
        case .power(let isClosed): "power \(isClosed ? "closed" : "open")"
        case .heating(let state): "heating \(state)"
        case .interlock(let state): "interlock \(state.name)"
        case .alarm(let code, let change): "alarm \(code.title) \(change.name)"
        case .event(let kind): "event \(kind.name)"
        case .refusal(let reason): "refusal \(reason.name)"
        case .resetRefusal(let reason): "reset refused: \(reason.name)"
        default: "\(what)"
        }
    }

    private func describe(_ intervals: [Expectation.Interval]) -> String {
        if intervals.isEmpty { return "never" }
        return intervals.map { "\($0.on)–\($0.off.map { "\($0)" } ?? "end")" }
            .joined(separator: ", ")
    }

    private func describe(_ relays: RelayMask) -> String {
        let names = Words.relays.filter { relays.contains($0.1) }.map(\.0)
        return names.isEmpty ? "none" : names.joined(separator: "+")
    }
}
