import Events
import Units
import Wire

// How what waits becomes durable, and what happens when it does not.

extension Journal {
    typealias Extra = (Store, inout Batch) throws(JournalError) -> Void

    func commitIfDue(now: Instant) throws(JournalError) {
        guard now >= nextAttempt else { return }
        let waited = firstPendingAt.map { now - $0 } ?? .zero
        let imageWaited = firstImageAt.map { now - $0 } ?? .zero
        guard
            isUrgent || pending.count >= Self.groupSize || waited >= Self.groupDelay
                || imageWaited >= Self.stateDelay || isLockoutRowDue || databaseFailure != nil
        else { return }
        try attempt(now: now, extra: nil)
    }

    /// Commits everything that waits, and `extra` with it.
    func attempt(now: Instant, extra: Extra?) throws(JournalError) {
        do {
            do {
                if store == nil { try openStore(now: now) }
                try commitAll(extra: extra)
            } catch  where error.isFull {
                try relieve(error, now: now, extra: extra)
            }
        } catch {
            try recover(from: error, now: now, extra: extra)
        }
        databaseFailure = nil
        nextAttempt = .never
    }

    /// Puts a damaged file aside and commits into a new one: it was sound when it was opened, so
    /// this is a card that fails while we run.
    ///
    /// - Throws: `error` if it is no damage, or what went wrong then.
    func recover(
        from error: JournalError, now: Instant, extra: Extra?
    ) throws(JournalError) {
        guard error.isDamage, now >= nextQuarantine else { throw failed(error, now: now) }
        do {
            nextQuarantine = now + Self.quarantineDelay
            store = nil
            try quarantine(reason: error.description)
            try openStore(now: now)
            try commitAll(extra: extra)
        } catch { throw failed(error, now: now) }
    }

    /// Whether something waits that a full disk must not keep out.
    var isAlarmWaiting: Bool {
        isLockoutRowDue || pending.contains { $0.lane(by: configuration.lanes) == .alarm }
    }

    private func failed(_ error: JournalError, now: Instant) -> JournalError {
        databaseFailure = error
        nextAttempt = now + Self.retryDelay
        // A connection that was opened while the disk was full or read-only may stay so.
        if error.isReadOnly { store = nil }
        return error
    }

    func commitAll(extra: Extra?, relief: Relief = .none) throws(JournalError) {
        guard let store else { preconditionFailure("opened by attempt") }
        try reserve(in: store)
        var batch = Batch(
            store: store, run: runNumber, lanes: configuration.lanes, counters: counters,
            acknowledged: acknowledged,
            transactions: transactions)
        let stamp = latestStamp
        do {
            try store.transact { (store) throws(JournalError) in
                try batch.declareDoubtful(stamp: stamp)
                try batch.give(relief, stamp: stamp)
                if !unreported.isEmpty { try batch.add(.queueLost(unreported), stamp: stamp) }
                for waiting in pending {
                    switch waiting {
                    case .row(let row): try batch.add(row)
                    case .transaction(let change): try batch.add(change)
                    }
                }
                for (key, entry) in image { try store.set(state: key, to: entry) }
                if isLockoutRowDue, let lockout { try store.set(lockout: lockout.bytes) }
                try batch.hold(.alarm, to: configuration.alarmQuota, stamp: stamp)
                try batch.hold(.event, to: configuration.eventQuota, stamp: stamp)
                try batch.hold(.telemetry, to: configuration.telemetryQuota, stamp: stamp)
                try extra?(store, &batch)
            }
        } catch {
            if error.isInDoubt { burn(upTo: batch.counters) }
            throw error.error
        }
        commitCount += 1
        counters = batch.counters
        transactions = batch.transactions
        pending.removeAll(keepingCapacity: true)
        firstPendingAt = nil
        isUrgent = false
        unreported = LostCounts()
        image.removeAll()
        firstImageAt = nil
        isLockoutRowDue = false
    }

    /// Makes sure that every lane has numbers for all that waits: a commit of its own raises the
    /// block, and the mark outside of the database follows, before any number of it is used.
    private func reserve(in store: Store) throws(JournalError) {
        var needed = neededBesides
        for waiting in pending {
            needed[Int(waiting.lane(by: configuration.lanes).rawValue)] += 1
        }
        var raised = counters
        for index in raised.indices { raised[index].reserve(needed[index]) }
        let isRaised = raised.indices.contains {
            raised[$0].reservedTo != counters[$0].reservedTo
        }
        guard isRaised else { return }
        do {
            try store.transact { (store) throws(JournalError) in
                for lane in Lane.allCases {
                    try store.set(raised[Int(lane.rawValue)], of: lane, isFarewell: false)
                }
            }
        } catch { throw error.error }
        commitCount += 1
        counters = raised
        isQueueMarkDue = true
        // A mark that lags behind weakens the check for old copies and breaks nothing: a failure
        // is in `fileFailure`, and `service` tries again.
        try? serviceFiles()
    }

    /// Numbers by lane for what a commit may add to what waits.
    private var neededBesides: [Int64] {
        // Alarm: queue.lost, a queue.skipped for each lane, and two queue.dropped each for the
        // quotas and for a full disk.
        var needed: [Int64] = [8, 0, 0]
        // And one for what `extra` may add, wherever the routes send it.
        for kind in Self.addedKinds {
            for severity in [Severity.info, .warning, .error] {
                let lane = Int(configuration.lanes.lane(of: kind, severity).rawValue)
                needed[lane] = max(needed[lane], lane == 0 ? 9 : 1)
            }
        }
        return needed
    }

    private static let addedKinds: [EventKind] = [
        .queueOpened, .configurationApplied, .configurationConfirmed, .configurationReverted,
        .configurationRefused,
    ]

    /// Gives up the numbers of a commit that may or may not have reached the disk.
    private func burn(upTo used: [LaneCounter]) {
        for lane in Lane.allCases {
            let index = Int(lane.rawValue)
            guard used[index].next > counters[index].next else { continue }
            // One range a lane, however often a full disk refuses a commit: each is a row to be
            // stored, and a disk may be full for days.
            let first = counters[index].undeclared?.lowerBound ?? counters[index].next
            counters[index].undeclared = first...used[index].next - 1
            counters[index].next = used[index].next
        }
    }
}
