import Testing
import Transit
import Units
import Wire

@testable import Uplink

/// A backlog over a link that takes a fixed number of bytes a second and as long for the way, in
/// virtual time. Goal: an alarm is in Kafka within two seconds, and the link is not left idle.
@Suite("A slow link")
struct SlowLinkTests {
    struct Link: CustomTestStringConvertible, Sendable {
        let bytesPerSecond: Int64
        /// One way.
        let delay: Int64
        let alarmLimit: Int64
        var testDescription: String { "\(8 * bytesPerSecond) bit/s, \(delay) ms each way" }
    }

    static let links = [
        Link(bytesPerSecond: 32_000, delay: 150, alarmLimit: 1_400),
        Link(bytesPerSecond: 32_000, delay: 50, alarmLimit: 1_200),
        Link(bytesPerSecond: 32_000, delay: 20, alarmLimit: 1_200),
        Link(bytesPerSecond: 8_000, delay: 300, alarmLimit: 2_000),
        Link(bytesPerSecond: 1_000_000, delay: 400, alarmLimit: 1_500),
    ]

    @Test("alarms overtake a backlog, and the backlog uses the link", arguments: links)
    func drain(link: Link) {
        var run = SlowLinkRun(link)
        run.bench.append(1...60_000, filler: 100, isDense: true)
        let start = run.bench.now.rawValue
        while run.bench.now.rawValue < start + 120_000 {
            run.raiseAlarm(since: start)
            run.step()
        }
        let latencies = run.latencies.sorted()
        #expect(latencies.count > 70)
        let worst = latencies.isEmpty ? .max : latencies[latencies.count * 99 / 100]
        #expect(worst < link.alarmLimit, "p99 \(worst) ms of \(latencies.count) alarms")
        // With so much time the backlog is drained on the fast link; the slow ones must be busy.
        let isDrained = run.bench.acknowledged() == 60_000
        #expect(isDrained == (link.bytesPerSecond > 100_000), "the backlog is of the wrong size")
        let share = run.bytes * 100 / (link.bytesPerSecond * 120)
        #expect(isDrained || share >= 85, "\(share) % of the link was used")
        let status = run.bench.session.status(now: run.bench.now)
        #expect(status.counters.resends == 0)
        // An uplink that takes the link for faster than it is fills it beyond half a second.
        let rate = status.linkRate ?? 0
        #expect(rate <= link.bytesPerSecond * 103 / 100, "\(rate) bytes a second were measured")
        #expect(isDrained || rate >= link.bytesPerSecond * 85 / 100, "only \(rate) were measured")
        let delay = status.linkDelay?.rawValue ?? 0
        let shortest = 2 * link.delay
        // A short message takes its own time, too.
        let longest = shortest + 600 * 1_000 / link.bytesPerSecond + 10
        #expect((shortest...longest).contains(delay), "a delay of \(delay) ms was measured")
    }
}

/// The link, the broker behind it, and a bridge that acknowledges after 300 ms.
private struct SlowLinkRun {
    private struct Arrival {
        var at: Int64
        var input: Input
    }

    private let link: SlowLinkTests.Link
    var bench = SessionBench()
    private(set) var latencies: [Int64] = []
    private(set) var bytes: Int64 = 0
    private var arrivals: [Arrival] = []
    private var busyUntil: Int64 = 0
    private var seen = 0
    private var alarmAt: [Int64: Int64] = [:]
    private var nextAlarm: Int64 = 1

    init(_ link: SlowLinkTests.Link) {
        self.link = link
        bench.publishCode = nil
    }

    /// One each 1.3 s, once the link has been measured for a while.
    mutating func raiseAlarm(since start: Int64) {
        let now = bench.now.rawValue
        guard now - start > 15_000 + 1_300 * (nextAlarm - 1) else { return }
        bench.append(nextAlarm...nextAlarm, to: .alarm)
        alarmAt[nextAlarm] = now
        nextAlarm += 1
    }

    mutating func step() {
        let until = bench.turn()
        let now = bench.now.rawValue
        for publication in bench.publications[seen...] { carry(publication, now: now) }
        seen = bench.publications.count
        arrivals.sort { $0.at < $1.at }
        bench.now = Instant(
            max(now + 1, min(until.rawValue, arrivals.first?.at ?? .max, now + 100)))
        while let first = arrivals.first, first.at <= bench.now.rawValue {
            bench.session.note(first.input, now: bench.now)
            arrivals.removeFirst()
        }
    }

    private mutating func carry(_ publication: Publication, now: Int64) {
        let size = Int64(publication.payload.count + publication.topic.utf8.count + 10)
        busyUntil = max(busyUntil, now) + size * 1_000 / link.bytesPerSecond
        bytes += size
        let atBroker = busyUntil + link.delay
        arrivals.append(
            Arrival(
                at: atBroker + link.delay,
                input: .published(token: publication.token, reasonCode: 0)))
        guard let plain = try? Payload.unpack(publication.payload),
            let batch = try? EventBatch(decoding: plain)
        else { return }
        // 50 ms for bridge and Kafka, and the bridge collects for 250.
        for line in batch.lines where batch.header.lane == .alarm {
            alarmAt.removeValue(forKey: line.seq).map { latencies.append(atBroker + 50 - $0) }
        }
        let sealed = SessionBench.key?.seal(
            bench.acknowledgement(batch.header.last, lane: batch.header.lane))
        arrivals.append(
            Arrival(
                at: atBroker + 300 + link.delay,
                input: .message(
                    topic: Topics.ack(device: SessionBench.device, lane: batch.header.lane),
                    payload: sealed?.encoded() ?? [], isRetained: false)))
    }
}
