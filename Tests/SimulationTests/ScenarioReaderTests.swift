import JSON
import Simulation
import Site
import Testing

/// What a scenario file with one thing wrong is refused with. Rows: what replaces a part of a good
/// one, and the message.
@Suite("A scenario file is read strictly")
struct ScenarioReaderTests {
    struct Row: Sendable, CustomTestStringConvertible {
        let part: String
        let by: String
        let message: String
        var testDescription: String { message }
    }

    static let good = """
        {"schema":"scenario.v1","name":"n","purpose":"p","durationMs":1000,
         "do":[{"at":0,"action":"demand","on":true}],
         "expect":[{"what":"relay","id":"pump","on":true,"at":900}]}
        """

    static let rows: [Row] = [
        Row(
            part: "\"name\":\"n\"", by: "\"name\":\"n\",\"colour\":\"red\"",
            message:
                "s.json: $.colour: unknown key; allowed here: schema, name, purpose, durationMs, "
                + "site, profile, overrides, start, controller, seed, plant, do, expect"),
        Row(
            part: "scenario.v1", by: "scenario.v2",
            message: "s.json: $.schema: found \"scenario.v2\"; allowed is one of scenario.v1"),
        Row(
            part: "\"durationMs\":1000", by: "\"durationMs\":\"long\"",
            message: "s.json: $.durationMs: found \"long\"; allowed is an integer from 1 to "
                + "86400000 ms"),
        Row(
            part: "\"durationMs\":1000", by: "\"durationMs\":0",
            message: "s.json: $.durationMs: found 0; allowed is an integer from 1 to 86400000 ms"),
        Row(
            part: "\"at\":0,", by: "\"at\":-1,",
            message: "s.json: $.do[0].at: found -1; allowed is an integer from 0 to 86400000 ms"),
        Row(
            part: ",\"on\":true}]", by: "}]",
            message: "s.json: $.do[0].on: missing; allowed is true or false"),
        Row(
            part: "\"on\":true}]", by: "\"on\":true,\"off\":1}]",
            message: "s.json: $.do[0].off: unknown key; allowed here: at, action, until, everyMs, "
                + "on, by"),
        Row(
            part: "\"action\":\"demand\",\"on\":true",
            by: "\"action\":\"force\",\"signal\":\"gaz\",\"value\":1",
            message: "s.json: $.do[0].signal: found \"gaz\"; allowed is one of temperature1, "
                + "temperature2, temperature3, flow, level, flame, gas, gasReady, "
                + "ambientTemperature, ambientHumidity, burnerLockout, burnerOn, probe1Ratio, "
                + "probe2Ratio, probe3Ratio"),
        Row(
            part: "\"action\":\"demand\",\"on\":true",
            by: "\"action\":\"restartNode\",\"until\":5",
            message: "s.json: $.do[0].until: this action does not last; give it everyMs or no until"
        ),
        Row(
            part: "\"action\":\"demand\",\"on\":true",
            by: "\"action\":\"writeRaw\",\"register\":2,\"bytes\":[1,256]",
            message: "s.json: $.do[0].bytes: found 256; allowed are up to 32 integers from 0 to 255"
        ),
        Row(
            part: "\"id\":\"pump\"", by: "\"id\":\"pomp\"",
            message:
                "s.json: $.expect[0].id: found \"pomp\"; allowed is one of power, pump, valve, "
                + "spark, element, demand, fan"),
        Row(
            part: "\"at\":900", by: "\"at\":900,\"by\":900",
            message: "s.json: $.expect[0].what: more than one time; allowed is one of at, by, "
                + "before, within, never"),
        Row(
            part: "\"at\":900", by: "\"within\":[9,8]",
            message:
                "s.json: $.expect[0].within: found an array; allowed is [first ms, last ms] in "
                + "their order"),
        Row(
            part: "[{\"what\":\"relay\",\"id\":\"pump\",\"on\":true,\"at\":900}]", by: "[]",
            message: "s.json: $.expect: found an empty array; a scenario must expect something"),
        Row(
            part: "\"purpose\":\"p\"", by: "\"purpose\":\"p\",\"purpose\":\"q\"",
            message: "s.json: line 1, column 50: the key \"purpose\" stands twice in one "
                + "object"),
    ]

    @Test("the good one is taken")
    func goodIsTaken() throws {
        let scenario = try Scenario(Array(Self.good.utf8), file: "s.json")
        #expect(scenario.actions.count == 1)
        #expect(scenario.expectations.count == 1)
        #expect(!scenario.startsAtBoot)
    }

    @Test(
        "one thing wrong is refused, with file, place, what was found, what is allowed",
        arguments: rows)
    func badIsRefused(row: Row) {
        let text = Self.good.replacing(row.part, with: row.by)
        #expect(text != Self.good)
        let error = #expect(throws: ScenarioError.self) {
            _ = try Scenario(Array(text.utf8), file: "s.json")
        }
        #expect(error?.description == row.message)
    }

    @Test("a state that the site does not have is refused when it is known which site")
    func unknownStateIsRefused() throws {
        let text = Self.good.replacing(
            "\"what\":\"relay\",\"id\":\"pump\",\"on\":true",
            with: "\"what\":\"heating\",\"state\":\"RUNN\"")
        let scenario = try Scenario(Array(text.utf8), file: "s.json")
        let error = #expect(throws: ScenarioError.self) {
            _ = try ScenarioRunner(siteDirectory: heater).run(scenario)
        }
        #expect(
            error?.description.hasPrefix(
                "s.json: $.expect[0].state: found \"RUNN\"; allowed is one of STANDBY, PRECHECK")
                == true)
    }

    @Test("a sample between two frames is refused")
    func sampleBetweenFramesIsRefused() throws {
        let text = Self.good.replacing(
            "\"at\":0,\"action\":\"demand\",\"on\":true",
            with: "\"at\":100,\"action\":\"sample\",\"signal\":\"gas\",\"value\":1")
        let scenario = try Scenario(Array(text.utf8), file: "s.json")
        let error = #expect(throws: ScenarioError.self) {
            _ = try ScenarioRunner(siteDirectory: heater).run(scenario)
        }
        #expect(
            error?.description
                == "s.json: $.do: a sample at 100 ms, where no frame is sent; the frames with this "
                + "signal go out each 200 ms")
    }

    @Test("actions of one millisecond keep the order of the file; an until adds the undoing")
    func orderIsKept() throws {
        let text = Self.good.replacing(
            "{\"at\":0,\"action\":\"demand\",\"on\":true}",
            with: """
                {"at":50,"action":"stopNode","until":70},{"at":0,"action":"pressReset"},
                {"at":50,"action":"freezeNode"},{"at":0,"action":"writeArm","everyMs":20,"until":60}
                """)
        let scenario = try Scenario(Array(text.utf8), file: "s.json")
        #expect(scenario.actions.map(\.at) == [0, 0, 20, 40, 50, 50, 70])
        #expect(scenario.actions[0].action == .pressReset)
        #expect(scenario.actions[4].action == .node(.silent, nil, isOn: true))
        #expect(scenario.actions[5].action == .node(.frozen, nil, isOn: true))
        #expect(scenario.actions[6].action == .node(.silent, nil, isOn: false))
    }
}

/// The same rows that check_schema.py gives to an independent JSON Schema validator.
@Suite("The corpus of scenario files")
struct ScenarioCorpusTests {
    static let corpus: JSONValue = {
        let file = repository + "Tests/SimulationTests/Corpus/corpus.json"
        guard let bytes = try? readFile(file), let json = try? JSONValue.parse(bytes) else {
            preconditionFailure("\(file) must be there and be JSON")
        }
        return json
    }()

    static func rows(_ group: String) -> [String] {
        let base = corpus["base"] ?? .null
        return (corpus[group]?.array ?? []).map { base.merging(patch: $0).serialized() }
    }

    @Test("good ones are taken", arguments: rows("good"))
    func goodIsTaken(text: String) {
        #expect(throws: Never.self) { _ = try Scenario(Array(text.utf8), file: "corpus") }
    }

    @Test(
        "bad ones are refused, those too that a schema cannot tell",
        arguments: rows("schema") + rows("loader"))
    func badIsRefused(text: String) {
        #expect(throws: ScenarioError.self) { _ = try Scenario(Array(text.utf8), file: "corpus") }
    }
}
