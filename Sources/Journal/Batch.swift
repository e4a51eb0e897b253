import Units
import Wire

/// What one commit is made of, while it is being written. The journal takes its counters over only
/// after the commit has succeeded.
struct Batch {
    let store: Store
    let run: Int64
    let lanes: LaneTable
    var counters: [LaneCounter]
    /// By lane: every number up to here is acknowledged.
    let acknowledged: [Int64]
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

    /// Adds what a start has to tell. Block and rows are of one transaction: until it has succeeded
    /// nothing but the file knows of either.
    mutating func open(with facts: [JournalFact], stamp: Stamp) throws(JournalError) {
        for fact in facts {
            let row = Row(fact, stamp: stamp, lanes: lanes)
            counters[Int(row.lane.rawValue)].reserve(1)
            try add(row)
        }
        for lane in Lane.allCases {
            // Also withdraws the farewell: a crash from here on is an unclean stop.
            try store.set(counters[Int(lane.rawValue)], of: lane, isFarewell: false)
        }
    }

    /// Declares the numbers of commits in doubt, and states it: in one transaction, so that no
    /// crash leaves the one without the other. Whoever reads the events in order would wait for
    /// ever for numbers that only the file knows to be skipped.
    mutating func declareDoubtful(stamp: Stamp) throws(JournalError) {
        for lane in Lane.allCases {
            let index = Int(lane.rawValue)
            guard let range = counters[index].undeclared else { continue }
            try store.declareGap(.skipped, in: lane, range)
            counters[index].undeclared = nil
            try add(
                .queueSkipped(lane, first: range.lowerBound, last: range.upperBound), stamp: stamp)
        }
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
}
