import Testing
import Transit
import Units
import Wire

@testable import Uplink

@Suite("What moves the cursor")
struct AcknowledgementTests {
    /// A bench that has sent events 1 to 10 in one batch.
    static func sent() -> SessionBench {
        var bench = SessionBench()
        bench.append(1...10)
        bench.turn()
        return bench
    }

    @Test("a confirmation of the broker alone moves nothing")
    func pubackMovesNothing() {
        let bench = Self.sent()
        #expect(bench.batches.map(\.header.last) == [10])
        #expect(bench.acknowledged() == 0)
        #expect(bench.session.status(now: bench.now).lanes[1].inFlight == 10)
    }

    @Test("an acknowledgement of the bridge moves it, and the place is kept within a second")
    func ackMoves() {
        var bench = Self.sent()
        let digest = bench.digest(10, lane: .event)
        bench.hear(bench.acknowledgement(10))
        #expect(bench.acknowledged() == 10)
        bench.pass(.seconds(2))
        #expect(bench.cursors.last?[.event]?.upTo == 10)
        #expect(bench.cursors.last?[.event]?.digest == digest)
        #expect(bench.session.status(now: bench.now).state == .idle)
    }

    @Test("a retained one counts too, repeated ones change nothing, an older one goes not back")
    func repeats() {
        var bench = Self.sent()
        let first = bench.acknowledgement(10)
        bench.hear(first, isRetained: true)
        bench.append(11...20)
        bench.pass(.seconds(1))
        bench.hear(bench.acknowledgement(20))
        bench.hear(first)
        #expect(bench.acknowledged() == 20)
        #expect(bench.session.place.rolledBack == nil)
    }

    struct Forgery: CustomTestStringConvertible, Sendable {
        let testDescription: String
        let forge: @Sendable (inout SessionBench) -> Void
    }

    static let forgeries = [
        Forgery(testDescription: "with another device's key") { bench in
            bench.hear(bench.acknowledgement(10), key: SessionBench.otherKey)
        },
        Forgery(testDescription: "with one digit of the MAC changed") { bench in
            var sealed = SessionBench.key!.seal(bench.acknowledgement(10))
            sealed.mac[31] ^= 1
            bench.session.note(
                .message(
                    topic: "busbar/v1/down/heater-1/ack/event", payload: sealed.encoded(),
                    isRetained: false), now: bench.now)
        },
        Forgery(testDescription: "with a greater number under the MAC of a smaller") { bench in
            var sealed = SessionBench.key!.seal(bench.acknowledgement(5))
            sealed.acknowledgement.upTo = 10
            bench.session.note(
                .message(
                    topic: "busbar/v1/down/heater-1/ack/event", payload: sealed.encoded(),
                    isRetained: false), now: bench.now)
        },
        Forgery(testDescription: "copied from another lane's topic") { bench in
            bench.hear(bench.acknowledgement(10, lane: .alarm), on: .event)
        },
        Forgery(testDescription: "cut short") { bench in
            let bytes = SessionBench.key!.seal(bench.acknowledgement(10)).encoded()
            bench.session.note(
                .message(
                    topic: "busbar/v1/down/heater-1/ack/event", payload: Array(bytes.dropLast(9)),
                    isRetained: false), now: bench.now)
        },
        Forgery(testDescription: "empty") { bench in
            bench.session.note(
                .message(
                    topic: "busbar/v1/down/heater-1/ack/event", payload: [], isRetained: false),
                now: bench.now)
        },
        Forgery(testDescription: "nested a thousand deep") { bench in
            bench.session.note(
                .message(
                    topic: "busbar/v1/down/heater-1/ack/event",
                    payload: [UInt8](repeating: UInt8(ascii: "["), count: 1_000),
                    isRetained: false), now: bench.now)
        },
    ]

    @Test("a forged one is counted, reported and without effect", arguments: forgeries)
    func forgedIsRefused(_ forgery: Forgery) {
        var bench = Self.sent()
        forgery.forge(&bench)
        bench.turn()
        #expect(bench.acknowledged() == 0)
        #expect(bench.session.status(now: bench.now).counters.acknowledgementsForged == 1)
        #expect(bench.findings.map(\.kind) == [.forgedAcknowledgement])
        #expect(bench.findings[0].text.contains("busbar/v1/down/heater-1/ack/event"))
        #expect(bench.findings[0].kind.isSecurity)
    }

    @Test("a thousand forgeries make one report a minute, with their count")
    func forgeriesAreBounded() {
        var bench = Self.sent()
        for _ in 0..<1_000 { bench.hear(bench.acknowledgement(10), key: SessionBench.otherKey) }
        #expect(bench.findings.count == 1)
        bench.now = bench.now + .seconds(60)
        bench.hear(bench.acknowledgement(10), key: SessionBench.otherKey)
        // That a minute without a right one is a stall is told besides.
        let forged = bench.findings.filter { $0.kind == .forgedAcknowledgement }
        #expect(forged.map(\.count) == [1, 1_001])
    }

    @Test("one of another epoch is counted and moves nothing")
    func otherEpoch() {
        var bench = Self.sent()
        bench.hear(bench.acknowledgement(10, epoch: SessionBench.laterEpoch))
        #expect(bench.acknowledged() == 0)
        #expect(bench.session.status(now: bench.now).counters.acknowledgementsOfOtherEpochs == 1)
        #expect(bench.findings.isEmpty)
    }

    @Test("the middle of a batch proves nothing; nothing is lost by waiting for its end")
    func middle() {
        var bench = Self.sent()
        bench.hear(bench.acknowledgement(9))
        #expect(bench.acknowledged() == 0)
        #expect(bench.session.status(now: bench.now).counters.acknowledgementsUnmatched == 1)
        #expect(bench.session.place.rolledBack == nil)
    }

    @Test("a number above the journal's last is an older copy of it: stop, and ask for a new epoch")
    func above() {
        var bench = Self.sent()
        bench.hear(bench.acknowledgement(11, digest: RunningDigest(SessionBench.run)))
        #expect(bench.acknowledged() == 0)
        #expect(bench.session.place.rolledBack == SessionBench.epoch)
        #expect(bench.cursors.last?.rolledBack == SessionBench.epoch)
        #expect(bench.findings.map(\.kind) == [.rolledBack])
        let before = bench.batches.count
        bench.append(11...12)
        bench.pass(.seconds(30))
        #expect(bench.batches.count == before, "nothing more goes out under these numbers")
    }

    @Test("the right number with another hash is an older copy too")
    func otherContent() {
        var bench = Self.sent()
        bench.hear(bench.acknowledgement(10, digest: RunningDigest(SessionBench.run)))
        #expect(bench.acknowledged() == 0)
        #expect(bench.session.place.rolledBack == SessionBench.epoch)
    }

    @Test("after the rollback the new epoch is sent, the old one before it")
    func newEpochAfterRollback() {
        var bench = Self.sent()
        bench.hear(bench.acknowledgement(11, digest: RunningDigest(SessionBench.run)))
        bench.queue.epochs.append(.init(epoch: SessionBench.laterEpoch, first: 11))
        bench.append(11...15)
        bench.batches = []
        bench.pass(.seconds(30))
        #expect(bench.session.place.rolledBack == nil)
        #expect(bench.findings.last.map { $0.kind == .rolledBack && !$0.isActive } == true)
        #expect(Set(bench.batches.map(\.header.epoch)) == [SessionBench.epoch])
        bench.hear(bench.acknowledgement(10))
        bench.pass(.seconds(1))
        #expect(bench.batches.last?.header.epoch == SessionBench.laterEpoch)
        #expect(bench.batches.last?.header.first == 11)
        #expect(bench.batches.last?.header.base == 11)
    }

    @Test("a cursor beyond the journal's end is an older copy of the journal")
    func cursorAhead() {
        var bench = SessionBench(cursor: SessionBench.cursor(.event, 11))
        bench.append(1...10)
        bench.pass(.seconds(1))
        #expect(bench.session.place.rolledBack == SessionBench.epoch)
        #expect(bench.batches.isEmpty)
        #expect(bench.findings[0].text.contains("up to 11"))
    }

    @Test("with guarantee broker a confirmation moves it, in order only")
    func brokerGuarantee() {
        var bench = SessionBench(guarantee: .broker)
        bench.publishCode = nil
        bench.append(1...600)
        bench.turn()
        let tokens = bench.publications.filter { $0.topic.hasSuffix("/event") }.map(\.token)
        #expect(tokens.count >= 1)
        bench.session.note(.published(token: tokens[0], reasonCode: 0), now: bench.now)
        #expect(bench.acknowledged() == bench.batches[0].header.last)
    }

    @Test(
        "with guarantee broker no acknowledgement of anybody counts, and no refused message",
        arguments: [UInt8(0x10), 0x80, 0x87, 0x97])
    func brokerRefuses(code: UInt8) {
        var bench = SessionBench(guarantee: .broker)
        bench.publishCode = code
        bench.append(1...10)
        bench.turn()
        bench.hear(bench.acknowledgement(10))
        #expect(bench.acknowledged() == 0)
    }

    @Test("with guarantee local nothing but the status is sent")
    func localGuarantee() {
        var bench = SessionBench(guarantee: .local)
        bench.append(1...10)
        bench.pass(.seconds(200))
        #expect(bench.batches.isEmpty)
        #expect(bench.statuses.count >= 3)
        #expect(bench.statuses.allSatisfy { $0.guarantee == .local })
        #expect(
            bench.explanation
                == "the site file says guarantee \"local\": events are kept on the device and "
                + "never sent")
    }
}
