import Transit
import Units
import Wire

// What goes to the broker, and when.

extension UplinkSession {
    /// Of a batch, deflated or not: our own container, for which there is no registered name.
    static let batchContentType = "application/vnd.busbar.events.v1"

    /// The next thing to send or to read for it; nil when nothing may be sent now.
    mutating func send(now: Instant) -> Action? {
        if now >= statusDue(now: now), unconfirmed.count < slots {
            return .publish(statusPublication(state: "online", reason: nil, now: now))
        }
        guard settings.guarantee != .local, isHeard else { return sendHome(now: now) }
        for index in lanes.indices { resendWhatTimedOut(index, now: now) }
        noteStall(now: now)
        guard queueError == nil || now >= readAt, pageAskedOf == nil else { return nil }
        for index in lanes.indices where mayRead(index, now: now) {
            let lane = lanes[index]
            pageAskedOf = lane.lane
            return .readPage(
                lane: lane.lane, from: lane.next, maxEvents: limits.pageEventsMax,
                maxBytes: limits.pageBytesMax)
        }
        let waiting = lanes.indices.map { isWaiting($0, now: now) }
        guard let lane = shares.turn(waiting: waiting) else { return sendHome(now: now) }
        guard hasRoom(lane, now: now) else { return nil }
        return sendBatch(Int(lane.rawValue), waiting: waiting, now: now)
    }

    private mutating func sendHome(now: Instant) -> Action? {
        guard hasRoom(.telemetry, now: now) else { return nil }
        return homePublication(now: now).map { .publish($0) }
    }

    /// Whether acknowledgements can reach us: without them sending is of no use.
    private var isHeard: Bool {
        guard let codes = subscribeCodes else { return false }
        return settings.guarantee != .kafka || (codes.first ?? Reason.failure) < Reason.failure
    }

    private var slots: Int { min(receiveMaximum, limits.unconfirmedMax) }

    private func mayRead(_ index: Int, now: Instant) -> Bool {
        let lane = lanes[index]
        return lane.mayRead(now: now) && !isHeld(lane) && hasWindow(lane)
    }

    /// Nothing is sent under an epoch whose numbers the cluster knows for other events, until
    /// busbard has begun a new one.
    private func isHeld(_ lane: LaneProgress) -> Bool {
        lane.epochEnd == nil && lane.epoch != nil && lane.epoch == cursor.rolledBack
    }

    private func hasWindow(_ lane: LaneProgress) -> Bool {
        // After a time-out one batch at a time, until something is acknowledged.
        if lane.roundTrip.timeouts > 0 { return lane.window.isEmpty }
        return lane.window.isEmpty
            || (lane.eventsInWindow + limits.batchEventsMax <= limits.windowEventsMax
                && lane.bytesInWindow < limits.windowBytesMax
                && lane.gaps.count < limits.windowGapsMax)
    }

    /// Whether the lane has a batch that only the link keeps back.
    private func isWaiting(_ index: Int, now: Instant) -> Bool {
        let lane = lanes[index]
        return lane.hasReady && !isHeld(lane) && hasWindow(lane) && now >= lane.resendAt ?? .never
    }

    /// Whether the link takes a batch of this lane now. What it says no to, waits.
    private mutating func hasRoom(_ lane: Lane, now: Instant) -> Bool {
        let isBulk = lane != .alarm
        // The last fifth of the slots is the alarms'.
        let mine = isBulk && slots > 1 ? slots - max(1, slots / 5) : slots
        guard unconfirmed.count < mine else { return false }
        if isBulk, pacer?.isOpen(now: now) == false { return false }
        let ahead =
            isBulk
            ? meter.bytesUnconfirmed
            : unconfirmed.values.reduce(0) { $0 + ($1.lane == .alarm ? $1.mark.bytes : 0) }
        guard ahead > 0 else { return true }
        let allowed = meter.allowance(queue: limits.queueTime, least: limits.linkBytesMin)
        // With room for the batch that would leave: a third, as it is cut.
        guard ahead <= allowed / 3 * 2, !(meter.isProbing && isBulk) else {
            meter.limited(now: now)
            return false
        }
        return true
    }

    private mutating func sendBatch(_ index: Int, waiting: [Bool], now: Instant) -> Action {
        let batch = nextBatch(index)
        let plain = batch.encoded()
        let payload = Payload.pack(plain)
        let lane = lanes[index].lane
        let before = batch.header.before ?? .start(of: batch.header.epoch)
        let digest = RunningHash.digests(after: before, batch.lines).last ?? before
        let token = takeToken()
        let isFirst = batch.header.first > lanes[index].sentMax
        let oldest = lanes[index].page?.records.first?.moment
        lanes[index].sent(
            LaneProgress.Sent(
                token: token, first: batch.header.first, last: batch.header.last,
                events: batch.lines.count, bytes: payload.count, digest: digest,
                oldest: oldest, isFirstSending: isFirst),
            gaps: batch.header.gaps)
        lanes[index].packing =
            (3 * lanes[index].packing + 16 * plain.count / max(1, payload.count)) / 4
        unconfirmed[token] = Unconfirmed(
            lane: lane, topic: nil, mark: meter.sent(bytes: payload.count, now: now))
        if lane != .alarm { pacer?.took(bytes: payload.count) }
        shares.sent(
            lane, bytes: payload.count, waiting: waiting, percent: limits.lowerLanePercent)
        counters.batches += 1
        counters.events += batch.lines.count
        counters.bytes += payload.count
        if !isFirst { counters.resends += 1 }
        return .publish(
            Publication(
                token: token,
                topic: Topics.up(shard: settings.shard, device: settings.device, lane: lane),
                payload: payload, isRetained: false, contentType: Self.batchContentType))
    }

    /// As many rows as the link takes in a third of what may be under way, so that an alarm waits
    /// for a part of a batch at the most.
    private func nextBatch(_ index: Int) -> EventBatch {
        let lane = lanes[index]
        guard let records = lane.page?.records, let head = records.first, let epoch = lane.epoch
        else { preconditionFailure("only a lane that has rows is sent from") }
        let allowed = meter.allowance(queue: limits.queueTime, least: limits.linkBytesMin)
        // What measures the delay is short, so that it is not its own length that is measured.
        let bytesMax =
            meter.isProbing
            ? 1 << 10 : min(limits.batchBytesMax, max(1 << 10, allowed / 3 * lane.packing / 16))
        // A batch that is never acknowledged may hold one event that nobody can read: smaller ones
        // find it, and let the others through.
        let doublings = min(lane.roundTrip.timeouts, 9)
        let eventsMax = max(1, limits.batchEventsMax >> max(0, doublings - 1))
        var lines: [BatchLine] = []
        var bytes = 0
        for record in records.prefix(eventsMax) {
            let line = BatchLine(record)
            bytes += line.text.count + 1
            if !lines.isEmpty, bytes > bytesMax { break }
            lines.append(line)
        }
        let rows = lane.nextRows(maxEvents: lines.count, maxGaps: limits.windowGapsMax)
        lines.removeLast(lines.count - rows.count)
        return EventBatch(
            header: BatchHeader(
                site: settings.site, device: settings.device, lane: lane.lane, epoch: epoch,
                run: head.run, boot: head.boot, base: lane.base, first: head.seq,
                last: records[rows.count - 1].seq, gaps: rows.gaps, before: lane.nextDigest),
            lines: lines)
    }

    // MARK: - Confirmations

    mutating func notePublished(_ token: UInt64, _ code: UInt8, now: Instant) {
        guard let message = unconfirmed.removeValue(forKey: token) else { return }
        meter.confirmed(message.mark, now: now)
        guard let lane = message.lane else {
            noteMessageAnswered(message.topic ?? "", code, now: now)
            return
        }
        let isRefused = code >= Reason.failure
        hasSubscribers = code != Reason.noMatchingSubscribers
        lanes[Int(lane.rawValue)].published(
            token: token, isRefused ? .refused : hasSubscribers ? .taken : .nobody, now: now)
        if isRefused {
            eventsRefusedCode = code
            report(
                .eventsRefused,
                eventsRefusedText(
                    code, Topics.up(shard: settings.shard, device: settings.device, lane: lane)),
                now: now)
            return
        }
        eventsRefusedCode = nil
        endFinding(.eventsRefused, now: now)
        guard settings.guarantee == .broker else { return }
        let before = lanes[Int(lane.rawValue)].acknowledged
        if lanes[Int(lane.rawValue)].acknowledgePublished(now: now) {
            noteProgress(Int(lane.rawValue), from: before, now: now)
        }
    }

    func eventsRefusedText(_ code: UInt8, _ topic: String) -> String {
        "the broker does not take events (\(ReasonText.of(code))): let the client "
            + "\"\(settings.device)\" publish to \(topic), or client.crt is not for this name"
    }

    /// The status, or a message for Home Assistant. Events do not wait for these, so nothing else
    /// would tell that nobody gets them.
    private mutating func noteMessageAnswered(_ topic: String, _ code: UInt8, now: Instant) {
        guard code >= Reason.failure else {
            guard topicsRefused.remove(topic) != nil, topicsRefused.isEmpty else { return }
            endFinding(.messagesRefused, now: now)
            return
        }
        topicsRefused.insert(topic)
        let others = topicsRefused.count > 1 ? " and \(topicsRefused.count - 1) more topics" : ""
        report(
            .messagesRefused,
            "the broker does not take what goes to \(topic)\(others) (\(ReasonText.of(code))): let "
                + "the client \"\(settings.device)\" publish as board/broker/acl has it, or "
                + "client.crt is not for this name", now: now)
    }

    // MARK: - Time-outs

    /// When the oldest batch of the window is given up and sent again; nil when none waits for an
    /// acknowledgement. While the broker has not confirmed it, the connection is what is waited
    /// for.
    func ackDeadline(of lane: LaneProgress) -> Instant? {
        guard let published = lane.window.first?.publishedAt else { return nil }
        let from = max(published, lane.acknowledgedAt ?? .never, patienceFrom)
        return from + lane.roundTrip.timeout(limits) + lane.timeoutJitter
    }

    private mutating func resendWhatTimedOut(_ index: Int, now: Instant) {
        guard let deadline = ackDeadline(of: lanes[index]), now >= deadline else { return }
        lanes[index].goBack()
        lanes[index].roundTrip.timedOut()
        let quarter = Milliseconds(lanes[index].roundTrip.timeout(limits).rawValue / 4)
        lanes[index].timeoutJitter = jitter.milliseconds(.zero...quarter)
    }

    // MARK: - A stall

    /// When this lane's events at the broker have waited for a bridge for too long; nil when none
    /// wait there.
    func stallDeadline(of lane: LaneProgress) -> Instant? {
        guard let since = lane.unansweredSince, !isHeld(lane) else { return nil }
        return max(since, patienceFrom) + limits.stallAfter
    }

    /// By a fixed time and not by time-outs, which grow with whatever was measured.
    private mutating func noteStall(now: Instant) {
        // Of a broker that refuses them and of a journal that cannot be read it is told what they
        // do: the bridge is not to blame.
        guard isAnyLaneStalled(now: now), eventsRefusedCode == nil, queueError == nil else {
            return
        }
        let text = stallText
        guard text != stallTold else { return }
        stallTold = text
        report(.noBridge, text, now: now)
    }

    private func isAnyLaneStalled(now: Instant) -> Bool {
        lanes.contains { lane in stallDeadline(of: lane).map { now >= $0 } ?? false }
    }

    /// Known at once and without waiting: nobody takes our events, or who does says that it
    /// acknowledges nothing. An alarm it becomes when events have waited for `stallAfter`, for a
    /// bridge that is started anew says so too.
    var isBridgeAway: Bool {
        switch settings.guarantee {
        case .kafka: !hasSubscribers || given == .nothing
        case .broker: !hasSubscribers
        case .local: false
        }
    }

    var isStalled: Bool { stallTold != nil || isBridgeAway }

    /// Why nothing is acknowledged although the broker takes it.
    var stallText: String {
        let shard = "shard \(settings.shard.name)"
        if settings.guarantee == .broker {
            return hasSubscribers
                ? "the broker does not confirm the events"
                : "the broker has nobody who subscribes to our events (\(shard)), so it throws "
                    + "them away: connect the bridge"
        }
        if let hello, given == .nothing {
            return "the bridge \(hello.bridge) of \(shard) acknowledges nothing now: "
                + (hello.reason ?? "it gives no reason: read the log of busbar-bridge")
        }
        if !hasSubscribers {
            return "the broker takes events but nobody subscribes to them (\(shard)): start the "
                + "busbar-bridge that owns this shard"
        }
        if forgedSinceProgress > 0 {
            return "acknowledgements come but not with the key of this device (\(shard)): ack.key "
                + "and the bridge's secret do not belong together: make ack.key anew with "
                + "busbar-bridge derive-key, or find who else publishes to "
                + Topics.acks(device: settings.device)
        }
        return "the broker takes events but no bridge acknowledges (\(shard)): check that a "
            + "busbar-bridge owns this shard, and that it reaches Kafka"
    }

    /// Something was acknowledged.
    mutating func noteProgress(_ index: Int, from before: Int64, now: Instant) {
        counters.eventsAcknowledged += lanes[index].acknowledged - before
        lanes[index].timeoutJitter = .zero
        forgedSinceProgress = 0
        // The way is good, however long it lasts. But two clients of one name that throw each other
        // out get acknowledgements too, and must not do so each second.
        if takeovers == 0, shortLives < limits.shortLivesMax { backoff.reset() }
        keepPlace(of: index)
        // Not for one lane while another waits.
        guard stallTold != nil, !isAnyLaneStalled(now: now) else { return }
        stallTold = nil
        endFinding(.noBridge, now: now)
    }
}
