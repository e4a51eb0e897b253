import Testing
import Transit
import Units
import Wire

@testable import Uplink

@Suite("Connecting, and what is said of it")
struct ConnectionTests {
    @Test("waits between attempts stay within 1 s and 2 min, and reach the upper half")
    func backoff() {
        var bench = SessionBench(seed: 42)
        bench.acceptsConnections = false
        bench.pass(.seconds(3 * 3_600))
        let spans = zip(bench.connects.dropFirst(), bench.connects).map { ($0 - $1).rawValue }
        #expect(spans.count > 100)
        #expect(spans.allSatisfy { (1_000...121_000).contains($0) })
        #expect(spans.contains { $0 > 60_000 })
        #expect(Set(spans.map { $0 / 1_000 }).count > 20, "full jitter, not a fixed step")
    }

    @Test("the same seed waits the same, another seed otherwise")
    func replayable() {
        func times(_ seed: UInt64) -> [Instant] {
            var bench = SessionBench(seed: seed)
            bench.acceptsConnections = false
            bench.pass(.seconds(600))
            return bench.connects
        }
        #expect(times(7) == times(7))
        #expect(times(7) != times(8))
    }

    @Test("after a minute of a good connection the wait begins small again; before, it does not")
    func stable() {
        for (minutes, mostMs) in [(2, 1_000), (0, 120_000)] {
            var bench = SessionBench(seed: 3)
            bench.acceptsConnections = false
            bench.pass(.seconds(1_200))
            bench.acceptsConnections = true
            bench.pass(.seconds(120))
            bench.pass(.seconds(Int64(60 * minutes)))
            bench.session.note(.disconnected(.lost("reset")), now: bench.now)
            let lost = bench.now
            let count = bench.connects.count
            bench.pass(.seconds(121))
            #expect((bench.connects[count] - lost).rawValue <= Int64(mostMs))
        }
    }

    @Test("a name that somebody else also uses: slow down after three times, and say so")
    func takeover() {
        var bench = SessionBench()
        bench.append(1...3)
        for _ in 0..<3 {
            bench.pass(.seconds(20))
            bench.session.note(.disconnected(.byBroker(0x8E)), now: bench.now)
        }
        let third = bench.now
        let count = bench.connects.count
        bench.pass(.seconds(299))
        #expect(bench.connects.count == count, "not within five minutes")
        #expect(bench.findings.map(\.kind).contains(.clientTakenOver))
        #expect(
            bench.explanation
                == "another client connects as \"heater-1\" and takes our connection: stop the "
                + "other one; tried again within 10 min")
        bench.pass(.seconds(302))
        #expect((bench.connects[count] - third).rawValue <= 600_000)
        bench.pass(.seconds(70))
        let told = bench.findings.filter { $0.kind == .clientTakenOver }
        #expect(told.map(\.isActive) == [true, false])
    }

    @Test("the same without the broker's word, as old brokers do it: said after five times")
    func silentTakeover() {
        var bench = SessionBench()
        for _ in 0..<5 {
            #expect(bench.findings.isEmpty)
            while !bench.session.isConnected { bench.pass(.seconds(1)) }
            bench.session.note(.disconnected(.lost("closed")), now: bench.now)
            bench.turn()
        }
        #expect(bench.findings.map(\.kind) == [.clientTakenOver])
        #expect(
            bench.explanation
                == "the connection ends soon after it was made and without a reason, 5 times in a "
                + "row: perhaps another client connects as \"heater-1\": look into the broker's "
                + "log, and stop the other one")
        while !bench.session.isConnected { bench.pass(.seconds(1)) }
        bench.pass(.seconds(61))
        #expect(bench.findings.map(\.isActive) == [true, false])
        #expect(bench.explanation == nil)
    }

    struct Row: CustomTestStringConvertible, Sendable {
        let failure: ConnectFailure
        let text: String
        var testDescription: String { text }
    }

    static let rows = [
        Row(
            failure: .unreachable("Connection refused"),
            text: "the broker cannot be reached (Connection refused): check cable, name and port"),
        Row(
            failure: .timedOut,
            text: "the broker does not answer within 30 s: check the network and firewall"),
        Row(
            failure: .refused(0x86),
            text: "the broker refuses us (bad user name or password): the credentials are wrong: "
                + "renew client.crt, or the broker's user list"),
        Row(
            failure: .refused(0x87),
            text: "the broker refuses us (not authorised): the broker knows us but does not let us "
                + "in: add the device to its access list"),
        Row(
            failure: .certificateExpired,
            text: "the broker's certificate has expired: renew it on the broker"),
        Row(
            failure: .certificateNotYetValid,
            text: "the broker's certificate is not yet valid: check the clocks here and at the "
                + "broker"),
        Row(
            failure: .nameMismatch,
            text:
                "the broker's certificate is for another name: set uplink.host in the site file to "
                + "a name in the certificate"),
        Row(
            failure: .unknownAuthority,
            text: "the broker's certificate is signed by nobody in ca.crt: put the right authority "
                + "there"),
        Row(
            failure: .ownCertificateRefused("certificate expired"),
            text:
                "the broker does not accept client.crt (certificate expired): renew it, or let the "
                + "broker trust who signed it"),
        Row(
            failure: .credentials("x/client.key: others may read it: chmod 600 x/client.key"),
            text: "x/client.key: others may read it: chmod 600 x/client.key"),
    ]

    @Test("says in one line why there is no connection and what to do", arguments: rows)
    func explains(_ row: Row) {
        var bench = SessionBench()
        bench.acceptsConnections = false
        bench.connectFailure = row.failure
        bench.pass(.seconds(1))
        #expect(bench.explanation == row.text)
        #expect(bench.session.status(now: bench.now).state == .connecting)
        #expect(!row.text.contains("\n"))
    }

    @Test(
        "while the clock is not set it is to blame for what is not yet valid, not for what expired",
        arguments: [
            (
                .certificateNotYetValid,
                "the broker's certificate is not yet valid: the clock of this device is not set: "
                    + "wait for the time server, or check it with timedatectl"
            ),
            (
                .certificateExpired,
                "the broker's certificate has expired: renew it on the broker"
            ),
        ] as [(ConnectFailure, String)])
    func clock(failure: ConnectFailure, text: String) {
        var bench = SessionBench()
        bench.acceptsConnections = false
        bench.connectFailure = failure
        bench.turn()
        bench.session.note(.wall(SessionBench.wall(bench.now, .unsynced)), now: bench.now)
        #expect(bench.explanation == text)
    }

    @Test("a subscription that is refused keeps everything back, and says whom to ask")
    func subscribeRefused() {
        var bench = SessionBench()
        bench.subscribeCodes = [0x87, 1, 1]
        bench.append(1...3)
        bench.pass(.seconds(5))
        #expect(bench.batches.isEmpty)
        #expect(
            bench.explanation
                == "the broker does not let us hear acknowledgements (not authorised): let the "
                + "client \"heater-1\" subscribe to busbar/v1/down/heater-1/ack/+, or "
                + "client.crt is not for this name")
        #expect(bench.session.status(now: bench.now).state == .blocked)
    }

    @Test("events that the broker refuses stay, and it says on which topic")
    func publishRefused() {
        var bench = SessionBench()
        bench.publishCode = 0x87
        bench.append(1...3)
        // Long enough for a stall, which would accuse the bridge of what the broker does.
        bench.pass(.seconds(60))
        #expect(bench.findings.map(\.kind) == [.messagesRefused, .eventsRefused])
        #expect(
            bench.findings[1].text
                == "the broker does not take events (not authorised): let the client \"heater-1\" "
                + "publish to busbar/v1/up/07/heater-1/event, or client.crt is not for this name")
        #expect(
            bench.explanation
                == "the broker does not take events (not authorised): let the client \"heater-1\" "
                + "publish to busbar/v1/up/07/heater-1/+, or client.crt is not for this name")
        bench.publishCode = 0
        bench.pass(.seconds(60))
        bench.hear(bench.acknowledgement(3))
        #expect(bench.acknowledged() == 3)
        #expect(bench.explanation == nil)
    }

    @Test("changed credentials: a new connection at once, also out of the longest wait")
    func credentials() {
        var bench = SessionBench()
        bench.pass(.seconds(5))
        bench.session.note(.credentialsChanged, now: bench.now)
        bench.turn()
        #expect(bench.connects.count == 2)
        #expect(bench.disconnects == 1)
        bench.acceptsConnections = false
        bench.session.note(.disconnected(.lost("reset")), now: bench.now)
        bench.pass(.seconds(600))
        let count = bench.connects.count
        bench.session.note(.credentialsChanged, now: bench.now)
        bench.turn()
        #expect(bench.connects.count == count + 1)
    }

    @Test("a connect that is never answered is given up after 30 s")
    func silent() {
        var bench = SessionBench()
        guard case .connect = bench.session.action(now: bench.now) else {
            Issue.record("a session begins by connecting")
            return
        }
        bench.now = bench.now + Milliseconds(29_999)
        bench.turn()
        #expect(bench.disconnects == 0)
        bench.now = bench.now + Milliseconds(1)
        bench.turn()
        #expect(bench.disconnects == 1)
        #expect(
            bench.explanation?.hasPrefix("the broker does not answer within 30 s") == true)
    }

    @Test("birth at once, a refresh each minute, and offline at a clean end")
    func status() {
        var bench = SessionBench()
        bench.append(1...3)
        bench.pass(.seconds(130))
        #expect(bench.statuses.first?.isOnline == true)
        #expect(bench.publications.first?.isRetained == true)
        #expect(bench.statuses.first?.guarantee == .kafka)
        #expect(bench.statuses.last?.lanes[1].depth == 3)
        #expect(bench.statuses.last?.reason?.contains("shard 07") == true)
        bench.session.note(.stop, now: bench.now)
        bench.turn()
        #expect(bench.isStopped)
        #expect(bench.statuses.last?.isOnline == false)
        #expect(bench.statuses.last?.reason == "stopped")
        #expect(bench.disconnects == 1)
    }

    @Test("a stop keeps the cursor before it says that it stopped")
    func stopKeepsCursor() {
        var bench = SessionBench()
        bench.append(1...3)
        bench.pass(.seconds(3))
        bench.hear(bench.acknowledgement(3))
        bench.session.note(.stop, now: bench.now)
        bench.turn()
        #expect(bench.isStopped)
        #expect(bench.cursors.last?[.event]?.upTo == 3)
    }

    @Test("nothing anybody sends makes it stop, at any moment", arguments: UInt64(0)..<40)
    func noise(seed: UInt64) {
        var jitter = Jitter(seed: seed)
        var bench = SessionBench(seed: seed)
        bench.append(1...200)
        bench.append(1...20, to: .alarm)
        let topics = [
            "busbar/v1/down/heater-1/ack/event", "busbar/v1/down/heater-1/command",
            "busbar/v1/bridge/07", "busbar/v1/down/other/ack/event", "", "a/b",
        ]
        for _ in 0..<400 {
            switch jitter.next() % 12 {
            case 0:
                bench.session.note(
                    .disconnected(.byBroker(UInt8(jitter.next() % 256))), now: bench.now)
            case 1: bench.session.note(.connectFailed(.refused(0x87)), now: bench.now)
            case 2:
                bench.session.note(
                    .published(token: jitter.next() % 64, reasonCode: UInt8(jitter.next() % 256)),
                    now: bench.now)
            case 3: bench.session.note(.subscribed(reasonCodes: []), now: bench.now)
            case 4: bench.session.note(.queueFailed(QueueError("noise")), now: bench.now)
            case 5:
                bench.session.note(
                    .connected(receiveMaximum: Int(jitter.next() % 5), isSessionPresent: true),
                    now: bench.now)
            case 6:
                bench.session.note(
                    .page(bench.queue.page(.event, from: 5, maxEvents: 9)), now: bench.now)
            case 7, 8:
                let count = Int(jitter.next() % 200)
                let payload = (0..<count).map { _ in UInt8(truncatingIfNeeded: jitter.next()) }
                bench.session.note(
                    .message(
                        topic: topics[Int(jitter.next() % 6)], payload: payload,
                        isRetained: jitter.next() % 2 == 0), now: bench.now)
            case 9: bench.session.note(.queueState(QueueState(lanes: [])), now: bench.now)
            case 10:
                if let last = bench.batches.last?.header {
                    bench.hear(bench.acknowledgement(last.last, lane: last.lane))
                }
            default: bench.pass(Milliseconds(Int64(jitter.next() % 20_000)))
            }
            bench.turn()
        }
        bench.pass(.seconds(900))
        for (lane, all) in [(Lane.event, Int64(200)), (.alarm, 20)] {
            for _ in 0..<40 where bench.acknowledged(lane) < all {
                guard let last = bench.batches.last(where: { $0.header.lane == lane }) else {
                    break
                }
                bench.hear(bench.acknowledgement(last.header.last, lane: lane))
                bench.pass(.seconds(130))
            }
        }
        #expect(bench.acknowledged() == 200)
        #expect(bench.acknowledged(.alarm) == 20)
    }
}
