import ArgumentParser
import JSON
import LocalAPI

struct TransactionsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "transactions",
        abstract: "List heating cycles, newest first, with how each one ended.")

    @Option(help: ArgumentHelp("At most this many, 1 to 1000.", valueName: "count"))
    var limit = 20
    @OptionGroup var daemon: DaemonOptions

    func run() throws {
        let answer = try daemon.call(.transactionsList, ["limit": JSONValue(limit)])
        daemon.show(answer) { style in
            let rows = answer["transactions"]?.array ?? []
            guard !rows.isEmpty else { return ["No heating cycle was recorded yet."] }
            var table = Table(
                ["NUMBER", "KIND", "OPENED", "LASTED", "STATE", "OUTCOME", "COUNTERS"],
                rightAligned: [0, 3], style: style)
            for row in rows {
                let opened = row["opened_unix_ms"]?.int
                let changed = row["changed_unix_ms"]?.int
                // Until a cycle is closed, its counters are those of its latest checkpoint, up to
                // a minute old, or of its beginning: so they are shown with their time.
                let isClosed = text(row["state"]) == "closed"
                let counters = (row["counters"]?.object ?? JSONObject()).map {
                    "\($0.key)=\($0.value.serialized())"
                }
                table.add(texts: [
                    String(int(row["number"])), text(row["kind"]),
                    opened.map { Clocks.wallTimeText($0) } ?? "–",
                    opened.flatMap { start in
                        isClosed ? changed.map { QuantityText.duration($0 - start) } : nil
                    } ?? "–",
                    text(row["state"]), text(row["outcome"]),
                    (isClosed ? "" : "at \(changed.map { Clocks.wallTimeText($0) } ?? "–"): ")
                        + counters.joined(separator: " "),
                ])
            }
            return table.lines(indent: 0)
        }
    }
}
