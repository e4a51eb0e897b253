import ArgumentParser
import JSON
import LocalAPI

extension AlarmsCommand {
    struct Performance: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "kpi",
            abstract: "Measure how well the alarms serve you (ISA-18.2): rate, floods, chatter.",
            discussion: """
                Counted are alarms that called for somebody: raised, and not hidden. Time is \
                operating time, by the clock that nobody can set: a step of the wall clock moves \
                nothing, and the time in which busbard did not run is left out. An earlier run \
                whose clock was never set cannot be placed in the span; it is left out, and said.
                """)
        @Option(help: ArgumentHelp("The last 30s, 10m, 2h or 30d.", valueName: "time"))
        var since = TimeSpan(days: 7)
        @OptionGroup var daemon: DaemonOptions

        func run() throws {
            let answer = try daemon.call(
                .alarmsPerformance, ["span_ms": JSONValue(since.milliseconds)])
            daemon.show(answer) { PerformancePicture(answer: answer, style: $0).lines }
        }
    }
}

/// The measures as a page for a meeting: each with what it is measured against.
struct PerformancePicture {
    let answer: JSONValue
    let style: Style

    var lines: [String] {
        var lines = [heading]
        lines += doubts.map { style.warning("  \($0)") }
        lines += ["", rates, "", severities, flood]
        for part in [mostFrequent, chattering, standing] { lines += [""] + part }
        return lines
    }

    private var heading: String {
        let count = int(answer["annunciated"])
        let hidden = int(answer["hidden"])
        let more = hidden == 0 ? "" : "; \(hidden) more were hidden when they were raised"
        return style.bold("\(count) alarm\(count == 1 ? "" : "s")")
            + " in \(duration(answer["observed_ms"])) of operating time, "
            + "in the last \(duration(answer["asked_ms"]))\(more)."
    }

    private var doubts: [String] {
        var doubts: [String] = []
        let runs = int(answer["not_placed"]?["runs"])
        if runs > 0 {
            doubts.append(
                "Left out: \(runs) earlier run\(runs == 1 ? "" : "s") with "
                    + "\(int(answer["not_placed"]?["rows"])) rows: the clock was never set in "
                    + "them, so nobody can say when they were.")
        }
        let unknown = int(answer["unknown_rows"])
        if unknown > 0 {
            doubts.append("Left out: \(unknown) rows that this version cannot read.")
        }
        return doubts
    }

    private var rates: String {
        var table = Table(["RATE", "AVERAGE", "PEAK"], rightAligned: [1, 2], style: style)
        for (name, key) in [("a day", "per_day"), ("10 minutes", "per_10min")] {
            let rate = answer[key]
            let average = rate?["average"] ?? .null
            table.add(texts: [
                name, average.isNull ? "too short" : average.serialized(),
                String(int(rate?["peak"])),
            ])
        }
        return table.lines().joined(separator: "\n")
    }

    private var severities: String {
        let counts = ["fatal", "error", "warning"].map { name in
            "\(int(answer["severities"]?[name])) \(name.uppercased())"
        }
        return "  Severity  " + counts.joined(separator: ", ")
            + "; \(int(answer["severities"]?["info"])) INFO were recorded"
    }

    private var flood: String {
        let flood = answer["flood"]
        let count = int(flood?["count"])
        let percent = flood?["percent"]?.serialized() ?? "–"
        let inFlood = int(flood?["periods_in_flood"])
        let line =
            "  Flood     \(percent) % of 10-minute periods (\(inFlood) of "
            + "\(int(flood?["periods"]))) had more than \(int(flood?["more_than"])); "
            + "\(count) flood\(count == 1 ? "" : "s"), \(duration(flood?["time_ms"])) in all"
        return count > 0 ? style.warning(line) : line
    }

    private var mostFrequent: [String] {
        table(
            ["MOST FREQUENT", "TIMES", "SHARE", "NAME"], rightAligned: [1, 2], "most_frequent",
            none: "No alarm called for anybody."
        ) { alarm in
            [
                text(alarm["code"]), String(int(alarm["count"])),
                (alarm["share_percent"]?.serialized() ?? "–") + " %", text(alarm["name"]),
            ]
        }
    }

    private var chattering: [String] {
        table(
            ["CHATTERING", "TIMES", "NAME"], rightAligned: [1], "chattering",
            none: "None chattered (3 or more in a minute)."
        ) { [text($0["code"]), String(int($0["times"])), text($0["name"])] }
    }

    private var standing: [String] {
        table(
            ["STANDING", "SEVERITY", "STATE", "AGE", "", "NAME"], rightAligned: [3], "standing",
            none: "None stands."
        ) { alarm in
            [
                text(alarm["code"]), text(alarm["severity"]).uppercased(), text(alarm["state"]),
                duration(alarm["age_ms"]), alarm["stale"]?.bool == true ? "STALE" : "",
                text(alarm["name"]),
            ]
        }
    }

    private func table(
        _ headings: [String], rightAligned: Set<Int>, _ key: String, none: String,
        _ cells: (JSONValue) -> [String]
    ) -> [String] {
        let rows = answer[key]?.array ?? []
        guard !rows.isEmpty else { return ["  " + none] }
        var table = Table(headings, rightAligned: rightAligned, style: style)
        for row in rows { table.add(texts: cells(row)) }
        return table.lines()
    }
}
