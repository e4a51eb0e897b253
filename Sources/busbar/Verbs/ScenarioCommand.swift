import ArgumentParser
import Simulation

struct ScenarioCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "scenario", abstract: "Work with scenario files.", subcommands: [Check.self])

    struct Check: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Read scenario files strictly, without running them.",
            discussion: "Prints one line for each file that is wrong: file, place and reason.")
        @Argument(help: "Scenario files.", completion: .file(extensions: ["json"]))
        var files: [String]

        func run() throws {
            var wrong = 0
            for file in files {
                let content = try bytes(of: file)
                do throws(ScenarioError) {
                    let scenario = try Scenario(content, file: file)
                    Output.lines(["\(file): \(scenario.name) is in order"])
                } catch {
                    Output.error(error.description)
                    wrong += 1
                }
            }
            if wrong > 0 { throw ExitCode(Failure.Kind.failed.rawValue) }
        }
    }
}
