import CMosquitto

/// Listens in on the check of the broker's certificate, for its reason: libmosquitto reports every
/// failure in the same words. It changes no result.
final class BrokerCertificate {
    /// OpenSSL's X509_V_ERR of the last check that failed; 0 when the chain was good and the name
    /// was not.
    private(set) var verdict: Int32?
    let context: OpaquePointer

    /// - Throws: without memory.
    init() throws(MQTTError) {
        guard let context = SSL_CTX_new(TLS_client_method()) else {
            throw MQTTError("TLS cannot begin: there is no memory")
        }
        self.context = context
        let callback: @convention(c) (OpaquePointer?, UnsafeMutableRawPointer?) -> Int32 = {
            store, box in
            let result = X509_verify_cert(store)
            if result != 1, let box {
                let own = Unmanaged<BrokerCertificate>.fromOpaque(box).takeUnretainedValue()
                own.verdict = X509_STORE_CTX_get_error(store)
            }
            return result
        }
        SSL_CTX_set_cert_verify_callback(
            context, callback, Unmanaged.passUnretained(self).toOpaque())
    }

    deinit { SSL_CTX_free(context) }

    /// What the check came to, if it failed.
    var failure: MQTTFailure? {
        guard let verdict else { return nil }
        switch verdict {
        case X509_V_OK, X509_V_ERR_HOSTNAME_MISMATCH, X509_V_ERR_IP_ADDRESS_MISMATCH:
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
