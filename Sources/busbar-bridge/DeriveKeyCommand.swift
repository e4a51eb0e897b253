import ArgumentParser
import Transit
import Wire

struct DeriveKeyCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "derive-key",
        abstract: "Print the key by which one device knows its acknowledgements.",
        discussion: """
            What is printed goes into the device's ack.key, readable by its uplink alone. It \
            follows from the bridge's secret and the device's name, so it need not be kept here.
            """)

    @OptionGroup var secret: SecretOption

    @Option(help: "The device's name, as its site file has it.")
    var device: String

    func validate() throws {
        guard device.isSiteName else {
            throw ValidationError(
                "--device \"\(device)\" is no device's name: 1 to 63 of a-z, 0-9 and hyphens.")
        }
    }

    func run() throws {
        let secret = try secret.read()
        let key = AcknowledgementKey.derived(fromBridgeSecret: secret, device: device)
        print(key.fileText, terminator: "")
    }
}

/// The file that all bridges of a cluster share.
struct SecretOption: ParsableArguments {
    @Option(
        name: .customLong("secret-file"),
        help: ArgumentHelp(
            "The secret that the keys of all acknowledgements are derived from: 64 hexadecimal "
                + "digits.", valueName: "file"),
        completion: .file())
    var file: String

    func read() throws(Failure) -> BridgeSecret {
        let mode = try LineFile(file).mode()
        // It is told and not refused, and a group may read it: so containers are given their
        // secrets, by a mount of root's in which nobody can change the mode.
        if mode & 0o027 != 0 {
            Log.line(
                "\(file): others may read or change this secret (mode \(String(mode, radix: 8))), "
                    + "and whoever has it can forge acknowledgements: chmod 600 \(file)")
        }
        let text = try LineFile.text(at: file)
        do throws(KeyError) {
            return try BridgeSecret(fileText: text)
        } catch {
            throw Failure("\(file): \(error)")
        }
    }
}
