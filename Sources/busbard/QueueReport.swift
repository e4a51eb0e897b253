import Events
import JSON
import Journal
import LocalAPI
import Site
import Units
import Wire

/// Where the queues stand, for `busbar queue`: read from the journal and from the uplink's cursor.
struct QueueReport {
    let reader: JournalReader
    let quotas: QueueQuotas
    /// Nil where there is no uplink.
    let cursorPath: String?

    private static let hour: Int64 = 3_600_000

    func document(now: Wire.WallTime) throws(JournalError) -> JSONValue {
        let cursor = readCursor()
        var rows: [JSONValue] = []
        for lane in try reader.lanes() {
            rows.append(.object(try row(lane, cursor, now: now.unixMilliseconds)))
        }
        let wear = WearLog(stored: try reader.state()[WearLog.key])
        return [
            "lanes": .array(rows),
            "uplink": .string(cursorPath == nil ? "none" : cursor == nil ? "silent" : "known"),
            "wear": wear.document,
            "sqlite": .string(Journal.sqliteVersion),
        ]
    }

    private func quota(of lane: Wire.Lane) -> Int64 {
        switch lane {
        case .alarm: quotas.alarm
        case .event: quotas.event
        case .telemetry: quotas.telemetry
        }
    }

    private func readCursor() -> UplinkCursor? {
        guard let cursorPath, case .bytes(let bytes) = LinuxStorage().read(cursorPath, limit: 4_096)
        else { return nil }
        return UplinkCursor(text: String(decoding: bytes, as: UTF8.self))
    }

    private func row(
        _ lane: StoredLane, _ cursor: UplinkCursor?, now: Int64
    ) throws(JournalError) -> JSONObject {
        let gaps = try reader.gaps(lane: lane.lane)
        // Every number is a row or in a gap, so rows need not be counted.
        func rows(after number: Int64) -> Int64 {
            let missing = gaps.reduce(Int64(0)) { sum, gap in
                sum + max(0, gap.last - max(gap.first, number + 1) + 1)
            }
            return max(0, lane.last - number - missing)
        }
        let dropped = gaps.filter { $0.reason == .dropped }
            .reduce(Int64(0)) { $0 + $1.last - $1.first + 1 }
        let recent = try reader.recent(lane.lane, sinceUnixMilliseconds: now - Self.hour)
        let quota = quota(of: lane.lane)
        var row = JSONObject()
        row.append("lane", .string(lane.lane.name))
        row.append("events", JSONValue(rows(after: 0)))
        row.append("bytes", JSONValue(lane.bytes))
        row.append("quota_bytes", JSONValue(quota))
        row.append("last", JSONValue(lane.last))
        row.append(
            "oldest_ms", lane.oldestUnixMilliseconds.map { JSONValue(max(0, now - $0)) } ?? .null)
        let acknowledged = Self.acknowledged(lane, cursor)
        row.append("acknowledged", acknowledged.map { JSONValue($0) } ?? .null)
        row.append("unacknowledged", JSONValue(rows(after: acknowledged ?? 0)))
        row.append("events_per_hour", JSONValue(recent.rows))
        row.append("bytes_per_hour", JSONValue(recent.bytes))
        row.append("dropped", JSONValue(dropped))
        row.append(
            "full_in_days",
            Self.daysUntilFull(bytes: lane.bytes, quota: quota, bytesPerHour: recent.bytes)
                .map { JSONValue($0) } ?? .null)
        return row
    }

    /// The cursor's number, where it names an epoch of this journal and a number that it has.
    static func acknowledged(_ lane: StoredLane, _ cursor: UplinkCursor?) -> Int64? {
        guard let place = cursor?[lane.lane],
            lane.epochs.contains(where: { $0.epoch == place.epoch }), place.upTo <= lane.last
        else { return nil }
        return place.upTo
    }

    /// Whole days at this rate, with nothing acknowledged; nil where nothing comes in.
    static func daysUntilFull(bytes: Int64, quota: Int64, bytesPerHour: Int64) -> Int64? {
        guard bytesPerHour > 0 else { return nil }
        return max(0, quota - bytes) / (bytesPerHour * 24)
    }
}
