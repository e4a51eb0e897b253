import Testing
import Transit
import Units
import Wire

@testable import Uplink

@Suite("Sending again")
struct ResendTests {
    @Test("after a reconnect all goes again from the base, with the same hash")
    func reconnect() {
        var bench = SessionBench()
        bench.append(1...10)
        bench.turn()
        bench.append(11...20)
        bench.pass(.seconds(1))
        bench.hear(bench.acknowledgement(10))
        let before = bench.digest(20, lane: .event)
        bench.batches = []
        bench.session.note(.disconnected(.lost("reset")), now: bench.now)
        bench.pass(.seconds(3))
        #expect(bench.connects.count == 2)
        #expect(bench.batches.first?.header.base == 11)
        #expect(bench.batches.first?.header.first == 11)
        #expect(bench.digest(20, lane: .event) == before)
        bench.hear(bench.acknowledgement(20))
        #expect(bench.acknowledged() == 20)
    }

    @Test("an acknowledgement of the first sending still counts after a step back")
    func lateAcknowledgement() {
        var bench = SessionBench()
        bench.append(1...10)
        bench.turn()
        let late = bench.acknowledgement(10)
        bench.session.note(.disconnected(.lost("reset")), now: bench.now)
        bench.pass(.seconds(3))
        bench.hear(late)
        #expect(bench.acknowledged() == 10)
        let count = bench.batches.count
        bench.pass(.seconds(60))
        #expect(bench.batches.count == count, "what is acknowledged is not sent again")
    }

    @Test("rows that were sent and then dropped leave two hashes for one end; both are right")
    func droppedAfterSending() {
        var bench = SessionBench()
        bench.append(1...4)
        bench.turn()
        bench.hear(bench.acknowledgement(4))
        bench.append(5...7)
        bench.pass(.seconds(1))
        let first = bench.acknowledgement(7)
        bench.queue.rows[.event]?.removeAll { $0.seq > 4 }
        bench.queue.gaps[.event] = [5...10]
        bench.append(11...13)
        bench.session.note(.disconnected(.lost("reset")), now: bench.now)
        bench.pass(.seconds(3))
        let second = bench.acknowledgement(13)
        #expect(bench.batches.last?.header.gaps == [5...10])
        bench.hear(first)
        bench.pass(.seconds(1))
        #expect(bench.acknowledged() == 7)
        bench.hear(second)
        #expect(bench.acknowledged() == 13)
        #expect(bench.session.place.rolledBack == nil)
    }

    @Test(
        "without acknowledgements: a time-out, then a stall that says the shard, and no downgrade")
    func stall() {
        var bench = SessionBench()
        bench.append(1...10)
        bench.pass(.seconds(9))
        #expect(bench.batches.count == 1)
        bench.pass(.seconds(60))
        #expect(bench.batches.count >= 3)
        #expect(bench.findings.map(\.kind) == [.noBridge])
        #expect(
            bench.explanation
                == "the broker takes events but no bridge acknowledges (shard 07): check that a "
                + "busbar-bridge owns this shard, and that it reaches Kafka")
        #expect(bench.session.status(now: bench.now).state == .stalled)
        #expect(bench.session.status(now: bench.now).guarantee == .kafka)
        #expect(bench.acknowledged() == 0)
        bench.pass(.seconds(3_600))
        #expect(bench.acknowledged() == 0)
        bench.hear(bench.acknowledgement(10))
        #expect(bench.acknowledged() == 10)
        #expect(bench.findings.last.map { $0.kind == .noBridge && !$0.isActive } == true)
        #expect(bench.explanation == nil)
    }

    @Test("a stall is told again while it lasts, also without a connection, and once when it ends")
    func toldAgain() {
        var bench = SessionBench()
        bench.append(1...10)
        bench.pass(.seconds(69))
        #expect(bench.findings.map(\.kind) == [.noBridge])
        bench.acceptsConnections = false
        bench.session.note(.disconnected(.lost("reset")), now: bench.now)
        bench.pass(.seconds(231))
        let before = bench.findings.count
        bench.pass(.seconds(900))
        #expect(bench.findings.count == before + 3, "each 300 s")
        #expect(bench.findings.allSatisfy { $0.kind == .noBridge && $0.isActive })
        bench.acceptsConnections = true
        bench.pass(.seconds(300))
        bench.hear(bench.acknowledgement(10))
        let told = bench.findings.count
        #expect(bench.findings.last?.isActive == false)
        bench.pass(.seconds(900))
        #expect(bench.findings.count == told)
    }

    @Test("a single event is not told again")
    func toldOnce() {
        var bench = SessionBench()
        bench.append(1...10)
        bench.pass(.seconds(1))
        bench.hear(bench.acknowledgement(10), key: SessionBench.otherKey)
        bench.hear(bench.acknowledgement(10))
        bench.pass(.seconds(900))
        #expect(bench.findings.map(\.kind) == [.forgedAcknowledgement])
    }

    @Test("the time between two sendings doubles, up to two minutes")
    func doubling() {
        var bench = SessionBench()
        bench.append(1...3)
        var times: [Instant] = []
        var seen = 0
        for _ in 0..<1_200 {
            bench.pass(.seconds(1))
            if bench.batches.count > seen { times.append(bench.now) }
            seen = bench.batches.count
        }
        let spans = zip(times.dropFirst(), times).map { ($0 - $1).rawValue }
        #expect(spans.count > 5)
        #expect(zip(spans.dropFirst(), spans).prefix(3).allSatisfy { $0 > $1 })
        #expect(
            spans.allSatisfy { $0 <= 152_000 }, "two minutes and a quarter for jitter: \(spans)")
        #expect((spans.last ?? 0) >= 119_000)
    }

    @Test("batches that are never acknowledged become smaller, so that one bad event is found")
    func smaller() {
        var bench = SessionBench()
        bench.append(1...300)
        bench.pass(.seconds(1_500))
        #expect(bench.batches.last?.lines.count == 1)
    }

    @Test("a bridge's hello after its start makes it send again at once, at most every two seconds")
    func hello() {
        var bench = SessionBench()
        bench.append(1...10)
        bench.turn()
        func say(_ session: UInt64, isRetained: Bool) -> Input {
            let hello = BridgeHello(
                bridge: "bridge-0", session: Identifier128(high: 0, low: session),
                shards: [Shard(7)!], guarantee: .kafka, isDevelopment: false, reason: nil,
                sinceUnixMilliseconds: 1)
            return .message(
                topic: "busbar/v1/bridge/07", payload: hello.encoded(), isRetained: isRetained)
        }
        bench.session.note(say(1, isRetained: true), now: bench.now)
        bench.turn()
        #expect(bench.batches.count == 1, "a retained one is no news")
        for session in UInt64(2)...50 {
            bench.session.note(say(session, isRetained: false), now: bench.now)
            bench.turn()
        }
        #expect(bench.batches.count == 2)
        bench.now = bench.now + .seconds(2)
        bench.session.note(say(51, isRetained: false), now: bench.now)
        bench.turn()
        #expect(bench.batches.count == 3)
    }

    @Test("a bridge that can vouch at last, after it said that it cannot, is news too")
    func helloOfTheSameSession() {
        var bench = SessionBench()
        bench.append(1...10)
        func say(_ guarantee: BridgeHello.Guarantee, isRetained: Bool) -> Input {
            let hello = BridgeHello(
                bridge: "bridge-0", session: Identifier128(high: 0, low: 1), shards: [Shard(7)!],
                guarantee: guarantee, isDevelopment: false,
                reason: guarantee == .kafka ? nil : "it has not asked the cluster yet",
                sinceUnixMilliseconds: 1)
            return .message(
                topic: "busbar/v1/bridge/07", payload: hello.encoded(), isRetained: isRetained)
        }
        bench.session.note(say(.none, isRetained: true), now: bench.now)
        bench.turn()
        #expect(bench.batches.count == 1)
        bench.session.note(say(.kafka, isRetained: false), now: bench.now)
        bench.turn()
        #expect(bench.batches.count == 2)
        bench.now = bench.now + .seconds(2)
        bench.session.note(say(.kafka, isRetained: false), now: bench.now)
        bench.turn()
        #expect(bench.batches.count == 2, "said before")
    }

    @Test("a message that a live connection never confirms ends it after a minute")
    func leakedSlot() {
        var bench = SessionBench()
        bench.publishCode = nil
        bench.append(1...10)
        bench.pass(.seconds(59))
        #expect(bench.disconnects == 0)
        bench.pass(.seconds(5))
        #expect(bench.disconnects == 1)
        #expect(bench.connects.count == 2)
    }

    @Test("a process that stood still for an hour times nothing out at once")
    func resumed() {
        var bench = SessionBench()
        bench.append(1...10)
        bench.turn()
        bench.now = bench.now + .seconds(3_600)
        bench.session.note(.resumed, now: bench.now)
        bench.turn()
        #expect(bench.batches.count == 1)
        #expect(bench.disconnects == 0)
    }

    @Test("in flight is never more than the broker's Receive Maximum", arguments: [1, 2, 20])
    func receiveMaximum(most: Int) {
        var bench = SessionBench()
        bench.publishCode = nil
        bench.append(1...2_000)
        bench.append(1...100, to: .alarm)
        _ = bench.session.action(now: bench.now)  // .connect
        bench.session.note(
            .connected(receiveMaximum: most, isSessionPresent: false), now: bench.now)
        bench.turn()
        #expect(bench.publications.count <= most)
        #expect(bench.publications.count >= 1)
    }
}
