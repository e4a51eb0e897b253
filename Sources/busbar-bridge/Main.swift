import ArgumentParser
import Glibc

let bridgeVersion = "0.1.0"

/// The cluster's side of the uplink: from an MQTT broker to Kafka, and acknowledgements back.
struct BusbarBridge: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "busbar-bridge",
        abstract: "Write the events of Busbar devices to Kafka, and acknowledge what Kafka has.",
        discussion: """
            It keeps nothing on disk. What it has not acknowledged, the devices send again, so it \
            may be killed and started at any time; two at once only write duplicates, which \
            consumers know by ce_id.

            Exit codes: 0 done, 1 failed, 2 wrong usage.
            """,
        version: bridgeVersion,
        subcommands: [RunCommand.self, IngestCommand.self, DeriveKeyCommand.self],
        defaultSubcommand: RunCommand.self)
}

@main
enum Entry {
    static func main() {
        do {
            var command = try BusbarBridge.parseAsRoot()
            try command.run()
        } catch let failure as Failure {
            Log.line("busbar-bridge: \(failure.message)")
            Glibc.exit(failure.exitCode)
        } catch {
            // ArgumentParser's own code for wrong usage is 64; ours is 2, as of most commands.
            guard BusbarBridge.exitCode(for: error) == .validationFailure else {
                BusbarBridge.exit(withError: error)
            }
            Log.line(BusbarBridge.fullMessage(for: error))
            Glibc.exit(2)
        }
    }
}

/// Why it ends: one line.
struct Failure: Error {
    var message: String
    /// 1 if something is wrong with the machine or its files, 2 with the call.
    var exitCode: Int32

    init(_ message: String, exitCode: Int32 = 1) {
        self.message = message
        self.exitCode = exitCode
    }
}
