import ArgumentParser
import JSON
import LocalAPI

struct WhyCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "why",
        abstract: "Tell why a relay is on or off, or why an alarm stands, down to its cause.")

    @Argument(help: "A relay's name, such as pump, or an alarm's code, such as E103.")
    var subject: String

    @OptionGroup var daemon: DaemonOptions

    func run() throws {
        let answer = try daemon.call(.why, ["subject": .string(subject)])
        daemon.show(answer) { WhyPicture(answer: answer, style: $0).lines }
    }
}

struct WhyPicture {
    let answer: JSONValue
    let style: Style

    var lines: [String] {
        var lines = [style.bold(text(answer["headline"]))]
        let picture = StatePicture(state: .null, style: style)
        lines += (answer["chain"]?.array ?? []).flatMap {
            Wrapping.lines(text($0), after: "  ", columns: picture.columns)
        }
        if let advice = answer["advice"]?.string { lines += [""] + picture.adviceLines(advice) }
        let reset = picture.resetLines(answer["reset"])
        if !reset.isEmpty { lines += [""] + reset }
        lines += [""] + inputs
        let before = self.before
        if !before.isEmpty { lines += [""] + before }
        let transitions = self.transitions
        if !transitions.isEmpty { lines += [""] + transitions }
        return lines
    }

    private var inputs: [String] {
        var table = Table(
            ["INPUT", "VALUE", "QUALITY", "AGE", "TOO OLD AT", "LIMITS"], rightAligned: [1, 3, 4],
            style: style)
        for input in answer["inputs"]?.array ?? [] {
            let quality = text(input["quality"])
            table.add([
                Table.Cell(text(input["id"])),
                Table.Cell(text(input["text"])),
                Table.Cell(quality, quality == "ok" ? .good : .bad),
                Table.Cell(duration(input["age_ms"])),
                Table.Cell(duration(input["age_limit_ms"])),
                Table.Cell(text(input["limits"])),
            ])
        }
        return table.isEmpty ? [] : table.lines()
    }

    /// One row a second of the ten seconds before the lockout; `--json` has all of them.
    private var before: [String] {
        var table = Table(
            ["BEFORE", "WATER", "FLOW", "LEVEL", "FLAME", "GAS", "RELAYS"],
            rightAligned: [0, 1, 2, 3], style: style)
        var shown = Int64.max
        for sample in answer["before"]?.array ?? [] {
            let before = sample["before_ms"]?.int ?? 0
            guard before == 0 || before <= shown - 1_000 else { continue }
            shown = before
            let relays = (sample["relays"]?.array ?? []).map { text($0) }
            table.add(texts: [
                duration(sample["before_ms"]),
                QuantityText.value(sample["temperature_mc"]?.int ?? 0, of: .temperature1),
                QuantityText.value(sample["flow_ml_min"]?.int ?? 0, of: .flow),
                QuantityText.value(sample["level_permille"]?.int ?? 0, of: .level),
                yesNo(sample["flame"]), yesNo(sample["gas"]),
                relays.isEmpty ? "none" : relays.joined(separator: " "),
            ])
        }
        return table.isEmpty ? [] : table.lines()
    }

    private var transitions: [String] {
        var table = Table(["AGO", "FROM", "TO", "BECAUSE"], rightAligned: [0], style: style)
        for transition in answer["transitions"]?.array ?? [] {
            table.add(texts: [
                duration(transition["ago_ms"]), text(transition["from"]), text(transition["to"]),
                text(transition["cause"]),
            ])
        }
        return table.isEmpty ? [] : table.lines()
    }
}
