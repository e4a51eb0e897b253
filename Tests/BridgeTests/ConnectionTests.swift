import Bridge
import Testing
import Transit
import Units
import Wire

@Suite("What a bridge says of itself")
struct ConnectionTests {
    @Test("nothing is subscribed before the cluster's guarantee is known")
    func subscribesLate() throws {
        var rig = try Rig(guarantee: .unknown, connects: false)
        #expect(rig.session.unreadiness(now: rig.now) == "not connected to the MQTT broker")
        rig.session.noteConnected()
        rig.run()
        #expect(rig.subscribed.isEmpty)
        #expect(
            rig.session.unreadiness(now: rig.now) == "the cluster's replication is not known yet")
        rig.session.note(.insufficient(reason: "one replica"))
        rig.run()
        #expect(rig.subscribed.isEmpty)
        #expect(try rig.hellos().last?.reason == "one replica")
        rig.session.note(.replicated)
        rig.run()
        #expect(rig.subscribed == ["busbar/v1/up/07/+/+"])
        #expect(rig.session.unreadiness(now: rig.now) == "not subscribed at the MQTT broker yet")
        rig.session.noteSubscribed(refusal: nil)
        rig.run()
        #expect(rig.session.unreadiness(now: rig.now) == nil)
        let hello = try #require(try rig.hellos().last)
        #expect(hello.guarantee == .kafka)
        #expect(hello.isDevelopment == false)
        #expect(hello.reason == nil)
    }

    @Test("an insufficient cluster is acknowledged for in no case, and the hello says why")
    func insufficient() throws {
        var rig = try Rig()
        rig.receive(batch(1...1))
        rig.session.note(.insufficient(reason: "the topic busbar.event.v1 has 1 replicas"))
        rig.run()
        rig.report([0])
        rig.pass(1_000)
        #expect(try rig.acknowledgements().isEmpty)
        let hello = try #require(try rig.hellos().last)
        #expect(hello.guarantee == .none)
        #expect(hello.reason == "the topic busbar.event.v1 has 1 replicas")
        rig.receive(batch(1...1))
        #expect(rig.sent.count == 1)
        #expect(rig.session.counters.noGuarantee == 1)
        // What was kept while it did not hold is written again afterwards.
        rig.session.note(.replicated)
        rig.run()
        rig.receive(batch(1...1))
        rig.report([1])
        rig.pass(250)
        #expect(try rig.acknowledgements().map(\.upTo) == [1])
    }

    @Test("a cluster for development is named in acknowledgements and hello")
    func development() throws {
        var rig = try Rig(guarantee: .development(reason: "one replica"), connects: false)
        rig.session.noteConnected()
        rig.run()
        rig.session.noteSubscribed(refusal: nil)
        rig.receive(batch(1...1))
        rig.report([0])
        rig.pass(250)
        #expect(try rig.acknowledgements().first?.isDevelopment == true)
        #expect(try rig.hellos().last?.isDevelopment == true)
    }

    @Test("a refused subscription is said with what to do")
    func refusedSubscription() throws {
        var rig = try Rig(connects: false)
        rig.session.noteConnected()
        rig.run()
        rig.session.noteSubscribed(refusal: "not authorised")
        #expect(
            rig.session.unreadiness(now: rig.now)
                == "the MQTT broker refuses the subscription: not authorised")
        #expect(
            rig.session.takeNotices().last
                == "the broker refuses the bridge's subscription: not authorised. Let its access "
                + "list allow this bridge to read busbar/v1/up/#")
    }

    @Test("no report for 30 s makes it unready, 29 s do not; a report makes it ready again")
    func deadline() throws {
        var rig = try Rig()
        rig.receive(batch(1...1))
        rig.pass(29_000)
        #expect(rig.session.unreadiness(now: rig.now) == nil)
        rig.pass(1_000)
        #expect(
            rig.session.unreadiness(now: rig.now)
                == "no report from the cluster for 30 s on a record; 1 wait. Look whether its "
                + "brokers run")
        #expect(try rig.acknowledgements().isEmpty)
        #expect(try rig.hellos().last?.guarantee == BridgeHello.Guarantee.none)
        rig.pass(60_000)
        #expect(try rig.hellos().count == 1, "one hello for one trouble")
        rig.report([0])
        rig.pass(1_000)
        #expect(rig.session.unreadiness(now: rig.now) == nil)
        #expect(try rig.acknowledgements().map(\.upTo) == [1])
    }

    @Test("a stop unsubscribes, waits for reports, acknowledges at once and says goodbye")
    func drains() throws {
        var rig = try Rig()
        rig.receive(batch(1...1))
        rig.session.noteStop(now: rig.now)
        rig.run()
        #expect(rig.unsubscribed == ["busbar/v1/up/07/+/+"])
        #expect(!rig.isFinished)
        rig.receive(batch(2...2, base: 1))
        #expect(rig.sent.count == 1)
        rig.report([0])
        #expect(rig.isFinished)
        #expect(try rig.acknowledgements().map(\.upTo) == [1])
        #expect(
            try rig.hellos().last?.reason
                == "it was stopped: start busbar-bridge again, or another for its shards")
    }

    @Test("a stop does not wait for ever")
    func drainLimit() throws {
        var rig = try Rig()
        rig.receive(batch(1...1))
        rig.session.noteStop(now: rig.now)
        rig.pass(9_999)
        #expect(!rig.isFinished)
        #expect(try rig.hellos().isEmpty)
        rig.pass(1)
        #expect(rig.isFinished)
        #expect(try rig.acknowledgements().isEmpty)
        #expect(
            try rig.hellos().last?.reason?.hasPrefix("it was stopped: ") == true,
            "or devices think that it is there")
    }

    @Test("what the broker says of one that is gone tells what to do, and fits a bridge that waits")
    func will() throws {
        let rig = try Rig()
        let will = BridgeSession.will(rig.session.settings, wall: rig.wall)
        #expect(will.topic == "busbar/v1/bridge/07")
        #expect(will.isRetained)
        let hello = try BridgeHello(decoding: will.payload)
        #expect(hello.guarantee == BridgeHello.Guarantee.none)
        #expect(
            hello.reason
                == "it is gone without a word, or has lost the broker: look whether busbar-bridge "
                + "runs, and start it if not")
    }

    @Test("it tries the broker again after 1, 2, 4 s and no later, and anew after a connection")
    func pauses() {
        var pause = ReconnectPause()
        var spans: [Int64] = []
        for _ in 0..<5 {
            spans.append(pause.span.rawValue)
            pause.failed()
        }
        #expect(spans == [1_000, 2_000, 4_000, 4_000, 4_000])
        pause.reset()
        #expect(pause.span == .seconds(1))
    }

    struct Reason: CustomTestStringConvertible, Sendable {
        let testDescription: String
        let said: String
        let read: String
    }

    static let reasons = [
        Reason(testDescription: "a line feed", said: "one\ntwo\u{7F}", read: "one two "),
        Reason(
            testDescription: "400 bytes are read", said: String(repeating: "x", count: 400),
            read: String(repeating: "x", count: 400)),
        Reason(
            testDescription: "401 are cut", said: String(repeating: "x", count: 401),
            read: String(repeating: "x", count: 400)),
        Reason(
            testDescription: "no character is cut in two",
            said: String(repeating: "x", count: 399) + "ä!",
            read: String(repeating: "x", count: 399)),
        Reason(
            testDescription: "300 characters of two bytes",
            said: String(repeating: "ä", count: 300), read: String(repeating: "ä", count: 200)),
        Reason(testDescription: "nothing", said: "", read: "no reason given"),
    ]

    @Test("whatever the reason is, devices can read the hello", arguments: reasons)
    func readable(row: Reason) throws {
        var rig = try Rig()
        rig.session.note(sinkTrouble: row.said)
        rig.run()
        #expect(try rig.hellos().last?.reason == row.read)
        #expect(try rig.hellos().last?.guarantee == BridgeHello.Guarantee.none)
    }
}

@Suite("What a broker does not take from a bridge")
struct RefusedPublicationTests {
    private func answer(_ rig: inout Rig, _ code: UInt8, since first: Int = 0) {
        for publication in rig.published[first...] {
            rig.session.notePublished(publication, reasonCode: code, now: rig.now)
        }
        rig.run()
    }

    @Test(
        "0x7f is taken, 0x80 is not",
        arguments: [(0, nil), (0x7F, nil), (0x80, "0x80"), (0x87, "0x87")])
    func boundary(code: UInt8, reason: String?) throws {
        var rig = try Rig(connects: false)
        rig.session.noteConnected()
        rig.run()
        rig.session.noteSubscribed(refusal: nil)
        rig.run()
        answer(&rig, code)
        #expect(
            rig.session.unreadiness(now: rig.now)
                == reason.map { "the MQTT broker refuses the bridge's hellos: reason \($0)" })
    }

    @Test("a refused hello makes it unready, is counted, said once, and tried again each 30 s")
    func hello() throws {
        var rig = try Rig(connects: false)
        rig.session.noteConnected()
        rig.run()
        rig.session.noteSubscribed(refusal: nil)
        rig.run()
        _ = rig.session.takeNotices()
        answer(&rig, 0x87)
        // That it is not ready now is a hello too.
        answer(&rig, 0x87, since: 1)
        #expect(rig.session.counters.hellosRefused == 2)
        #expect(
            rig.session.takeNotices() == [
                "the broker refuses what the bridge publishes on busbar/v1/bridge/07: reason 0x87. "
                    + "Let its access list allow this bridge to write there, and look whether "
                    + "--cert is the bridge's own certificate"
            ])
        rig.published.removeAll()
        rig.pass(29_999)
        #expect(rig.published.isEmpty)
        rig.pass(1)
        #expect(try rig.hellos().map(\.guarantee) == [.none])
        answer(&rig, 0)
        #expect(rig.session.unreadiness(now: rig.now) == nil)
        #expect(try rig.hellos().map(\.guarantee) == [.none, .kafka])
        #expect(
            rig.session.takeNotices()
                == ["the broker takes what the bridge publishes on busbar/v1/bridge/07 again"])
    }

    @Test("a refused acknowledgement does the same, and another device's does not excuse it")
    func acknowledgement() throws {
        var rig = try Rig()
        for device in ["heater-1", "heater-2"] { rig.receive(batch(1...1, device: device)) }
        rig.report([0, 1])
        rig.pass(250)
        try #require(rig.published.count == 2)
        let (first, second) = (rig.published[0], rig.published[1])
        rig.session.notePublished(first, reasonCode: 0x87, now: rig.now)
        rig.session.notePublished(second, reasonCode: 0, now: rig.now)
        #expect(
            rig.session.unreadiness(now: rig.now)
                == "the MQTT broker refuses the bridge's acknowledgements: reason 0x87")
        #expect(rig.session.counters.acknowledgementsRefused == 1)
        rig.published.removeAll()
        rig.pass(30_000)
        #expect(try rig.acknowledgements().map(\.upTo) == [1], "the same once more")
        rig.session.notePublished(first, reasonCode: 0, now: rig.now)
        #expect(rig.session.unreadiness(now: rig.now) == nil)
    }

    @Test("a new connection begins anew")
    func reconnected() throws {
        var rig = try Rig()
        rig.session.note(sinkTrouble: "anything, for a hello")
        rig.run()
        answer(&rig, 0x87)
        rig.session.note(sinkTrouble: nil)
        rig.session.noteDisconnected()
        rig.session.noteConnected()
        rig.run()
        rig.session.noteSubscribed(refusal: nil)
        #expect(rig.session.unreadiness(now: rig.now) == nil)
    }
}

@Suite("What a bridge holds at most")
struct BoundsTests {
    @Test("a batch without room is left to the device, whole")
    func records() throws {
        var rig = try Rig { $0.recordsMax = 1_001 }
        rig.receive(batch(1...1))
        #expect(rig.session.hasRoom)
        rig.receive(batch(2...2, base: 1))
        #expect(!rig.session.hasRoom)
        rig.receive(batch(3...3, base: 1))
        #expect(rig.sent.count == 2)
        #expect(rig.session.counters.noRoom == 1)
        rig.report([0])
        rig.receive(batch(3...3, base: 1))
        #expect(rig.sent.count == 3)
    }

    @Test("a full sink gets the same record again after 10 ms, before any other")
    func fullSink() throws {
        var rig = try Rig(connects: true)
        rig.session.note(
            message: batch(1...2).encoded(), on: "busbar/v1/up/07/heater-1/event",
            isRetained: false, now: rig.now, wall: rig.wall)
        guard case .send(_, let token) = rig.session.action(now: rig.now, wall: rig.wall) else {
            Issue.record("expected a record")
            return
        }
        rig.session.noteSinkFull(token, now: rig.now)
        #expect(rig.run() == rig.now + Milliseconds(10))
        #expect(rig.sent.isEmpty)
        rig.pass(10)
        #expect(rig.sent.map(\.token).first == token)
        #expect(rig.sent.count == 2)
    }

    @Test("lanes not used for longest are forgotten, and taken from their base again")
    func lanes() throws {
        var rig = try Rig { $0.lanesMax = 2 }
        rig.receive(batch(1...1, device: "heater-1"))
        rig.receive(batch(1...1, device: "heater-2"))
        rig.receive(batch(1...1, device: "heater-3"))
        #expect(rig.session.counters.lanesForgotten == 1)
        rig.report(0..<3)
        rig.pass(250)
        #expect(try rig.acknowledgements(device: "heater-1").isEmpty)
        #expect(try rig.acknowledgements(device: "heater-2").map(\.upTo) == [1])
        rig.receive(batch(2...2, base: 1, device: "heater-1"))
        #expect(rig.session.counters.early == 1)
        rig.receive(batch(1...2, device: "heater-1"))
        rig.report(3..<5)
        rig.pass(250)
        #expect(try rig.acknowledgements(device: "heater-1").map(\.upTo) == [2])
    }

    @Test("a device is not taken further ahead of its base than the window")
    func window() throws {
        var rig = try Rig { $0.slotsPerLaneMax = 3 }
        rig.receive(batch(1...4))
        #expect(rig.sent.count == 3)
        rig.report(0..<3)
        rig.pass(250)
        #expect(try rig.acknowledgements().isEmpty, "no end of a batch is reached")
        rig.receive(batch(1...3))
        rig.pass(250)
        #expect(try rig.acknowledgements().map(\.upTo) == [3])
    }

    /// What is kept below the base, to tell a clone, must not fill the window: the lane would never
    /// go on.
    @Test("a small window does not stall a lane that is far above its first base")
    func smallWindow() throws {
        var rig = try Rig { $0.slotsPerLaneMax = 3 }
        var before: RunningDigest?
        for number in Int64(1)...300 {
            let sent = batch(number...number, base: number, before: before)
            before = digest(of: sent)
            rig.receive(sent)
            try #require(rig.sent.count == Int(number), "event \(number) was not taken")
            rig.report([Int(number) - 1])
        }
        #expect(rig.session.counters.noRoom == 0)
        rig.pass(250)
        #expect(try rig.acknowledgements().last?.upTo == 300)
    }
}
