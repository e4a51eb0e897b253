import Units
import Wire

/// What one commit is made of, while it is being written. The journal takes its counters over only
/// after the commit has succeeded.
struct Batch {
    let store: Store
    let run: Int64
    let lanes: LaneTable
    var counters: [LaneCounter]
    /// The numbers of the transactions that this run has stored.
    var transactions: [TransactionHandle: Int64]

    /// Puts `row` into its lane under the lane's next number.
    ///
    /// - Precondition: the number is reserved. Using one that is not would break the promise that
    ///   no number is ever used twice.
    mutating func add(_ row: Row) throws(JournalError) {
        let lane = Int(row.lane.rawValue)
        let seq = counters[lane].next
        precondition(seq <= counters[lane].reservedTo, "the journal reserves before it writes")
        try store.insert(row, seq: seq, run: run)
        counters[lane].next += 1
        counters[lane].bytes += row.size
    }

    mutating func add(_ fact: JournalFact, stamp: Stamp) throws(JournalError) {
        try add(Row(fact, stamp: stamp, lanes: lanes))
    }

    /// Stores one step of a transaction, and the event that tells of it. A transaction whose
    /// opening was lost, or put aside with a damaged file, is opened late.
    mutating func add(_ change: TransactionChange) throws(JournalError) {
        let number: Int64
        if let stored = transactions[change.handle] {
            number = stored
        } else {
            number = try store.open(change, run: run)
            transactions[change.handle] = number
        }
        let fact = TransactionFact(
            id: number, kind: change.kind, job: change.job, counters: change.counters)
        let wall = change.stamp.wall
        switch change.step {
        case .opened:
            try add(.transactionOpened(fact), stamp: change.stamp)
        case .checkpointed:
            try store.change(
                transaction: number, to: .open, outcome: nil, counters: change.counters, wall: wall)
            try add(.transactionCheckpointed(fact), stamp: change.stamp)
        case .closed(let outcome):
            try store.change(
                transaction: number, to: .closed, outcome: outcome, counters: change.counters,
                wall: wall)
            try add(.transactionClosed(fact, outcome: outcome), stamp: change.stamp)
            transactions[change.handle] = nil
        }
    }

    /// Drops the oldest rows of a lane that has outgrown its quota, down to nine tenths of it, so
    /// that the next drop is far away. The range becomes a declared gap and an event.
    mutating func hold(_ lane: Lane, to quota: Int64, stamp: Stamp) throws(JournalError) {
        let index = Int(lane.rawValue)
        guard lane != .alarm, counters[index].bytes > quota else { return }
        let surplus = counters[index].bytes - quota / 10 * 9
        guard let drop = try store.drop(surplus, from: lane) else { return }
        counters[index].bytes -= drop.bytes
        try store.set(counters[index], of: lane, isFarewell: false)
        try add(.queueDropped(drop), stamp: stamp)
    }
}

extension Store {
    /// Deletes the oldest rows of `lane` until `surplus` bytes are gone. Nil if there are none.
    fileprivate func drop(_ surplus: Int64, from lane: Lane) throws(JournalError) -> Drop? {
        let table = lane.name + "_lane"
        let oldest = try connection.prepare(
            """
            SELECT seq, wall_ms,
            48 + length(type) + length(CAST(subject AS BLOB)) + length(data)
            FROM \(table) ORDER BY seq
            """)
        var drop: Drop?
        while drop.map({ $0.bytes < surplus }) ?? true, try oldest.step() {
            let seq = oldest.integer(0)
            let wall = oldest.integer(1)
            var grown =
                drop
                ?? Drop(
                    lane: lane, first: seq, last: seq, count: 0, bytes: 0, oldest: wall,
                    newest: wall)
            grown.last = seq
            grown.newest = wall
            grown.count += 1
            grown.bytes += oldest.integer(2)
            drop = grown
        }
        oldest.reset()
        guard let drop else { return nil }
        try connection.execute("DELETE FROM \(table) WHERE seq <= \(drop.last)")
        // Drops are always at the front, so that the front needs one gap only, however often.
        let first = try connection.integer(
            "SELECT min(first) FROM gaps WHERE lane = \(lane.rawValue) AND reason = 1")
        try connection.execute(
            "DELETE FROM gaps WHERE lane = \(lane.rawValue) AND last <= \(drop.last)")
        try declareGap(.dropped, in: lane, (first ?? drop.first)...drop.last)
        return drop
    }
}
