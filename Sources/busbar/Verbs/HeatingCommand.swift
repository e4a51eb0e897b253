import ArgumentParser
import JSON
import LocalAPI

struct HeatingCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "heating", abstract: "Start and stop heating, and set its target.",
        subcommands: [Status.self, Start.self, Stop.self, Target.self],
        defaultSubcommand: Status.self)

    struct Status: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Show where the heating job is.")
        @OptionGroup var daemon: DaemonOptions

        func run() throws {
            let heating = try daemon.call(.heatingStatus)
            daemon.show(heating) { HeatingPicture(heating: heating, style: $0).lines }
        }
    }

    struct Start: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Ask for heat. The sequence starts by itself once all conditions hold.")
        @OptionGroup var daemon: DaemonOptions

        func run() throws {
            try perform(.heatingStart, [:], daemon) { answer in
                let state = text(answer["heating"]?["state"])
                let isWaiting = answer["heating"]?["demand"]?.bool != true
                return isWaiting
                    ? "Asked for heat; it waits until it can be taken (\(state) now)."
                    : "Asked for heat; the heating job is in \(state). Follow it: busbar watch"
            }
        }
    }

    struct Stop: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Take back the demand. The job ends by its own safe way.")
        @OptionGroup var daemon: DaemonOptions

        func run() throws {
            try perform(.heatingStop, [:], daemon) { answer in
                let state = text(answer["heating"]?["state"])
                return answer["changed"]?.bool == true
                    ? "Took back the demand; the heating job is in \(state)."
                    : "Nobody asked for heat; nothing changed."
            }
        }
    }

    struct Target: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Set the temperature that the water is heated to.")
        @Argument(help: "In °C, to a thousandth: 38 or 38.5.")
        var celsius: Degrees
        @OptionGroup var daemon: DaemonOptions

        func run() throws {
            let parameters: JSONValue = ["target_millicelsius": JSONValue(celsius.millicelsius)]
            try perform(.heatingSetTarget, parameters, daemon) { answer in
                "The target is "
                    + LocalAPI.QuantityText.celsius(int(answer["heating"]?["target_millicelsius"]))
                    + "."
            }
        }
    }
}

/// Does one write and says in one line what came of it.
func perform(
    _ method: Method, _ parameters: JSONValue, _ daemon: DaemonOptions,
    _ sentence: (JSONValue) -> String
) throws(Failure) {
    let answer = try daemon.call(method, parameters)
    daemon.show(answer) { _ in [sentence(answer)] }
}

/// A temperature as it is typed. Read as a decimal, because 38.3 is no binary fraction.
struct Degrees: ExpressibleByArgument {
    let millicelsius: Int64

    init?(argument: String) {
        let parts = argument.split(separator: ".", omittingEmptySubsequences: false)
        guard (1...2).contains(parts.count), let whole = Int64(parts[0]), abs(whole) <= 1_000
        else { return nil }
        var thousandths: Int64 = 0
        if parts.count == 2 {
            let digits = parts[1]
            guard (1...3).contains(digits.count), digits.allSatisfy({ ("0"..."9").contains($0) }),
                let number = Int64(digits)
            else { return nil }
            thousandths = number * [100, 10, 1][digits.count - 1]
        }
        millicelsius = whole * 1_000 + (argument.hasPrefix("-") ? -thousandths : thousandths)
    }
}

struct HeatingPicture {
    let heating: JSONValue
    let style: Style

    var lines: [String] {
        var lines = [
            "\(style.bold(text(heating["state"]))) for \(duration(heating["in_state_ms"]))",
            "  Water    \(celsius(heating["temperature_millicelsius"])), target "
                + celsius(heating["target_millicelsius"]),
        ]
        let isOn = heating["heat_on"]?.bool == true
        lines.append(
            "  Heat     " + (isOn ? style.warning("ON") : "off")
                + " for \(duration(heating["heat_changed_ms"]))")
        let requester = text(heating["requester"])
        if heating["demand"]?.bool == true {
            lines.append("  Demand   by \(requester)")
        } else if heating["pending_demand"]?.bool == true {
            lines.append("  Demand   by \(requester), waiting until it can be taken")
        } else {
            lines.append("  Demand   none")
        }
        if int(heating["job"]) > 0 {
            lines.append(
                "  Job      \(int(heating["job"])), \(duration(heating["job_ms"])) old, "
                    + counted(int(heating["trials_left"]), "trial") + " and "
                    + counted(int(heating["recycles_left"]), "recycle") + " left")
        }
        if let refusal = heating["refusal_text"]?.string {
            lines.append("  A demand would be refused now: " + style.warning(refusal))
        }
        return lines + [""]
            + WhyPicture(answer: ["transitions": transitions], style: style).lines
            .dropFirst(3)
    }

    private func counted(_ count: Int64, _ noun: String) -> String {
        "\(count) \(noun)\(count == 1 ? "" : "s")"
    }

    private var transitions: JSONValue { heating["transitions"] ?? [] }
}
