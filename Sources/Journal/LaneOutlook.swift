import Wire

/// What waits in one lane, and what becomes of it at the rate of the last hour.
public struct LaneOutlook: Hashable, Sendable {
    /// Rows of the lane.
    public let events: Int64
    /// Those that are not acknowledged.
    public let waiting: Int64
    /// Whether the lane is full of what is not acknowledged, so that the oldest of it is dropped
    /// for what comes. What is acknowledged goes before it.
    public let isDropping: Bool
    /// Whole hours until it is full of what is not acknowledged, if nothing is meanwhile. Nil where
    /// nothing comes in, and where it drops already.
    public let hoursUntilFull: Int64?
    /// Whether it is the disk that is full then, before the lane's quota is.
    public let isLimitedByDisk: Bool

    /// What a lane may lie below its mark after a drop, and be full all the same: a drop ends with
    /// a whole row, of 64 KiB at the most and some.
    private static let slack: Int64 = 66 << 10

    /// - Parameters:
    ///   - gaps: all of the lane's.
    ///   - acknowledged: the last number that is; nil for none.
    ///   - free: bytes of the disk, which all lanes fill together; nil where nobody says.
    ///   - bytesPerHourOfAll: of all lanes.
    public init(
        _ lane: StoredLane, gaps: [StoredGap], acknowledged: Int64?, quota: Int64,
        bytesPerHour: Int64, free: Int64? = nil, bytesPerHourOfAll: Int64 = 0
    ) {
        // Every number is a row or in a gap, so rows need not be counted.
        func rows(after number: Int64) -> Int64 {
            let missing = gaps.reduce(Int64(0)) { sum, gap in
                sum + max(0, gap.last - max(gap.first, number + 1) + 1)
            }
            return max(0, lane.last - number - missing)
        }
        events = rows(after: 0)
        waiting = rows(after: acknowledged ?? 0)
        // A drop takes the lane down to nine tenths, and its gap stands until acknowledged rows go.
        isDropping =
            lane.lane != .alarm && waiting == events && gaps.contains { $0.reason == .dropped }
            && lane.bytes + Self.slack >= quota / 10 * 9
        // As if all rows were of one length: only the sum of all is stored.
        let share = events > 0 ? Double(waiting) / Double(events) : 0
        let bytes = Int64(Double(lane.bytes) * share)
        guard !isDropping, bytesPerHour > 0 else {
            (hoursUntilFull, isLimitedByDisk) = (nil, false)
            return
        }
        let byQuota = max(0, quota - bytes) / bytesPerHour
        // The room of what is acknowledged is taken before more of the disk is.
        let byDisk = free.map {
            max(0, $0 + lane.bytes - bytes) / max(bytesPerHour, bytesPerHourOfAll)
        }
        hoursUntilFull = min(byQuota, byDisk ?? byQuota)
        isLimitedByDisk = byDisk.map { $0 < byQuota } ?? false
    }
}
