import ArgumentParser
import JSON
import LocalAPI

/// There is no verb that resets. Who looks for one gets the steps to the button.
struct ResetCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "reset",
        abstract: "Tell what a reset at the site still waits for. Nothing is reset from here.")

    @OptionGroup var daemon: DaemonOptions

    func run() throws {
        let state = try daemon.call(.status)
        daemon.show(state["lockout"] ?? .null) {
            let lines = StatePicture(state: state, style: $0).lockoutLines
            return lines.isEmpty
                ? ["No FATAL alarm is locked in: nothing waits for a reset."] : lines
        }
    }
}
