import Units
import Wire

/// A bucket of bytes that fills at a fixed rate: what the site allows the bulk lanes on its link.
/// It may go into debt by one batch, whose size nobody knows before it is packed.
struct Pacer: Hashable, Sendable {
    private let bytesPerSecond: Int64
    /// In thousandths of a byte.
    private var level: Int64
    private var filledAt: Instant?

    init(bytesPerSecond: Int) {
        self.bytesPerSecond = Int64(bytesPerSecond)
        level = self.bytesPerSecond * 1_000
    }

    /// Whether something may be sent now.
    mutating func isOpen(now: Instant) -> Bool {
        let span = filledAt.map { max(0, (now - $0).rawValue) } ?? 0
        filledAt = now
        // One second's worth at the most: a quiet night is no licence for a flood.
        level = min(bytesPerSecond * 1_000, level + min(span, 3_600_000) * bytesPerSecond)
        return level > 0
    }

    mutating func took(bytes: Int) { level -= Int64(bytes) * 1_000 }
}

/// Whose turn it is when more than one lane has something to send.
///
/// The upper lane goes first, always, until it has sent nine batches' worth in front of a lower one
/// that waited; then the lower one goes once. A single alarm therefore never waits, and an hour of
/// alarms does not silence the measurements.
struct LaneShares: Hashable, Sendable {
    /// In bytes: what `event` and `telemetry` may send in front of alarms, and what `telemetry` may
    /// in front of events.
    private var credit = [0, 0]
    private var lastBytes = [1, 1, 1]

    /// The lane to send from.
    ///
    /// - Parameter waiting: by the lane's raw value, whether it has events.
    mutating func turn(waiting: [Bool]) -> Lane? {
        precondition(waiting.count == Lane.allCases.count, "one for each lane")
        if !waiting[0] { credit[0] = 0 }
        if !waiting[1] { credit[1] = 0 }
        let lower: Lane? =
            waiting[1] && waiting[2]
            ? (credit[1] >= lastBytes[2] ? .telemetry : .event)
            : waiting[1] ? .event : waiting[2] ? .telemetry : nil
        guard waiting[0] else { return lower }
        guard let lower, credit[0] >= lastBytes[Int(lower.rawValue)] else { return .alarm }
        return lower
    }

    /// A batch was sent.
    mutating func sent(_ lane: Lane, bytes: Int, waiting: [Bool], percent: Int) {
        lastBytes[Int(lane.rawValue)] = max(1, bytes)
        let earned = bytes * percent / max(1, 100 - percent)
        switch lane {
        case .alarm:
            if waiting[1] || waiting[2] { credit[0] += earned }
        case .event:
            if waiting[0] { credit[0] = max(0, credit[0] - bytes) }
            if waiting[2] { credit[1] += earned }
        case .telemetry:
            if waiting[0] { credit[0] = max(0, credit[0] - bytes) }
            if waiting[1] { credit[1] = max(0, credit[1] - bytes) }
        }
    }
}
