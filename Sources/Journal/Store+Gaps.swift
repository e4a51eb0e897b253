import Wire

// Declared gaps that are not as they were written. One with another end hides every event that
// gets a number in it from whoever reads the queue in order, and there is nothing to be seen of it:
// all of them seem to be declared lost.

extension Store {
    /// A gap by what identifies it in the file.
    private struct DamagedGap {
        var lane: Int64
        var first: Int64
    }

    /// Takes out the gaps that are not as they were written, or cannot be true, and declares anew
    /// what then is neither a row nor in a gap. To be called after damaged rows were taken out: a
    /// row that has moved into a gap makes no damaged gap of it.
    ///
    /// - Parameter free: by lane, the first number that nothing had in the life before.
    /// - Parameter used: by lane, the last number up to which each must be accounted for.
    /// - Parameter wall: of the finding; nobody knows when what was there was written.
    /// - Returns: what must be told.
    /// - Throws: as damage, if they are too many or cannot be taken out.
    func repairGaps(
        free: [Int64], used: [Int64], wall: WallTime
    ) throws(JournalError) -> [JournalFact] {
        var facts: [JournalFact] = []
        let found = try damagedGaps(free: free)
        guard found.count <= Self.unsoundMax else {
            throw Self.damaged(
                "more than \(Self.unsoundMax) declared gaps are not as they were written",
                connection.path)
        }
        for gap in found {
            try connection.execute(
                "DELETE FROM gaps WHERE lane = \(gap.lane) AND first = \(gap.first)")
        }
        if !found.isEmpty {
            // One whose key has changed stands in the wrong place, and is not found there.
            guard try damagedGaps(free: free).isEmpty else {
                throw Self.damaged("a damaged gap cannot be taken out", connection.path)
            }
            for lane in Lane.allCases {
                for hole in try holes(in: lane, upTo: used[Int(lane.rawValue)]) {
                    try declareGap(.damaged, in: lane, hole)
                    facts.append(.queueDropped(Drop(hole, of: lane, foundAt: wall)))
                }
            }
        }
        try connection.execute(
            """
            UPDATE gaps AS g SET checksum = row_checksum(\(RowChecksum.gapColumns))
            WHERE g.checksum IS NULL
            """)
        return facts
    }

    private func damagedGaps(free: [Int64]) throws(JournalError) -> [DamagedGap] {
        let gaps = try connection.prepare(
            "SELECT g.lane, g.first, g.last, \(RowChecksum.isSoundGap) FROM gaps g")
        var found: [DamagedGap] = []
        while try gaps.step() {
            let (lane, first, last) = (gaps.integer(0), gaps.integer(1), gaps.integer(2))
            if gaps.integer(3) != 0, let known = UInt8(exactly: lane).flatMap(Lane.init(rawValue:)),
                first > 0, first <= last, last < free[Int(lane)],
                try !hasRow(in: known, first...last)
            {
                continue
            }
            found.append(DamagedGap(lane: lane, first: first))
        }
        return found
    }

    private func hasRow(
        in lane: Lane, _ numbers: ClosedRange<Int64>
    ) throws(JournalError) -> Bool {
        let (first, last) = (numbers.lowerBound, numbers.upperBound)
        return try connection.integer(
            "SELECT 1 FROM \(lane.name)_lane WHERE seq BETWEEN \(first) AND \(last) LIMIT 1") != nil
    }

    /// Numbers that are neither rows nor in a gap. The end of an epoch needs no gap: no number of
    /// the next waits for it.
    private func holes(
        in lane: Lane, upTo used: Int64
    ) throws(JournalError) -> [ClosedRange<Int64>] {
        var gaps: [ClosedRange<Int64>] = []
        let declared = try connection.prepare(
            "SELECT first, last FROM gaps WHERE lane = \(lane.rawValue) ORDER BY first")
        while try declared.step() { gaps.append(declared.integer(0)...declared.integer(1)) }
        var holes: [ClosedRange<Int64>] = []
        for stretch in try stretchesWithoutRow(in: lane, upTo: used) {
            var next = stretch.lowerBound
            for gap in gaps where gap.overlaps(stretch) {
                if next < gap.lowerBound { holes.append(next...gap.lowerBound - 1) }
                next = max(next, gap.upperBound + 1)
            }
            if next <= stretch.upperBound { holes.append(next...stretch.upperBound) }
        }
        let ends = try epochs().dropFirst().map { $0.first[Int(lane.rawValue)] - 1 }
        return holes.filter { !ends.contains($0.upperBound) }
    }

    private func stretchesWithoutRow(
        in lane: Lane, upTo used: Int64
    ) throws(JournalError) -> [ClosedRange<Int64>] {
        let table = lane.name + "_lane"
        let rows = try connection.prepare(
            """
            SELECT before, seq FROM
            (SELECT seq, lag(seq, 1, 0) OVER (ORDER BY seq) AS before FROM \(table))
            WHERE seq > before + 1
            """)
        var stretches: [ClosedRange<Int64>] = []
        while try rows.step() { stretches.append(rows.integer(0) + 1...rows.integer(1) - 1) }
        let last = try connection.integer("SELECT max(seq) FROM \(table)") ?? 0
        if last < used { stretches.append(last + 1...used) }
        return stretches
    }
}

extension Drop {
    /// Of numbers of which nobody knows whether they were events.
    fileprivate init(_ numbers: ClosedRange<Int64>, of lane: Lane, foundAt wall: WallTime) {
        self.init(
            lane: lane, first: numbers.lowerBound, last: numbers.upperBound, count: 0, bytes: 0,
            oldest: wall.unixMilliseconds, newest: wall.unixMilliseconds, reason: .damage)
    }
}
