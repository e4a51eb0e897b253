import CMosquitto
import Glibc
public import Wire

extension TLSFiles {
    /// Until when our own certificate and the authority's hold, from the files as they are now.
    /// What cannot be read is left out: the connection says what is wrong with it.
    public var terms: [CertificateTerm] {
        var terms: [CertificateTerm] = []
        if let end = CertificateDates.ends(inFile: certificate).first {
            terms.append(CertificateTerm(role: .client, name: certificate, endsAt: end))
        }
        // While one authority follows another both are in it: the last one counts.
        if let end = CertificateDates.ends(inFile: authority).max() {
            terms.append(CertificateTerm(role: .authority, name: authority, endsAt: end))
        }
        return terms
    }
}

/// When certificates end, by OpenSSL, which is below libmosquitto anyway.
enum CertificateDates {
    /// - Returns: in milliseconds since 1970, of each certificate of a PEM file in its order.
    static func ends(inFile path: String) -> [Int64] {
        // The end of the file is an error to OpenSSL, and libmosquitto would find it in its queue.
        defer { ERR_clear_error() }
        guard let file = BIO_new_file(path, "r") else { return [] }
        defer { BIO_free(file) }
        var ends: [Int64] = []
        while let certificate = PEM_read_bio_X509(file, nil, nil, nil) {
            if let end = end(of: certificate) { ends.append(end) }
            X509_free(certificate)
        }
        return ends
    }

    static func end(of certificate: OpaquePointer) -> Int64? {
        var time = tm()
        guard ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &time) == 1 else { return nil }
        return Int64(timegm(&time)) * 1_000
    }
}
