import ArgumentParser
import JSON
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
        @Flag(help: "Print one JSON document with a verdict for each file.")
        var json = false

        func run() throws {
            var wrong = 0
            var verdicts: [JSONValue] = []
            for file in files {
                let content = try bytes(of: file)
                do throws(ScenarioError) {
                    let scenario = try Scenario(content, file: file)
                    if !json { Output.lines(["\(file): \(scenario.name) is in order"]) }
                    verdicts.append(["file": .string(file), "name": .string(scenario.name)])
                } catch {
                    if !json { Output.error(error.description) }
                    verdicts.append([
                        "file": .string(file), "error": .string(error.description),
                    ])
                    wrong += 1
                }
            }
            if json { Output.text(JSONValue.array(verdicts).serialized(pretty: true)) }
            if wrong > 0 { throw ExitCode(Failure.Kind.failed.rawValue) }
        }
    }
}
