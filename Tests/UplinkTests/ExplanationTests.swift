import Testing
import Units
import Wire

@testable import Uplink

@Suite("Why nothing is acknowledged")
struct ExplanationTests {
    @Test("a broker that confirms nothing is said after ten seconds; a machine that slept is not")
    func frozenBroker() {
        var bench = SessionBench()
        bench.publishCode = nil
        bench.append(1...1)
        bench.turn()
        bench.pass(Milliseconds(9_999))
        #expect(bench.explanation == nil)
        bench.pass(Milliseconds(1))
        #expect(
            bench.explanation
                == "the broker confirms nothing for 10 s: look whether it still runs; after 60 s "
                + "we connect anew")
        bench.session.note(.resumed, now: bench.now)
        #expect(bench.explanation == nil)
        bench.pass(.seconds(10))
        #expect(bench.explanation?.hasPrefix("the broker confirms nothing for 10 s") == true)
    }

    @Test("a finding that stands is why, also with nothing to send and everything acknowledged")
    func standing() {
        var bench = SessionBench()
        bench.publishCode = 0x87
        bench.turn()
        let began = bench.now
        let text =
            "the broker does not take what goes to busbar/v1/status/heater-1 (not authorised): let "
            + "the client \"heater-1\" publish as board/broker/acl has it, or client.crt is not "
            + "for this name"
        #expect(bench.explanation == text)
        bench.pass(.seconds(90))
        let status = bench.session.status(now: bench.now)
        #expect(status.state == .idle)
        #expect(status.explanation == text)
        #expect(status.findings.map(\.at) == [began])
        bench.publishCode = 0
        bench.pass(.seconds(70))
        #expect(bench.explanation == nil)
    }

    @Test("another client with our name is why until the connection is stable again")
    func unstable() {
        var bench = SessionBench()
        for _ in 0..<3 {
            while !bench.session.isConnected { bench.pass(.seconds(1)) }
            bench.session.note(.disconnected(.byBroker(0x8E)), now: bench.now)
            bench.turn()
        }
        while !bench.session.isConnected { bench.pass(.seconds(1)) }
        #expect(bench.session.status(now: bench.now).state == .idle)
        #expect(
            bench.explanation
                == "another client connects as \"heater-1\" and takes our connection, 3 times in "
                + "a row: find the second device or program with this name and certificate, and "
                + "stop it")
        bench.pass(.seconds(61))
        #expect(bench.explanation == nil)
    }

    @Test("acknowledgements with another key during a stall: it says that the keys differ")
    func wrongKey() {
        var bench = SessionBench()
        bench.append(1...10)
        bench.pass(.seconds(1))
        bench.hear(bench.acknowledgement(10), key: SessionBench.otherKey)
        bench.pass(.seconds(60))
        #expect(bench.session.status(now: bench.now).state == .stalled)
        #expect(
            bench.explanation
                == "acknowledgements come but not with the key of this device (shard 07): ack.key "
                + "and the bridge's secret do not belong together: make ack.key anew with "
                + "busbar-bridge derive-key, or find who else publishes to "
                + "busbar/v1/down/heater-1/ack/+")
        bench.hear(bench.acknowledgement(10))
        #expect(bench.explanation == nil)
        bench.append(11...20)
        bench.pass(.seconds(90))
        #expect(bench.explanation?.contains("no bridge acknowledges") == true)
    }
}
