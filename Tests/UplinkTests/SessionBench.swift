import Events
import JSON
import Testing
import Transit
import Units
import Wire

@testable import Uplink

/// A journal in memory, as the session asks it.
struct FakeQueue {
    var rows: [Lane: [EventRecord]] = [:]
    var gaps: [Lane: [ClosedRange<Int64>]] = [:]
    /// Of the gaps, those in which no event is lost.
    var harmless: [Lane: [ClosedRange<Int64>]] = [:]
    /// What a damaged journal says of a lane's last number.
    var wrongLast: [Lane: Int64] = [:]
    var epochs: [QueueState.EpochStart]
    var failure: QueueError?

    func state(after known: [Int64]) -> QueueState {
        QueueState(
            lanes: Lane.allCases.map { lane in
                let unknown = known[Int(lane.rawValue)] + 1
                return QueueState.LaneState(
                    epochs: epochs,
                    last: wrongLast[lane]
                        ?? max(rows[lane]?.last?.seq ?? 0, gaps[lane]?.last?.upperBound ?? 0),
                    oldest: rows(of: lane, from: unknown).first?.moment,
                    gaps: (gaps[lane] ?? []).filter { $0.upperBound >= unknown })
            })
    }

    /// Numbers are in order, so the place is found without a walk through half a million rows.
    private func rows(of lane: Lane, from: Int64) -> ArraySlice<EventRecord> {
        let all = rows[lane] ?? []
        var low = 0
        var high = all.count
        while low < high {
            let middle = (low + high) / 2
            if all[middle].seq < from { low = middle + 1 } else { high = middle }
        }
        return all[low...]
    }

    func page(_ lane: Lane, from: Int64, maxEvents: Int) -> QueuePage {
        let found = rows(of: lane, from: from).prefix(maxEvents)
        let records = Array(
            found.prefix { $0.run == found.first?.run && $0.epoch == found.first?.epoch })
        let last = records.last?.seq ?? from - 1
        let declared = (gaps[lane] ?? []).filter { $0.upperBound >= from && $0.lowerBound <= last }
        return QueuePage(
            lane: lane, from: from, records: records, gaps: declared,
            losses: declared.filter { harmless[lane]?.contains($0) != true })
    }
}

/// A session with a journal in memory and a broker that does what the test says. Time is virtual.
struct SessionBench {
    static let epoch = Identifier128(high: 0xE, low: 1)
    static let laterEpoch = Identifier128(high: 0xE, low: 2)
    static let run = Identifier128(high: 0xA, low: 1)
    static let device = "heater-1"
    static let key = try? AcknowledgementKey(
        fileText: String(repeating: "5a", count: 32) + "\n")
    static let otherKey = try? AcknowledgementKey(
        fileText: String(repeating: "5b", count: 32) + "\n")
    static let signingKey = try? CommandSigningKey(fileText: String(repeating: "3c", count: 32))

    var session: UplinkSession
    var queue: FakeQueue
    var now = Instant(1_000)
    /// Everything that was published, decoded where it is a batch.
    var publications: [Publication] = []
    var batches: [EventBatch] = []
    var statuses: [DeviceStatus] = []
    var connects: [Instant] = []
    var disconnects = 0
    var cursors: [UplinkCursor] = []
    var findings: [Finding] = []
    var submitted: [SignedCommand] = []
    var isStopped = false
    var pagesRead = 0
    var home: [Publication] = []

    // What the broker does by itself.
    /// Confirms each message at once, with this code; nil: not at all.
    var publishCode: UInt8? = 0
    var subscribeCodes: [UInt8] = [1, 1, 1]
    var acceptsConnections = true
    var clockQuality = ClockQuality.synced
    var connectFailure = ConnectFailure.unreachable("Connection refused")

    init(
        guarantee: Guarantee = .kafka, cursor: UplinkCursor? = nil, seed: UInt64 = 1,
        bytesPerSecondMax: Int? = nil, isHomeAssistant: Bool = false,
        limits: UplinkLimits = UplinkLimits()
    ) {
        let settings = UplinkSettings(
            site: "house", device: Self.device, shard: Shard(7)!, guarantee: guarantee,
            version: "0.1.0", siteDigest: "0123456789abcdef", boot: Identifier128(high: 0, low: 7),
            bytesPerSecondMax: bytesPerSecondMax, isHomeAssistant: isHomeAssistant, limits: limits)
        session = UplinkSession(
            settings: settings,
            keys: UplinkKeys(acknowledgement: Self.key, command: Self.signingKey?.publicKey),
            cursor: cursor, seed: seed)
        queue = FakeQueue(epochs: [QueueState.EpochStart(epoch: Self.epoch, first: 1)])
        session.note(.wall(Self.wall(now)), now: now)
    }

    static func wall(_ now: Instant, _ quality: ClockQuality = .synced) -> WallTime {
        WallTime(unixMilliseconds: 1_700_000_000_000 + now.rawValue, quality: quality)
    }

    static func record(
        _ seq: Int64, _ lane: Lane = .event, epoch: Identifier128 = epoch,
        run: Identifier128 = run, filler: Int = 60, isDense: Bool = false
    ) -> EventRecord {
        EventRecord(
            lane: lane, epoch: epoch, seq: seq, tick: Tick(UInt64(seq)), at: Instant(seq),
            wall: WallTime(unixMilliseconds: 1_700_000_000_000 + seq, quality: .synced),
            severity: .info, correlation: Correlation(0), type: "power.on.v1", subject: "power",
            data: Array("{\"n\":\(seq),\"f\":\"".utf8)
                + (isDense
                    ? noise(seq, count: filler)
                    : [UInt8](repeating: UInt8(ascii: "a") + UInt8(seq % 26), count: filler))
                + Array("\"}".utf8),
            run: run, boot: Identifier128(high: 0xB, low: 1))
    }

    /// Letters that compress as little as letters can: to five bits of eight.
    private static func noise(_ seq: Int64, count: Int) -> [UInt8] {
        var state = UInt64(bitPattern: seq) &* 0x9E37_79B9_7F4A_7C15
        return (0..<count).map { _ in
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return UInt8(ascii: "a") + UInt8((state >> 40) % 26)
        }
    }

    mutating func append(
        _ numbers: ClosedRange<Int64>, to lane: Lane = .event, filler: Int = 60,
        isDense: Bool = false
    ) {
        let epoch = queue.epochs.last?.epoch ?? Self.epoch
        queue.rows[lane, default: []] += numbers.map {
            Self.record($0, lane, epoch: epoch, filler: filler, isDense: isDense)
        }
    }

    // MARK: - Running

    /// Does what the session asks until it waits.
    /// - Returns: until when.
    @discardableResult
    mutating func turn() -> Instant {
        for _ in 0..<100_000 {
            switch session.action(now: now) {
            case .wait(let until): return until
            case .stopped:
                isStopped = true
                return now
            case let action: perform(action)
            }
        }
        Issue.record("the session never waits")
        return now + .seconds(1)
    }

    private mutating func perform(_ action: Action) {
        switch action {
        case .connect:
            connects.append(now)
            session.note(
                acceptsConnections
                    ? .connected(receiveMaximum: 65_535, isSessionPresent: false)
                    : .connectFailed(connectFailure), now: now)
        case .disconnect:
            disconnects += 1
            session.note(.disconnected(.asked), now: now)
        case .subscribe: session.note(.subscribed(reasonCodes: subscribeCodes), now: now)
        case .publish(let publication):
            take(publication)
            if let publishCode {
                session.note(
                    .published(token: publication.token, reasonCode: publishCode), now: now)
            }
        case .readState(let known):
            session.note(
                queue.failure.map(Input.queueFailed) ?? .queueState(queue.state(after: known)),
                now: now)
        case .readPage(let lane, let from, let maxEvents, _):
            pagesRead += 1
            session.note(
                queue.failure.map(Input.queueFailed)
                    ?? .page(queue.page(lane, from: from, maxEvents: maxEvents)), now: now)
        case .saveCursor(let cursor): cursors.append(cursor)
        case .submit(let command): submitted.append(command)
        case .report(let finding): findings.append(finding)
        case .wait, .stopped: Issue.record("turn takes care of these")
        }
    }

    private mutating func take(_ publication: Publication) {
        publications.append(publication)
        if publication.topic == Topics.status(device: Self.device) {
            guard let status = try? DeviceStatus(decoding: publication.payload) else {
                Issue.record("the status cannot be read")
                return
            }
            statuses.append(status)
        } else if publication.topic.hasPrefix("homeassistant/")
            || publication.topic == Topics.state(device: Self.device)
        {
            home.append(publication)
        } else if let plain = try? Payload.unpack(publication.payload),
            let batch = try? EventBatch(decoding: plain)
        {
            batches.append(batch)
        } else {
            Issue.record("a batch cannot be read")
        }
    }

    /// Lets time pass, in the session's own steps.
    mutating func pass(_ span: Milliseconds) {
        let end = now + span
        while now < end {
            let until = turn()
            now = min(end, max(until, now + Milliseconds(1)))
            session.note(.wall(Self.wall(now, clockQuality)), now: now)
        }
        turn()
    }

    // MARK: - The bridge

    /// The acknowledgement that a bridge makes for the end of a batch that it received.
    func acknowledgement(
        _ upTo: Int64, lane: Lane = .event, epoch: Identifier128? = nil,
        digest: RunningDigest? = nil
    ) -> Acknowledgement {
        Acknowledgement(
            device: Self.device, epoch: epoch ?? queue.epochs[0].epoch, lane: lane, upTo: upTo,
            kafkaTopic: "busbar.event.v1", partition: 0, offset: 1,
            digest: digest ?? self.digest(upTo, lane: lane), bridge: "bridge-0",
            isDevelopment: false)
    }

    /// As the bridge computes it from the batches that it was sent.
    func digest(_ upTo: Int64, lane: Lane) -> RunningDigest {
        for batch in batches.reversed() where batch.header.lane == lane {
            var digest = batch.header.before ?? .start(of: batch.header.epoch)
            for line in batch.lines {
                digest = RunningHash.next(digest, line.bytes)
                if line.seq == upTo { return digest }
            }
        }
        return RunningDigest(Identifier128(high: 0, low: 0))
    }

    mutating func hear(
        _ acknowledgement: Acknowledgement, key: AcknowledgementKey? = key,
        on lane: Lane? = nil, isRetained: Bool = false
    ) {
        guard let key else {
            Issue.record("there is no key")
            return
        }
        session.note(
            .message(
                topic: Topics.ack(device: Self.device, lane: lane ?? acknowledgement.lane),
                payload: key.seal(acknowledgement).encoded(), isRetained: isRetained), now: now)
        turn()
    }

    var explanation: String? { session.explanation(now: now) }

    func acknowledged(_ lane: Lane = .event) -> Int64 { session.place[lane]?.upTo ?? 0 }

    static func cursor(
        _ lane: Lane, _ upTo: Int64, epoch: Identifier128 = epoch, digest: RunningDigest? = nil
    ) -> UplinkCursor {
        var cursor = UplinkCursor()
        cursor[lane] = UplinkCursor.Place(epoch: epoch, upTo: upTo, digest: digest)
        return cursor
    }
}
