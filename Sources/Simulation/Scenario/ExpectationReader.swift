import Events
import JSON
import RelayBoard
import Wire

/// Reads expectations from JSON: `{"what": "relay", "id": "valve", "on": true, "at": 26000}`.
enum ExpectationReader {
    private enum Word: String, CaseIterable {
        case relay, permit, k2, power, heating, interlock, alarm, event, refusal, resetRefusal
        case intervals, alarms, count, firstOut, noPermitEdgeAfter, noRelayEverOn, sameOutputsAs
        case siteRefused, target, board
    }

    private static let times: ClosedRange<Int64> = 0...ActionReader.timeMax
    private static let kinds: [(String, EventKind)] = EventKind.allCases.map { ($0.name, $0) }

    static func read(
        _ value: JSONValue, file: String, at path: JSONPath
    ) throws(ScenarioError) -> Expectation {
        var fields = try Fields(value, file: file, at: path)
        let word = try fields.choice("what", Word.allCases.map { ($0.rawValue, $0) })
        let expectation: Expectation
        switch word {
        case .relay, .permit, .k2, .power, .heating, .interlock, .alarm, .event, .refusal,
            .resetRefusal:
            expectation = Expectation(try happening(word, &fields), try when(&fields))
        case .intervals, .alarms, .count, .firstOut, .noPermitEdgeAfter, .noRelayEverOn,
            .sameOutputsAs, .siteRefused:
            expectation = Expectation(try whole(word, &fields))
        case .target:
            let target = try fields.int("value", -1_000_000...1_000_000, unit: "m°C")
            expectation = Expectation(.target(Int32(target)), try moment(&fields))
        case .board:
            expectation = Expectation(.board(try look(&fields)), try moment(&fields))
        }
        try fields.refuseUnknownKeys()
        return expectation
    }

    private static func happening(
        _ word: Word, _ fields: inout Fields
    ) throws(ScenarioError) -> Expectation.What {
        switch word {
        case .relay:
            let relay = try fields.choice("id", Words.relays)
            return .relay(relay, isOn: try fields.bool("on"))
        case .permit: return .permit(try fields.bool("on"))
        case .k2: return .k2(isClosed: try fields.bool("closed"))
        case .power: return .power(isClosed: try fields.bool("closed"))
        case .heating: return .heating(try fields.string("state"))
        case .interlock: return .interlock(try fields.choice("state", Words.interlockStates))
        case .alarm:
            let code = try fields.choice("code", Words.alarms)
            return .alarm(
                code, try fields.choice("change", Words.alarmChanges, default: .raised))
        case .event: return .event(try fields.choice("type", kinds))
        case .refusal: return .refusal(try fields.choice("reason", Words.refusals))
        default: return .resetRefusal(try fields.choice("reason", Words.resetRefusals))
        }
    }

    private static func whole(
        _ word: Word, _ fields: inout Fields
    ) throws(ScenarioError) -> Expectation.What {
        switch word {
        case .intervals:
            let relay = try fields.choice("id", Words.relays)
            return .intervals(relay, try intervals(&fields))
        case .alarms: return .alarms(try fields.choices("codes", Words.alarms))
        case .count:
            let kind = try fields.choice("type", kinds)
            if let exactly = try fields.optionalInt("is", 0...1_000_000, unit: "") {
                return .count(kind, exactly...exactly)
            }
            let least = try fields.optionalInt("atLeast", 0...1_000_000, unit: "") ?? 0
            let most = try fields.optionalInt("atMost", least...1_000_000, unit: "") ?? 1_000_000
            return .count(kind, least...most)
        case .firstOut:
            let codes = Words.alarms.map { ($0.0, Optional($0.1)) } + [("none", nil)]
            return .firstOut(try fields.choice("code", codes))
        case .noPermitEdgeAfter: return .noPermitEdgeAfter(try fields.int("ms", times))
        case .noRelayEverOn: return .noRelayEverOn
        case .sameOutputsAs: return .sameOutputs(as: try fields.string("scenario"))
        default: return .siteRefused(try fields.string("contains"))
        }
    }

    private static func look(
        _ fields: inout Fields
    ) throws(ScenarioError) -> Expectation.BoardLook {
        var look = Expectation.BoardLook()
        look.isArmed = try fields.optionalBool("armed")
        look.isTripped = try fields.optionalBool("tripped")
        look.hasExpired = try fields.optionalBool("expired")
        if fields.contains("relays") {
            look.relays = try fields.choices("relays", Words.relays).union
        }
        look.tripCause = try fields.optionalChoice("tripCause", Words.tripCauses)
        look.refusal = try fields.optionalChoice("refusal", Words.writeRefusals)
        look.lastHeartbeat = try fields.optionalInt("lastHeartbeat", 0...255, unit: "")
            .map { UInt8($0) }
        look.leaseMs = try fields.optionalInt("leaseMs", 0...65_535).map { UInt16($0) }
        look.damagedWrites = try fields.optionalInt("damagedWrites", 0...65_535, unit: "")
            .map { UInt16($0) }
        guard look != Expectation.BoardLook() else {
            throw fields.error("what", "a look at the board needs something to look for")
        }
        return look
    }

    private static func intervals(
        _ fields: inout Fields
    ) throws(ScenarioError) -> [Expectation.Interval] {
        var intervals: [Expectation.Interval] = []
        for element in try fields.array("are") {
            guard let pair = element.array, pair.count == 2, let on = pair[0].int,
                pair[1].isNull || (pair[1].int ?? -1) >= on
            else {
                throw fields.error(
                    "are",
                    "found \(Fields.describe(element)); allowed are [on ms, off ms] in their order, "
                        + "null for an off that does not come")
            }
            intervals.append(Expectation.Interval(on: on, off: pair[1].int))
        }
        return intervals
    }

    private static func when(_ fields: inout Fields) throws(ScenarioError) -> Expectation.When {
        let at = try fields.optionalInt("at", times)
        let by = try fields.optionalInt("by", times)
        let before = try fields.optionalInt("before", times)
        let within = try fields.interval("within")
        let isNever = try fields.bool("never", default: false)
        var given: [Expectation.When] = []
        if let at { given.append(.at(at)) }
        if let by { given.append(.by(by)) }
        if let before { given.append(.before(before)) }
        if isNever {
            given.append(.never(within ?? times))
        } else if let within {
            given.append(.within(within))
        }
        guard given.count <= 1 else {
            throw fields.error(
                "what", "more than one time; allowed is one of at, by, before, within, never")
        }
        return given.first ?? .everSo
    }

    private static func moment(_ fields: inout Fields) throws(ScenarioError) -> Expectation.When {
        try fields.optionalInt("at", times).map { .at($0) } ?? .everSo
    }
}
