import Testing
import Transit
import Units
import Wire

@testable import Uplink

@Suite("What a batch holds, and what comes first")
struct LaneTests {
    @Test("a batch has one lane, one epoch and one run, and says where the lane stands")
    func neverMixed() {
        var bench = SessionBench()
        let later = Identifier128(high: 0xA, low: 2)
        bench.queue.rows[.event] =
            (1...4).map { SessionBench.record($0) }
            + (5...7).map { SessionBench.record($0, run: later) }
        bench.append(1...2, to: .alarm)
        bench.turn()
        let headers = bench.batches.map(\.header)
        #expect(headers.map(\.lane) == [.alarm, .event, .event])
        #expect(headers.map(\.first) == [1, 1, 5])
        #expect(headers.map(\.last) == [2, 4, 7])
        #expect(headers.map(\.base) == [1, 1, 1])
        #expect(headers.map(\.run) == [SessionBench.run, SessionBench.run, later])
        #expect(headers[1].before == .start(of: SessionBench.epoch))
        #expect(headers[2].before == bench.digest(4, lane: .event))
    }

    @Test("an old epoch is acknowledged whole before the new one is sent")
    func oldEpochFirst() {
        var bench = SessionBench()
        bench.append(1...3)
        bench.queue.epochs.append(.init(epoch: SessionBench.laterEpoch, first: 1_001))
        bench.append(1_001...1_003)
        bench.pass(.seconds(5))
        #expect(bench.batches.map(\.header.last) == [3])
        bench.hear(bench.acknowledgement(3, epoch: SessionBench.epoch))
        bench.pass(.seconds(2))
        #expect(bench.batches.map(\.header.first) == [1, 1_001])
        #expect(bench.batches[1].header.base == 1_001)
        #expect(bench.batches[1].header.gaps.isEmpty, "the old epoch's end is nobody's gap")
        #expect(bench.batches[1].header.before == .start(of: SessionBench.laterEpoch))
        #expect(bench.session.place[.event]?.epoch == SessionBench.laterEpoch)
    }

    @Test("declared gaps from the base on are named, those that touch as one")
    func gaps() {
        var bench = SessionBench()
        bench.queue.rows[.event] = [3, 4, 9].map { SessionBench.record($0) }
        bench.queue.gaps[.event] = [1...1, 2...2, 5...8, 10...20]
        bench.turn()
        #expect(bench.batches.map(\.header.gaps) == [[1...2, 5...8]])
        #expect(bench.batches[0].header.base == 1)
        #expect(bench.batches[0].lines.map(\.seq) == [3, 4, 9])
    }

    @Test("a header never names more than 64 gaps; the rest waits for an acknowledgement")
    func manyGaps() {
        var bench = SessionBench()
        bench.queue.rows[.event] = (1...200).map { SessionBench.record(2 * $0) }
        bench.queue.gaps[.event] = (0..<200).map { 2 * $0 + 1...2 * $0 + 1 }
        bench.turn()
        #expect(bench.batches.allSatisfy { $0.header.gaps.count <= 64 })
        #expect(bench.batches.map(\.header.last).max() == 128)
        bench.hear(bench.acknowledgement(128))
        bench.turn()
        #expect(bench.batches.map(\.header.last).max() == 256)
    }

    @Test("numbers that are neither rows nor gaps: reported, waited for, then crossed as a gap")
    func missing() {
        var bench = SessionBench(cursor: SessionBench.cursor(.event, 1))
        bench.queue.rows[.event] = [2, 3, 6, 7].map { SessionBench.record($0) }
        bench.pass(.seconds(5))
        #expect(bench.batches.map(\.header.last) == [3], "what comes before the hole is sent")
        #expect(bench.findings.map(\.kind) == [.numbersMissing])
        #expect(
            bench.findings[0].text
                == "2 events of lane event, numbers 4 to 5, are neither in the journal nor "
                + "declared lost: the lane waits 60 s for busbard to declare them")
        bench.hear(bench.acknowledgement(3))
        bench.pass(.seconds(50))
        #expect(bench.batches.count == 1)
        bench.pass(.seconds(20))
        #expect(bench.batches.map(\.header.last).starts(with: [3, 7]))
        bench.session.note(.disconnected(.lost("reset")), now: bench.now)
        bench.pass(.seconds(5))
        #expect(bench.batches.last?.header.gaps == [4...5], "sent again as it was")
        #expect(bench.batches[1].header.gaps == [4...5])
        #expect(bench.session.status(now: bench.now).counters.eventsMissing == 2)
        #expect(bench.findings.last?.text.contains("given up and told the cluster") == true)
    }

    @Test("numbers that the journal declares within the wait are an ordinary gap")
    func missingThenDeclared() {
        var bench = SessionBench(cursor: SessionBench.cursor(.event, 1))
        bench.queue.rows[.event] = [4].map { SessionBench.record($0) }
        bench.pass(.seconds(5))
        #expect(bench.batches.isEmpty)
        bench.queue.gaps[.event] = [2...3]
        bench.pass(.seconds(10))
        #expect(bench.batches.map(\.header.gaps) == [[2...3]])
        #expect(bench.session.status(now: bench.now).counters.eventsMissing == 0)
    }

    @Test("what counts as lost is events, not numbers that never were one or that the cluster has")
    func lost() {
        var bench = SessionBench()
        bench.queue.rows[.event] = [10, 11, 21, 40].map { SessionBench.record($0) }
        bench.queue.gaps[.event] = [1...9, 12...20, 22...29, 30...39]
        // Acknowledged and reclaimed; skipped after an unclean stop.
        bench.queue.harmless[.event] = [1...9, 12...20]
        bench.turn()
        #expect(bench.batches.map(\.header.gaps) == [[1...9, 12...20, 22...39]])
        #expect(bench.session.status(now: bench.now).lanes[1].dropped == 18)
        // Sent again, they are not lost again.
        bench.session.note(.disconnected(.lost("reset")), now: bench.now)
        bench.pass(.seconds(5))
        #expect(bench.batches.count == 2)
        #expect(bench.session.status(now: bench.now).lanes[1].dropped == 18)
        #expect(bench.statuses.last?.lanes[1].dropped == 18)
    }

    @Test("numbers that are crossed because nobody declared them count as lost")
    func missingIsLost() {
        var bench = SessionBench(cursor: SessionBench.cursor(.event, 1))
        bench.queue.rows[.event] = [4].map { SessionBench.record($0) }
        bench.pass(.seconds(90))
        #expect(bench.session.status(now: bench.now).lanes[1].dropped == 2)
    }

    @Test(
        "a last number that stands still keeps no event for longer than five seconds",
        arguments: [(3, "too low"), (1_000_000, "too high")])
    func frozenLast(last: Int64, name: String) {
        var bench = SessionBench()
        bench.append(1...3)
        bench.queue.wrongLast[.event] = last
        bench.turn()
        bench.hear(bench.acknowledgement(3))
        bench.pass(.seconds(20))
        #expect(bench.session.state == .idle)
        bench.append(4...4)
        bench.pass(UplinkLimits().askAgainAfter)
        bench.pass(Milliseconds(250))
        #expect(bench.batches.last?.header.last == 4, "\(name)")
        #expect(bench.pagesRead < 40, "seldom: \(bench.pagesRead)")
    }

    @Test("without a cursor the first rows may be gone: what is left is sent, with a new hash")
    func reclaimed() {
        var bench = SessionBench()
        bench.append(500...600)
        bench.turn()
        #expect(bench.batches.map(\.header.base) == [500])
        #expect(bench.batches[0].header.before == nil)
        #expect(bench.batches[0].header.gaps.isEmpty)
        bench.hear(bench.acknowledgement(600))
        #expect(bench.acknowledged() == 600)
    }

    @Test("a batch has at most 256 events and 128 KiB, and never an event too few to go on")
    func sizes() {
        var bench = SessionBench()
        bench.append(1...5_000, filler: 200)
        bench.append(5_001...5_003, filler: 60_000)
        bench.pass(.seconds(1))
        for _ in 0..<100 {
            guard let last = bench.batches.last?.header.last else { break }
            bench.hear(bench.acknowledgement(last))
            bench.pass(Milliseconds(300))
        }
        #expect(bench.acknowledged() == 5_003)
        #expect(bench.batches.allSatisfy { $0.lines.count <= 256 })
        for batch in bench.batches where batch.lines.count > 1 {
            #expect(batch.lines.reduce(0) { $0 + $1.bytes.count + 1 } <= 128 << 10)
        }
    }

    @Test("without a connection the backlog is counted and its age told; gaps are no events")
    func offline() {
        var bench = SessionBench()
        bench.acceptsConnections = false
        bench.append(1...10)
        bench.queue.gaps[.event] = [4...10, 13...1_000]
        bench.queue.rows[.event]?.removeSubrange(3...)
        bench.append(11...12)
        bench.append(1_001...1_002)
        bench.pass(.seconds(5))
        let status = bench.session.status(now: bench.now)
        #expect(status.lanes[1].depth == 7)
        #expect(status.lanes[1].oldestAge == bench.now - Instant(1))
        #expect(status.lanes[0].depth == 0 && status.lanes[0].oldestAge == nil)
        // A gap at the end: all that waits is before it.
        bench.queue.gaps[.event]?.append(1_003...2_000)
        bench.pass(.seconds(5))
        #expect(bench.session.status(now: bench.now).lanes[1].depth == 7)
    }

    @Test("what is under way does not grow with the backlog")
    func bounded() {
        var bench = SessionBench()
        bench.append(1...100_000)
        bench.pass(.seconds(9))
        let status = bench.session.status(now: bench.now)
        #expect(status.lanes[1].inFlight <= UplinkLimits().windowEventsMax)
        #expect(status.lanes[1].depth == 100_000)
        #expect(bench.session.lanes[1].window.count <= 200)
        #expect((bench.session.lanes[1].page?.records.count ?? 0) <= UplinkLimits().pageEventsMax)
    }

    @Test("alarms go first; events behind them go on with a tenth, telemetry with a tenth of that")
    func shares() {
        var shares = LaneShares()
        var sent = [0, 0, 0]
        let waiting = [true, true, true]
        for _ in 0..<10_000 {
            guard let lane = shares.turn(waiting: waiting) else { break }
            sent[Int(lane.rawValue)] += 1
            shares.sent(lane, bytes: 1_000, waiting: waiting, percent: 10)
        }
        #expect((8_900...9_100).contains(sent[0]), "\(sent)")
        #expect((850...950).contains(sent[1]), "\(sent)")
        #expect((80...120).contains(sent[2]), "\(sent)")
    }

    @Test("a single alarm waits for nothing, whatever the others are owed")
    func singleAlarm() {
        var shares = LaneShares()
        for _ in 0..<1_000 {
            _ = shares.turn(waiting: [false, true, true])
            shares.sent(.event, bytes: 10_000, waiting: [false, true, true], percent: 10)
        }
        #expect(shares.turn(waiting: [true, true, true]) == .alarm)
    }

    @Test("an alarm overtakes a backlog that the link has not taken yet")
    func overtakes() {
        var bench = SessionBench()
        bench.publishCode = nil
        bench.append(1...50_000, filler: 200)
        bench.pass(.seconds(1))
        let before = bench.batches.count
        bench.append(1...1, to: .alarm)
        bench.pass(Milliseconds(300))
        #expect(bench.batches.dropFirst(before).first?.header.lane == .alarm)
    }

    @Test("the site's bytes a second hold for events and telemetry, and never for alarms")
    func paced() {
        var bench = SessionBench(guarantee: .broker, bytesPerSecondMax: 2_000)
        bench.append(1...50_000, filler: 400)
        bench.append(1...500, to: .alarm, filler: 400)
        bench.pass(.seconds(60))
        let bulk = bench.publications.filter { $0.topic.hasSuffix("/event") }
            .reduce(0) { $0 + $1.payload.count }
        #expect((60 * 1_500...62 * 2_000 + 128 << 10).contains(bulk), "\(bulk)")
        #expect(bench.acknowledged(.alarm) == 500)
    }

    @Test("a journal that cannot be read is said, tried again, and nothing is lost")
    func unreadable() {
        var bench = SessionBench()
        bench.append(1...5)
        bench.queue.failure = QueueError("disk I/O error")
        bench.pass(.seconds(5))
        #expect(bench.explanation == "the journal cannot be read: disk I/O error")
        #expect(bench.findings.isEmpty, "busbard may be starting")
        bench.pass(.seconds(7))
        #expect(bench.findings.map(\.kind) == [.journalUnreadable])
        bench.queue.failure = nil
        bench.pass(.seconds(5))
        #expect(bench.batches.map(\.header.last) == [5])
        #expect(bench.explanation == nil)
        #expect(bench.findings.map(\.isActive) == [true, false])
    }

    @Test("a page that contradicts itself is refused, and nothing of it is sent")
    func contradictory() {
        var bench = SessionBench()
        bench.queue.rows[.event] = [1, 2, 2].map { SessionBench.record($0) }
        bench.pass(.seconds(3))
        #expect(bench.batches.isEmpty)
        #expect(
            bench.explanation
                == "the journal cannot be read: lane event: rows from 1 are not in order, or of "
                + "several runs")
    }
}
