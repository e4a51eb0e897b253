import Units
import Wire

// What the journal answers.

extension UplinkSession {
    /// When the journal is to be asked again where its lanes stand.
    var stateDue: Instant {
        guard queueError == nil else { return readAt }
        return stateAt + (isConnected ? limits.stateInterval : limits.stateIntervalOffline)
    }

    mutating func readState(now: Instant) -> Action? {
        guard !isStateAsked, pageAskedOf == nil, now >= stateDue else { return nil }
        isStateAsked = true
        return .readState(after: lanes.map(\.acknowledged))
    }

    mutating func noteState(_ state: QueueState, now: Instant) {
        guard isStateAsked else { return }
        isStateAsked = false
        stateAt = now
        guard state.lanes.count == lanes.count else {
            failRead("the journal names \(state.lanes.count) lanes, not \(lanes.count)", now: now)
            return
        }
        queueError = nil
        unreadableSince = nil
        endFinding(.journalUnreadable, now: now)
        for index in lanes.indices {
            lanes[index].note(state.lanes[index], cursor: cursor[lanes[index].lane])
            if let ahead = lanes[index].cursorAhead, let epoch = lanes[index].epoch {
                noteRolledBack(epoch, lane: lanes[index].lane, told: ahead, now: now)
            }
            keepPlace(of: index)
        }
        hastenForAlarm(now: now)
        // busbard has begun another epoch: what the word was for is done.
        if let epoch = cursor.rolledBack,
            !state.lanes.contains(where: { $0.epochs.last?.epoch == epoch })
        {
            cursor.rolledBack = nil
            endFinding(.rolledBack, now: now)
        }
    }

    /// Puts the lane's place into the cursor.
    mutating func keepPlace(of index: Int) {
        let lane = lanes[index]
        guard let epoch = lane.epoch else { return }
        // A cursor ahead of the journal stays as it is: it is the proof of the rollback.
        guard lane.cursorAhead == nil else { return }
        cursor[lane.lane] = UplinkCursor.Place(
            epoch: epoch, upTo: lane.acknowledged, digest: lane.acknowledgedDigest)
    }

    mutating func notePage(_ page: QueuePage, now: Instant) {
        guard pageAskedOf == page.lane else { return }
        pageAskedOf = nil
        queueError = nil
        let index = Int(page.lane.rawValue)
        let before = lanes[index].acknowledged
        switch lanes[index].note(page, now: now, limits: limits) {
        case .taken: break
        case .refused(let reason): failRead("lane \(page.lane.name): \(reason)", now: now)
        case .missing(let numbers, let isCrossed):
            noteMissing(numbers, lane: page.lane, isCrossed: isCrossed, now: now)
        }
        if lanes[index].acknowledged != before { keepPlace(of: index) }
    }

    private mutating func noteMissing(
        _ numbers: ClosedRange<Int64>, lane: Lane, isCrossed: Bool, now: Instant
    ) {
        let count = numbers.upperBound - numbers.lowerBound + 1
        let named =
            "\(count) events of lane \(lane.name), numbers \(numbers.lowerBound) to "
            + "\(numbers.upperBound), are neither in the journal nor declared lost"
        if isCrossed {
            counters.eventsMissing += count
            report(
                .numbersMissing,
                named + ": given up and told the cluster as a gap, so that what follows them gets "
                    + "through; the journal is damaged: save a copy of it and replace the card",
                now: now)
        } else {
            // Asked again soon, in case busbard repairs or declares it.
            let wait = Milliseconds(max(1_000, limits.missingWait.rawValue / 10))
            lanes[Int(lane.rawValue)].readAt = now + wait
            report(
                .numbersMissing,
                named + ": the lane waits \(limits.missingWait.rawValue / 1_000) s for busbard to "
                    + "declare them", now: now)
        }
    }

    mutating func noteQueueFailed(_ error: QueueError, now: Instant) {
        isStateAsked = false
        pageAskedOf = nil
        failRead(error.description, now: now)
    }

    private mutating func failRead(_ text: String, now: Instant) {
        queueError = QueueError(text)
        readAt = now + limits.readRetry
        let since = unreadableSince ?? now
        unreadableSince = since
        guard now - since >= limits.journalPatience else { return }
        report(.journalUnreadable, "the journal cannot be read: \(text)", now: now)
    }

    /// The journal is an older one than that which the cluster knows: the same numbers would soon
    /// stand for other events.
    mutating func noteRolledBack(_ epoch: Identifier128, lane: Lane, told: Int64, now: Instant) {
        guard cursor.rolledBack != epoch else { return }
        cursor.rolledBack = epoch
        cursorSavedAt = .never
        lanes[Int(lane.rawValue)].answered()
        report(
            .rolledBack,
            "the cluster knows lane \(lane.name) of epoch \(epoch.text) up to \(told) in another way "
                + "than this journal, which ends at \(lanes[Int(lane.rawValue)].last): an older "
                + "copy of the database or card is in use; busbard begins a new epoch, "
                + "nothing is deleted",
            now: now)
    }
}
