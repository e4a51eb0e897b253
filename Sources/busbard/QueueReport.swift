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

    /// - Parameter isWritable: whether the last attempt to write has succeeded.
    func document(now: Wire.WallTime, isWritable: Bool) throws(JournalError) -> JSONValue {
        let cursor = readCursor()
        let acknowledged = try reader.lanes().map { Self.acknowledged($0, cursor) }
        let lanes = try reader.lanes(after: acknowledged.map { $0 ?? 0 })
        var recent: [(rows: Int64, bytes: Int64)] = []
        for lane in lanes {
            recent.append(
                try reader.recent(
                    lane.lane, sinceUnixMilliseconds: now.unixMilliseconds - Self.hour))
        }
        let disk = reader.disk()
        let total = recent.reduce(0) { $0 + $1.bytes }
        var rows: [JSONValue] = []
        for (lane, recent) in zip(lanes, recent) {
            let outlook = LaneOutlook(
                lane, gaps: try reader.gaps(lane: lane.lane),
                acknowledged: acknowledged[Int(lane.lane.rawValue)], quota: quota(of: lane.lane),
                bytesPerHour: recent.bytes, free: disk.free, bytesPerHourOfAll: total)
            rows.append(
                .object(
                    row(
                        lane, acknowledged[Int(lane.lane.rawValue)], outlook, recent,
                        now: now.unixMilliseconds)))
        }
        let wear = WearLog(stored: try reader.state()[WearLog.key])
        return [
            "lanes": .array(rows),
            "uplink": .string(cursorPath == nil ? "none" : cursor == nil ? "silent" : "known"),
            "disk": [
                "directory": .string(disk.directory),
                "free_bytes": disk.free.map { JSONValue($0) } ?? .null,
                "full": .bool(disk.isFull), "reserve": .bool(disk.hasReserve),
                "reserve_bytes": JSONValue(Journal.reserveBytes), "writable": .bool(isWritable),
            ],
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

    /// - Parameter acknowledged: `lane` is of what follows it.
    private func row(
        _ lane: StoredLane, _ acknowledged: Int64?, _ outlook: LaneOutlook,
        _ recent: (rows: Int64, bytes: Int64), now: Int64
    ) -> JSONObject {
        var row = JSONObject()
        row.append("lane", .string(lane.lane.name))
        row.append("events", JSONValue(outlook.events))
        row.append("bytes", JSONValue(lane.bytes))
        row.append("quota_bytes", JSONValue(quota(of: lane.lane)))
        row.append("last", JSONValue(lane.last))
        row.append("acknowledged", acknowledged.map { JSONValue($0) } ?? .null)
        row.append("unacknowledged", JSONValue(outlook.waiting))
        row.append(
            "oldest_ms", lane.oldestUnixMilliseconds.map { JSONValue(max(0, now - $0)) } ?? .null)
        row.append("events_per_hour", JSONValue(recent.rows))
        row.append("bytes_per_hour", JSONValue(recent.bytes))
        row.append("dropped", JSONValue(lane.dropped))
        row.append("dropping", .bool(outlook.isDropping))
        row.append("full_in_hours", outlook.hoursUntilFull.map { JSONValue($0) } ?? .null)
        row.append("full_by", .string(outlook.isLimitedByDisk ? "disk" : "quota"))
        return row
    }

    /// The cursor's number, where it names an epoch of this journal and a number that it has.
    static func acknowledged(_ lane: StoredLane, _ cursor: UplinkCursor?) -> Int64? {
        guard let place = cursor?[lane.lane],
            lane.epochs.contains(where: { $0.epoch == place.epoch }), place.upTo <= lane.last
        else { return nil }
        return place.upTo
    }
}
