import ArgumentParser
import Events
import JSON
import Journal
import LocalAPI
import Wire

struct QueueCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "queue", abstract: "Show what waits for the cluster, or export it.",
        subcommands: [Status.self, Export.self], defaultSubcommand: Status.self)

    struct Status: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Show how full each queue is, and how far the cluster has it.")
        @OptionGroup var daemon: DaemonOptions

        func run() throws {
            let answer = try daemon.call(.queueStatus)
            daemon.show(answer) { QueuePicture(style: $0).lines(answer) }
        }
    }

    struct Export: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Write stored events to a file, for a bridge to ingest.",
            discussion: """
                One CloudEvent in JSON a line, with the identity that it has in the cluster, so \
                that what is there already is not counted twice. The file is written whole or not \
                at all, and the daemon may go on meanwhile.
                """)
        @Argument(help: "The file to write; it must not exist.", completion: .file())
        var file: String
        @Option(help: "Only this lane: alarm, event or telemetry.")
        var lane: LaneName?
        @Option(help: ArgumentHelp("Only the last 30s, 10m, 2h or 7d.", valueName: "time"))
        var since: TimeSpan?
        @Option(
            help: ArgumentHelp("Where the daemon keeps its journal.", valueName: "dir"),
            completion: .directory)
        var stateDir = "/var/lib/busbar"
        @Flag(help: "Print JSON.")
        var json = false

        func run() throws {
            let start = since.map { Clocks.unixMilliseconds() - $0.milliseconds } ?? .min
            let written: Written
            do throws(JournalError) {
                written = try write(since: start)
            } catch {
                throw Failure(.failed, "nothing was exported: \(error)")
            }
            if json {
                let answer: JSONValue = [
                    "file": .string(file), "events": JSONValue(written.events),
                    "unsound": JSONValue(written.unsound),
                ]
                Output.text(answer.serialized(pretty: true))
            } else {
                Output.lines(["\(written.events) events are in \(file)."] + written.warning)
            }
        }

        private struct Written {
            var events = 0
            /// Rows that are not as they were written, and so are not in the file.
            var unsound = 0

            var warning: [String] {
                guard unsound > 0 else { return [] }
                let rows = unsound == 1 ? "1 row is" : "\(unsound) rows are"
                return [
                    "\(rows) damaged and left out: the card is failing. busbard declares the loss "
                        + "when it starts next."
                ]
            }
        }

        private func write(since: Int64) throws(JournalError) -> Written {
            let reader = JournalReader(directory: stateDir)
            let (site, device) = try names(reader)
            let output = try ExportFile(file)
            var written = Written()
            written.unsound = try reader.export(
                lanes: lane.map { [$0.lane] } ?? Lane.allCases, sinceUnixMilliseconds: since
            ) { (record) throws(JournalError) in
                written.events += 1
                try output.add(CloudEvent(record, site: site, device: device).structuredJSON)
            }
            try output.finish()
            return written
        }

        /// Who the events are of, as the daemon noted it beside them.
        private func names(_ reader: JournalReader) throws(JournalError) -> (String, String) {
            let stored = try reader.state()["identity"] ?? ""
            let names: JSONValue
            do throws(JSONError) {
                names = try JSONValue.parse(Array(stored.utf8))
            } catch {
                names = .null
            }
            guard let site = names["site"]?.string, let device = names["device"]?.string else {
                throw JournalError(
                    origin: .system, code: 2, extendedCode: 2,
                    message: "the journal does not say of which site and device it is; start "
                        + "busbard on it once",
                    operation: "read identity", path: stateDir, side: .reader)
            }
            return (site, device)
        }
    }
}

struct LaneName: ExpressibleByArgument {
    let lane: Lane

    init?(argument: String) {
        guard let found = Lane.allCases.first(where: { $0.name == argument }) else { return nil }
        lane = found
    }

    static var allValueStrings: [String] { Lane.allCases.map(\.name) }
}

/// The queues as a table, and what follows from them in sentences.
struct QueuePicture {
    let style: Style

    func lines(_ answer: JSONValue) -> [String] {
        var table = Table(
            [
                "LANE", "EVENTS", "SIZE", "OF", "ACKNOWLEDGED UP TO", "WAITING", "OLDEST WAITS",
                "PER HOUR", "DROPPED",
            ], rightAligned: [1, 2, 3, 4, 5, 6, 7, 8], style: style)
        var sentences: [String] = []
        for row in answer["lanes"]?.array ?? [] {
            let lane = text(row["lane"])
            table.add(texts: [
                lane, String(int(row["events"])), Self.size(int(row["bytes"])),
                Self.size(int(row["quota_bytes"])),
                row["acknowledged"]?.int.map { String($0) } ?? "–",
                String(int(row["unacknowledged"])),
                row["oldest_ms"]?.int.map { QuantityText.duration($0) } ?? "–",
                String(int(row["events_per_hour"])), String(int(row["dropped"])),
            ])
            if row["dropping"]?.bool == true {
                sentences.append(
                    "\(lane): full; the oldest events are dropped for new ones, although the "
                        + "cluster does not have them.")
            } else if let hours = row["full_in_hours"]?.int {
                let isByDisk = row["full_by"]?.string == "disk"
                // Of a disk that is full now no forecast is made.
                if isByDisk, answer["disk"]?["full"]?.bool == true { continue }
                let room = isByDisk ? "the disk is full" : "full"
                sentences.append(
                    "\(lane): \(room) \(Self.time(hours: hours)) at this hour's rate, if nothing "
                        + "is acknowledged meanwhile.")
            }
        }
        if let sentence = diskSentence(answer["disk"]) { sentences.append(sentence) }
        switch text(answer["uplink"]) {
        case "none": sentences.append("No uplink: events stay here until their lane is full.")
        case "silent": sentences.append("The uplink has not told of any acknowledgement yet.")
        default: break
        }
        if let day = answer["wear"]?["days"]?.array?.last {
            let size = Self.size(int(day["bytes"]))
            let uplink = int(day["uplink_bytes"])
            let part = uplink > 0 ? ", \(Self.size(uplink)) of it by busbar-uplink" : ""
            sentences.append(
                "Written today: \(size) in \(int(day["commits"])) commits\(part) (UTC day).")
        }
        return table.lines(indent: 0) + [""] + sentences
    }

    /// What is wrong with the room for the journal; nil while all is well.
    private func diskSentence(_ disk: JSONValue?) -> String? {
        guard let disk, disk.object != nil else { return nil }
        let free = disk["free_bytes"]?.int.map { "\(Self.size($0)) free" } ?? "unknown room"
        let size = Self.size(int(disk["reserve_bytes"]))
        let isFull = disk["full"]?.bool == true
        let isSpent = disk["reserve"]?.bool == false
        let place = text(disk["directory"])
        guard disk["writable"]?.bool != false else {
            let what = isFull ? "the disk is full (\(free))" : "the disk has \(free)"
            let advice = isFull ? "make room on the disk of \(place)" : "see busbar why E603"
            return style.bad(
                "The journal cannot be written (E603), \(what)"
                    + "\(isSpent ? " and the reserve of \(size) is used up" : ""): \(advice).")
        }
        if isFull {
            let reserve =
                isSpent
                ? "the reserve of \(size) is used up: alarms may soon not be stored"
                : "alarms take the room of other events, then the reserve of \(size)"
            return style.bad(
                "The disk is full (\(free)) and \(reserve); make room on the disk of \(place).")
        }
        guard isSpent else { return nil }
        return style.warning(
            "The reserve of \(size) for alarms on a full disk is used up, the disk has \(free): "
                + "busbard sets it aside again once there is twice as much.")
    }

    /// In hours below two days, so that a forecast for tonight does not read as "in 0 days".
    static func time(hours: Int64) -> String {
        switch hours {
        case ..<1: "within the hour"
        case 1: "in 1 hour"
        case ..<48: "in \(hours) hours"
        default: "in \(hours / 24) days"
        }
    }

    /// Bytes with at most one decimal: "0 B", "1.5 MB".
    static func size(_ bytes: Int64) -> String {
        for (unit, name) in [(Int64(1) << 30, "GB"), (1 << 20, "MB"), (1 << 10, "kB")]
        where bytes >= unit {
            let tenths = bytes * 10 / unit
            let decimal = tenths % 10 == 0 ? "" : ".\(tenths % 10)"
            return "\(tenths / 10)\(decimal) \(name)"
        }
        return "\(bytes) B"
    }
}
