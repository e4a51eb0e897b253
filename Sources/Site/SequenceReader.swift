import Control
import Events
import JSON
import RelayBoard
import Units

/// Reads `$.heating.sequence`: the steps of a site's own heating job, in place of the built-in
/// ones.
///
/// It only turns words into a `Sequence`; whether that may run is for the validator's V1 to V8.
struct SequenceReader {
    static let kinds: KeyValuePairs<String, StepKind> = [
        "check": .check, "actuate": .actuate, "wait": .wait, "circulate": .circulate,
        "purge": .purge, "ignite": .ignite, "stabilise": .stabilise, "heat": .heat,
        "close": .close, "hold": .hold, "retry": .retry,
    ]
    static let conditions: KeyValuePairs<String, Condition> = [
        "always": .always, "never": .never, "demandGone": .demandGone, "flameOn": .flameOn,
        "flameOff": .flameOff, "flameStale": .flameStale, "signalsStale": .signalsStale,
        "signalsInvalid": .signalsInvalid, "signalsRegained": .signalsRegained,
        "readyToStart": .readyToStart, "flowPresent": .flowPresent, "flowAbsent": .flowAbsent,
        "flowLow": .flowLow, "targetReached": .targetReached, "noRise": .noRise,
        "postcirculated": .postcirculated, "burnerLockout": .burnerLockout,
        "burnerNotOn": .burnerNotOn,
    ]
    /// By the names of the wiring diagram. K1 (`power`) is not among them: the interlock alone
    /// closes it.
    static let relays: KeyValuePairs<String, RelayMask> = [
        "pump": .pump, "valve": .valve, "spark": .spark, "element": .element, "demand": .demand,
        "fan": .fan,
    ]
    /// The longest that a step may be given: maxRunMs's own limit.
    static let durationMax: Int64 = 86_400_000

    let defects: DefectList
    private(set) var names: [String] = []

    init(_ defects: DefectList) { self.defects = defects }

    mutating func read(_ elements: [(JSONPath, JSONValue)]) -> Control.Sequence {
        // Names first, for a step may go to a later one.
        names = elements.map { path, value in name(of: value, at: path) }
        var sequence = Control.Sequence()
        for (path, value) in elements {
            guard let reader = ObjectReader.make(value, at: path, defects),
                let step = step(reader)
            else { continue }
            _ = sequence.append(step)
        }
        return sequence
    }

    private func name(of value: JSONValue, at path: JSONPath) -> String {
        value["id"]?.string ?? ""
    }

    private func step(_ reader: ObjectReader) -> Step? {
        let id = reader.string("id", allowed: "a name such as PREPURGE or IGNITE_2") {
            NameRule.isStep($0)
        }
        if names.count(where: { $0 == id }) > 1, !id.isEmpty {
            reader.defect("id", "found \"\(id)\"; another step has this name")
        }
        let kind = reader.choice("kind", Self.kinds)
        let set = mask("set", of: reader)
        let clear = mask("clear", of: reader)
        let minimum = reader.int("minMs", 0...Self.durationMax, unit: "ms", default: 0)
        let maximum = reader.int("maxMs", 0...Self.durationMax, unit: "ms", default: nil)
        if minimum > maximum, reader.has("maxMs") {
            reader.defect(
                "minMs", "found \(minimum); allowed is at most maxMs, which is \(maximum)")
        }
        let until = reader.choice("until", Self.conditions)
        let onPass = action("onPass", of: reader, default: .next)
        let onTimeout = action("onTimeout", of: reader, default: nil)
        let spark = reader.int("sparkMs", 0...3_000, unit: "ms", default: 0)
        let guards = guards(of: reader)
        reader.refuseUnknownKeys()
        guard let kind, let until, let onPass, let onTimeout else { return nil }
        var step = Step(
            kind, set: set, clear: clear, minimum: Milliseconds(minimum),
            maximum: Milliseconds(maximum), until: until, onPass: onPass, onTimeout: onTimeout,
            spark: Milliseconds(spark))
        for added in guards { _ = step.add(added) }
        return step
    }

    private func mask(_ key: String, of reader: ObjectReader) -> RelayMask {
        var mask = RelayMask.none
        for (path, value) in reader.array(key, count: 0...RelayMask.count) ?? [] {
            if let relay = Self.relays.first(where: { $0.key == value.string }) {
                mask = mask.union(relay.value)
            } else {
                let known = Self.relays.map(\.key).joined(separator: ", ")
                defects.add(
                    path, "found \(ObjectReader.describe(value)); allowed is one of \(known)")
            }
        }
        return mask
    }

    private func guards(of reader: ObjectReader) -> [Guard] {
        var guards: [Guard] = []
        for (path, value) in reader.array("guards", count: 0...Step.guardCapacity) ?? [] {
            guard let row = ObjectReader.make(value, at: path, defects) else { continue }
            let condition = row.choice("if", Self.conditions)
            let after = row.int("afterMs", 0...Self.durationMax, unit: "ms", default: 0)
            let action = action("do", of: row, default: nil)
            row.refuseUnknownKeys()
            if let condition, let action {
                guards.append(Guard(condition, after: Milliseconds(after), action))
            }
        }
        return guards
    }
}

extension SequenceReader {
    static let actionWords =
        "next, finish, resume, stop, {\"go\": STEP}, {\"fail\": CODE}, {\"abandon\": CODE}, "
        + "{\"fatal\": CODE}, {\"hold\": CODE}, {\"retryTrial\": [CODE, CODE]} or "
        + "{\"recycle\": [CODE, CODE]}"

    private func action(
        _ key: String, of reader: ObjectReader, default fallback: Action?
    ) -> Action? {
        guard let value = reader.value(key) else {
            if fallback == nil { reader.missing(key, Self.actionWords) }
            return fallback
        }
        switch value {
        case .string("next"): return .next
        case .string("finish"): return .finish
        case .string("resume"): return .resume
        case .string("stop"): return .stop
        case .object(let object) where object.count == 1:
            return action(object[0].key, object[0].value, at: reader.path.key(key))
        default:
            reader.wrong(key, value, Self.actionWords)
            return nil
        }
    }

    private func action(_ verb: String, _ value: JSONValue, at path: JSONPath) -> Action? {
        let place = path.key(verb)
        switch verb {
        case "go":
            guard let index = names.firstIndex(where: { $0 == value.string }) else {
                defects.add(
                    place,
                    "found \(ObjectReader.describe(value)); allowed is the id of a step: "
                        + names.joined(separator: ", "))
                return nil
            }
            return .go(UInt8(truncatingIfNeeded: index))
        case "fail": return code(value, at: place).map(Action.fail)
        case "abandon": return code(value, at: place).map(Action.abandon)
        case "fatal": return code(value, at: place).map(Action.fatal)
        case "hold": return code(value, at: place).map(Action.hold)
        case "retryTrial": return pair(value, at: place).map(Action.retryTrial)
        case "recycle": return pair(value, at: place).map(Action.recycle)
        default:
            defects.add(path, "unknown action \"\(verb)\"; allowed is \(Self.actionWords)")
            return nil
        }
    }

    private func pair(_ value: JSONValue, at path: JSONPath) -> (AlarmCode, AlarmCode)? {
        guard let codes = value.array, codes.count == 2 else {
            defects.add(
                path, "found \(ObjectReader.describe(value)); allowed is an array of two codes")
            return nil
        }
        guard let first = code(codes[0], at: path.index(0)),
            let second = code(codes[1], at: path.index(1))
        else { return nil }
        return (first, second)
    }

    private func code(_ value: JSONValue, at path: JSONPath) -> AlarmCode? {
        if let code = AlarmCode(word: value.string) { return code }
        defects.add(
            path,
            "found \(ObjectReader.describe(value)); allowed is a code of the alarm table, such as "
                + "\"E208\"")
        return nil
    }

    /// What the built-in steps are called, from their kinds: the states of §7.2.
    static func names(of sequence: Control.Sequence) -> [String] {
        var names: [String] = []
        var hasHeated = false
        for index in 0..<sequence.count {
            let kind = sequence[index].kind
            let name =
                switch kind {
                case .check: "PRECHECK"
                case .actuate: "ACTUATE"
                case .wait: "WAIT"
                case .circulate: hasHeated ? "POSTCIRC" : "PRECIRC"
                case .purge: "PREPURGE"
                case .ignite: "IGNITE"
                case .stabilise: "STABILISE"
                case .heat: "RUN"
                case .close: "CLOSE"
                case .hold: "HOLD"
                case .retry: "RETRY"
                }
            if kind == .heat { hasHeated = true }
            let same = names.count { $0 == name || $0.hasPrefix(name + "_") }
            names.append(same == 0 ? name : "\(name)_\(same + 1)")
        }
        return names
    }
}

extension AlarmCode {
    /// The code that a file writes as "E103", with three digits.
    init?(word: String?) {
        guard let word, word.utf8.count == 4, word.utf8.first == UInt8(ascii: "E"),
            word.utf8.dropFirst().allSatisfy(NameRule.isDigit),
            let number = UInt16(word.dropFirst())
        else { return nil }
        self.init(number: number)
    }
}
