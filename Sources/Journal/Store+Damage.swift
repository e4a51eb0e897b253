import Wire

// Rows that are not as they were written: found at the start, and told.

extension Store {
    /// More of them in a lane than this, and the file as a whole is not to be trusted; chosen.
    static let unsoundMax = 64

    /// - Throws: as damage, if SQLite finds something wrong within the time.
    static func checkStructure(
        _ connection: borrowing Connection, by deadline: CheckDeadline
    ) throws(JournalError) {
        guard let fault = try connection.firstFault(by: deadline) else { return }
        throw JournalError(
            origin: .sqlite, code: 11, extendedCode: 11, message: fault,
            operation: "PRAGMA quick_check", path: connection.path)
    }

    /// - Throws: as damage, if a row is not as it was written by which events are named. Those rows
    ///   are few, and with a wrong one every event of an epoch or a run would be another one.
    static func checkNames(_ connection: borrowing Connection) throws(JournalError) {
        let tables = [("epochs", RowChecksum.epochColumns), ("runs", RowChecksum.runColumns)]
        for (table, columns) in tables {
            let row = try connection.integer(
                "SELECT n FROM \(table) WHERE checksum <> row_checksum(\(columns)) LIMIT 1")
            guard let row else { continue }
            throw damaged("row \(row) of \(table) is not as it was written", connection.path)
        }
    }

    /// Rows of a lane that follow each other and are not as they were written.
    struct Unsound {
        /// From the sound row before them to the sound row behind them, as one of them may stand
        /// under a number that is not its own.
        var range: ClosedRange<Int64>
        var count: Int64
        var bytes: Int64
        var oldest: Int64
        var newest: Int64
    }

    /// Looks at every row, as far as the start's time allows; what it has not reached is seen when
    /// it is read.
    ///
    /// - Throws: as damage, if there are more than `unsoundMax`.
    func unsound(in lane: Lane) throws(JournalError) -> [Unsound] {
        let table = lane.name + "_lane"
        var found: [Unsound] = []
        var count = 0
        _ = try connection.bounded(by: deadline) { () throws(JournalError) -> Void? in
            let rows = try connection.prepare(
                """
                SELECT l.seq, l.wall_ms,
                48 + length(l.type) + length(CAST(l.subject AS BLOB)) + length(l.data)
                FROM \(table) l WHERE NOT \(RowChecksum.isSound) ORDER BY l.seq
                """)
            while try rows.step() {
                count += 1
                guard count <= Self.unsoundMax else { break }
                let (seq, wall, bytes) = (rows.integer(0), rows.integer(1), rows.integer(2))
                let range = try surroundings(of: seq, in: lane)
                if let last = found.indices.last, found[last].range.overlaps(range) {
                    let first = found[last].range.lowerBound
                    found[last].range = first...max(found[last].range.upperBound, range.upperBound)
                    found[last].count += 1
                    found[last].bytes += bytes
                    found[last].newest = wall
                } else {
                    found.append(
                        Unsound(range: range, count: 1, bytes: bytes, oldest: wall, newest: wall))
                }
            }
            rows.reset()
            return ()
        }
        guard count <= Self.unsoundMax else {
            throw Self.damaged(
                "more than \(Self.unsoundMax) rows of lane \(lane.name) are not as they were "
                    + "written", connection.path)
        }
        return found
    }

    private func surroundings(
        of seq: Int64, in lane: Lane
    ) throws(JournalError) -> ClosedRange<Int64> {
        let sound = "FROM \(lane.name)_lane l WHERE \(RowChecksum.isSound) AND l.seq"
        let before = max(
            try connection.integer("SELECT max(l.seq) \(sound) < \(seq)") ?? 0,
            try connection.integer(
                """
                SELECT max(g.last) FROM gaps g WHERE g.lane = \(lane.rawValue) AND g.last < \(seq)
                AND \(RowChecksum.isSoundGap)
                """) ?? 0)
        let after = try connection.integer("SELECT min(l.seq) \(sound) > \(seq)") ?? seq + 1
        return before + 1...after - 1
    }

    /// Takes them out of their lane; what is left of them is gaps.
    ///
    /// - Returns: what must be told.
    func remove(
        _ unsound: [Unsound], from lane: Lane, _ counter: inout LaneCounter
    ) throws(JournalError) -> [JournalFact] {
        var facts: [JournalFact] = []
        for rows in unsound {
            let (first, last) = (rows.range.lowerBound, rows.range.upperBound)
            try connection.execute(
                "DELETE FROM \(lane.name)_lane WHERE seq BETWEEN \(first) AND \(last)")
            try replaceGaps(of: lane, with: .damaged, rows.range)
            counter.bytes -= min(rows.bytes, counter.bytes)
            counter.dropped += rows.count
            facts.append(
                .queueDropped(
                    Drop(
                        lane: lane, first: first, last: last, count: rows.count,
                        bytes: rows.bytes, oldest: rows.oldest, newest: rows.newest,
                        reason: .damage)))
        }
        return facts
    }
}
