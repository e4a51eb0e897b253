import Testing
import Transit
import Units
import Wire

@testable import Uplink

@Suite("When nobody acknowledges")
struct StallTests {
    private static func hello(
        _ guarantee: BridgeHello.Guarantee, session: UInt64 = 1, isDevelopment: Bool = false,
        reason: String? = nil, isRetained: Bool = false
    ) -> Input {
        let hello = BridgeHello(
            bridge: "bridge-\(session)", session: Identifier128(high: 0, low: session),
            shards: [Shard(7)!], guarantee: guarantee, isDevelopment: isDevelopment,
            reason: reason, sinceUnixMilliseconds: 1)
        return .message(
            topic: "busbar/v1/bridge/07", payload: hello.encoded(), isRetained: isRetained)
    }

    private static func confirmAll(_ bench: inout SessionBench, since: Int = 0) {
        for publication in bench.publications[since...] {
            bench.session.note(
                .published(token: publication.token, reasonCode: 0), now: bench.now)
        }
    }

    // MARK: - What is measured

    @Test("a broker that was frozen for 28.7 s is no round trip: it counts from its answer on")
    func frozenBroker() {
        var bench = SessionBench()
        bench.publishCode = nil
        bench.append(1...1)
        bench.turn()
        bench.pass(Milliseconds(28_700))
        Self.confirmAll(&bench)
        bench.publishCode = 0
        bench.pass(Milliseconds(300))
        bench.hear(bench.acknowledgement(1))
        #expect(bench.session.status(now: bench.now).roundTrip == Milliseconds(300))
        // Nor does a lost acknowledgement wait longer for it.
        bench.append(2...2)
        bench.pass(Milliseconds(250))
        #expect(bench.batches.count == 2)
        bench.pass(Milliseconds(1_749))
        #expect(bench.batches.count == 2)
        bench.pass(Milliseconds(251))
        #expect(bench.batches.count == 3, "sent again after the shortest time-out, two seconds")
    }

    @Test("a batch that was sent twice measures nothing")
    func sentTwice() {
        var bench = SessionBench()
        bench.append(1...1)
        bench.pass(.seconds(11))
        #expect(bench.batches.count == 2)
        bench.hear(bench.acknowledgement(1))
        #expect(bench.acknowledged() == 1)
        #expect(bench.session.status(now: bench.now).roundTrip == nil)
    }

    @Test("a process that stood still has not measured the bridge")
    func stoodStill() {
        var bench = SessionBench()
        bench.append(1...1)
        bench.turn()
        bench.now = bench.now + .seconds(3_600)
        bench.session.note(.resumed, now: bench.now)
        bench.hear(bench.acknowledgement(1))
        #expect(bench.acknowledged() == 1)
        #expect(bench.session.status(now: bench.now).roundTrip == nil)
    }

    @Test(
        "the time-out is four deviations above the mean, from 2 s to what is a stall",
        arguments: [(0, 2_000), (700, 2_100), (9_999, 29_995), (10_001, 30_000), (100_000, 30_000)])
    func timeout(sample: Int64, timeout: Int64) {
        var trip = RoundTrip()
        #expect(trip.timeout(UplinkLimits()) == .seconds(10))
        trip.measured(Milliseconds(sample))
        #expect(trip.timeout(UplinkLimits()) == Milliseconds(timeout))
    }

    // MARK: - When it is told

    @Test("silence is a stall after 30 s, however slow the bridge was before")
    func silence() {
        var bench = SessionBench()
        bench.append(1...1)
        bench.turn()
        bench.pass(Milliseconds(9_900))
        bench.hear(bench.acknowledgement(1))
        #expect(bench.session.status(now: bench.now).roundTrip == Milliseconds(9_900))
        bench.append(2...2)
        let count = bench.batches.count
        while bench.batches.count == count { bench.pass(Milliseconds(1)) }
        bench.pass(Milliseconds(29_999))
        #expect(bench.session.status(now: bench.now).state == .sending)
        #expect(bench.findings.isEmpty)
        bench.pass(Milliseconds(1))
        #expect(bench.session.status(now: bench.now).state == .stalled)
        #expect(bench.findings.map(\.kind) == [.noBridge])
        #expect(bench.findings.first?.text == bench.explanation)
        #expect(
            bench.explanation
                == "the broker takes events but no bridge acknowledges (shard 07): check that a "
                + "busbar-bridge owns this shard, and that it reaches Kafka")
        #expect(Self.given(bench) == .nothing)
        // Sent again in vain, it is the same stall.
        bench.pass(.seconds(200))
        #expect(bench.findings.map(\.count) == [1])
    }

    @Test("a stall is over when no lane waits for it any longer")
    func lanes() {
        var bench = SessionBench()
        bench.append(1...1)
        bench.append(1...1, to: .alarm)
        bench.pass(.seconds(31))
        bench.hear(bench.acknowledgement(1, lane: .alarm))
        #expect(bench.findings.map(\.isActive) == [true])
        #expect(bench.session.status(now: bench.now).state == .stalled)
        bench.hear(bench.acknowledgement(1))
        #expect(bench.findings.map(\.isActive) == [true, false])
        #expect(bench.findings.last?.count == 1)
        #expect(bench.explanation == nil)
    }

    @Test("what is acknowledged in time is no stall, however long events flow")
    func progress() {
        var bench = SessionBench()
        for number in Int64(1)...20 {
            bench.append(number...number)
            bench.pass(.seconds(9))
            bench.hear(bench.acknowledgement(number))
        }
        #expect(bench.findings.isEmpty)
    }

    @Test("a bridge that says that it acknowledges nothing is told at once, an alarm after 30 s")
    func bridgeSaysNone() {
        var bench = SessionBench()
        bench.turn()
        bench.session.note(Self.hello(.kafka), now: bench.now)
        #expect(bench.explanation == nil)
        bench.session.note(Self.hello(.none, reason: "its words"), now: bench.now)
        #expect(
            bench.explanation
                == "the bridge bridge-1 of shard 07 acknowledges nothing now: its words")
        #expect(bench.session.status(now: bench.now).state == .stalled)
        bench.pass(.seconds(100))
        #expect(bench.findings.isEmpty, "nothing waits")
        bench.append(1...1, to: .alarm)
        while bench.batches.isEmpty { bench.pass(Milliseconds(1)) }
        bench.pass(Milliseconds(29_999))
        #expect(bench.findings.isEmpty, "a bridge that is started anew says so too")
        bench.pass(Milliseconds(1))
        #expect(bench.findings.map(\.text) == [bench.explanation])
        bench.session.note(Self.hello(.kafka), now: bench.now)
        bench.turn()
        bench.hear(bench.acknowledgement(1, lane: .alarm))
        #expect(bench.explanation == nil)
        #expect(bench.findings.map(\.isActive) == [true, false])
    }

    @Test("a bridge that gives no reason has a log")
    func noReason() {
        var bench = SessionBench()
        bench.turn()
        bench.session.note(Self.hello(.none), now: bench.now)
        #expect(
            bench.explanation
                == "the bridge bridge-1 of shard 07 acknowledges nothing now: it gives no reason: "
                + "read the log of busbar-bridge")
    }

    @Test("that nobody subscribes is told at once, until somebody does")
    func noSubscriber() {
        var bench = SessionBench()
        bench.publishCode = 0x10
        bench.append(1...1)
        bench.turn()
        #expect(
            bench.explanation
                == "the broker takes events but nobody subscribes to them (shard 07): start the "
                + "busbar-bridge that owns this shard")
        #expect(bench.session.status(now: bench.now).state == .stalled)
        #expect(bench.session.status(now: bench.now).given == .nothing)
        bench.publishCode = 0
        bench.pass(.seconds(3))
        #expect(bench.explanation != nil)
        bench.session.note(Self.hello(.kafka), now: bench.now)
        bench.turn()
        #expect(bench.batches.count == 2)
        #expect(bench.explanation == nil)
    }

    @Test("with guarantee broker, too")
    func noSubscriberOfABroker() {
        var bench = SessionBench(guarantee: .broker)
        bench.publishCode = 0x10
        bench.append(1...1)
        bench.turn()
        #expect(
            bench.explanation
                == "the broker has nobody who subscribes to our events (shard 07), so it throws "
                + "them away: connect the bridge")
        #expect(bench.session.status(now: bench.now).given == nil)
    }

    @Test("of a rolled back epoch nothing may be sent, and no bridge is to blame for it")
    func rolledBack() {
        var bench = SessionBench()
        bench.append(1...10)
        bench.turn()
        bench.hear(bench.acknowledgement(11, digest: RunningDigest(SessionBench.run)))
        bench.pass(.seconds(90))
        #expect(bench.findings.map(\.kind) == [.rolledBack])
    }

    // MARK: - Which bridge

    private static func given(_ bench: SessionBench) -> GivenGuarantee? {
        bench.session.status(now: bench.now).given
    }

    @Test("what is given is the word of the bridge that is there now")
    func given() {
        var bench = SessionBench()
        bench.turn()
        #expect(Self.given(bench) == nil)
        bench.session.note(Self.hello(.kafka, isDevelopment: true), now: bench.now)
        #expect(Self.given(bench) == .development)
        bench.session.note(Self.hello(.kafka, session: 2), now: bench.now)
        #expect(Self.given(bench) == .kafka)
        bench.session.note(Self.hello(.none, session: 1), now: bench.now)
        #expect(Self.given(bench) == .kafka, "the last word of the one that was replaced")
        bench.session.note(Self.hello(.none, session: 2), now: bench.now)
        #expect(Self.given(bench) == .nothing)
        bench.session.note(.disconnected(.lost("reset")), now: bench.now)
        #expect(Self.given(bench) == nil)
        bench.pass(.seconds(3))
        #expect(Self.given(bench) == nil, "of another connection")
    }

    @Test("a fresh acknowledgement is later than the hello before it; a retained one is not")
    func acknowledgedAllTheSame() {
        var bench = SessionBench()
        bench.append(1...1)
        bench.turn()
        bench.session.note(Self.hello(.none, isRetained: true), now: bench.now)
        bench.hear(bench.acknowledgement(1), isRetained: true)
        #expect(bench.acknowledged() == 1)
        #expect(Self.given(bench) == .nothing)
        bench.append(2...2)
        bench.pass(.seconds(1))
        var said = bench.acknowledgement(2)
        said.isDevelopment = true
        bench.hear(said)
        #expect(Self.given(bench) == .development)
        #expect(bench.explanation == nil)
    }
}
