import Glibc
import LinuxHAL
import Site

/// What is around busbard on the virtual board: the sensor node behind the CAN interface, the relay
/// board behind the I2C bus, both contactors behind its relay and the permit line, the tank.
///
/// It is the simulator's world and the firmware's own core, behind real interfaces of a real
/// kernel. The controller knows nothing of it.
@main
enum VirtualWorld {
    static let usage = """
        usage: virtual-world --site DIR [--profile NAME] --chip DIR --commands FIFO --log FILE

          --site DIR       the site that busbard controls
          --profile NAME   the overlay on the site file
          --chip DIR       the GPIO chip's folder in sysfs, of gpio-sim
          --commands FIFO  where it is told what befalls the world, a line each; made if need be
          --log FILE       what happened, a line each, with CLOCK_MONOTONIC in µs

        A command is an action of a scenario in JSON ({"action":"set","quantity":"gas","value":1}),
        or: i2c open | stuck | contested COUNT | ok; line OFFSET high | low; can TEXT (a line of the
        serial CAN protocol); flood RATE (foreign frames a second); frames MS (the sensor node's go
        out so much later); mark TEXT (goes to the log).
        """

    static func main() {
        let words = Array(CommandLine.arguments.dropFirst())
        guard words.count % 2 == 0 else { refuse("found an option without a value") }
        var options: [String: String] = [:]
        for index in stride(from: 0, to: words.count, by: 2) {
            options[words[index]] = words[index + 1]
        }
        guard let site = options["--site"], let chip = options["--chip"],
            let commands = options["--commands"], let log = options["--log"]
        else { refuse("--site, --chip, --commands and --log are all needed") }
        do {
            let plan = try Site.load(directory: site, profile: options["--profile"]).plan
            var loop = try WorldLoop.open(
                plan: plan, chip: chip, commands: commands, log: log)
            try loop.run()
        } catch {
            complain("\(error)")
            exit(1)
        }
    }

    private static func refuse(_ what: String) -> Never {
        complain("\(what)\n\(usage)")
        exit(2)
    }
}

/// One line on standard error.
func complain(_ text: String) {
    let bytes = Array("virtual-world: \(text)\n".utf8)
    _ = Glibc.write(2, bytes, bytes.count)
}
