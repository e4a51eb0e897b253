import Glibc
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
    /// Of the oldest row that was asked for, as the clock stood then; nil when there is none.
    public var oldest: EventMoment?
    public var oldestUnixMilliseconds: Int64? { oldest?.wall.unixMilliseconds }
    /// Numbers without a row among those that were asked for: the first stretches of them.
    public var gaps: [StoredGap] = []
    /// Of the rows, as the quota counts them.
    public var bytes: Int64
    /// Rows that the lane has lost since the file was made: dropped, or found damaged.
    public var dropped: Int64 = 0
}

/// A stretch of one lane: rows in order, and the gaps up to the last of them.
public struct StoredPage: Hashable, Sendable {
    public var records: [EventRecord]
    /// In order. Without a row from there on: all the gaps that there are.
    public var gaps: [StoredGap]

    public init(records: [EventRecord] = [], gaps: [StoredGap] = []) {
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
        try QueueConnection(self).lanes(after: known)
    }

    /// Rows of one lane from `from` on, of one epoch and one run, until there are `maxEvents` of
    /// them or `maxBytes` of data; at least one if there is any. No more than these are read.
    public func page(
        of lane: Lane, from: Int64, maxEvents: Int, maxBytes: Int
    ) throws(JournalError) -> StoredPage {
        try QueueConnection(self).page(
            of: lane, from: from, maxEvents: maxEvents, maxBytes: maxBytes)
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

/// The queues for whoever asks many questions in a row: it keeps the file open and the questions
/// prepared between them, which is most of what a question costs.
///
/// Each question is one short read transaction, as those of a `JournalReader`. But a file that is
/// put aside meanwhile is still the one that is read: let go of it when it is not current.
public final class QueueConnection {
    /// A box, since a statement cannot stand in an array.
    private final class Question {
        let statement: Statement
        init(_ statement: consuming Statement) { self.statement = statement }
    }

    /// Stretches of gaps that are told of a lane at once; chosen. It bounds an answer.
    private static let statedGaps: Int64 = 64

    private let connection: Connection
    private var epochsQuestion: Question?
    /// By lane.
    private var placeQuestions = [Question?](repeating: nil, count: Lane.allCases.count)
    private var rowQuestions = [Question?](repeating: nil, count: Lane.allCases.count)
    private var gapsQuestion: Question?

    /// The file, as the system knows it.
    private let identity: FileIdentity?

    public init(_ reader: JournalReader) throws(JournalError) {
        // Looked at before it is opened: if another takes its place in between, this connection is
        // let go of once more than needed.
        identity = FileIdentity(reader.databasePath)
        connection = try reader.open()
        // 64 KiB of pages: rows are read once, in order, and only the way down to them again.
        try connection.execute("PRAGMA cache_size = -64")
    }

    /// Whether the file has its name still.
    public var isCurrent: Bool {
        identity != nil && identity == FileIdentity(connection.path)
    }

    /// As `JournalReader.lanes`.
    public func lanes(after known: [Int64] = [0, 0, 0]) throws(JournalError) -> [StoredLane] {
        try read { () throws(JournalError) in
            var lanes = Lane.allCases.map { StoredLane(lane: $0, epochs: [], last: 0, bytes: 0) }
            try noteEpochs(&lanes)
            for index in lanes.indices {
                let known = known[Int(lanes[index].lane.rawValue)]
                try notePlace(&lanes[index], after: known)
                lanes[index].gaps = try gaps(
                    of: lanes[index].lane, (known == .max ? known : known + 1)...(.max),
                    atMost: Self.statedGaps)
            }
            return lanes
        }
    }

    private func noteEpochs(_ lanes: inout [StoredLane]) throws(JournalError) {
        let firsts = Lane.allCases.map { "\($0.name)_first" }.joined(separator: ", ")
        let question = try prepared(
            &epochsQuestion, "SELECT epoch, \(firsts) FROM epochs ORDER BY n")
        let unknown = Identifier128(high: 0, low: 0)
        while try question.statement.step() {
            let epoch = Identifier128(bytes: question.statement.blob(0)) ?? unknown
            for index in lanes.indices {
                let first = question.statement.integer(Int32(1 + index))
                lanes[index].epochs.append(StoredLane.Epoch(epoch: epoch, first: first))
            }
        }
    }

    private func notePlace(_ lane: inout StoredLane, after known: Int64) throws(JournalError) {
        let table = lane.lane.name + "_lane"
        // The sum of the last reservation, and the rows since: a thousand at most.
        let question = try prepared(
            &placeQuestions[Int(lane.lane.rawValue)],
            """
            SELECT (SELECT max(seq) FROM \(table)),
            (SELECT max(g.last) FROM gaps g WHERE g.lane = ?1 AND \(RowChecksum.isSoundGap)),
            (SELECT l.bytes + (SELECT total(48 + length(type) + length(CAST(subject AS BLOB))
            + length(data)) FROM \(table) WHERE seq > l.counted_to) FROM lanes l WHERE l.lane = ?1),
            (SELECT dropped FROM lanes WHERE lane = ?1),
            o.wall_ms, o.clock, (SELECT boot FROM runs r WHERE r.n = o.run)
            FROM (SELECT 1) LEFT JOIN
            (SELECT wall_ms, clock, run FROM \(table) WHERE seq > ?2 ORDER BY seq LIMIT 1) o
            """)
        question.statement.bind(1, Int64(lane.lane.rawValue))
        question.statement.bind(2, known)
        guard try question.statement.step() else { return }
        lane.last = max(question.statement.integer(0), question.statement.integer(1))
        lane.bytes = question.statement.integer(2)
        lane.dropped = question.statement.integer(3)
        if question.statement.optionalInteger(4) != nil {
            lane.oldest = EventMoment(
                wall: WallTime(question.statement, milliseconds: 4, quality: 5),
                boot: Identifier128(bytes: question.statement.blob(6))
                    ?? Identifier128(high: 0, low: 0))
        }
        question.statement.reset()
    }

    /// As `JournalReader.page`.
    public func page(
        of lane: Lane, from: Int64, maxEvents: Int, maxBytes: Int
    ) throws(JournalError) -> StoredPage {
        try read { () throws(JournalError) in
            var page = StoredPage()
            page.records = try records(of: lane, from: from, maxEvents, maxBytes)
            page.gaps = try gaps(
                of: lane, from...max(from, page.records.last?.seq ?? .max), atMost: .max)
            return page
        }
    }

    private func records(
        of lane: Lane, from: Int64, _ maxEvents: Int, _ maxBytes: Int
    ) throws(JournalError) -> [EventRecord] {
        let question = try prepared(
            &rowQuestions[Int(lane.rawValue)],
            JournalReader.events(lane)
                + " WHERE seq >= ? AND \(RowChecksum.isSound) ORDER BY seq LIMIT ?")
        question.statement.bind(1, from)
        question.statement.bind(2, Int64(maxEvents))
        defer { question.statement.reset() }
        var records: [EventRecord] = []
        var bytes = 0
        while try question.statement.step() {
            let record = EventRecord(question.statement, lane: lane)
            bytes += record.data.count
            if let first = records.first {
                guard record.run == first.run, record.epoch == first.epoch, bytes <= maxBytes
                else { break }
            }
            records.append(record)
        }
        return records
    }

    private func gaps(
        of lane: Lane, _ numbers: ClosedRange<Int64>, atMost limit: Int64
    ) throws(JournalError) -> [StoredGap] {
        let question = try prepared(
            &gapsQuestion,
            """
            SELECT g.first, g.last, g.reason FROM gaps g WHERE g.lane = ? AND g.last >= ?
            AND g.first <= ? AND g.first <= g.last AND \(RowChecksum.isSoundGap)
            ORDER BY g.first LIMIT ?
            """)
        question.statement.bind(1, Int64(lane.rawValue))
        question.statement.bind(2, numbers.lowerBound)
        question.statement.bind(3, numbers.upperBound)
        question.statement.bind(4, limit)
        var gaps: [StoredGap] = []
        while try question.statement.step() { gaps.append(StoredGap(question.statement)) }
        return gaps
    }

    private func prepared(
        _ question: inout Question?, _ sql: @autoclosure () -> String
    ) throws(JournalError) -> Question {
        if let question { return question }
        let made = Question(try connection.prepare(sql()))
        question = made
        return made
    }

    private func read<Result>(
        _ body: () throws(JournalError) -> Result
    ) throws(JournalError) -> Result {
        try connection.execute("BEGIN")
        do {
            let result = try body()
            try connection.execute("COMMIT")
            return result
        } catch {
            // After some errors SQLite has ended the transaction by itself.
            if connection.isInTransaction { try connection.execute("ROLLBACK") }
            throw error
        }
    }
}

/// What stays the same of a file that is written to, and is another for each file.
private struct FileIdentity: Equatable {
    private let device: UInt
    private let number: UInt

    /// - Returns: nil when there is nothing of that name.
    init?(_ path: String) {
        var found = stat()
        guard stat(path, &found) == 0 else { return nil }
        device = UInt(found.st_dev)
        number = UInt(found.st_ino)
    }
}
