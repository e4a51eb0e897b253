public import Units
import Wire

// Records on their way to the sink, and what the sink says became of them.

extension BridgeSession {
    /// The sink had no room for a record that `action` gave: it is given again, before any other.
    public mutating func noteSinkFull(_ token: RecordToken, now: Instant) {
        guard let parcel = unreported.remove(token) else { return }
        outbox.putBack(parcel)
        sinkFullUntil = now + settings.sinkRetry
    }

    public mutating func note(_ report: DeliveryReport, now: Instant) {
        guard let parcel = unreported.remove(report.token) else { return }
        bytesHeld -= parcel.bytes
        sinkFullUntil = nil
        switch report.outcome {
        case .stored(let partition, let offset):
            if !parcel.isDeadLetter, case .event(let read, _) = parcel.content {
                counters.stored[Int(read.header.lane.rawValue)] += 1
            }
            confirm(
                parcel,
                at: LaneTracker.Place(
                    isDeadLetter: parcel.isDeadLetter, partition: partition, offset: offset))
        case .refused(let reason):
            counters.refused += 1
            refuse(parcel, reason)
        case .failed(let reason):
            counters.failed += 1
            fail(parcel, reason)
        }
        if let lane = parcel.lane { settle(lane, now: now) }
    }

    private mutating func confirm(_ parcel: Parcel, at place: LaneTracker.Place) {
        guard let lane = parcel.lane, let index = lanes.index(forKey: lane) else { return }
        if parcel.isRival {
            lanes.values[index].tracker.confirmRival(of: parcel.number)
        } else {
            lanes.values[index].confirm(parcel, at: place)
        }
    }

    /// The sink will never take it: it goes to the dead letters. A dead letter that is refused too
    /// is not acknowledged; somebody has to look.
    private mutating func refuse(_ parcel: Parcel, _ reason: String) {
        guard parcel.cause == nil else {
            notice(
                "\(DeadLetter.topic) refused a dead letter: \(reason). Its event stays on the "
                    + "device, which sends nothing after it: let the topic take what it must")
            fail(parcel, reason)
            return
        }
        guard let lane = parcel.lane, let served = lanes[lane] else { return }
        var letter = parcel
        letter.token = newToken()
        letter.cause = DeadLetter.Cause(
            reason: reason, stage: .sink, kind: .poison,
            topic: SinkRecord.topic(of: served.identity.lane), attempts: 1)
        guard
            lanes[lane]?.tracker.replace(parcel.token, of: parcel.number, with: letter.token)
                == true
        else { return }
        notice(
            "\(served.identity.device): put event \(served.identity.lane.name) \(parcel.number) "
                + "aside: \(reason)")
        enqueue(letter)
    }

    private mutating func fail(_ parcel: Parcel, _ reason: String) {
        if parcel.cause != nil { counters.deadLettersLost += 1 }
        guard let lane = parcel.lane else {
            if case .message(let topic, _, _) = parcel.content { unreadable[topic] = nil }
            return
        }
        let isAwaited =
            parcel.isRival
            ? lanes[lane]?.tracker.awaitsRival(of: parcel.number)
            : lanes[lane]?.tracker.awaits(parcel.token, of: parcel.number)
        if isAwaited == true { lanes[lane]?.tracker.forget(from: parcel.number) }
    }

    /// The next record that is still of use; those whose lane was forgotten meanwhile are not.
    mutating func nextRecord(now: Instant) -> (SinkRecord, RecordToken)? {
        while var parcel = outbox.popFirst() {
            guard isOfUse(parcel) else {
                bytesHeld -= parcel.bytes
                continue
            }
            parcel.sentAt = now
            let record = record(of: &parcel)
            if let cause = parcel.cause { counters.deadLetters[Int(cause.kind.rawValue)] += 1 }
            unreported.insert(parcel, for: parcel.token)
            return (record, parcel.token)
        }
        return nil
    }

    private func isOfUse(_ parcel: Parcel) -> Bool {
        guard let lane = parcel.lane else { return true }
        guard let index = lanes.index(forKey: lane) else { return false }
        return parcel.isRival
            ? lanes.values[index].tracker.awaitsRival(of: parcel.number)
            : lanes.values[index].tracker.awaits(parcel.token, of: parcel.number)
    }

    /// An event as a CloudEvent in binary mode, or as a dead letter when it has a cause or turns
    /// out to be none.
    private mutating func record(of parcel: inout Parcel) -> SinkRecord {
        switch parcel.content {
        case .message(let topic, let device, let payload):
            return DeadLetter.record(
                SinkRecord(
                    topic: topic, key: Array(device.utf8), value: payload, headers: RecordHeaders(),
                    unixMilliseconds: parcel.unixMilliseconds),
                cause: parcel.cause
                    ?? DeadLetter.Cause(
                        reason: "", stage: .batch, kind: .poison, topic: topic, attempts: 0),
                firstUnixMilliseconds: parcel.unixMilliseconds)
        case .event(let read, let index):
            do throws(BatchError) {
                let record = try read.record(at: index)
                guard let cause = parcel.cause else { return record }
                return DeadLetter.record(
                    record, cause: cause, firstUnixMilliseconds: parcel.unixMilliseconds)
            } catch {
                return put(&parcel, aside: error, of: read, index)
            }
        }
    }

    private mutating func put(
        _ parcel: inout Parcel, aside error: BatchError, of read: ReadBatch, _ index: Int
    ) -> SinkRecord {
        let header = read.header
        let cause =
            parcel.cause
            ?? DeadLetter.Cause(
                reason: error.description, stage: .event, kind: .poison,
                topic: SinkRecord.topic(of: header.lane), attempts: 0)
        if parcel.cause == nil {
            notice(
                "\(header.device): put event \(header.lane.name) \(parcel.number) aside: "
                    + "\(error)")
        }
        parcel.cause = cause
        return DeadLetter.record(
            Self.raw(read.lines[index], header: header, parcel), cause: cause,
            firstUnixMilliseconds: parcel.unixMilliseconds)
    }

    /// A line that is no event keeps its bytes and its identity.
    private static func raw(
        _ line: BatchLine, header: BatchHeader, _ parcel: Parcel
    ) -> SinkRecord {
        SinkRecord(
            topic: SinkRecord.topic(of: header.lane), key: Array(header.device.utf8),
            body: line.text,
            headers: RecordHeaders([
                .init("ce_id", "\(header.epoch.text):\(header.lane.name):\(line.seq)"),
                .init(
                    "ce_source", "urn:busbar:\(header.site):\(header.device):\(header.lane.name)"),
            ]),
            unixMilliseconds: parcel.unixMilliseconds)
    }

    /// A record without a report for too long is trouble, and no more than that.
    mutating func lookForOverdue(now: Instant) {
        // Once a second: it looks at every record on its way.
        guard nextLook <= now else { return }
        nextLook = now + .seconds(1)
        var oldest: Instant?
        unreported.forEach { oldest = min(oldest ?? $0.sentAt, $0.sentAt) }
        oldestSent = oldest
    }
}

extension BridgeSession.ServedLane {
    mutating func confirm(_ parcel: BridgeSession.Parcel, at place: LaneTracker.Place) {
        guard tracker.confirm(parcel.number, by: parcel.token, at: place) else { return }
        self.place = place
    }
}
