import Bridge
import Testing
import Units
import Wire

@Suite("What a bridge acknowledges")
struct AcknowledgementTests {
    @Test("nothing on handing over, and all of a batch 250 ms after the last report")
    func afterReports() throws {
        var rig = try Rig()
        rig.receive(batch(1...3))
        #expect(rig.sent.map { $0.record.header("ce_sequence") } == [1, 2, 3].map { padded($0) })
        rig.pass(10_000)
        #expect(try rig.acknowledgements().isEmpty)
        rig.report([0, 1])
        rig.pass(10_000)
        #expect(try rig.acknowledgements().isEmpty)
        rig.report([2], .stored(partition: 3, offset: 77))
        rig.pass(249)
        #expect(try rig.acknowledgements().isEmpty)
        rig.pass(1)
        let acknowledgement = try #require(try rig.acknowledgements().first)
        #expect(
            acknowledgement
                == Acknowledgement(
                    device: "heater-1", epoch: epochA, lane: .event, upTo: 3,
                    kafkaTopic: "busbar.event.v1", partition: 3, offset: 77,
                    digest: digest(of: batch(1...3)), bridge: "bridge-0", isDevelopment: false))
        rig.pass(10_000)
        #expect(try rig.acknowledgements().count == 1)
    }

    @Test("256 events at once, 255 only after the wait")
    func manyEvents() throws {
        for (count, expected) in [(255, 0), (256, 1)] as [(Int64, Int)] {
            var rig = try Rig()
            rig.receive(batch(1...count))
            rig.report(0..<Int(count))
            #expect(try rig.acknowledgements().count == expected, "\(count) events")
            rig.pass(250)
            #expect(try rig.acknowledgements().map(\.upTo) == [count])
        }
    }

    @Test("reports out of order change nothing: the run from the base counts")
    func outOfOrder() throws {
        var rig = try Rig()
        rig.receive(batch(5...6))
        rig.receive(batch(7...8, base: 5))
        rig.report([3, 2, 1])
        rig.pass(1_000)
        #expect(try rig.acknowledgements().isEmpty)
        rig.report([0])
        rig.pass(250)
        #expect(try rig.acknowledgements().map(\.upTo) == [8])
    }

    @Test("a declared gap is acknowledged across, an undeclared one never")
    func gaps() throws {
        var rig = try Rig()
        rig.receive(batch(4...9, base: 1, gaps: [1...3, 6...7]))
        #expect(rig.sent.count == 4)
        rig.report(0..<4)
        rig.pass(250)
        #expect(try rig.acknowledgements().map(\.upTo) == [9])
        rig.receive(batch(12...12, base: 10))
        #expect(rig.sent.count == 4)
        #expect(rig.session.counters.early == 1)
        rig.receive(batch(12...12, base: 10, gaps: [10...11]))
        rig.report([4])
        rig.pass(250)
        #expect(try rig.acknowledgements().map(\.upTo) == [9, 12])
    }

    @Test("after a failure nothing is acknowledged or written until the device sends again")
    func goBack() throws {
        var rig = try Rig()
        rig.receive(batch(1...4))
        rig.report([0])
        rig.report([1], .failed(reason: "brokers down"))
        rig.report([2, 3])
        rig.pass(1_000)
        #expect(try rig.acknowledgements().isEmpty)
        rig.receive(batch(5...6, base: 1))
        #expect(rig.sent.count == 4)
        #expect(rig.session.counters.early == 2)
        rig.receive(batch(1...4))
        // 1 is known to be kept; 2, 3 and 4 are written again.
        #expect(
            rig.sent.dropFirst(4).map { $0.record.header("ce_sequence") } == [2, 3, 4].map(padded))
        rig.report(4...6)
        rig.pass(250)
        #expect(try rig.acknowledgements().map(\.upTo) == [4])
    }

    @Test("a late report of a record that was given up acknowledges nothing")
    func lateReport() throws {
        var rig = try Rig()
        rig.receive(batch(1...2))
        rig.report([0], .failed(reason: "brokers down"))
        rig.receive(batch(1...2))
        rig.report([1])
        rig.report([2])
        rig.pass(250)
        #expect(try rig.acknowledgements().isEmpty)
        rig.report([3])
        rig.pass(250)
        #expect(try rig.acknowledgements().map(\.upTo) == [2])
    }

    @Test("a repeated batch is acknowledged again without being written")
    func repeated() throws {
        var rig = try Rig()
        for base in [1, 3] as [Int64] {
            rig.receive(batch(base...(base + 1)))
            rig.report(Int(base - 1)...Int(base))
            rig.pass(250)
        }
        rig.receive(batch(1...2))
        rig.pass(250)
        #expect(rig.sent.count == 4)
        #expect(rig.session.counters.repeated == 2)
        #expect(try rig.acknowledgements().map(\.upTo) == [2, 4, 2])
    }

    @Test("a device that lost its cursor is taken from its base again")
    func lostCursor() throws {
        var rig = try Rig()
        rig.receive(batch(1...300))
        rig.report(0..<300)
        rig.receive(batch(301...600))
        rig.report(300..<600)
        rig.receive(batch(601...601))
        rig.pass(250)
        rig.receive(batch(1...300))
        #expect(rig.sent.count == 901)
        rig.report(601..<901)
        rig.pass(250)
        #expect(try rig.acknowledgements().last?.upTo == 300)
    }

    @Test("lanes and epochs do not wait for one another")
    func independent() throws {
        var rig = try Rig()
        rig.receive(batch(1...1))
        rig.receive(batch(1...1, lane: .alarm))
        rig.receive(batch(1...1, epoch: epochB))
        rig.report([1, 2])
        rig.pass(250)
        let acknowledged = try rig.acknowledgements()
        #expect(acknowledged.map(\.lane) == [.alarm, .event])
        #expect(acknowledged.map(\.epoch) == [epochA, epochB])
    }

    @Test("nothing is acknowledged without a connection; afterwards it is")
    func disconnected() throws {
        var rig = try Rig()
        rig.receive(batch(1...1))
        rig.session.noteDisconnected()
        rig.report([0])
        rig.pass(1_000)
        #expect(try rig.acknowledgements().isEmpty)
        rig.session.noteConnected()
        rig.run()
        #expect(try rig.acknowledgements().map(\.upTo) == [1])
    }

    private func padded(_ number: Int) -> String {
        String(repeating: "0", count: 19) + String(number)
    }
}
