import ArgumentParser
import JSON
import LocalAPI

struct AlarmsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "alarms", abstract: "See, acknowledge and shelve alarms.",
        subcommands: [
            List.self, Acknowledge.self, History.self, Shelve.self, Unshelve.self,
            Performance.self,
        ],
        defaultSubcommand: List.self)

    struct List: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "List the alarms that stand and are not hidden, worst first, with what to do."
        )
        @Flag(help: "Every alarm that there is, also those that do not stand or are hidden.")
        var all = false
        @OptionGroup var daemon: DaemonOptions

        func run() throws {
            let answer = try daemon.call(.alarmsList, ["all": all ? 1 : 0])
            daemon.show(answer) { style in
                let alarms = answer["alarms"]?.array ?? []
                return AlarmTable(alarms: alarms, showsHidden: all, style: style)
                    .lines(hasAdvice: true)
            }
        }
    }

    struct Acknowledge: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "ack",
            abstract: "Say that you have seen an alarm. It clears nothing and resets nothing.")
        @Argument(help: "The alarm's code, such as E303.")
        var code: String
        @OptionGroup var daemon: DaemonOptions

        func run() throws {
            try perform(.alarmsAcknowledge, ["code": .string(code)], daemon) { answer in
                let alarm = answer["alarm"]
                let name = "\(text(alarm?["code"])) \(text(alarm?["name"]))"
                return answer["changed"]?.bool == true
                    ? "\(name) is acknowledged; it is \(text(alarm?["state"])) now."
                    : "\(name) needs no acknowledgement; it is \(text(alarm?["state"]))."
            }
        }
    }

    struct Shelve: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Hide an alarm for a time, at most 12 h. A FATAL can never be hidden.")
        @Argument(help: "The alarm's code.")
        var code: String
        @Option(
            name: .customLong("for"),
            help: ArgumentHelp("How long: 30m or 2h, at most 12h.", valueName: "time"))
        var span: TimeSpan
        @Option(help: "Why, in a sentence: it stands in the record.")
        var reason: String
        @Option(help: "Who you are, where several people share one account.")
        var name: String?
        @OptionGroup var daemon: DaemonOptions

        func run() throws {
            // Here and not by the server, who hears of minutes and not of what was typed.
            guard span.milliseconds <= Limits.shelf.rawValue else {
                throw Failure(
                    .usage,
                    "--for \(span.typed) is too long: an alarm can be hidden for at most "
                        + "\(Self.words(minutes: Limits.shelf.rawValue / 60_000)), and hidden anew "
                        + "when it is shown again")
            }
            let minutes = (span.milliseconds + 59_999) / 60_000
            var parameters = JSONObject()
            parameters.append("code", .string(code))
            parameters.append("minutes", JSONValue(minutes))
            parameters.append("reason", .string(reason))
            if let name { parameters.append("name", .string(name)) }
            try perform(.alarmsShelve, .object(parameters), daemon) { answer in
                "\(text(answer["alarm"]?["code"])) is hidden for \(Self.words(minutes: minutes)); it "
                    + "goes on being watched and recorded."
            }
        }

        /// 30 is "30 min", 720 is "12 h", 90 is "1 h 30 min".
        private static func words(minutes: Int64) -> String {
            let (hours, rest) = minutes.quotientAndRemainder(dividingBy: 60)
            if hours == 0 { return "\(rest) min" }
            return rest == 0 ? "\(hours) h" : "\(hours) h \(rest) min"
        }
    }

    struct Unshelve: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Show a hidden alarm again.")
        @Argument(help: "The alarm's code.")
        var code: String
        @OptionGroup var daemon: DaemonOptions

        func run() throws {
            try perform(.alarmsUnshelve, ["code": .string(code)], daemon) { answer in
                "\(text(answer["alarm"]?["code"])) is shown again."
            }
        }
    }

    struct History: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "List what happened to alarms, oldest first.")
        @Option(help: "Only this alarm.")
        var code: String?
        @OptionGroup var range: RecordRange
        @OptionGroup var daemon: DaemonOptions

        func run() throws {
            var parameters = try range.parameters()
            if let code { parameters.append("code", .string(code)) }
            let answer = try daemon.call(.alarmsHistory, .object(parameters))
            daemon.show(answer) { EventPicture(style: $0).lines(answer["events"]?.array ?? []) }
        }
    }
}
