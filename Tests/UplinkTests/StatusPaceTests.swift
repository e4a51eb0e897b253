import JSON
import Testing
import Units
import Wire

@testable import Uplink

@Suite("When the status is written")
struct StatusPaceTests {
    /// The writings of ten minutes, one look each 100 ms.
    static func writings(
        isOnDisk: Bool, _ change: (inout SessionBench, Int) -> Void = { _, _ in }
    ) -> [Int64] {
        var bench = SessionBench()
        bench.pass(.seconds(10))
        let start = bench.now
        var pace = StatusPace(isOnDisk: isOnDisk)
        var times: [Int64] = []
        for step in 0..<6_000 {
            change(&bench, step)
            bench.pass(Milliseconds(100))
            let status = bench.session.status(now: bench.now)
            if pace.isDue(status, localProblem: nil, now: bench.now) {
                times.append((bench.now - start).rawValue)
            }
        }
        return times
    }

    @Test("on a card once a minute while nothing changes, in memory each second")
    func idle() {
        #expect(Self.writings(isOnDisk: true).count == 10)
        #expect(Self.writings(isOnDisk: false).count == 600)
    }

    @Test("on a card a change is written at once, and the next one five seconds later")
    func changes() {
        let times = Self.writings(isOnDisk: true) { bench, step in
            if step == 300 { bench.append(1...1) }
            if step == 310 { bench.append(2...2) }
        }
        #expect(times.contains { (30_000...30_500).contains($0) })
        #expect(times.contains { (35_000...35_500).contains($0) })
        #expect(times.count <= 12)
    }

    @Test("however much changes, on a card no more than each five seconds")
    func busy() {
        let times = Self.writings(isOnDisk: true) { bench, step in
            bench.append(Int64(step + 1)...Int64(step + 1))
        }
        #expect((100...120).contains(times.count), "\(times.count)")
        #expect(zip(times.dropFirst(), times).allSatisfy { $0 - $1 >= 5_000 })
    }

    @Test("a reason in which only a number moves is no change")
    func movingNumber() {
        var bench = SessionBench()
        bench.publishCode = nil
        bench.append(1...1)
        bench.turn()
        bench.pass(.seconds(10))
        var pace = StatusPace(isOnDisk: true)
        var written = 0
        for second in 10...50 {
            #expect(
                bench.explanation?.hasPrefix("the broker confirms nothing for \(second) s") == true)
            let status = bench.session.status(now: bench.now)
            if pace.isDue(status, localProblem: nil, now: bench.now) { written += 1 }
            bench.pass(.seconds(1))
        }
        #expect(written == 1)
    }

    @Test("a problem on the way to busbard is a change, and stands in the document")
    func localProblem() {
        let bench = SessionBench()
        let status = bench.session.status(now: bench.now)
        var pace = StatusPace(isOnDisk: true)
        let answers = [(String?.none, Int64(0)), ("x", 4_999), ("x", 5_000)].map { problem, after in
            pace.isDue(status, localProblem: problem, now: bench.now + Milliseconds(after))
        }
        #expect(answers == [true, false, true])
        let process = UplinkProcess(
            period: .seconds(60), startedAt: Instant(7), writtenBytes: 4_096, localProblem: "x",
            localWaiting: 3, localDropped: 2)
        let document = status.document(
            broker: "b:1", boot: "boot", process: process, unixMilliseconds: 5,
            bootMilliseconds: 1_000)
        #expect(document["period_ms"]?.int == 60_000)
        #expect(document["started_mono_ms"]?.int == 7)
        #expect(document["written_bytes"]?.int == 4_096)
        #expect(
            document["local"]?.serialized() == #"{"problem":"x","waiting":3,"dropped":2}"#)
    }
}
