import Bridge
import Testing
import Transit
import Units
import Wire

@Suite("What a bridge refuses")
struct RefusalTests {
    @Test("a retained message is counted, and nothing else is done with it")
    func retained() throws {
        var rig = try Rig()
        rig.receive(batch(1...1), isRetained: true)
        #expect(rig.sent.isEmpty)
        #expect(rig.session.counters.retained == 1)
        #expect(rig.session.takeNotices().last?.contains("refused a retained message") == true)
    }

    @Test(
        "a header that is not the topic's is a dead letter and not acknowledged",
        arguments: [
            "busbar/v1/up/07/heater-2/event", "busbar/v1/up/07/heater-1/alarm",
            "busbar/v1/up/08/heater-1/event", "busbar/v1/up/07/heater-1/event/more",
        ])
    func unauthorised(topic: String) throws {
        var rig = try Rig()
        rig.receive(batch(1...1), topic: topic)
        let letter = try #require(rig.sent.first?.record)
        #expect(letter.topic == "busbar.dlq.v1")
        #expect(letter.header("busbar_dlq_class") == "unauthorised")
        #expect(letter.header("busbar_dlq_topic") == topic)
        #expect(letter.value == Payload.pack(batch(1...1).encoded()))
        rig.report([0])
        rig.pass(1_000)
        #expect(try rig.acknowledgements().isEmpty)
        #expect(rig.session.counters.unauthorised == 1)
    }

    @Test("bytes that are no batch are a dead letter once, and not acknowledged")
    func unreadable() throws {
        var rig = try Rig()
        for _ in 0..<3 { rig.receive(Array("nonsense".utf8)) }
        #expect(rig.sent.count == 1)
        let letter = try #require(rig.sent.first?.record)
        #expect(letter.value == Array("nonsense".utf8))
        #expect(letter.key == Array("heater-1".utf8))
        #expect(letter.header("busbar_dlq_stage") == "batch")
        #expect(letter.header("busbar_dlq_first") == "1800000000000")
        #expect(
            letter.header("busbar_dlq_reason")
                == "payload: it begins with byte 0x6e; a batch begins with '{' or with zlib's 0x78")
        #expect(rig.session.counters.unreadable == 3)
        rig.report([0], .failed(reason: "brokers down"))
        rig.receive(Array("nonsense".utf8))
        #expect(rig.sent.count == 2)
        #expect(rig.session.counters.deadLettersLost == 1)
    }

    @Test("a line that is no event is a dead letter, and acknowledged when that is kept")
    func poison() throws {
        var rig = try Rig()
        var poisoned = batch(1...3)
        poisoned.lines[1].bytes = Array("{\"seq\":2,\"type\":oops}".utf8)
        rig.receive(poisoned)
        #expect(
            rig.sent.map(\.record.topic)
                == ["busbar.event.v1", "busbar.dlq.v1", "busbar.event.v1"])
        try #require(rig.sent.count == 3)
        let letter = rig.sent[1].record
        #expect(letter.value == poisoned.lines[1].bytes)
        #expect(letter.header("busbar_dlq_class") == "poison")
        #expect(letter.header("busbar_dlq_stage") == "event")
        #expect(letter.header("ce_id") == "\(epochA.text):event:2")
        rig.report([0, 2])
        rig.pass(1_000)
        #expect(try rig.acknowledgements().isEmpty)
        rig.report([1])
        rig.pass(250)
        #expect(try rig.acknowledgements().map(\.upTo) == [3])
    }

    @Test("what the sink refuses is a dead letter; when that fails too, nothing is acknowledged")
    func refused() throws {
        var rig = try Rig()
        rig.receive(batch(1...2))
        rig.report([0], .refused(reason: "MSG_SIZE_TOO_LARGE: too large"))
        rig.report([1])
        try #require(rig.sent.count == 3)
        let letter = rig.sent[2].record
        #expect(letter.topic == "busbar.dlq.v1")
        #expect(letter.key == rig.sent[0].record.key)
        #expect(letter.value == rig.sent[0].record.value)
        #expect(
            Array(letter.headers.texts.prefix(rig.sent[0].record.headers.count))
                == rig.sent[0].record.headers.texts)
        #expect(letter.header("busbar_dlq_reason") == "MSG_SIZE_TOO_LARGE: too large")
        #expect(letter.header("busbar_dlq_topic") == "busbar.event.v1")
        #expect(letter.header("busbar_dlq_attempts") == "1")
        rig.pass(1_000)
        #expect(try rig.acknowledgements().isEmpty)
        rig.report([2], .refused(reason: "MSG_SIZE_TOO_LARGE: too large"))
        rig.pass(1_000)
        #expect(try rig.acknowledgements().isEmpty)
        // The device sends again, and the dead letter is kept this time.
        rig.receive(batch(1...2))
        rig.report([3], .refused(reason: "MSG_SIZE_TOO_LARGE: too large"))
        rig.report([4])
        rig.report([5], .stored(partition: 0, offset: 1))
        rig.pass(250)
        #expect(try rig.acknowledgements().map(\.upTo) == [2])
    }

    @Test("two contents under one identity: the second is a dead letter, kept before the ack")
    func collision() throws {
        var rig = try Rig()
        rig.receive(batch(1...2))
        rig.report([0, 1])
        rig.receive(batch(1...2, text: "of a clone"))
        try #require(rig.sent.count == 4)
        #expect(rig.sent[2].record.header("busbar_dlq_class") == "collision")
        #expect(rig.session.counters.collisions == 2)
        rig.pass(1_000)
        #expect(try rig.acknowledgements().isEmpty)
        rig.report([2, 3])
        rig.pass(250)
        let acknowledgement = try #require(try rig.acknowledgements().last)
        #expect(acknowledgement.upTo == 2)
        #expect(acknowledgement.digest == digest(of: batch(1...2, text: "of a clone")))
    }

    @Test("a collision below the acknowledged mark is still seen")
    func collisionBelow() throws {
        var rig = try Rig()
        rig.receive(batch(1...2))
        rig.report([0, 1])
        rig.pass(250)
        rig.receive(batch(3...3))
        rig.receive(batch(1...2, text: "of a clone"))
        #expect(rig.session.counters.collisions == 2)
        #expect(rig.sent.count == 5)
    }

    /// A session that has acknowledged events 1 to 6 of a device, whose base is 5; then a device
    /// with an older copy of its card comes, and sends others as 1 to 3.
    private func restoredCard() throws -> Rig {
        var rig = try Rig()
        rig.receive(batch(1...4))
        rig.receive(batch(5...6, base: 5, before: digest(of: batch(1...4))))
        rig.report(0..<6)
        rig.pass(250)
        #expect(try rig.acknowledgements().map(\.upTo) == [6])
        rig.published.removeAll()
        rig.receive(batch(1...3, text: "of the old card"))
        try #require(rig.sent.count == 9)
        return rig
    }

    @Test("a collision below the base is acknowledged when its dead letter is kept, not sooner")
    func collisionBelowBase() throws {
        var rig = try restoredCard()
        rig.pass(60_000)
        #expect(try rig.acknowledgements().isEmpty)
        rig.report([6, 7])
        rig.pass(60_000)
        #expect(try rig.acknowledgements().isEmpty, "one of three is missing")
        rig.report([8])
        rig.pass(250)
        let acknowledgement = try #require(try rig.acknowledgements().last)
        #expect(acknowledgement.upTo == 3)
        #expect(acknowledgement.digest == digest(of: batch(1...3, text: "of the old card")))
    }

    @Test("a dead letter of a collision below the base that fails is sent again, then acknowledged")
    func failedCollisionBelowBase() throws {
        var rig = try restoredCard()
        rig.report([6])
        rig.report([7, 8], .failed(reason: "brokers down"))
        rig.pass(60_000)
        #expect(try rig.acknowledgements().isEmpty)
        rig.receive(batch(1...3, text: "of the old card"))
        try #require(rig.sent.count == 12)
        rig.report(9..<12)
        rig.pass(250)
        #expect(try rig.acknowledgements().map(\.upTo) == [3])
    }

    @Test("an event under a number that was declared a gap is a dead letter that says so")
    func eventInGap() throws {
        var rig = try Rig()
        rig.receive(batch(3...3, base: 1, gaps: [1...2]))
        rig.report([0])
        rig.pass(250)
        rig.published.removeAll()
        _ = rig.session.takeNotices()
        rig.receive(batch(1...3))
        try #require(rig.sent.count == 3)
        #expect(rig.session.counters.inGaps == 2)
        #expect(rig.session.counters.collisions == 0)
        let letter = rig.sent[1].record
        #expect(letter.topic == "busbar.dlq.v1")
        #expect(letter.header("busbar_dlq_class") == "gap")
        #expect(
            letter.header("busbar_dlq_reason") == "its number was declared a gap before it came")
        #expect(letter.header("ce_id") == "\(epochA.text):event:1")
        #expect(
            rig.session.takeNotices().first
                == "heater-1: event event 1 of epoch \(epochA.text) was declared a gap, and now it "
                + "is there. A device with a copy of its card has dropped it, or reclaimed it; it "
                + "is kept in busbar.dlq.v1")
        rig.report([1])
        rig.pass(60_000)
        #expect(try rig.acknowledgements().isEmpty, "the second dead letter is missing")
        rig.report([2])
        rig.pass(250)
        #expect(try rig.acknowledgements().map(\.upTo) == [3])
        #expect(rig.session.counters.deadLetters == [0, 0, 0, 2])
    }

    @Test("a gap over an event that was taken leaves it known")
    func gapOverEvent() throws {
        var rig = try Rig()
        rig.receive(batch(1...2))
        rig.receive(batch(3...3, base: 1, gaps: [1...2]))
        rig.receive(batch(1...3))
        #expect(rig.session.counters.inGaps == 0)
        #expect(rig.session.counters.repeated == 3)
    }

    @Test("a running hash that does not go on is counted")
    func fork() throws {
        var rig = try Rig()
        rig.receive(batch(1...2))
        rig.receive(batch(3...3, base: 1, before: digest(of: batch(1...2))))
        #expect(rig.session.counters.forks == 0)
        rig.receive(batch(4...4, base: 1, before: RunningDigest(epochB)))
        #expect(rig.session.counters.forks == 1)
    }
}
