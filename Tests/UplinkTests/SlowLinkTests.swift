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
        Link(bytesPerSecond: 32_000, delay: 150, alarmLimit: 2_000),
        Link(bytesPerSecond: 32_000, delay: 20, alarmLimit: 2_000),
        Link(bytesPerSecond: 8_000, delay: 300, alarmLimit: 3_500),
        Link(bytesPerSecond: 1_000_000, delay: 400, alarmLimit: 2_500),
    ]

    /// What arrives at the device, and when.
    struct Arrival {
        var at: Int64
        var input: Input
    }

    @Test("alarms overtake a backlog, and the backlog uses the link", arguments: links)
    func drain(link: Link) {
        var bench = SessionBench()
        bench.publishCode = nil
        bench.append(1...60_000, filler: 100)
        var arrivals: [Arrival] = []
        var busyUntil: Int64 = 0
        var seen = 0
        var bytes: Int64 = 0
        var alarmAt: [Int64: Int64] = [:]
        var latencies: [Int64] = []
        var nextAlarm: Int64 = 1
        let start = bench.now.rawValue
        let end = start + 120_000
        while bench.now.rawValue < end {
            let now = bench.now.rawValue
            if now - start > 15_000, now - start > 15_000 + 1_300 * (nextAlarm - 1) {
                bench.append(nextAlarm...nextAlarm, to: .alarm)
                alarmAt[nextAlarm] = now
                nextAlarm += 1
            }
            let until = bench.turn()
            for publication in bench.publications[seen...] {
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
                else { continue }
                let header = batch.header
                if header.lane == .alarm {
                    // 50 ms for bridge and Kafka.
                    for line in batch.lines {
                        alarmAt.removeValue(forKey: line.seq).map {
                            latencies.append(atBroker + 50 - $0)
                        }
                    }
                }
                arrivals.append(
                    Arrival(
                        at: atBroker + 50 + 250 + link.delay,
                        input: acknowledgement(of: header, in: bench)))
            }
            seen = bench.publications.count
            arrivals.sort { $0.at < $1.at }
            bench.now = Instant(
                max(now + 1, min(until.rawValue, arrivals.first?.at ?? .max, now + 100)))
            while let first = arrivals.first, first.at <= bench.now.rawValue {
                bench.session.note(first.input, now: bench.now)
                arrivals.removeFirst()
            }
        }
        latencies.sort()
        #expect(latencies.count > 70)
        let worst = latencies.isEmpty ? .max : latencies[latencies.count * 99 / 100]
        #expect(worst < link.alarmLimit, "p99 \(worst) ms of \(latencies.count) alarms")
        // With so much time the backlog is drained on the fast link; the slow ones must be busy.
        let isDrained = bench.acknowledged() == 60_000
        let share = bytes * 100 / (link.bytesPerSecond * 120)
        #expect(isDrained || share >= 85, "\(share) % of the link was used")
        #expect(bench.session.status(now: bench.now).counters.resends == 0)
    }

    func acknowledgement(of header: BatchHeader, in bench: SessionBench) -> Input {
        let sealed = SessionBench.key?.seal(
            bench.acknowledgement(header.last, lane: header.lane))
        return .message(
            topic: Topics.ack(device: SessionBench.device, lane: header.lane),
            payload: sealed?.encoded() ?? [], isRetained: false)
    }
}
