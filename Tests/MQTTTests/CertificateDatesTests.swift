import Foundation
import Testing
import Wire

@testable import MQTT

@Suite("When certificates end")
struct CertificateDatesTests {
    /// Until 2027-01-02 03:04:05 UTC, in the short form of the date.
    static let first = """
        -----BEGIN CERTIFICATE-----
        MIIBATCBqAIBATAKBggqhkjOPQQDAjANMQswCQYDVQQDDAJjMTAeFw0yNjAxMDEw
        MDAwMDBaFw0yNzAxMDIwMzA0MDVaMA0xCzAJBgNVBAMMAmMxMFkwEwYHKoZIzj0C
        AQYIKoZIzj0DAQcDQgAE7rGVGdVCSE5+pL9Lq0MjzZFsio/ycDVoFgeQqY49Y9nW
        hRAVydDK/YMFp7jWkr0iNJ3V0gGe3gEArfZycYOX+DAKBggqhkjOPQQDAgNIADBF
        AiEAjnTlPBvl3b1vipx7wB0t5uLIosdGp2MEIVZnBcj0QR0CIFtjG62i21A12Eum
        d917NVqNd4Rw4aEc2RLsrpcyapbT
        -----END CERTIFICATE-----
        """
    /// Until 2051-06-07 08:09:10 UTC: from 2050 on a date has four digits of a year.
    static let second = """
        -----BEGIN CERTIFICATE-----
        MIIBAzCBqgIBAjAKBggqhkjOPQQDAjANMQswCQYDVQQDDAJjMTAgFw0yNjAxMDEw
        MDAwMDBaGA8yMDUxMDYwNzA4MDkxMFowDTELMAkGA1UEAwwCYzIwWTATBgcqhkjO
        PQIBBggqhkjOPQMBBwNCAAQtHUWgSaSGNGpdkV63SPS5BayseR8xHWCy+rN0KDqO
        jv7uS/mHCWPi2baLTw9+rqfhTkSCh95WLvniHs7NaXp7MAoGCCqGSM49BAMCA0gA
        MEUCIHz3WRnNYjWICtfFF9epn0NUpGZS96i6VrtRfh0ev24FAiEA6Jh3sEnpeTAA
        sfHbx4yCvMAzyxgxc1IEhB5EL3iQB0U=
        -----END CERTIFICATE-----
        """
    static let firstEnd: Int64 = 1_798_859_045_000
    static let secondEnd: Int64 = 2_569_738_150_000

    private let folder = FileManager.default.temporaryDirectory
        .appendingPathComponent("busbar-certificates-\(UUID().uuidString.prefix(8))").path

    private func files(client: String, authority: String) throws -> TLSFiles {
        try FileManager.default.createDirectory(
            atPath: folder, withIntermediateDirectories: true)
        let files = TLSFiles(
            authority: folder + "/ca.crt", certificate: folder + "/client.crt",
            key: folder + "/client.key")
        try client.write(toFile: files.certificate, atomically: true, encoding: .utf8)
        try authority.write(toFile: files.authority, atomically: true, encoding: .utf8)
        return files
    }

    @Test("ours is the first of its file; of authorities that follow each other the last counts")
    func terms() throws {
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let files = try files(
            client: Self.first + "\n" + Self.second, authority: Self.first + "\n" + Self.second)
        #expect(
            files.terms == [
                CertificateTerm(role: .client, name: files.certificate, endsAt: Self.firstEnd),
                CertificateTerm(role: .authority, name: files.authority, endsAt: Self.secondEnd),
            ])
    }

    @Test("what cannot be read has no end, and costs the rest nothing")
    func unreadable() throws {
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let files = try files(
            client: "not a certificate",
            authority: Self.second + "\n-----BEGIN CERTIFICATE-----\nAAAA\n")
        #expect(
            files.terms == [
                CertificateTerm(role: .authority, name: files.authority, endsAt: Self.secondEnd)
            ])
        #expect(TLSFiles(authority: "/nonexistent", certificate: "/", key: "").terms.isEmpty)
    }
}
