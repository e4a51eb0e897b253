import ArgumentParser
import JSON
import LocalAPI

/// Plays the world of a simulated board while the daemon runs in real time. Each verb is one action
/// in the words of a scenario file.
struct SimCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "sim",
        abstract: "Play the world of a simulated board: leak gas, weld a relay, press the button.",
        discussion: "On a device with a real relay board every one of these is refused.",
        subcommands: [
            List.self, LeakGas.self, StopLeak.self, SilenceNode.self, RestoreNode.self,
            RestartNode.self, Weld.self, Unweld.self, PressReset.self, PressStop.self,
            ReleaseStop.self, EmptyTank.self, FillTank.self, SilenceBoard.self, Set.self,
            Force.self, Release.self, Raw.self,
        ])

    /// Sends one action and says what was done.
    static func apply(
        _ action: JSONValue, _ daemon: DaemonOptions, _ sentence: String
    ) throws(Failure) {
        let answer = try daemon.call(.simulationApply, action)
        daemon.show(answer) { _ in [sentence] }
    }

    struct List: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List what can be played.")
        @Flag(help: "Print one JSON document.")
        var json = false

        func run() {
            let rows: [(String, String)] = SimCommand.configuration.subcommands.map { command in
                (command._commandName, command.configuration.abstract)
            }
            if json {
                let plays = rows.map { name, abstract -> JSONValue in
                    ["name": .string(name), "does": .string(abstract)]
                }
                Output.text(JSONValue.array(plays).serialized(pretty: true))
                return
            }
            let width = rows.map(\.0.count).max() ?? 0
            Output.lines(
                rows.map { name, abstract in
                    name + String(repeating: " ", count: width - name.count + 2) + abstract
                })
        }
    }

    struct LeakGas: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "The gas sensor sees gas, until stop-leak.")
        @OptionGroup var daemon: DaemonOptions

        func run() throws {
            try apply(
                ["action": "set", "quantity": "gas", "value": 1], daemon,
                "Gas leaks now. See: busbar status")
        }
    }

    struct StopLeak: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "The air is clean again.")
        @OptionGroup var daemon: DaemonOptions

        func run() throws {
            try apply(
                ["action": "set", "quantity": "gas", "value": 0], daemon, "The air is clean again.")
        }
    }

    struct SilenceNode: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "The sensor node sends nothing, until restore-node.")
        @OptionGroup var daemon: DaemonOptions

        func run() throws {
            try apply(["action": "stopNode"], daemon, "The sensor node is silent now.")
        }
    }

    struct RestoreNode: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "End every fault of the sensor node; values that were forced stay.")
        @OptionGroup var daemon: DaemonOptions

        func run() throws {
            try apply(
                ["action": "restoreNode"], daemon, "The sensor node sends again, without a fault.")
        }
    }

    struct RestartNode: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "The sensor node restarts, its counters from 0.")
        @OptionGroup var daemon: DaemonOptions

        func run() throws {
            try apply(["action": "restartNode"], daemon, "The sensor node has restarted.")
        }
    }

    struct Weld: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "A relay's contact welds: closed, whatever the coil does.")
        @Argument(help: "The relay: k1, k2, or a name such as element.")
        var relay: String
        @OptionGroup var daemon: DaemonOptions

        func run() throws {
            try apply(
                ["action": "weld", "id": .string(relay)], daemon, "\(relay) is welded now.")
        }
    }

    struct Unweld: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "A welded contact was replaced.")
        @Argument(help: "The relay.")
        var relay: String
        @OptionGroup var daemon: DaemonOptions

        func run() throws {
            try apply(
                ["action": "weld", "id": .string(relay), "on": false], daemon,
                "\(relay) was replaced.")
        }
    }

    struct PressReset: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "press-reset",
            abstract: "Press the reset button at the site and let it go again.")
        @Argument(help: "For how many milliseconds: 1000 to 5000 are a reset.")
        var milliseconds: Int = 2_000
        @OptionGroup var daemon: DaemonOptions

        func validate() throws {
            guard (1...60_000).contains(milliseconds) else {
                throw ValidationError("the press lasts 1 to 60000 ms, found \(milliseconds)")
            }
        }

        func run() throws {
            try apply(
                ["action": "pressReset", "until": JSONValue(milliseconds)], daemon,
                "The button is pressed for \(QuantityText.duration(Int64(milliseconds))).")
        }
    }

    struct PressStop: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "press-stop",
            abstract: "Press the emergency stop at the site, until release-stop.")
        @OptionGroup var daemon: DaemonOptions

        func run() throws {
            try apply(["action": "pressStop"], daemon, "The emergency stop is pressed.")
        }
    }

    struct ReleaseStop: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "release-stop",
            abstract: "Pull the emergency stop out again.")
        @OptionGroup var daemon: DaemonOptions

        func run() throws {
            try apply(["action": "releaseStop"], daemon, "The emergency stop is pulled out again.")
        }
    }

    struct EmptyTank: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "The tank runs empty.")
        @OptionGroup var daemon: DaemonOptions

        func run() throws {
            try apply(
                ["action": "set", "quantity": "level", "value": 0], daemon, "The tank is empty.")
        }
    }

    struct FillTank: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "The tank is full again.")
        @OptionGroup var daemon: DaemonOptions

        func run() throws {
            try apply(
                ["action": "set", "quantity": "level", "value": 1000], daemon, "The tank is full.")
        }
    }

    struct SilenceBoard: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "The relay board does not answer for a time.")
        @Argument(help: "For how many milliseconds.")
        var milliseconds: Int
        @OptionGroup var daemon: DaemonOptions

        func run() throws {
            try apply(
                ["action": "silenceBoard", "forMs": JSONValue(milliseconds)], daemon,
                "The relay board is silent for \(QuantityText.duration(Int64(milliseconds))).")
        }
    }

    struct Set: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Set a quantity of the plant.",
            discussion: """
                waterTemperature and heatingRate in m°C and m°C/s, flow in mL/min, level in ‰, gas \
                and gasReady 0 or 1; a wrong name is answered with all of them.
                """)
        @Argument(help: "Such as waterTemperature.")
        var quantity: String
        @Argument(help: "An integer.")
        var value: Int64
        @OptionGroup var daemon: DaemonOptions

        func run() throws {
            try apply(
                ["action": "set", "quantity": .string(quantity), "value": JSONValue(value)], daemon,
                "\(quantity) is \(value) now.")
        }
    }

    struct Force: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "The node sends this value for a signal, until release.")
        @Argument(help: "Such as temperature1.")
        var signal: String
        @Argument(help: "An integer in the signal's unit.")
        var value: Int64
        @OptionGroup var daemon: DaemonOptions

        func run() throws {
            try apply(
                ["action": "force", "signal": .string(signal), "value": JSONValue(value)], daemon,
                "\(signal) reads \(value) now.")
        }
    }

    struct Release: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "The node sends the plant's own value for a signal again.")
        @Argument(help: "Such as temperature1.")
        var signal: String
        @OptionGroup var daemon: DaemonOptions

        func run() throws {
            try apply(
                ["action": "release", "signal": .string(signal)], daemon,
                "\(signal) follows the plant again.")
        }
    }

    struct Raw: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "do",
            abstract: "Do any action of a scenario file, given as JSON without \"at\".")
        @Argument(help: #"Such as '{"action":"freezeNode"}'."#)
        var action: String
        @OptionGroup var daemon: DaemonOptions

        func run() throws {
            let value: JSONValue
            do throws(JSONError) {
                value = try JSONValue.parse(Array(action.utf8))
            } catch {
                throw Failure(.usage, "the action is not JSON: \(error)")
            }
            try apply(value, daemon, "Done.")
        }
    }
}
