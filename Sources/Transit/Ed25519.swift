import CCrypto

/// Signatures as of RFC 8032, by OpenSSL's libcrypto. Keys are their 32 bytes: a command is signed
/// or verified once in a while, and libcrypto's own form of a key is made for each.
enum Ed25519 {
    static let keySize = 32
    static let signatureSize = 64

    /// - Returns: nil unless 32 bytes are given.
    static func publicKey(ofPrivateKey bytes: [UInt8]) -> [UInt8]? {
        guard let key = privateKey(bytes) else { return nil }
        defer { EVP_PKEY_free(key) }
        var publicBytes = [UInt8](repeating: 0, count: keySize)
        var count = publicBytes.count
        guard EVP_PKEY_get_raw_public_key(key, &publicBytes, &count) == 1 else { return nil }
        return count == keySize ? publicBytes : nil
    }

    /// - Returns: nil if libcrypto could not sign: memory is short, or the key is not 32 bytes.
    static func signature(of text: [UInt8], privateKey bytes: [UInt8]) -> [UInt8]? {
        guard let key = privateKey(bytes) else { return nil }
        defer { EVP_PKEY_free(key) }
        let context = EVP_MD_CTX_new()
        defer { EVP_MD_CTX_free(context) }
        var signature = [UInt8](repeating: 0, count: signatureSize)
        var count = signature.count
        return keepingErrorQueue {
            guard EVP_DigestSignInit(context, nil, nil, nil, key) == 1,
                EVP_DigestSign(context, &signature, &count, text, text.count) == 1,
                count == signatureSize
            else { return nil }
            return signature
        }
    }

    static func isValid(_ signature: [UInt8], of text: [UInt8], publicKey bytes: [UInt8]) -> Bool {
        guard signature.count == signatureSize, bytes.count == keySize else { return false }
        return keepingErrorQueue {
            guard let key = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nil, bytes, keySize)
            else { return false }
            defer { EVP_PKEY_free(key) }
            let context = EVP_MD_CTX_new()
            defer { EVP_MD_CTX_free(context) }
            return EVP_DigestVerifyInit(context, nil, nil, nil, key) == 1
                && EVP_DigestVerify(context, signature, signature.count, text, text.count) == 1
        }
    }

    private static func privateKey(_ bytes: [UInt8]) -> OpaquePointer? {
        guard bytes.count == keySize else { return nil }
        return keepingErrorQueue {
            EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nil, bytes, keySize)
        }
    }

    /// libcrypto queues its errors per thread, and the TLS connection of the same thread takes what
    /// it finds there for its own: a forged command must not end the connection.
    private static func keepingErrorQueue<Value>(_ body: () -> Value) -> Value {
        ERR_set_mark()
        defer { ERR_pop_to_mark() }
        return body()
    }
}
