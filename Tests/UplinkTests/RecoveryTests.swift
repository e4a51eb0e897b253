import Testing
import Units
import Wire

@testable import Uplink

@Suite("Coming back after failures")
struct RecoveryTests {
    /// A session that has failed to connect for 20 minutes, is connected, and has sent one event.
    static func recovered(seed: UInt64) -> SessionBench {
        var bench = SessionBench(seed: seed)
        bench.acceptsConnections = false
        bench.pass(.seconds(1_200))
        bench.acceptsConnections = true
        bench.append(1...1)
        while bench.batches.isEmpty { bench.pass(Milliseconds(100)) }
        return bench
    }

    /// Loses the connection.
    /// - Returns: how long it took to try again.
    static func lose(_ bench: inout SessionBench) -> Int64 {
        bench.session.note(.disconnected(.lost("reset")), now: bench.now)
        let (lost, count) = (bench.now, bench.connects.count)
        while bench.connects.count == count { bench.pass(Milliseconds(100)) }
        return (bench.connects[count] - lost).rawValue
    }

    @Test("the first acknowledgement makes the wait small again, however short the connection")
    func acknowledged() {
        var slowest: Int64 = 0
        for seed in UInt64(1)...10 {
            var good = Self.recovered(seed: seed)
            good.hear(good.acknowledgement(1))
            #expect(Self.lose(&good) <= 1_000)
            var unknown = Self.recovered(seed: seed)
            slowest = max(slowest, Self.lose(&unknown))
        }
        #expect(slowest > 30_000, "without one the way is not known to be good")
    }

    @Test("two clients of one name slow down although each gets its acknowledgements")
    func takeover() {
        var bench = SessionBench()
        var waits: [Int64] = []
        for number in Int64(1)...12 {
            bench.append(number...number)
            while bench.batches.last?.header.last != number { bench.pass(Milliseconds(100)) }
            bench.hear(bench.acknowledgement(number))
            waits.append(Self.lose(&bench))
        }
        #expect(waits.prefix(5).allSatisfy { $0 <= 1_000 }, "\(waits)")
        #expect(waits.suffix(6).contains { $0 > 5_000 }, "\(waits)")
    }

    @Test("while an alarm waits, nobody waits longer than 15 s to connect; for an event they do")
    func alarmWaits() {
        for lane in [Lane.alarm, .event] {
            var bench = SessionBench(seed: 42)
            bench.acceptsConnections = false
            bench.pass(.seconds(3_600))
            bench.append(1...1, to: lane)
            let (start, count) = (bench.now, bench.connects.count)
            bench.pass(.seconds(3_600))
            let times = [start] + bench.connects[count...]
            let longest = zip(times.dropFirst(), times).map { ($0 - $1).rawValue }.max() ?? 0
            // The journal is looked at once a second without a connection.
            #expect(lane == .alarm ? longest <= 16_000 : longest > 60_000, "\(longest)")
        }
    }

    @Test("a client that was taken over stays away for as long as it says, alarm or not")
    func alarmInTakeover() {
        var bench = SessionBench()
        bench.append(1...1, to: .alarm)
        for _ in 0..<3 {
            bench.pass(.seconds(20))
            bench.session.note(.disconnected(.byBroker(0x8E)), now: bench.now)
        }
        let count = bench.connects.count
        bench.pass(.seconds(299))
        #expect(bench.connects.count == count)
    }

    @Test("the status says when the next attempt is, and nothing of it while connected")
    func nextTry() {
        var bench = SessionBench(seed: 5)
        bench.acceptsConnections = false
        bench.pass(.seconds(600))
        let next = bench.session.status(now: bench.now).nextTry
        #expect(next.map { $0 > bench.now } == true)
        let count = bench.connects.count
        bench.acceptsConnections = true
        while bench.connects.count == count { bench.pass(Milliseconds(1)) }
        #expect(bench.connects.last == next)
        #expect(bench.session.status(now: bench.now).nextTry == nil)
    }
}
