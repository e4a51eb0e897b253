import ArgumentParser
import LocalAPI

struct StatusCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status", abstract: "Show what the device does now, and what is wrong.")

    @OptionGroup var daemon: DaemonOptions

    func run() throws {
        let state = try daemon.call(.status)
        daemon.show(state) { StatePicture(state: state, style: $0).lines(isCompact: false) }
    }
}
