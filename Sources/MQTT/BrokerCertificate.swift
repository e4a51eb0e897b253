import CMosquitto

/// Checks the broker's certificate: its chain up to our authority, its dates, its purpose and its
/// name, all by OpenSSL, and keeps the reason when one of them is wrong. libmosquitto's own check
/// reports every failure in the same words, and with a context of ours does not find the connection
/// that it belongs to (2.0.11).
final class BrokerCertificate {
    /// OpenSSL's X509_V_ERR of the last check that failed.
    private(set) var verdict: Int32?
    /// When the broker's ends, in milliseconds since 1970, once it was found to hold.
    private(set) var end: Int64?
    let context: OpaquePointer
    private let host: String

    /// - Parameter host: the name or address that the certificate must be for.
    /// - Throws: without memory.
    init(host: String) throws(MQTTError) {
        self.host = host
        guard let context = SSL_CTX_new(TLS_client_method()) else {
            throw MQTTError("TLS cannot begin: there is no memory")
        }
        self.context = context
        let callback: @convention(c) (OpaquePointer?, UnsafeMutableRawPointer?) -> Int32 = {
            store, box in
            guard let store, let box else { return 0 }
            return Unmanaged<BrokerCertificate>.fromOpaque(box).takeUnretainedValue().check(store)
        }
        SSL_CTX_set_cert_verify_callback(
            context, callback, Unmanaged.passUnretained(self).toOpaque())
    }

    deinit { SSL_CTX_free(context) }

    /// - Returns: 1 if the certificate holds, else 0.
    private func check(_ store: OpaquePointer) -> Int32 {
        let parameters = X509_STORE_CTX_get0_param(store)
        // An address is compared with the addresses in the certificate, a name with the names.
        guard
            X509_VERIFY_PARAM_set1_ip_asc(parameters, host) == 1
                || X509_VERIFY_PARAM_set1_host(parameters, host, 0) == 1
        else {
            verdict = X509_V_ERR_HOSTNAME_MISMATCH
            return 0
        }
        X509_STORE_CTX_set_verify_cb(store) { result, _ in result }
        guard X509_verify_cert(store) == 1 else {
            verdict = X509_STORE_CTX_get_error(store)
            return 0
        }
        end = X509_STORE_CTX_get0_cert(store).flatMap { CertificateDates.end(of: $0) }
        return 1
    }

    /// What the check came to, if it failed.
    var failure: MQTTFailure? {
        guard let verdict else { return nil }
        switch verdict {
        case X509_V_ERR_HOSTNAME_MISMATCH, X509_V_ERR_IP_ADDRESS_MISMATCH:
            return .nameMismatch
        case X509_V_ERR_CERT_HAS_EXPIRED: return .certificateExpired
        case X509_V_ERR_CERT_NOT_YET_VALID: return .certificateNotYetValid
        case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT, X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY,
            X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN, X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT,
            X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE, X509_V_ERR_CERT_SIGNATURE_FAILURE:
            return .unknownAuthority
        default:
            return .tls(String(cString: X509_verify_cert_error_string(Int(verdict))))
        }
    }
}
