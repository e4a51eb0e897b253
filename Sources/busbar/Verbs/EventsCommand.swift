import ArgumentParser
import JSON
import LocalAPI

struct EventsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "events", abstract: "List what happened, or follow it.",
        subcommands: [List.self, Tail.self], defaultSubcommand: List.self)

    struct List: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List events, oldest first.")
        @OptionGroup var range: RecordRange
        @OptionGroup var daemon: DaemonOptions

        func run() throws {
            let answer = try daemon.call(.eventsList, .object(try range.parameters()))
            daemon.show(answer) { EventPicture(style: $0).lines(answer["events"]?.array ?? []) }
        }
    }

    struct Tail: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Show the last events, then each new one as it comes; Ctrl-C ends it.")
        @Option(name: [.short, .customLong("lines")], help: "How many of the last events.")
        var count = 10
        @OptionGroup var daemon: DaemonOptions

        func run() throws {
            var client = try daemon.connect()
            do throws(ClientError) {
                let first = try client.call(.eventsTail, ["limit": JSONValue(count)])
                for event in first["events"]?.array ?? [] { show(event) }
                while let event = try client.nextUpdate(milliseconds: -1) { show(event) }
            } catch {
                throw Failure(error)
            }
        }

        private func show(_ event: JSONValue) {
            if daemon.json {
                Output.text(event.serialized() + "\n")
            } else {
                Output.lines([EventPicture(style: .ofOutput).line(event)])
            }
        }
    }
}

/// Which part of the record.
struct RecordRange: ParsableArguments {
    @Option(help: ArgumentHelp("Only the last 30s, 10m, 2h or 7d.", valueName: "time"))
    var since: TimeSpan?
    @Option(help: ArgumentHelp("At most this many, the latest, 1 to 1000.", valueName: "count"))
    var limit = 100

    func validate() throws {
        guard (1...1_000).contains(limit) else {
            throw ValidationError("--limit must be 1 to 1000, found \(limit)")
        }
    }

    func parameters() throws -> JSONObject {
        var parameters = JSONObject()
        parameters.append("limit", JSONValue(limit))
        if let since {
            let start = Clocks.unixMilliseconds() - since.milliseconds
            parameters.append("since_unix_ms", JSONValue(max(0, start)))
        }
        return parameters
    }
}

/// A span as it is typed: a number and s, m, h or d.
struct TimeSpan: ExpressibleByArgument {
    let milliseconds: Int64
    /// As it was typed, for an error; as it may be typed, for a default in the help.
    let typed: String

    init(days: Int64) {
        milliseconds = days * 86_400_000
        typed = "\(days)d"
    }

    var defaultValueDescription: String { typed }

    init?(argument: String) {
        let units: [Character: Int64] = ["s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000]
        guard let last = argument.last, let unit = units[last],
            let number = Int64(argument.dropLast()), (1...100_000).contains(number)
        else { return nil }
        milliseconds = number * unit
        typed = argument
    }
}

/// One event as one line.
struct EventPicture {
    let style: Style

    func lines(_ events: [JSONValue]) -> [String] {
        events.isEmpty ? ["No event was recorded in this range."] : events.map { line($0) }
    }

    /// `2026-03-04 10:11:12.123  alarm.raised  alarm/E103  severity=fatal …  #1790`: what has one
    /// number was caused by one thing.
    func line(_ event: JSONValue) -> String {
        let time = event["unix_ms"]?.int.map { Clocks.wallTimeText($0) } ?? "–"
        let type = text(event["type"])
        let data = (event["data"]?.object ?? JSONObject()).map { member in
            "\(member.key)=\(member.value.string ?? member.value.serialized())"
        }.joined(separator: " ")
        let severity = text(event["severity"])
        let padded = type + String(repeating: " ", count: max(0, 24 - type.count))
        let subject = text(event["subject"])
        let painted = style.paint(padded, Style.Paint(severity: severity))
        let cause = event["correlation"]?.int.map { style.faint("  #\($0)") } ?? ""
        return "\(style.faint(time))  \(painted)  \(subject)  \(data)\(cause)"
    }
}
