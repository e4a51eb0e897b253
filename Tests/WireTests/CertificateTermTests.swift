import Testing
import Wire

@Suite("Until when a certificate holds")
struct CertificateTermTests {
    static let day: Int64 = 86_400_000
    static let rows: [(left: Int64, days: Int64, text: String?)] = [
        (30 * day, 30, nil),
        (30 * day - 1, 29, "ca.crt ends in 29 days"),
        (2 * day - 1, 1, "ca.crt ends in 1 day"),
        (day - 1, 0, "ca.crt ends within a day"),
        (0, 0, "ca.crt ends within a day"),
        (-1, -1, "ca.crt has ended"),
        (-day, -1, "ca.crt has ended"),
        (-day - 1, -2, "ca.crt has ended"),
    ]

    @Test("is told from less than 30 days on", arguments: rows)
    func days(left: Int64, days: Int64, text: String?) {
        let now: Int64 = 1_800_000_000_000
        let term = CertificateTerm(role: .authority, name: "ca.crt", endsAt: now + left)
        #expect(term.daysLeft(unixMilliseconds: now) == days)
        #expect(term.ending(unixMilliseconds: now) == text)
    }

    @Test("with what to do, by whose it is")
    func remedies() {
        func warning(_ role: CertificateTerm.Role, _ name: String) -> String? {
            CertificateTerm(role: role, name: name, endsAt: 0).warning(unixMilliseconds: 1)
        }
        #expect(
            warning(.client, "client.crt")
                == "client.crt has ended: have it renewed, without it nothing reaches the cluster")
        #expect(
            warning(.authority, "ca.crt")
                == "ca.crt has ended: put the authority's next certificate into the file as well")
        #expect(
            warning(.broker, "b:8883")
                == "the certificate of the broker b:8883 has ended: renew it on the broker")
    }

    @Test("dates beyond all clocks do not trap")
    func extremes() {
        #expect(
            CertificateTerm(role: .client, name: "", endsAt: .max).daysLeft(unixMilliseconds: .min)
                > 30)
        #expect(
            CertificateTerm(role: .client, name: "", endsAt: .min).daysLeft(unixMilliseconds: .max)
                < 0)
    }
}
