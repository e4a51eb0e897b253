import Foundation
import JSON
import Testing

@Suite("The programs at the command line")
struct CommandTests {
    struct Row: CustomTestStringConvertible, Sendable {
        let testDescription: String
        let program: String
        let arguments: [String]
        let code: Int32
        let error: String
    }

    static let nowhere = "/nonexistent/s"
    static let rows = [
        Row(
            testDescription: "a daemon that is not there is 3", program: "busbar",
            arguments: ["status", "--socket", nowhere], code: 3,
            error: "busbar: nobody answers at /nonexistent/s (No such file or directory): is "
                + "busbard running? systemctl status busbard; of one with another socket, give it "
                + "by --socket or BUSBAR_SOCKET\n"),
        Row(
            testDescription: "an unknown verb is 2", program: "busbar", arguments: ["open-valve"],
            code: 2, error: "Error: Unexpected argument 'open-valve'"),
        Row(
            testDescription: "a missing argument is 2", program: "busbar", arguments: ["why"],
            code: 2, error: "Error: Missing expected argument '<subject>'"),
        Row(
            testDescription: "a value out of range is 2", program: "busbar",
            arguments: ["watch", "--hz", "11"], code: 2,
            error: "Error: --hz must be 1 to 10, found 11"),
        Row(
            testDescription: "one seed and many are two things", program: "busbar",
            arguments: ["simulate-chain", "--seed", "1", "--seeds", "2"], code: 2,
            error: "Error: --seed replays one seed, --seeds runs many: give one of them"),
        Row(
            testDescription: "no seeds are 2", program: "busbar",
            arguments: ["simulate-chain", "--seeds", "0"], code: 2,
            error: "Error: --seeds must be 1 or more, found 0"),
        Row(
            testDescription: "a wrong scenario is 1", program: "busbar",
            arguments: ["scenario", "check", "/dev/null"], code: 1,
            error: "/dev/null: line 1, column 1"),
        Row(
            testDescription: "a missing DBC file is 1", program: "busbar",
            arguments: ["can", "decode", "--dbc", "/nonexistent.dbc"], code: 1,
            error: "busbar: /nonexistent.dbc: "),
        Row(
            testDescription: "a board that is not simulated is 2", program: "busbard",
            arguments: ["--site", "x", "--board", "pico", "--state-dir", "y"], code: 2,
            error: "busbard: --board is \"pico\"; allowed are simulated, socket:PATH and rpi\n"),
        Row(
            testDescription: "a socket without its path is 2", program: "busbard",
            arguments: ["--site", "x", "--board", "socket:", "--state-dir", "y"], code: 2,
            error: "busbard: --board is \"socket:\"; allowed are simulated, socket:PATH and rpi"),
        Row(
            testDescription: "an emulated board does not go with prod", program: "busbard",
            arguments: [
                "--site", "x", "--board", "socket:/x", "--state-dir", "y", "--profile", "prod",
            ], code: 2,
            error: "busbard: --board socket:/x is for trials and switches nothing real: it does "
                + "not go with --profile prod\n"),
        Row(
            testDescription: "without a board to ask nothing is proven off", program: "busbard",
            arguments: [
                "--prove-off", "--site", Programs.site, "--board", "socket:\(nowhere)",
            ], code: 1,
            error: "busbard: water-heater-1: RELAYS NOT PROVEN OFF: no relay board answered (300 "
                + "not acknowledged). Switch the installation off at its isolator before anything "
                + "else\n"),
        Row(
            testDescription: "a simulated board ended with its daemon", program: "busbard",
            arguments: ["--prove-off", "--site", Programs.site, "--board", "simulated"], code: 0,
            error: "busbard: water-heater-1: there are no relays: the simulated board was in the "
                + "memory of the busbard that ended, and ended with it\n"),
        Row(
            testDescription: "a proof needs to know the board", program: "busbard",
            arguments: ["--prove-off", "--site", Programs.site], code: 2,
            error: "busbard: missing --board\nusage: busbard"),
        Row(
            testDescription: "an option without its value is 2", program: "busbard",
            arguments: ["--site"], code: 2, error: "busbard: --site needs a value\nusage: busbard"),
        Row(
            testDescription: "missing options are named", program: "busbard",
            arguments: ["--board", "simulated"], code: 2,
            error: "busbard: missing --site, --state-dir\nusage: busbard"),
        Row(
            testDescription: "a site that is not there is 1, in one line", program: "busbard",
            arguments: [
                "--site", "/nonexistent", "--board", "simulated", "--state-dir", "/nonexistent",
            ], code: 1, error: "busbard: E901 /nonexistent/site.json: "),
    ]

    @Test("Exit codes and what is said with them", arguments: rows)
    func exitCode(row: Row) throws {
        let result = try Programs.run(row.program, row.arguments)
        #expect(result.code == row.code)
        #expect(result.error.hasPrefix(row.error), "\(result.error)")
        if row.code == 1 { #expect(result.error.split(separator: "\n").count == 1) }
        #expect(result.output == "")
    }

    /// The site file may be just why busbard was given up.
    @Test("a site that cannot be read keeps no board from being asked, and none is its proof")
    func proofWithoutSite() throws {
        let begin = "busbard: E901 /nowhere/site.json: "
        let silent = try Programs.run(
            "busbard",
            ["--prove-off", "--site", "/nowhere", "--board", "socket:\(Self.nowhere)"])
        #expect(silent.code == 1)
        #expect(silent.error.hasPrefix(begin), "\(silent.error)")
        #expect(
            silent.error.hasSuffix(
                "busbard: unknown device: RELAYS NOT PROVEN OFF: no relay board answered (300 not "
                    + "acknowledged). Switch the installation off at its isolator before anything "
                    + "else\n"), "\(silent.error)")

        let simulated = try Programs.run(
            "busbard", ["--prove-off", "--site", "/nowhere", "--board", "simulated"])
        #expect(simulated.code == 1)
        #expect(simulated.error.hasPrefix(begin), "\(simulated.error)")
        #expect(
            simulated.error.hasSuffix(
                "busbard: the site file says not where the relay board is: that was the one at its "
                    + "usual place. Switch the installation off at its isolator if it has another\n"
            ), "\(simulated.error)")
    }

    /// The help is what a newcomer reads first, so a change of it is a change to look at.
    /// `UPDATE_GOLDEN=1 swift test --filter help` writes it anew.
    @Test("the help text is the golden one")
    func helpText() throws {
        let verbs = [
            [], ["status"], ["watch"], ["why"], ["reset"], ["alarms"], ["alarms", "list"],
            ["alarms", "ack"],
            ["alarms", "history"], ["alarms", "kpi"], ["alarms", "shelve"], ["alarms", "unshelve"],
            ["events"], ["events", "list"], ["events", "tail"], ["transactions"], ["queue"],
            ["queue", "status"], ["queue", "export"], ["doctor"], ["heating"],
            ["heating", "start"], ["heating", "stop"], ["heating", "status"],
            ["heating", "target"], ["simulate"], ["simulate-chain"], ["scenario", "check"],
            ["site", "check"], ["sim"], ["sim", "press-reset"], ["sim", "press-stop"],
            ["sim", "release-stop"], ["sim", "restore-node"], ["can", "decode"],
        ]
        var text = ""
        for verb in verbs {
            let result = try Programs.run(
                "busbar", verb + ["--help"], environment: ["COLUMNS": "80"])
            #expect(result.code == 0)
            text += "$ \((["busbar"] + verb + ["--help"]).joined(separator: " "))\n"
            text += result.output + "\n"
        }
        let golden = Programs.root.appendingPathComponent("Tests/SystemTests/Golden/help.txt")
        if ProcessInfo.processInfo.environment["UPDATE_GOLDEN"] == "1" {
            try text.write(to: golden, atomically: true, encoding: .utf8)
        }
        #expect(text == (try String(contentsOf: golden, encoding: .utf8)))
    }

    @Test("completions are written for each shell", arguments: ["bash", "zsh", "fish"])
    func completions(shell: String) throws {
        let result = try Programs.run("busbar", ["--generate-completion-script", shell])
        #expect(result.code == 0)
        #expect(result.output.contains("busbar") && result.output.contains("transactions"))
    }

    @Test("can decode prints exact decimals from a real capture")
    func canDecode() throws {
        let fixtures = Programs.root.appendingPathComponent("Tests/CANDatabaseTests/Fixtures")
        let result = try Programs.run(
            "busbar",
            [
                "can", "decode", "--json", "--dbc",
                fixtures.appendingPathComponent("pylontech.dbc").path,
                fixtures.appendingPathComponent("us5000.log").path,
            ])
        #expect(result.code == 0, "\(result.error)")
        let lines = result.output.split(separator: "\n")
        #expect(!lines.isEmpty)
        for line in lines {
            let frame = try JSONValue.parse(Array(line.utf8))
            #expect(frame["id"]?.string != nil && frame["signals"]?.object != nil)
        }
    }
}

@Suite("A daemon that runs", .serialized)
struct RunningDaemonTests {
    @Test("watch, events, transactions and why answer, and a second daemon is refused")
    func verbs() throws {
        let daemon = try Daemon()
        let second = try Programs.run(
            "busbard",
            [
                "--site", Programs.site, "--board", "simulated", "--state-dir",
                daemon.directory.appendingPathComponent("other").path, "--socket", daemon.socket,
            ])
        #expect(second.code == 1)
        #expect(
            second.error.hasSuffix(
                "busbard: cannot serve \(daemon.socket): another busbard is answering there\n"))

        #expect(try daemon.busbar("events", "--json").output.contains("device.started"))
        #expect(try daemon.busbar("transactions").output == "No heating cycle was recorded yet.\n")
        let why = try daemon.busbar("why", "pump").output
        #expect(why.hasPrefix("pump is OFF, as commanded and as read back\n"), "\(why)")
        #expect(why.contains("Nobody asks for heat."))
        let unknown = try daemon.busbar("why", "K9")
        #expect(unknown.code == 2 && unknown.error.contains("relays are power, pump"))
        let target = try daemon.busbar("heating", "target", "95")
        #expect(target.code == 4, "\(target.error)")
        #expect(target.error.hasPrefix("busbar: target refused: this site allows 5.0 °C to"))
        #expect(try daemon.busbar("heating", "target", "41.5").output == "The target is 41.5 °C.\n")

        let measures = try JSONValue.parse(
            Array(try daemon.busbar("alarms", "kpi", "--since", "1h", "--json").output.utf8))
        #expect(measures["asked_ms"]?.int == 3_600_000)
        #expect(measures["runs"]?.int == 1)
        #expect(measures["flood"]?["percent"]?.int == 0)
        #expect(measures["per_day"]?["average"]?.isNull == true, "a day was not observed")
        let page = try daemon.busbar("alarms", "kpi").output
        #expect(page.contains("of operating time, in the last 7 d 00 h."), "\(page)")

        let wrong = try daemon.busbar("sim", "set", "wine", "1")
        #expect(wrong.code == 2 && wrong.error.contains("waterTemperature"), "\(wrong.error)")
        #expect(try daemon.busbar("sim", "do", "{\"action\":\"kill\"}").code == 2)

        #expect(daemon.end(SIGTERM).status == 0)
        let marker = daemon.stateDirectory.appendingPathComponent("run-marker")
        #expect(try String(contentsOf: marker, encoding: .utf8).contains("stopped"))
    }

    @Test("a second daemon on the same state directory ends at once and touches nothing there")
    func secondOnTheSameState() throws {
        let daemon = try Daemon()
        let files = ["run-marker", "lockout.bin"].map {
            daemon.stateDirectory.appendingPathComponent($0)
        }
        // By name, inode and time: a file that is replaced by its equal was written too.
        func look() throws -> [String] {
            try files.map { file in
                var status = stat()
                try #require(lstat(file.path, &status) == 0)
                let time = "\(status.st_mtim.tv_sec).\(status.st_mtim.tv_nsec)"
                let content = try Data(contentsOf: file).base64EncodedString()
                return "\(status.st_ino) \(time) \(content)"
            }
        }
        let before = try look()
        let socket = daemon.directory.appendingPathComponent("second").path
        let second = try Programs.run(
            "busbard",
            [
                "--site", Programs.site, "--board", "simulated", "--state-dir",
                daemon.stateDirectory.path, "--socket", socket,
            ])
        #expect(second.code == 1)
        let expected =
            "busbard: another busbard keeps the state directory \(daemon.stateDirectory.path) (it "
            + "has journal.lock): stop that one, or give this one a --state-dir of its own\n"
        #expect(second.error.hasSuffix(expected), "\(second.error)")
        #expect(!FileManager.default.fileExists(atPath: socket))
        #expect(try look() == before)
        #expect(try daemon.interlock() == "OPEN")
        #expect(daemon.end(SIGTERM).status == 0)
    }

    @Test("a log that nobody reads stops neither answers nor SIGTERM")
    func unreadLog() throws {
        let full = try FullPipe()
        let daemon = try Daemon(standardError: full.writing)
        #expect(try daemon.busbar("heating", "target", "41.5").code == 0)
        let refused = try daemon.busbar("heating", "target", "95")
        #expect(refused.code == 4, "\(refused.error)")
        kill(daemon.process.processIdentifier, SIGTERM)
        try daemon.waitUntil("the daemon has ended", within: 5) { !daemon.process.isRunning }
        #expect(daemon.process.terminationStatus == 0)
    }

    @Test("SIGTERM while it heats: relays off, the cycle closed, and the next start finds it clean")
    func cleanStop() throws {
        let daemon = try Daemon()
        try daemon.waitUntil("the self-check is done", within: 10) {
            try daemon.state()["interlock"]?["selfcheck"]?.string == "done"
        }
        #expect(try daemon.busbar("heating", "start").code == 0)
        try daemon.waitUntil("the power is closed", within: 5) {
            try daemon.interlock() == "CLOSED"
        }
        #expect(daemon.end(SIGTERM).status == 0)
        try daemon.start()
        let events = try daemon.busbar("events", "--json", "--limit", "1000").output
        #expect(events.contains("device.stopped"))
        #expect(!events.contains("alarm/E602"))
        #expect(try daemon.busbar("transactions").output.contains("closed  stopped"))
        #expect(try daemon.interlock() == "OPEN")
    }
}
