import Transit
public import Units
public import Wire

// Messages of events: what is taken, what is put aside, and what is left for the device to send
// again.

extension BridgeSession {
    /// A message on one of the up topics.
    /// - Parameter wall: the bridge's, for the records.
    public mutating func note(
        message payload: [UInt8], on topic: String, isRetained: Bool, now: Instant, wall: WallTime
    ) {
        note(MessageReading(payload, on: topic, isRetained: isRetained, wall: wall), now: now)
    }

    /// The same, read already.
    public mutating func note(_ message: MessageReading, now: Instant) {
        counters.messages += 1
        counters.messageBytes += UInt64(message.payload.count)
        guard stop == nil else { return }
        guard let reading = message.batch else {
            counters.retained += 1
            notice(
                "\(message.topic): refused a retained message of events; somebody other than a "
                    + "device published it. Remove it: publish an empty retained message there")
            return
        }
        guard hasGuarantee else {
            counters.noGuarantee += 1
            return
        }
        let read: ReadBatch
        switch reading {
        case .success(let found): read = found
        case .failure(let fault):
            counters.unreadable += 1
            putAside(message, .poison, fault.reason)
            return
        }
        if let reason = trespass(of: read.header, on: message.topic) {
            counters.unauthorised += 1
            putAside(message, .unauthorised, reason)
            return
        }
        guard hasRoom else {
            counters.noRoom += UInt64(read.lines.count)
            return
        }
        take(read, unixMilliseconds: message.unixMilliseconds, now: now)
    }

    /// Why the header may not stand on that topic; nil when it may. The broker lets each device
    /// publish on its own topics only, so that the topic is proof and the header is not.
    private func trespass(of header: BatchHeader, on topic: String) -> String? {
        let words = topic.split(separator: "/", omittingEmptySubsequences: false)
        guard words.count == 6, let shard = settings.shards.first(where: { $0.name == words[3] })
        else { return "the topic is of no shard of this bridge" }
        let expected = Topics.up(shard: shard, device: header.device, lane: header.lane)
        guard topic == expected else {
            return "the header says device \(header.device), lane \(header.lane.name), "
                + "but the topic says \(words[4]), \(words[5])"
        }
        return nil
    }

    /// A message that is no batch goes to the dead letters as it came; once, not each time that the
    /// device sends it again.
    private mutating func putAside(
        _ message: MessageReading, _ kind: DeadLetter.Class, _ reason: String
    ) {
        let hash = Self.hash(of: message.payload.span)
        guard unreadable[message.topic] != hash else { return }
        let bytes = min(message.payload.count, DeadLetter.valueMax)
        guard outbox.count + unreported.count < settings.recordsMax,
            bytesHeld + bytes <= settings.bytesMax
        else {
            counters.noRoom += 1
            return
        }
        // 1,000: more topics than this only if somebody invents them; then some are kept twice.
        if unreadable.count >= 1_000 { unreadable.removeAll() }
        unreadable[message.topic] = hash
        let words = message.topic.split(separator: "/", omittingEmptySubsequences: false)
        enqueue(
            Parcel(
                token: newToken(), lane: nil,
                content: .message(
                    topic: message.topic, device: words.count == 6 ? String(words[4]) : "",
                    payload: message.payload),
                cause: DeadLetter.Cause(
                    reason: reason, stage: .batch, kind: kind, topic: message.topic, attempts: 0),
                unixMilliseconds: message.unixMilliseconds))
        notice("\(message.topic): put a batch aside as \(kind.name): \(reason)")
    }

    private mutating func take(_ read: ReadBatch, unixMilliseconds: Int64, now: Instant) {
        let header = read.header
        var number = serve(header)
        if lanes[number]?.tracker.isPast(read.lines, read.hashes) == true {
            // The device's base is far below what it once stated: it lost its cursor, or it is not
            // the same device. What it has is not known here, so it is taken anew from its base.
            forget(lane: number)
            number = serve(header)
        }
        defer { noteSlots(of: number, now: now) }
        lookForFork(header, lane: number)
        var gaps = header.gaps[...]
        for index in read.lines.indices {
            let seq = read.lines[index].seq
            while let gap = gaps.first, gap.upperBound < seq {
                gaps.removeFirst()
                guard lanes[number]?.tracker.take(gap: gap) == true else {
                    counters.early += UInt64(read.lines.count - index)
                    return
                }
            }
            let parcel = Parcel(
                token: newToken(), lane: number, number: seq,
                content: .event(read, index: index),
                unixMilliseconds: unixMilliseconds)
            guard take(parcel, hash: read.hashes[index]) else {
                counters.early += UInt64(read.lines.count - index)
                return
            }
        }
        guard let digest = read.digest else { return }
        lanes[number]?.tracker.owe(header.last, digest: digest)
    }

    /// One line of a batch. False if others must come before it.
    private mutating func take(_ parcel: consuming Parcel, hash: UInt64) -> Bool {
        guard let lane = parcel.lane, let index = lanes.index(forKey: lane) else { return false }
        let sight = lanes.values[index].tracker.take(
            parcel.number, hash: hash, token: parcel.token, slotsMax: settings.slotsPerLaneMax)
        switch sight {
        case .taken:
            counters.events += 1
            enqueue(parcel)
        case .noRoom:
            counters.noRoom += 1
            return false
        case .seen(.known):
            counters.repeated += 1
        case .seen(.rival):
            counters.collisions += 1
            takeRival(parcel, .collision, "another event with other bytes has this identity")
            notice(
                rivalry(parcel, "came with two contents")
                    + "Two devices have one identity, or a card was put back; look at both in "
                    + DeadLetter.topic)
        case .seen(.inGap):
            counters.inGaps += 1
            takeRival(parcel, .gap, "its number was declared a gap before it came")
            notice(
                rivalry(parcel, "was declared a gap, and now it is there")
                    + "A device with a copy of its card has dropped it, or reclaimed it; it is "
                    + "kept in \(DeadLetter.topic)")
        case .seen(.new), .seen(.early), .seen(.past):
            return false
        }
        return true
    }

    /// An event whose number is taken, or passed as a gap, is kept aside; and until it is, the
    /// number is not acknowledged: the device might let go of it.
    private mutating func takeRival(_ parcel: Parcel, _ kind: DeadLetter.Class, _ reason: String) {
        guard let number = parcel.lane, let lane = lanes[number] else { return }
        var rival = parcel
        rival.isRival = true
        rival.cause = DeadLetter.Cause(
            reason: reason, stage: .event, kind: kind,
            topic: SinkRecord.topic(of: lane.identity.lane), attempts: 0)
        lanes[number]?.tracker.addRival(to: parcel.number)
        enqueue(rival)
    }

    private func rivalry(_ parcel: Parcel, _ what: String) -> String {
        guard let lane = parcel.lane.flatMap({ lanes[$0] }) else { return "" }
        return
            "\(lane.identity.device): event \(lane.identity.lane.name) \(parcel.number) of epoch "
            + "\(lane.identity.epoch.text) \(what). "
    }

    /// The hash that the device sent must go on from the one that this session computed.
    private mutating func lookForFork(_ header: BatchHeader, lane: Int) {
        guard let before = header.before, let served = lanes[lane],
            let end = served.tracker.ends.last(where: { $0.number < header.first }),
            end.number == header.first - 1, end.digest != before
        else { return }
        counters.forks += 1
        notice(
            "\(header.device): the running hash of lane \(header.lane.name) before event "
                + "\(header.first) is not the one computed here: two histories of one lane")
    }

    /// The lane of that header, made if need be, with its base raised.
    private mutating func serve(_ header: BatchHeader) -> Int {
        let identity = LaneIdentity(
            device: header.device, epoch: header.epoch, lane: header.lane)
        uses += 1
        if let number = numbers[identity] {
            lanes[number]?.lastUse = uses
            lanes[number]?.tracker.raise(base: header.base)
            return number
        }
        if lanes.count >= settings.lanesMax { forgetOldest(keeping: nil) }
        lastNumber += 1
        lanes[lastNumber] = ServedLane(
            identity: identity, tracker: LaneTracker(base: header.base),
            key: .derived(fromBridgeSecret: settings.secret, device: header.device),
            paid: header.base - 1, lastUse: uses)
        numbers[identity] = lastNumber
        return lastNumber
    }

    /// Brings the count of slots up to date after a lane changed, and makes room.
    private mutating func noteSlots(of number: Int, now: Instant) {
        guard let lane = lanes[number] else { return }
        slotCount += lane.tracker.slots.count - lane.slotsCounted
        lanes[number]?.slotsCounted = lane.tracker.slots.count
        settle(number, now: now)
        while slotCount > settings.slotsMax, lanes.count > 1 { forgetOldest(keeping: number) }
    }

    /// Forgets the sixteenth of the lanes that was not used for longest: by single lanes, each new
    /// device would cost a look at all of them.
    private mutating func forgetOldest(keeping kept: Int?) {
        let oldest = lanes.filter { $0.key != kept }
            .sorted { $0.value.lastUse < $1.value.lastUse }
            .prefix(max(1, lanes.count / 16))
        for (number, _) in oldest {
            forget(lane: number)
            counters.lanesForgotten += 1
        }
    }

    /// Safe at any time: nothing more is acknowledged for it, and the device sends again.
    mutating func forget(lane number: Int) {
        guard let lane = lanes.removeValue(forKey: number) else { return }
        numbers[lane.identity] = nil
        slotCount -= lane.slotsCounted
    }

    mutating func enqueue(_ parcel: consuming Parcel) {
        bytesHeld += parcel.bytes
        outbox.append(parcel)
    }

    mutating func newToken() -> RecordToken {
        lastToken += 1
        return RecordToken(lastToken)
    }

    /// It tells a repetition from another event, and defends against nothing: FNV-1a's steps over
    /// words of eight bytes, each mixed downwards, for the product alone moves bits up only. Four
    /// of them side by side, for each step has to wait for the one before it.
    static func hash(of text: Span<UInt8>) -> UInt64 {
        let basis: UInt64 = 0xCBF2_9CE4_8422_2325
        var (first, second, third) = (basis, basis &+ 1, basis &+ 2)
        var hash = basis ^ UInt64(text.count)
        var index = 0
        while index + 32 <= text.count {
            first = step(first, word(text, index))
            second = step(second, word(text, index + 8))
            third = step(third, word(text, index + 16))
            hash = step(hash, word(text, index + 24))
            index += 32
        }
        hash = step(step(step(hash, first), second), third)
        while index + 8 <= text.count {
            hash = step(hash, word(text, index))
            index += 8
        }
        while index < text.count {
            hash = step(hash, UInt64(text[index]))
            index += 1
        }
        return hash ^ hash >> 32
    }

    private static func word(_ text: Span<UInt8>, _ index: Int) -> UInt64 {
        unsafe text.bytes.unsafeLoadUnaligned(fromByteOffset: index, as: UInt64.self)
    }

    private static func step(_ hash: UInt64, _ word: UInt64) -> UInt64 {
        let product = (hash ^ word) &* 0x0000_0100_0000_01B3
        return product ^ product >> 29
    }
}
