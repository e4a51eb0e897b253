import Control
import Events
import JSON
import Simulation
import Site
import Testing
import Units

/// The specification's times, where the profile for demonstrations has shorter ones.
private let ownTimes =
    #"{"heating":{"parameters":{"precircMs":10000,"prepurgeMs":15000}}}"#

/// Runs a scenario given as the members that differ from an empty one.
private func run(
    _ actions: String, expecting expectations: String, plant: String = "{}", duration: Int = 60_000,
    profile: String = "dev"
) throws -> [String] {
    let text = """
        {"schema":"scenario.v1","name":"s","purpose":"p","durationMs":\(duration),
         "profile":"\(profile)","overrides":\(ownTimes),"plant":\(plant),"do":[\(actions)],"expect":[\(expectations)]}
        """
    let scenario = try Scenario(Array(text.utf8), file: "s.json")
    return try ScenarioRunner(siteDirectory: heater).run(scenario).failures.map(\.description)
}

@Suite("The simulated world")
struct WorldTests {
    struct Row: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let actions: String
        let expectations: String
        var plant = "{}"
        var duration = 60_000
    }

    static let demand = "{\"at\":0,\"action\":\"demand\",\"on\":true}"

    static let rows: [Row] = [
        Row(
            testDescription: "a board that answers nothing for one tick is no alarm",
            actions: demand + ",{\"at\":40000,\"action\":\"silenceBoard\",\"forMs\":100}",
            expectations: "{\"what\":\"alarms\",\"codes\":[\"E001\"]}"),
        Row(
            testDescription: "a board that answers nothing for two ticks is none either",
            actions: demand + ",{\"at\":40000,\"action\":\"silenceBoard\",\"forMs\":200}",
            expectations: "{\"what\":\"alarms\",\"codes\":[\"E001\"]}"),
        Row(
            testDescription: "a board that answers nothing for three ticks is lost",
            actions: demand + ",{\"at\":40000,\"action\":\"silenceBoard\",\"forMs\":300}",
            expectations: "{\"what\":\"alarm\",\"code\":\"E401\",\"at\":40200}"),
        Row(
            testDescription: "one damaged transfer in each tick does no harm",
            actions: demand + ",{\"at\":40000,\"action\":\"damageTransfers\",\"count\":1}",
            expectations: "{\"what\":\"alarms\",\"codes\":[\"E001\"]}"),
        Row(
            testDescription: "a node silent in the ignition closes the valve in a second",
            actions: demand + ",{\"at\":26100,\"action\":\"stopNode\"}",
            expectations: """
                {"what":"intervals","id":"valve","are":[[26000,27000]]},
                {"what":"heating","state":"HOLD","at":27000},
                {"what":"alarm","code":"E203","never":true}
                """),
        Row(
            testDescription: "a node silent while the flame settles does so too",
            actions: demand + ",{\"at\":27100,\"action\":\"stopNode\"}",
            expectations: """
                {"what":"intervals","id":"valve","are":[[26000,28000]]},
                {"what":"heating","state":"HOLD","at":28000}
                """),
        Row(
            testDescription: "frames with a wrong checksum are as good as none",
            actions: demand + ",{\"at\":40000,\"action\":\"corruptFrames\"}",
            expectations: """
                {"what":"relay","id":"valve","on":false,"at":40800},
                {"what":"alarm","code":"E302","at":49800}
                """),
        Row(
            testDescription: "frames that are one byte short are as good as none",
            actions: demand + ",{\"at\":40000,\"action\":\"shortenFrames\"}",
            expectations: "{\"what\":\"alarm\",\"code\":\"E302\",\"at\":49800}"),
        Row(
            testDescription: "a counter that jumps ahead by seven is lost frames, not a lost node",
            actions: demand + ",{\"at\":40000,\"action\":\"jumpCounter\",\"by\":7}",
            expectations: "{\"what\":\"alarms\",\"codes\":[\"E001\"]}"),
        Row(
            testDescription: "in bus-off no frame comes through",
            actions: demand + ",{\"at\":40000,\"action\":\"bus\",\"state\":\"busOff\"}",
            expectations: """
                {"what":"alarm","code":"E501","at":40000},
                {"what":"relay","id":"valve","on":false,"at":40800}
                """),
        Row(
            testDescription: "a process that stops for 200 ms goes on as if nothing had been",
            actions: demand + ",{\"at\":40050,\"action\":\"stopProcess\",\"forMs\":100}",
            expectations: "{\"what\":\"alarms\",\"codes\":[\"E001\"]}"),
        Row(
            testDescription:
                "K2 drops 300 ms after the last edge, the lease 500 ms after the last beat",
            actions: demand + ",{\"at\":40001,\"action\":\"stopProcess\",\"forMs\":5000}",
            expectations: """
                {"what":"k2","closed":false,"at":40300},
                {"what":"relay","id":"valve","on":false,"at":40500},
                {"what":"relay","id":"power","on":false,"at":40500}
                """),
        Row(
            testDescription: "a process that is killed idle starts again clear and takes a demand",
            actions: """
                {"at":5000,"action":"kill"},{"at":20000,"action":"demand","on":true}
                """,
            expectations: """
                {"what":"relay","id":"power","on":true,"at":20000},{"what":"firstOut","code":"none"}
                """),
        Row(
            testDescription: "one damaged lockout copy is repaired, and the lockout stays",
            actions: """
                {"at":5000,"action":"set","quantity":"gas","value":1},
                {"at":10000,"action":"set","quantity":"gas","value":0},
                {"at":15000,"action":"kill"},
                {"at":15050,"action":"lockoutCopy","copy":"first","fault":"damaged"}
                """,
            expectations: """
                {"what":"alarm","code":"E605","within":[17000,17300]},
                {"what":"firstOut","code":"E103"},{"what":"noRelayEverOn"}
                """),
        Row(
            testDescription: "two damaged lockout copies lock out",
            actions: """
                {"at":15000,"action":"kill"},
                {"at":15050,"action":"lockoutCopy","copy":"both","fault":"damaged"}
                """,
            expectations: """
                {"what":"alarm","code":"E606","within":[17000,17300]},
                {"what":"firstOut","code":"E606"},{"what":"noRelayEverOn"}
                """),
        Row(
            testDescription: "two lost lockout copies lock out on a device that has run before",
            actions: """
                {"at":15000,"action":"kill"},
                {"at":15050,"action":"lockoutCopy","copy":"both","fault":"empty"}
                """,
            expectations: "{\"what\":\"firstOut\",\"code\":\"E606\"}"),
        Row(
            testDescription: "a full disk is told and changes nothing else",
            actions: demand + ",{\"at\":40000,\"action\":\"diskFull\"}",
            expectations: "{\"what\":\"alarms\",\"codes\":[\"E001\",\"E603\"]}"),
        Row(
            testDescription: "a K2 that is welded is found when the power is opened",
            actions: demand + ",{\"at\":5000,\"action\":\"weld\",\"id\":\"k2\"},"
                + "{\"at\":40000,\"action\":\"demand\",\"on\":false},"
                + "{\"at\":100000,\"action\":\"demand\",\"on\":true},"
                + "{\"at\":105000,\"action\":\"demand\",\"on\":false}",
            expectations: "{\"what\":\"alarm\",\"code\":\"E404\",\"at\":105600}",
            duration: 110_000),
    ]

    @Test("holds", arguments: rows)
    func holds(row: Row) throws {
        let failures = try run(
            row.actions, expecting: row.expectations, plant: row.plant, duration: row.duration)
        #expect(failures == [])
    }

    @Test("a scenario that begins before its self-check can be done says so")
    func notReadyIsSaid() throws {
        let failures = try run(
            "", expecting: "{\"what\":\"noRelayEverOn\"}", plant: "{\"gasReady\":0}")
        #expect(
            failures == [
                "s: at 0 ms: expected the self-check done, found it at step sensors after 10000 ms; "
                    + "a scenario about the start itself says \"start\": \"boot\""
            ])
    }

    @Test("a recording takes the node's place, with its own times")
    func recordingIsFed() throws {
        let site = try Site.load(directory: heater, profile: "dev")
        // What the node itself would send, but for a gas leak from 5 000 ms on.
        var world = World(plan: site.plan, origin: 0, seed: 0)
        var bus = SimulatedCANBus(plan: site.plan.signals)
        var board = SimulatedRelayBoard()
        var lines = SimulatedLines(plan: site.plan.interlock)
        var log = ""
        var batch = FrameBatch()
        for time in stride(from: Int64(0), through: 8_000, by: 200) {
            world.advance(to: time, bus: &bus, board: &board, lines: &lines)
            if time == 5_000 { world.apply(.set(.gas, 1), bus: &bus, board: &board) }
            world.deliver(to: &bus)
            batch.removeAll()
            bus.receive(into: &batch)
            for index in 0..<batch.count { log += line(batch[index].frame, at: time) }
        }
        let bytes = Array(log.utf8)
        var options = SimulateOptions(siteDirectory: heater)
        options.profile = "dev"
        options.canLog = "leak.log"
        var trace: [String] = []
        let report = simulate(
            options,
            host: SimulateHost(
                read: { path throws(FileError) in
                    path == "leak.log" ? bytes : try readFile(path)
                }, trace: { trace.append(String(decoding: $0, as: UTF8.self)) }))
        #expect(report.failures == [])
        #expect(report.exitCode == 0, "nothing was expected, so nothing failed")
        let line = report.lines.first ?? ""
        #expect(line.hasPrefix("plain run: LOCKED OUT by E103 gas leak, water 20.0 to "), "\(line)")
        #expect(!line.contains("ok"), "\(line)")
        let cut = trace.filter { $0.contains("E103") && $0.contains("\"change\":\"raised\"") }
        #expect(cut.count == 1)
        #expect(cut.first?.hasPrefix("{\"t_ms\":5200,") == true)
        #expect(trace.contains { $0.contains("\"id\":\"pump\",\"on\":true") })
    }

    private func line(_ frame: CANFrame, at time: Int64) -> String {
        func hex(_ value: UInt64, _ digits: Int) -> String {
            let text = String(value, radix: 16, uppercase: true)
            return String(repeating: "0", count: max(0, digits - text.count)) + text
        }
        let seconds = 1_700_000_000 + time / 1_000
        let micro = "\(1_000_000 + time % 1_000 * 1_000)".dropFirst()
        let data = (0..<Int(frame.length)).map { hex(UInt64(frame.byte($0)), 2) }.joined()
        return "(\(seconds).\(micro)) can0 \(hex(UInt64(frame.id), 3))#\(data)\n"
    }

    @Test("restoreNode ends every fault of the node, whatever it was")
    func restoreNode() throws {
        for fault in ["stopNode", "freezeNode", "corruptFrames", "shortenFrames"] {
            // A lost signal is E301 after 1 s of a second; the node is well before that.
            let failures = try run(
                "{\"at\":10100,\"action\":\"\(fault)\"},"
                    + "{\"at\":10900,\"action\":\"restoreNode\"}",
                expecting: "{\"what\":\"alarms\",\"codes\":[]}")
            #expect(failures == [], "\(fault)")
            let left = try run(
                "{\"at\":10100,\"action\":\"\(fault)\"}",
                expecting: "{\"what\":\"alarms\",\"codes\":[]}")
            #expect(left != [], "\(fault) must be seen where nothing ends it")
        }
    }

    /// A recording of the node without anything wrong, and the report of a run on it.
    private func report(ofLogMs length: Int64, for span: Int64?) throws -> SimulateReport {
        let site = try Site.load(directory: heater)
        var world = World(plan: site.plan, origin: 0, seed: 1)
        var bus = SimulatedCANBus(plan: site.plan.signals)
        var board = SimulatedRelayBoard()
        var lines = SimulatedLines(plan: site.plan.interlock)
        var log = ""
        var batch = FrameBatch()
        for time in stride(from: Int64(0), through: length, by: 100) {
            world.advance(to: time, bus: &bus, board: &board, lines: &lines)
            world.deliver(to: &bus)
            batch.removeAll()
            bus.receive(into: &batch)
            for index in 0..<batch.count { log += line(batch[index].frame, at: time) }
        }
        let bytes = Array(log.utf8)
        var options = SimulateOptions(siteDirectory: heater)
        options.canLog = "quiet.log"
        options.durationMs = span
        return simulate(
            options,
            host: SimulateHost(read: { path throws(FileError) in
                path == "quiet.log" ? bytes : try readFile(path)
            }))
    }

    @Test("a run on a recording ends with it, and goes on only if it is told to")
    func recordingEnds() throws {
        let run = try #require(try report(ofLogMs: 8_000, for: nil).json["scenarios"]?[0])
        // The tick that sees the frames of 8000 ms is the last.
        #expect(run["duration_ms"]?.int == 8_100)
        func alarms(_ run: JSONValue) -> [String?] { run["alarms"]?.array?.map(\.string) ?? [] }
        #expect(!alarms(run).contains("E301") && !alarms(run).contains("E501"))
        let longer = try #require(
            try report(ofLogMs: 8_000, for: 23_000).json["scenarios"]?[0])
        #expect(alarms(longer).contains("E301") && alarms(longer).contains("E501"))
    }

    @Test("a plain run tells how it ended: states, water, time of heat, alarms")
    func endingReads() throws {
        var options = SimulateOptions(siteDirectory: heater)
        options.durationMs = 10_000
        let report = simulate(options, host: SimulateHost())
        #expect(
            report.lines == [
                "plain run: ended in PRECIRC with the power CLOSED, water 20.0 to 20.0 °C, heat on "
                    + "for 0.0 s, 10.0 s, alarms: E001 job started"
            ])
        #expect(report.virtualMs == 10_000)
        // With a preroll of 10 s.
        #expect(report.ticks == 200)
        options.scenarios = [heater + "/scenarios/t11-gas-leak-idle.json"]
        options.durationMs = nil
        let judged = simulate(options, host: SimulateHost()).lines
        #expect(judged.first?.contains(": ok, LOCKED OUT by E103 gas leak, ") == true, "\(judged)")
        #expect(
            judged.first?.hasSuffix(
                ", alarms: E311 single gas sample; E103 gas leak; E701 reset refused") == true,
            "\(judged)")
    }

    @Test("an action that is not the world's is refused where the world is played live")
    func liveRefusesRequests() throws {
        #expect(
            try LiveWorld.action(from: ["action": "set", "quantity": "gas", "value": 1])
                == .set(.gas, 1))
        let error = #expect(throws: ScenarioError.self) {
            _ = try LiveWorld.action(from: ["action": "kill"])
        }
        #expect(
            error?.description
                == "action: $.action: this one is for scenarios only: a live process is asked, "
                + "stopped or killed like any other")
    }

    @Test("a world around another process says what changed, at its own ms, and once")
    func liveNotesChanges() throws {
        let plan = try Site.load(directory: heater).plan
        var world = LiveWorld(plan: plan, now: Instant(0))
        var bus = SimulatedCANBus(plan: plan.signals)
        var board = SimulatedRelayBoard()
        var lines = SimulatedLines(plan: plan.interlock)
        var seen: [String] = []
        func pass(to time: Int64, edge: Bool = false) {
            world.begin(at: Instant(time), bus: &bus, board: &board, lines: &lines)
            if edge { lines.permitEdge() }
            world.end(board: &board, lines: &lines) { seen.append("\($0.at) \($0.what)") }
        }
        pass(to: 10, edge: true)
        #expect(seen == ["10 k2(isClosed: true)", "10 permit(true)"])
        pass(to: 309)
        #expect(seen.count == 2)
        pass(to: 420)
        #expect(seen.dropFirst(2) == ["310 k2(isClosed: false)", "310 permit(false)"])
    }
}
