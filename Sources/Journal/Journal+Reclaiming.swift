import Units
import Wire

// Space. What the cluster has is deleted when room is wanted or its grace is over; what it has not
// is dropped only where the quota of a lane, or a full disk, forces it.

extension Journal {
    /// Looks at what the uplink says is acknowledged, when it is time, and lets go of some of it
    /// where room gets short.
    func serviceCursor(now: Instant) throws(JournalError) {
        guard let path = configuration.cursorPath, now >= nextCursorReading, store != nil else {
            return
        }
        nextCursorReading = now + Self.cursorPeriod
        // A cursor that is missing, torn or damaged tells nothing: what was known stays known.
        guard case .bytes(let bytes) = configuration.storage.read(path, limit: 4_096),
            let cursor = UplinkCursor(text: String(decoding: bytes, as: UTF8.self))
        else { return }
        if cursor.rolledBack == epoch { try beginEpochAfterRollback(now: now) }
        try note(cursor)
        isCursorFresh = true
        do {
            try reclaimEarly(now: now)
        } catch {
            try recover(from: error, now: now, extra: nil)
        }
    }

    /// Lets go of some of what the cluster has before its grace is over, while there is room for
    /// that: on a full disk the log cannot be emptied into a file that has to grow for it, and then
    /// only the reserve helps.
    private func reclaimEarly(now: Instant) throws(JournalError) {
        guard configuration.reserveBytes > 0, now >= nextEarlyReclaim, let store,
            let free = configuration.storage.freeBytes(at: directory.path),
            free < configuration.reserveBytes * 2, try store.freeBytes() < Self.reclaimStep
        else { return }
        let cutoff = wall(at: now) - Self.earlyAge.rawValue
        for lane in Lane.allCases {
            let acknowledged = acknowledged[Int(lane.rawValue)]
            guard
                try store.front(of: lane, upTo: acknowledged, bytes: 1, olderThan: cutoff) != nil
            else { continue }
            try emptyLog()
            guard try !hasReclaimed(atMost: Self.earlyStep, olderThan: cutoff) else { return }
            // What does not fit now is not written every five seconds for nothing.
            nextEarlyReclaim = now + Self.reservePeriod
            return
        }
    }

    /// Deletes acknowledged rows whose grace is over, when it is time. Nothing is given up for
    /// that on a full disk.
    func reclaimIfDue(now: Instant) throws(JournalError) {
        guard isCursorFresh, now >= nextReclaim, databaseFailure == nil else { return }
        isCursorFresh = false
        try reclaim(now: now)
    }

    private func wall(at now: Instant) -> Int64 {
        latestStamp.wall.unixMilliseconds + (now - latestStamp.at).rawValue
    }

    /// Takes over what of a cursor can be true: a number of an epoch that this file has, within
    /// that epoch, and not below what was acknowledged before.
    private func note(_ cursor: UplinkCursor) throws(JournalError) {
        guard let store else { return }
        let epochs = try store.epochs()
        for lane in Lane.allCases {
            let index = Int(lane.rawValue)
            guard let place = cursor[lane],
                let at = epochs.firstIndex(where: { $0.identifier == place.epoch })
            else { continue }
            // Numbers go on upwards through all epochs, and the uplink sends one epoch after the
            // other: what is acknowledged in one covers the ones before it.
            let first = epochs[at].first[index]
            let end = at + 1 < epochs.count ? epochs[at + 1].first[index] : counters[index].next
            guard place.upTo >= first, place.upTo < end else { continue }
            acknowledged[index] = max(acknowledged[index], place.upTo)
        }
    }

    /// Begins a new epoch, because a bridge has acknowledged a number of this one that the device
    /// never sent: the database was put back from an old copy, and another life of it went further.
    ///
    /// All rows stay. Those that are not acknowledged keep their epoch, because an event's identity
    /// never changes once it has a number: somebody may have read it already. Where the other life
    /// has used such a number for another event, the consumer finds it by the hash, dead-letters it
    /// and raises an alarm; renumbering here would make two events of one wherever this life's
    /// event had already arrived.
    private func beginEpochAfterRollback(now: Instant) throws(JournalError) {
        let added = configuration.identifiers()
        let stamp = latestStamp
        try attempt(now: now) { (store, batch) throws(JournalError) in
            try store.addEpoch(
                added, reason: .rollback, wall: stamp.wall, first: batch.counters.map(\.next))
            try store.beginInbox(at: nil)
            try batch.add(.queueOpened(epoch: added, reason: .rollback), stamp: stamp)
        }
        epoch = added
        inboxSince = nil
        // After the commit: a power cut between the two makes the next start begin one more epoch,
        // which costs nothing.
        isQueueMarkDue = true
        try serviceFiles()
    }

    /// Deletes acknowledged rows whose grace is over, one step a lane.
    private func reclaim(now: Instant) throws(JournalError) {
        let cutoff = wall(at: now) - configuration.acknowledgedGrace.rawValue
        var isMore = false
        try attempt(now: now) { (store, batch) throws(JournalError) in
            for lane in Lane.allCases {
                let freed = try batch.reclaim(lane, atMost: Self.reclaimStep, olderThan: cutoff)
                isMore = isMore || freed >= Self.reclaimStep
            }
        }
        nextReclaim = isMore ? now : now + Self.reclaimPeriod
    }

    /// Commits what waits although the disk is full, by giving up in this order: the log's frames
    /// that can go into the file, what the cluster has, telemetry, events, and at last the reserve.
    /// From telemetry on only for alarms and the lockout: an event is not worth another one.
    ///
    /// - Throws: `error` where nothing helped, or whatever else went wrong.
    func relieve(_ error: JournalError, now: Instant, extra: Extra?) throws(JournalError) {
        try emptyLog()
        if store != nil, try isCommitted(under: .none, extra: extra) { return }
        if try isCommittedAfterReclaiming(extra: extra) { return }
        guard isAlarmWaiting else { throw error }
        for relief in [Relief.telemetry, .event] where store != nil {
            if try isCommitted(under: relief, extra: extra) { return }
        }
        guard configuration.storage.inspect(reserveFile) != .missing else { throw error }
        try configuration.storage.remove(reserveFile)
        let fact = JournalFact.reserveReleased(bytes: configuration.reserveBytes)
        pending.append(.row(Row(fact, stamp: latestStamp, lanes: configuration.lanes)))
        isReserveReleased = true
        nextReserve = now + Self.reservePeriod
        if store == nil { try openStore(now: now) }
        // With the reserve's room the log's frames fit into the file, and the log begins anew in
        // the blocks that it has.
        try emptyLog()
        if try isCommittedAfterReclaiming(extra: extra) { return }
        if try isCommitted(under: .event, extra: extra) { return }
        try commitAll(extra: extra)
    }

    /// What the cluster has makes room, as far as the log can take the pages that are emptied by
    /// it; so it goes in small steps, each a commit of its own.
    ///
    /// - Returns: false if there is no such row, or no room even for that.
    private func isCommittedAfterReclaiming(extra: Extra?) throws(JournalError) -> Bool {
        for _ in 0..<(isAlarmWaiting ? Self.alarmReliefStepsMax : Self.eventReliefStepsMax) {
            guard try hasReclaimed(atMost: Self.reliefStep) else { return false }
            try emptyLog()
            if try isCommitted(under: .none, extra: extra) { return true }
        }
        return false
    }

    /// Deletes so many bytes of what the cluster has, the least of it first, whatever its grace.
    ///
    /// - Returns: false if there is no such row, or no room even for that.
    private func hasReclaimed(
        atMost surplus: Int64, olderThan cutoff: Int64 = .max
    ) throws(JournalError) -> Bool {
        guard let store else { return false }
        var batch = Batch(
            store: store, run: runNumber, lanes: configuration.lanes, counters: counters,
            acknowledged: acknowledged, transactions: transactions)
        var freed: Int64 = 0
        do {
            try store.transact { (_) throws(JournalError) in
                for lane in [Lane.telemetry, .event, .alarm] where freed < surplus {
                    freed += try batch.reclaim(
                        lane, atMost: surplus - freed, olderThan: cutoff)
                }
            }
        } catch {
            guard error.error.isFull else { throw error.error }
            return false
        }
        guard freed > 0 else { return false }
        commitCount += 1
        counters = batch.counters
        return true
    }

    /// Moves what the log holds into the file as far as there is room.
    private func emptyLog() throws(JournalError) {
        do {
            try store?.checkpoint()
        } catch {
            guard error.isFull else { throw error }
        }
    }

    /// - Returns: false if there was no room for that either.
    private func isCommitted(under relief: Relief, extra: Extra?) throws(JournalError) -> Bool {
        do {
            try commitAll(extra: extra, relief: relief)
            return true
        } catch {
            guard error.isFull else { throw error }
            return false
        }
    }

    private var reserveFile: String { directory.path + "/" + Self.reserveName }

    /// Makes the reserve, at the start and again when there is room for it and as much beside it.
    func serviceReserve(now: Instant) throws(JournalError) {
        guard configuration.reserveBytes > 0, now >= nextReserve else { return }
        nextReserve = now + Self.reservePeriod
        let storage = configuration.storage
        switch storage.inspect(reserveFile) {
        case .file(let bytes) where bytes >= configuration.reserveBytes: return
        // One that was cut short is no reserve; it gets its missing blocks.
        case .missing, .file: break
        case .other: return
        }
        guard let free = storage.freeBytes(at: directory.path),
            free >= configuration.reserveBytes * 2
        else { return }
        try storage.preallocate(reserveFile, bytes: configuration.reserveBytes)
        guard isReserveReleased else { return }
        isReserveReleased = false
        let fact = JournalFact.reserveRestored(bytes: configuration.reserveBytes)
        enqueue(
            .row(Row(fact, stamp: latestStamp, lanes: configuration.lanes)), isUrgent: false,
            now: now)
    }
}

/// What is given up for an alarm on a full disk, once what the cluster has is gone; each includes
/// the ones before it.
enum Relief {
    case none, telemetry, event
}

extension Batch {
    /// Deletes acknowledged rows from the front of a lane: at most `surplus` bytes, of rows
    /// recorded before `cutoff`. Nothing is lost by it, so it is no event.
    ///
    /// - Returns: the bytes of what was deleted.
    mutating func reclaim(
        _ lane: Lane, atMost surplus: Int64, olderThan cutoff: Int64 = .max
    ) throws(JournalError) -> Int64 {
        let index = Int(lane.rawValue)
        guard
            let front = try store.front(
                of: lane, upTo: acknowledged[index], bytes: surplus, olderThan: cutoff)
        else { return 0 }
        try store.delete(lane, upTo: front.last)
        // Everything up to there is acknowledged, the gaps too: one takes their place.
        try store.replaceGaps(of: lane, with: .acknowledged, 1...front.last)
        counters[index].bytes -= front.bytes
        try store.set(counters[index], of: lane, isFarewell: false)
        return front.bytes
    }

    /// On a full disk: gives up what `relief` says, before anything is added.
    mutating func give(_ relief: Relief, stamp: Stamp) throws(JournalError) {
        guard relief != .none else { return }
        try give(from: .telemetry, stamp: stamp)
        guard relief == .event else { return }
        try give(from: .event, stamp: stamp)
    }

    /// What the cluster has goes without a word, and before what it has not.
    private mutating func give(from lane: Lane, stamp: Stamp) throws(JournalError) {
        let freed = try reclaim(lane, atMost: Journal.reliefStep)
        guard freed < Journal.reliefStep else { return }
        try drop(Journal.reliefStep - freed, from: lane, reason: .disk, stamp: stamp)
    }

    /// Holds a lane to its quota from the front: rows that the cluster has go first, and then, but
    /// never in the alarm lane, rows that it has not, which become a declared gap and an event.
    /// Down to nine tenths of the quota, so that the next time is far away.
    mutating func hold(_ lane: Lane, to quota: Int64, stamp: Stamp) throws(JournalError) {
        let index = Int(lane.rawValue)
        guard counters[index].bytes > quota else { return }
        let target = quota / 10 * 9
        // In steps: an alarm may be in this commit, and the card writes each page that is emptied.
        let step = min(counters[index].bytes - target, Journal.reclaimStep)
        // What is still too much then goes with the next commits.
        let freed = try reclaim(lane, atMost: step)
        guard freed < step, lane != .alarm, counters[index].bytes > quota else { return }
        let rest = min(counters[index].bytes - target, Journal.reclaimStep - freed)
        try drop(rest, from: lane, reason: .quota, stamp: stamp)
    }

    /// Drops rows from the front of a lane until `surplus` bytes are gone, acknowledged or not.
    private mutating func drop(
        _ surplus: Int64, from lane: Lane, reason: DropReason, stamp: Stamp
    ) throws(JournalError) {
        let index = Int(lane.rawValue)
        guard let front = try store.front(of: lane, upTo: .max, bytes: surplus) else { return }
        try store.delete(lane, upTo: front.last)
        // Drops are always at the front, so that the front needs one gap only, however often.
        let first = min(try store.firstDropped(in: lane) ?? front.first, front.first)
        try store.replaceGaps(of: lane, with: .dropped, first...front.last)
        counters[index].bytes -= front.bytes
        counters[index].dropped += front.count
        try store.set(counters[index], of: lane, isFarewell: false)
        try add(
            .queueDropped(
                Drop(
                    lane: lane, first: front.first, last: front.last, count: front.count,
                    bytes: front.bytes, oldest: front.oldest, newest: front.newest,
                    reason: reason)),
            stamp: stamp)
    }
}

extension Store {
    /// The oldest rows of a lane: numbers, rows, bytes, and wall times of the first and the last.
    struct Front {
        var first: Int64
        var last: Int64
        var count: Int64 = 0
        var bytes: Int64 = 0
        var oldest: Int64
        var newest: Int64
    }

    /// The rows from the oldest on, up to a number, until there are `surplus` bytes of them or one
    /// is not older than `cutoff`. Nil if there are none.
    func front(
        of lane: Lane, upTo: Int64, bytes surplus: Int64, olderThan cutoff: Int64 = .max
    ) throws(JournalError) -> Front? {
        let rows = try connection.prepare(
            """
            SELECT seq, wall_ms, 48 + length(type) + length(CAST(subject AS BLOB)) + length(data)
            FROM \(lane.name)_lane WHERE seq <= \(upTo) ORDER BY seq
            """)
        defer { rows.reset() }
        var front: Front?
        while front.map({ $0.bytes < surplus }) ?? true, try rows.step() {
            let (seq, wall) = (rows.integer(0), rows.integer(1))
            guard wall < cutoff else { break }
            var grown = front ?? Front(first: seq, last: seq, oldest: wall, newest: wall)
            grown.last = seq
            grown.newest = wall
            grown.count += 1
            grown.bytes += rows.integer(2)
            front = grown
        }
        return front
    }

    /// Of the pages in the file that hold nothing: they are taken before it grows.
    func freeBytes() throws(JournalError) -> Int64 {
        try (connection.integer("PRAGMA freelist_count") ?? 0) * 4_096
    }

    func checkpoint() throws(JournalError) {
        _ = try connection.integer("PRAGMA wal_checkpoint(PASSIVE)")
    }

    func delete(_ lane: Lane, upTo last: Int64) throws(JournalError) {
        try connection.execute("DELETE FROM \(lane.name)_lane WHERE seq <= \(last)")
    }

    func firstDropped(in lane: Lane) throws(JournalError) -> Int64? {
        try connection.integer(
            """
            SELECT min(g.first) FROM gaps g WHERE g.lane = \(lane.rawValue)
            AND g.reason = \(GapReason.dropped.rawValue) AND \(RowChecksum.isSoundGap)
            """)
    }

    /// Declares one gap in place of those within it. One that begins before it stays: the numbers
    /// in front of it have no other.
    func replaceGaps(
        of lane: Lane, with reason: GapReason, _ range: ClosedRange<Int64>
    ) throws(JournalError) {
        try connection.execute(
            """
            DELETE FROM gaps WHERE lane = \(lane.rawValue)
            AND first >= \(range.lowerBound) AND last <= \(range.upperBound)
            """)
        try declareGap(reason, in: lane, range)
    }

    /// Oldest first.
    func epochs() throws(JournalError) -> [Epoch] {
        let query = try connection.prepare(
            """
            SELECT epoch, alarm_first, event_first, telemetry_first FROM epochs ORDER BY n
            """)
        var epochs: [Epoch] = []
        while try query.step() {
            // One that cannot be read keeps its place: the numbers before the next are its own.
            let identifier = Identifier128(bytes: query.blob(0)) ?? Identifier128(high: 0, low: 0)
            epochs.append(
                Epoch(
                    identifier: identifier,
                    first: [query.integer(1), query.integer(2), query.integer(3)]))
        }
        return epochs
    }
}
