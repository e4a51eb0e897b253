import JSON
import Site

/// What busbard writes to the card, day by day (UTC): a card wears out by bytes and by commits.
struct WearLog {
    /// In the state image.
    static let key = "wear"
    /// Chosen: a month shows a change of habit.
    private static let daysMax = 30
    private static let dayMilliseconds: Int64 = 86_400_000

    struct Day: Hashable {
        /// Days since 1970-01-01.
        var number: Int64
        /// Sent to the disk by this process, as the kernel counts them.
        var bytes: Int64
        /// Of the journal's database; each waits for one sync of the disk.
        var commits: Int64
    }

    /// Oldest first.
    private(set) var days: [Day] = []
    private var last: (bytes: Int64, commits: Int64)?

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
                days.append(Day(number: number, bytes: bytes, commits: commits))
            }
        } catch {
            days = []
        }
    }

    /// Adds what came since the last call. Both figures are totals of this process.
    mutating func note(bytes: Int64, commits: Int64, unixMilliseconds: Int64) {
        let since = last ?? (0, 0)
        last = (bytes, commits)
        let number = unixMilliseconds / Self.dayMilliseconds
        let index: Int
        if let found = days.firstIndex(where: { $0.number == number }) {
            index = found
        } else {
            days.append(Day(number: number, bytes: 0, commits: 0))
            if days.count > Self.daysMax { days.removeFirst() }
            index = days.count - 1
        }
        days[index].bytes += max(0, bytes - since.bytes)
        days[index].commits += max(0, commits - since.commits)
    }

    var document: JSONValue {
        [
            "days": .array(
                days.map {
                    [
                        "day": JSONValue($0.number), "bytes": JSONValue($0.bytes),
                        "commits": JSONValue($0.commits),
                    ]
                })
        ]
    }

    /// Bytes that this process has had written to disks since its start; nil where the kernel does
    /// not tell.
    static func writtenBytes() -> Int64? {
        do throws(FileError) {
            let text = String(decoding: try readFile("/proc/self/io"), as: UTF8.self)
            for line in text.split(separator: "\n") where line.hasPrefix("write_bytes: ") {
                return Int64(line.dropFirst(13))
            }
            return nil
        } catch {
            return nil
        }
    }
}
