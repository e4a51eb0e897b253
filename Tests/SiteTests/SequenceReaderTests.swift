import Control
import Events
import JSON
import RelayBoard
import Site
import Testing
import Units

/// A site's own steps: what the file says is what runs, and nothing that V1 to V8 forbid.
@Suite struct SequenceReaderTests {
    static let relays: [(String, RelayMask)] = [
        ("pump", .pump), ("valve", .valve), ("spark", .spark), ("element", .element),
        ("demand", .demand), ("fan", .fan),
    ]

    static func json(_ mask: RelayMask) -> JSONValue {
        .array(relays.filter { mask.contains($0.1) }.map { .string($0.0) })
    }

    static func json(_ code: AlarmCode) -> JSONValue { .string("E\(code.number)") }

    static func json(_ action: Action, _ names: [String]) -> JSONValue {
        switch action {
        case .next: "next"
        case .finish: "finish"
        case .resume: "resume"
        case .stop: "stop"
        case .go(let step): ["go": .string(names[Int(step)])]
        case .fail(let code): ["fail": json(code)]
        case .abandon(let code): ["abandon": json(code)]
        case .fatal(let code): ["fatal": json(code)]
        case .hold(let code): ["hold": json(code)]
        case .retryTrial(let first, let second): ["retryTrial": [json(first), json(second)]]
        case .recycle(let first, let second): ["recycle": [json(first), json(second)]]
        }
    }

    /// A sequence as a site file would write it. The words of kinds and conditions are those of the
    /// core's cases.
    static func json(_ sequence: Control.Sequence, _ names: [String]) -> JSONValue {
        var steps: [JSONValue] = []
        for index in 0..<sequence.count {
            let step = sequence[index]
            var guards: [JSONValue] = []
            for position in 0..<Int(step.guards.count) {
                let row = step.guards[position]
                guards.append([
                    "if": .string("\(row.condition)"), "afterMs": JSONValue(row.after.rawValue),
                    "do": json(row.action, names),
                ])
            }
            steps.append([
                "id": .string(names[Int(index)]), "kind": .string("\(step.kind)"),
                "set": json(step.set), "clear": json(step.clear),
                "minMs": JSONValue(step.minimum.rawValue),
                "maxMs": JSONValue(step.maximum.rawValue), "until": .string("\(step.until)"),
                "onPass": json(step.onPass, names), "onTimeout": json(step.onTimeout, names),
                "sparkMs": JSONValue(step.spark.rawValue), "guards": .array(guards),
            ])
        }
        return .array(steps)
    }

    @Test("names the built-in steps as the specification's states")
    func namesTheBuiltInSteps() throws {
        #expect(
            try ReferenceSite.site(ReferenceSite.gas).stepNames == [
                "PRECHECK", "PRECIRC", "PREPURGE", "IGNITE", "STABILISE", "RUN", "CLOSE", "HOLD",
                "RETRY", "POSTCIRC",
            ])
        let electric = try ReferenceSite.site(["heating": ["profile": "electric"]]).stepNames
        #expect(
            Set(electric) == ["PRECHECK", "PRECIRC", "RUN", "CLOSE", "HOLD", "RETRY", "POSTCIRC"])
    }

    @Test(
        "reads a sequence that the file spells out as the one that is built in",
        arguments: ["gas", "electric", "external"])
    func readsASequence(profile: String) throws {
        let patch: JSONValue = [
            "heating": ["profile": .string(profile), "directBurnerAccepted": true]
        ]
        let builtIn = try ReferenceSite.site(patch)
        let steps = Self.json(builtIn.plan.sequence, builtIn.stepNames)
        let read = try ReferenceSite.site(patch.merging(patch: ["heating": ["sequence": steps]]))
        #expect(read.stepNames == builtIn.stepNames)
        #expect(read.plan.sequence.count == builtIn.plan.sequence.count)
        for index in 0..<builtIn.plan.sequence.count {
            #expect(read.plan.sequence[index] == builtIn.plan.sequence[index])
        }
    }

    struct Bad: CustomTestStringConvertible {
        let change: String
        let step: String
        let patch: JSONValue
        let rule: String
        var testDescription: String { change }
    }

    @Test(
        "refuses a sequence that a rule forbids, naming the step and the rule",
        arguments: [
            Bad(
                change: "T29: ignite without purge", step: "PREPURGE", patch: ["kind": "wait"],
                rule: "V5"),
            Bad(
                change: "a purge that is too short", step: "PREPURGE", patch: ["minMs": 14_999],
                rule: "V5"),
            Bad(change: "spark while running", step: "RUN", patch: ["set": ["spark"]], rule: "V1"),
            Bad(
                change: "fuel in the purge", step: "PREPURGE", patch: ["set": ["valve"]], rule: "V2"
            ),
            Bad(change: "running without guards", step: "RUN", patch: ["guards": []], rule: "V3"),
            Bad(
                change: "no check before fuel", step: "PRECHECK", patch: ["until": "always"],
                rule: "V4"),
            Bad(change: "no pause in the retry", step: "RETRY", patch: ["minMs": 0], rule: "V6"),
            Bad(change: "no pump", step: "PRECIRC", patch: ["set": []], rule: "V7"),
            Bad(
                change: "an end that does not end", step: "POSTCIRC", patch: ["onPass": "next"],
                rule: "V8"),
        ])
    func refusesASequence(_ row: Bad) throws {
        let gas = try ReferenceSite.site(ReferenceSite.gas)
        var steps = try #require(Self.json(gas.plan.sequence, gas.stepNames).array)
        let index = try #require(gas.stepNames.firstIndex(of: row.step))
        steps[index] = steps[index].merging(patch: row.patch)
        let patch = ReferenceSite.gas.merging(
            patch: ["heating": ["sequence": .array(steps)]])
        let refusal = #expect(throws: SiteError.self) { try ReferenceSite.site(patch) }
        #expect(refusal?.defects.count == 1)
        let line = try #require(refusal?.lines.first)
        #expect(line.hasPrefix("E901 site.json: $.heating.sequence["))
        #expect(line.contains(": \(row.rule): "), "\(line)")
    }
}
