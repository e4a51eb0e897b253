public import Wire

// The queues as the uplink reads them, and as a technician does: each question is answered from one
// short read transaction, so that all of its answer is of one moment.

/// Where one lane stands.
public struct StoredLane: Hashable, Sendable {
    public struct Epoch: Hashable, Sendable {
        public var epoch: Identifier128
        /// The first number that is its own. Numbers go on upwards through all epochs of one file.
        public var first: Int64
    }

    public var lane: Lane
    /// Oldest first; those without a row left too.
    public var epochs: [Epoch]
    /// The greatest number that is durably stored or declared a gap; 0 when there is none.
    public var last: Int64
    /// The wall time of the oldest row that was asked for, as the clock stood then; nil when there
    /// is none.
    public var oldestUnixMilliseconds: Int64?
    /// Numbers without a row among those that were asked for: the first 64 stretches of them.
    public var gaps: [ClosedRange<Int64>] = []
    /// Of the rows, as the quota counts them.
    public var bytes: Int64
}

/// A stretch of one lane: rows in order, and the gaps up to the last of them.
public struct StoredPage: Hashable, Sendable {
    public var records: [EventRecord]
    /// In order. Without a row from there on: all the gaps that there are.
    public var gaps: [ClosedRange<Int64>]

    public init(records: [EventRecord] = [], gaps: [ClosedRange<Int64>] = []) {
        self.records = records
        self.gaps = gaps
    }
}

extension JournalReader {
    /// Where all lanes stand at one moment.
    ///
    /// - Parameter known: by the lane's raw value, the number above which the oldest row and the
    ///   gaps are asked for.
    public func lanes(after known: [Int64] = [0, 0, 0]) throws(JournalError) -> [StoredLane] {
        try read { (connection) throws(JournalError) in
            var lanes: [StoredLane] = []
            for lane in Lane.allCases {
                lanes.append(
                    try Self.lane(lane, after: known[Int(lane.rawValue)], in: connection))
            }
            return lanes
        }
    }

    private static func lane(
        _ lane: Lane, after known: Int64, in connection: borrowing Connection
    ) throws(JournalError) -> StoredLane {
        let table = lane.name + "_lane"
        let unknown = Identifier128(high: 0, low: 0)
        var found = StoredLane(lane: lane, epochs: [], last: 0, bytes: 0)
        let epochs = try connection.prepare(
            "SELECT epoch, \(lane.name)_first FROM epochs ORDER BY n")
        while try epochs.step() {
            let epoch = Identifier128(bytes: epochs.blob(0)) ?? unknown
            found.epochs.append(StoredLane.Epoch(epoch: epoch, first: epochs.integer(1)))
        }
        let lastRow = try connection.integer("SELECT max(seq) FROM \(table)") ?? 0
        let lastGap = try connection.integer(
            "SELECT max(last) FROM gaps WHERE lane = \(lane.rawValue)")
        found.last = max(lastRow, lastGap ?? 0)
        found.oldestUnixMilliseconds = try connection.integer(
            "SELECT wall_ms FROM \(table) WHERE seq > \(known) ORDER BY seq LIMIT 1")
        let gaps = try connection.prepare(
            """
            SELECT first, last FROM gaps WHERE lane = ? AND last > ? ORDER BY first LIMIT 64
            """)
        gaps.bind(1, Int64(lane.rawValue))
        gaps.bind(2, known)
        while try gaps.step() {
            let (first, last) = (gaps.integer(0), gaps.integer(1))
            // A row of a damaged file; a range must not be asked of it.
            if first <= last { found.gaps.append(first...last) }
        }
        // The sum of the last reservation, and the rows since: a thousand at most.
        found.bytes =
            try connection.integer(
                """
                SELECT l.bytes + (SELECT total(48 + length(type) + length(CAST(subject AS BLOB))
                + length(data)) FROM \(table) WHERE seq > l.counted_to)
                FROM lanes l WHERE l.lane = \(lane.rawValue)
                """) ?? 0
        return found
    }

    /// Rows of one lane from `from` on, of one epoch and one run, until there are `maxEvents` of
    /// them or `maxBytes` of data; at least one if there is any. No more than these are read.
    public func page(
        of lane: Lane, from: Int64, maxEvents: Int, maxBytes: Int
    ) throws(JournalError) -> StoredPage {
        try read { (connection) throws(JournalError) in
            var page = StoredPage()
            let rows = try connection.prepare(
                Self.events(lane)
                    + " WHERE seq >= ? AND \(RowChecksum.isSound) ORDER BY seq LIMIT ?")
            rows.bind(1, from)
            rows.bind(2, Int64(maxEvents))
            var bytes = 0
            while try rows.step() {
                let record = EventRecord(rows, lane: lane)
                bytes += record.data.count
                if let first = page.records.first {
                    guard record.run == first.run, record.epoch == first.epoch, bytes <= maxBytes
                    else { break }
                }
                page.records.append(record)
            }
            rows.reset()
            let gaps = try connection.prepare(
                """
                SELECT first, last FROM gaps WHERE lane = ? AND last >= ? AND first <= ?
                ORDER BY first
                """)
            gaps.bind(1, Int64(lane.rawValue))
            gaps.bind(2, from)
            gaps.bind(3, page.records.last?.seq ?? .max)
            while try gaps.step() {
                let (first, last) = (gaps.integer(0), gaps.integer(1))
                // A row of a damaged file; a range must not be asked of it.
                if first <= last { page.gaps.append(first...last) }
            }
            return page
        }
    }

    /// Rows that a lane got since a moment, by the wall clock as it stood, among its last 10,000:
    /// enough for a rate, and quick on a long lane.
    public func recent(
        _ lane: Lane, sinceUnixMilliseconds since: Int64
    ) throws(JournalError) -> (rows: Int64, bytes: Int64) {
        try read { (connection) throws(JournalError) in
            let query = try connection.prepare(
                """
                SELECT count(*), total(size) FROM (SELECT wall_ms,
                48 + length(type) + length(CAST(subject AS BLOB)) + length(data) AS size
                FROM \(lane.name)_lane ORDER BY seq DESC LIMIT 10000) WHERE wall_ms >= ?
                """)
            query.bind(1, since)
            guard try query.step() else { return (0, 0) }
            return (query.integer(0), query.integer(1))
        }
    }
}
