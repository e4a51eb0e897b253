import JSON
import Testing
import Units
import Wire

@testable import Uplink

@Suite("Certificates that end")
struct CertificateTests {
    static let day: Int64 = 86_400_000

    /// Of a certificate that ends so many ms after the bench's clock.
    private static func note(
        _ bench: inout SessionBench, _ left: [Int64], _ quality: ClockQuality = .synced
    ) {
        let wall = SessionBench.wall(bench.now, quality)
        bench.session.note(.wall(wall), now: bench.now)
        let roles: [CertificateTerm.Role] = [.client, .broker]
        let terms = zip(roles, left).map { role, left in
            CertificateTerm(
                role: role, name: role == .client ? "client.crt" : "b:8883",
                endsAt: wall.unixMilliseconds + left)
        }
        bench.session.note(.certificates(terms), now: bench.now)
        bench.turn()
    }

    @Test("are a finding below 30 days, told once a day, and over when they are renewed")
    func told() {
        var bench = SessionBench()
        Self.note(&bench, [30 * Self.day, 40 * Self.day])
        #expect(bench.findings.isEmpty)
        Self.note(&bench, [30 * Self.day - 1, 40 * Self.day])
        let text =
            "client.crt ends in 29 days: have it renewed, without it nothing reaches the cluster"
        #expect(bench.findings.map(\.text) == [text])
        #expect(bench.findings.first?.kind == .certificateEnding)
        Self.note(&bench, [29 * Self.day, 40 * Self.day])
        #expect(bench.findings.count == 1, "the same day")
        bench.pass(.seconds(3_600))
        Self.note(&bench, [28 * Self.day, 3 * Self.day])
        #expect(bench.findings.count == 2)
        #expect(
            bench.findings.last?.text
                == "client.crt ends in 28 days: have it renewed, without it nothing reaches the "
                + "cluster; the certificate of the broker b:8883 ends in 3 days: renew it on the "
                + "broker")
        Self.note(&bench, [365 * Self.day, 365 * Self.day])
        #expect(bench.findings.last?.isActive == false)
        #expect(bench.session.status(now: bench.now).findings.first?.isActive == false)
    }

    @Test("are not judged by a clock that is not set; the days are unknown then")
    func unsetClock() {
        var bench = SessionBench()
        bench.clockQuality = .unsynced
        Self.note(&bench, [-1], .unsynced)
        #expect(bench.findings.isEmpty)
        #expect(Self.daysLeft(bench)?.isNull == true)
        bench.clockQuality = .synced
        Self.note(&bench, [5 * Self.day])
        #expect(Self.daysLeft(bench)?.int == 5)
    }

    private static func daysLeft(_ bench: SessionBench) -> JSONValue? {
        let process = UplinkProcess(
            period: .seconds(1), startedAt: Instant(0), writtenBytes: nil, localProblem: nil,
            localWaiting: 0, localDropped: 0)
        let document = bench.session.status(now: bench.now).document(
            broker: "b:8883", boot: "0", process: process, unixMilliseconds: 0, bootMilliseconds: 0)
        let term = document["certificates"]?.array?.first
        #expect(term?["role"]?.string == "client")
        #expect(term?["name"]?.string == "client.crt")
        return term?["days_left"]
    }
}
