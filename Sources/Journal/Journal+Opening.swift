import Control
import Units
import Wire

// The start: what was, what is damaged, and where the numbers go on.

extension Journal {
    /// Finds out what the last run left, and begins this one. Never fails; see `databaseFailure`.
    func begin(now: Instant) {
        do {
            try directory.make()
        } catch { databaseFailure = error }
        let hasRunBefore = directory.hasRunBefore
        let fileCopy = lockoutFile.read()
        recall(markerFile.read(), hasRunBefore: hasRunBefore)
        if !hasRunBefore {
            // Before the database is there, so that a power cut in between leaves one good copy.
            lockout = LockoutRecord()
            isLockoutFileDue = true
            try? serviceFiles()
        }
        do {
            try openStore(now: now)
        } catch {
            databaseFailure = error
            nextAttempt = now + Self.retryDelay
        }
        let reconciliation = LockoutReconciliation(
            copyA: databaseCopy(hasRunBefore: hasRunBefore), copyB: fileCopy,
            hasRunBefore: hasRunBefore)
        recollection.lockout = reconciliation.lockout
        switch reconciliation.lockout {
        case .locked(let record), .repaired(let record): lockout = record
        case .clear: if case .good(let record) = fileCopy { lockout = record }
        // What is damaged stays damaged until the controller has a record of its own: a start that
        // ends here must find the same at the next.
        case .unreadable: lockout = nil
        }
        if let record = reconciliation.rewrite {
            lockout = record
            if hasRunBefore { isLockoutFileDue = !fileCopy.holds(record) }
            isLockoutRowDue = true
        }
        marker = .running
        isMarkerDue = true
        isUrgent = true
        // Failures are in `databaseFailure` and `fileFailure`; the start goes on without.
        try? serviceFiles()
        try? commitIfDue(now: now)
        try? serviceReserve(now: now)
    }

    private func recall(_ found: RunMarkerFile.Found, hasRunBefore: Bool) {
        switch found {
        case .marker(let last):
            recollection.wasHeating = last == .heating
            recollection.wasUnclean = last != .stopped
        case .missing where !hasRunBefore:
            recollection.wasHeating = false
            recollection.wasUnclean = false
        case .missing, .bad:
            // Nobody can say that it did not heat.
            recollection.wasHeating = true
            recollection.wasUnclean = true
        }
    }

    private func databaseCopy(hasRunBefore: Bool) -> LockoutCopy {
        guard quarantinedFile == nil else { return .bad }
        guard let store else { return hasRunBefore ? .bad : .missing }
        do {
            guard let bytes = try store.lockout() else { return .missing }
            return LockoutCopy(bytes: bytes)
        } catch { return .bad }
    }

    /// Opens the file, putting aside what cannot be used, and takes up the numbers.
    func openStore(now: Instant) throws(JournalError) {
        if lock == nil { lock = try takeLock() }
        if let fault = directory.fault { try quarantine(reason: fault) }
        do {
            try adopt(try openedStore())
        } catch {
            guard error.isDamage else { throw error }
            try quarantine(reason: error.description)
            try adopt(try openedStore())
        }
    }

    private func takeLock() throws(JournalError) -> StateDirectoryLock {
        try StateDirectoryLock(directory: directory.path, storage: directory.storage)
    }

    private func openedStore() throws(JournalError) -> Store {
        try Store(
            in: directory,
            checkMilliseconds: configuration.checkLimit.rawValue,
            pageLimit: configuration.pageLimit, commitsAreSynced: configuration.commitsAreSynced)
    }

    /// Moves the damaged file away and makes an event of it.
    func quarantine(reason: String) throws(JournalError) {
        precondition(store == nil, "an open file would be written after it was moved")
        let file = try directory.quarantine()
        quarantinedFile = file
        // Its copy of the lockout record is gone with it.
        isLockoutRowDue = true
        pending.insert(
            .row(
                Row(
                    .queueQuarantined(file: file, reason: reason), stamp: latestStamp,
                    lanes: configuration.lanes)), at: 0)
        isUrgent = true
    }

    /// Begins this run in an open file: epoch, numbers, gaps, and transactions that were left open.
    private func adopt(_ opened: Store) throws(JournalError) {
        let known = try opened.latestEpoch()
        if runNumber != 0, known?.identifier == epoch {
            // Our own file, open again after the disk refused: the numbers in memory are further.
            store = opened
            return
        }
        let places = try opened.lanes()
        let reason = try newEpochReason(in: opened, known: known, lanes: places)
        let interrupted = try opened.openTransactions()
        let since = reason == nil ? try opened.inboxBounds().since : nil
        let leftOver = try Self.leftOver(interrupted, in: opened)
        var adoption = Adoption(
            epoch: reason == nil ? known!.identifier : configuration.identifiers(),
            reason: reason, places: places,
            unsound: try Lane.allCases.map { (lane) throws(JournalError) in
                try opened.unsound(in: lane)
            },
            interrupted: interrupted, stamp: latestStamp)
        adoption.skipBlocks()
        let nothing = Lane.allCases.map { _ in Int64(0) }
        let batch: Batch
        do {
            batch = try opened.transact { (store) throws(JournalError) -> Batch in
                try adoption.write(to: store)
                if let hardware = configuration.hardware { try store.set(hardware: hardware) }
                try store.forgetOldTransitions()
                let number = try store.addRun(
                    run, boot: configuration.boot, wall: adoption.stamp.wall)
                var batch = Batch(
                    store: store, run: number, lanes: configuration.lanes,
                    counters: adoption.places.counters, acknowledged: nothing, transactions: [:])
                try batch.open(with: adoption.facts + leftOver, stamp: adoption.stamp)
                return batch
            }
        } catch { throw error.error }
        store = opened
        inboxSince = since
        epoch = adoption.epoch
        runNumber = batch.run
        // Numbers in doubt were of another file: here they are free, or were taken up with it.
        counters = batch.counters
        acknowledged = nothing
        transactions.removeAll()
        isQueueMarkDue = true
        // A failure is in `fileFailure`, and `service` tries again.
        try? serviceFiles()
    }

    /// What earlier runs began and did not end: work, and commands of the cluster.
    private static func leftOver(
        _ transactions: [Store.OpenTransaction], in opened: Store
    ) throws(JournalError) -> [JournalFact] {
        var facts = transactions.map { JournalFact.transactionInterrupted($0.fact) }
        facts += try opened.interruptedCommands().map { .commandAnswered($0) }
        return facts
    }

    /// Why the events from now on need a new epoch; nil if the old one goes on.
    private func newEpochReason(
        in opened: Store, known: Store.Epoch?, lanes: Store.Lanes
    ) throws(JournalError) -> EpochReason? {
        guard let known else { return quarantinedFile == nil ? .new : .quarantine }
        if let hardware = configuration.hardware, let made = try opened.hardware(),
            made != hardware
        {
            return .clone
        }
        guard let mark = QueueMark.read(in: directory) else { return nil }
        let isBehind = zip(lanes.counters, mark.reservedTo).contains { counter, reserved in
            counter.reservedTo < reserved
        }
        let hasLostItsEnd = lanes.isFarewell && !mark.isClosed
        // Within one block nothing else tells a copy from before the last run, and both have said
        // farewell.
        let hasLostRuns = try opened.latestRun() < mark.run
        let isOld = mark.epoch != known.identifier || isBehind || hasLostItsEnd || hasLostRuns
        return isOld ? .rollback : nil
    }
}

/// What a start changes in a file that it takes up, in one transaction with the rows that tell of
/// it: a start that ends right after it is not told of by the next.
private struct Adoption {
    let epoch: Identifier128
    /// Why the epoch is new; nil if the old one goes on.
    let reason: EpochReason?
    var places: Store.Lanes
    /// By lane, the first number that nothing had before this start.
    private let free: [Int64]
    /// By lane.
    let unsound: [[Store.Unsound]]
    let interrupted: [Store.OpenTransaction]
    let stamp: Stamp
    /// To be told of, in this order.
    private(set) var facts: [JournalFact] = []

    init(
        epoch: Identifier128, reason: EpochReason?, places: Store.Lanes,
        unsound: [[Store.Unsound]], interrupted: [Store.OpenTransaction], stamp: Stamp
    ) {
        self.epoch = epoch
        self.reason = reason
        self.places = places
        free = places.counters.map(\.next)
        self.unsound = unsound
        self.interrupted = interrupted
        self.stamp = stamp
    }

    /// Whatever another life of this file used of its blocks is never used here.
    mutating func skipBlocks() {
        guard let reason else { return }
        facts.append(.queueOpened(epoch: epoch, reason: reason))
        for index in places.counters.indices where reason != .new {
            places.counters[index].next = places.counters[index].reservedTo + 1
        }
    }

    mutating func write(to store: Store) throws(JournalError) {
        for lane in Lane.allCases {
            let index = Int(lane.rawValue)
            facts += try store.remove(unsound[index], from: lane, &places.counters[index])
        }
        facts += try store.repairGaps(free: free, used: places.used, wall: stamp.wall)
        for lane in Lane.allCases {
            let index = Int(lane.rawValue)
            guard let unused = places.unused[index] else { continue }
            try store.declareGap(.skipped, in: lane, unused)
            facts.append(.queueSkipped(lane, first: unused.lowerBound, last: unused.upperBound))
        }
        if let reason {
            try store.addEpoch(
                epoch, reason: reason, wall: stamp.wall, first: places.counters.map(\.next))
            // Another life of this file may have carried out what stands nowhere here.
            try store.beginInbox(at: nil)
        }
        for transaction in interrupted {
            try store.interrupt(transaction: transaction.number, wall: stamp.wall)
        }
    }
}
