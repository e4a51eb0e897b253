import ArgumentParser
import JSON

/// The command that technicians and programs use. One file for each verb in `Verbs/`.
struct Busbar: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "busbar",
        abstract: "See and operate a Busbar device, and try a site without one.",
        discussion: """
            Verbs that speak to the daemon need it running on this machine. A FATAL alarm is never \
            reset from here: only by the button at the site.

            Exit codes: 0 done, 1 failed, 2 wrong usage, 3 daemon not reachable, 4 refused. With \
            --json an error is also one line on standard output: \
            {"error":{"message":"…","exit":3}}. Verbs that check files print their own document.
            """,
        version: busbarVersion,
        groupedSubcommands: [
            CommandGroup(
                name: "Seeing",
                subcommands: [
                    StatusCommand.self, WatchCommand.self, WhyCommand.self, ResetCommand.self,
                    AlarmsCommand.self, EventsCommand.self, TransactionsCommand.self,
                    QueueCommand.self, UplinkCommand.self, DoctorCommand.self,
                ]),
            CommandGroup(name: "Operating", subcommands: [HeatingCommand.self]),
            CommandGroup(
                name: "Trying",
                subcommands: [
                    SimulateCommand.self, SimulateChainCommand.self, ScenarioCommand.self,
                    SiteCommand.self,
                    SimCommand.self, CANCommand.self,
                ]),
        ])
}

@main
enum Entry {
    /// ArgumentParser takes -5 for an option. Busbar has no option that begins with a digit, and
    /// a number below zero is always a verb's last argument (a value, a target), so it goes behind
    /// "--", where nothing is taken for an option.
    private static func withNegativesLast(_ arguments: [String]) -> [String] {
        func isNegative(_ argument: String) -> Bool {
            argument.first == "-"
                && argument.dropFirst().first.map { ("0"..."9").contains($0) }
                    == true
        }
        guard !arguments.contains("--"), arguments.contains(where: isNegative) else {
            return arguments
        }
        return arguments.filter { !isNegative($0) } + ["--"] + arguments.filter(isNegative)
    }

    static func main() {
        let arguments = Array(CommandLine.arguments.dropFirst())
        let wantsJSON = arguments.prefix { $0 != "--" }.contains("--json")
        do {
            var command = try Busbar.parseAsRoot(Self.withNegativesLast(arguments))
            try command.run()
        } catch let failure as Failure {
            Self.say("busbar: \(failure.message)", failure, wantsJSON)
            Busbar.exit(withError: ExitCode(failure.kind.rawValue))
        } catch {
            // ArgumentParser's own code for wrong usage is 64; ours is 2, as of most commands.
            guard Busbar.exitCode(for: error) == .validationFailure else {
                Busbar.exit(withError: error)
            }
            let failure = Failure(.usage, Busbar.message(for: error))
            Self.say(Busbar.fullMessage(for: error), failure, wantsJSON)
            Busbar.exit(withError: ExitCode(failure.kind.rawValue))
        }
    }

    /// One line, so that it can also end a stream of lines.
    private static func say(_ text: String, _ failure: Failure, _ wantsJSON: Bool) {
        Output.error(text)
        guard wantsJSON else { return }
        let error: JSONValue = [
            "error": [
                "message": .string(failure.message), "exit": JSONValue(failure.kind.rawValue),
            ]
        ]
        Output.text(error.serialized() + "\n")
    }
}
