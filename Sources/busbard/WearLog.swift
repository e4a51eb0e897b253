import JSON

/// What busbard and busbar-uplink write to the card, day by day (UTC): a card wears out by bytes
/// and by commits.
struct WearLog {
    /// In the state image.
    static let key = "wear"
    /// Chosen: a month shows a change of habit.
    private static let daysMax = 30
    private static let dayMilliseconds: Int64 = 86_400_000

    struct Day: Hashable {
        /// Days since 1970-01-01.
        var number: Int64
        /// Sent to the disk by both, as the kernel counts them.
        var bytes: Int64
        /// Those of them that were busbar-uplink's.
        var uplinkBytes: Int64
        /// Of the journal's database; each waits for one sync of the disk.
        var commits: Int64
    }

    /// Oldest first.
    private(set) var days: [Day] = []
    private var last: (bytes: Int64, commits: Int64)?
    /// Which run of busbar-uplink was heard of last, and its total then. Kept, because it goes on
    /// when busbard is started anew.
    private var uplink: (process: String, bytes: Int64)?

    init() {}

    /// Reads what an earlier run left. What cannot be read is left out: the figures begin anew.
    init(stored: String?) {
        guard let stored else { return }
        do throws(JSONError) {
            let document = try JSONValue.parse(Array(stored.utf8))
            for row in document["days"]?.array ?? [] {
                guard let number = row["day"]?.int, let bytes = row["bytes"]?.int,
                    let commits = row["commits"]?.int, bytes >= 0, commits >= 0
                else { continue }
                days.append(
                    Day(
                        number: number, bytes: bytes,
                        uplinkBytes: row["uplink_bytes"]?.int ?? 0, commits: commits))
            }
            if let process = document["uplink"]?["process"]?.string,
                let bytes = document["uplink"]?["bytes"]?.int, bytes >= 0
            {
                uplink = (process, bytes)
            }
        } catch {
            days = []
        }
    }

    /// Adds what came since the last call. Both figures are totals of this process.
    mutating func note(bytes: Int64, commits: Int64, unixMilliseconds: Int64) {
        let since = last ?? (0, 0)
        last = (bytes, commits)
        let index = index(unixMilliseconds)
        Self.add(bytes - since.bytes, to: &days[index].bytes)
        Self.add(commits - since.commits, to: &days[index].commits)
    }

    /// Adds what busbar-uplink says in its status that it wrote since it was heard of last. What is
    /// not plausible is left out: this is another user's file.
    mutating func note(uplink status: JSONValue, unixMilliseconds: Int64) {
        guard let boot = status["boot"]?.string, boot.utf8.count <= 64,
            let started = status["started_mono_ms"]?.int, let bytes = status["written_bytes"]?.int,
            (0...Self.bytesMax).contains(bytes)
        else { return }
        let process = "\(boot) \(started)"
        let since = uplink?.process == process ? uplink?.bytes ?? 0 : 0
        uplink = (process, max(bytes, since))
        let index = index(unixMilliseconds)
        Self.add(bytes - since, to: &days[index].bytes)
        Self.add(bytes - since, to: &days[index].uplinkBytes)
    }

    /// A pebibyte, which no card survives.
    private static let bytesMax: Int64 = 1 << 50

    private static func add(_ growth: Int64, to total: inout Int64) {
        let (sum, isTooMuch) = total.addingReportingOverflow(max(0, growth))
        total = isTooMuch ? .max : sum
    }

    private mutating func index(_ unixMilliseconds: Int64) -> Int {
        let number = unixMilliseconds / Self.dayMilliseconds
        if let found = days.firstIndex(where: { $0.number == number }) { return found }
        days.append(Day(number: number, bytes: 0, uplinkBytes: 0, commits: 0))
        if days.count > Self.daysMax { days.removeFirst() }
        return days.count - 1
    }

    var document: JSONValue {
        [
            "days": .array(
                days.map {
                    [
                        "day": JSONValue($0.number), "bytes": JSONValue($0.bytes),
                        "uplink_bytes": JSONValue($0.uplinkBytes),
                        "commits": JSONValue($0.commits),
                    ]
                }),
            "uplink": uplink.map {
                ["process": .string($0.process), "bytes": JSONValue($0.bytes)]
            } ?? .null,
        ]
    }
}
