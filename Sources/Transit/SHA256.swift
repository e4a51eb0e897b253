import CCrypto

/// SHA-256, and what is built on it, by OpenSSL's libcrypto: libmosquitto loads it anyway, and what
/// a Swift package would bring in its place is 6 MB of the uplink's 16.
///
/// Nothing here can fail but for want of memory, or where OpenSSL's own configuration switched its
/// default provider off; then TLS has failed before, and it ends the process with a word.
enum SHA256 {
    static let size = 32

    /// Looked up once: by name for each hash, a hash of 316 bytes takes 0.43 µs in place of 0.27.
    /// Any thread may use it: nothing changes it.
    nonisolated(unsafe) private static let algorithm: OpaquePointer = {
        guard let found = EVP_MD_fetch(nil, "SHA2-256", nil) else {
            preconditionFailure("libcrypto has no SHA-256: is its default provider switched off?")
        }
        return found
    }()

    /// The hash of all parts, one after the other.
    static func hash(_ parts: [UInt8]...) -> [UInt8] {
        let context = EVP_MD_CTX_new()
        defer { EVP_MD_CTX_free(context) }
        var isMade = EVP_DigestInit_ex2(context, algorithm, nil) == 1
        for part in parts {
            isMade = isMade && EVP_DigestUpdate(context, part, part.count) == 1
        }
        var hash = [UInt8](repeating: 0, count: size)
        isMade = isMade && EVP_DigestFinal_ex(context, &hash, nil) == 1
        precondition(isMade, "libcrypto did not make a SHA-256: out of memory")
        return hash
    }

    /// For many hashes in a row: what libcrypto needs for one is made once.
    struct Hasher: ~Copyable {
        private let context: OpaquePointer

        init() {
            guard let made = EVP_MD_CTX_new() else {
                preconditionFailure("libcrypto has no room for a SHA-256: out of memory")
            }
            context = made
        }

        deinit { EVP_MD_CTX_free(context) }

        /// The hash of two parts, one after the other, as words in the order of its bytes.
        mutating func hash(
            _ first: UnsafeRawBufferPointer, _ second: UnsafeRawBufferPointer
        ) -> InlineArray<4, UInt64> {
            var hash = InlineArray<4, UInt64>(repeating: 0)
            var isMade = EVP_DigestInit_ex2(context, algorithm, nil) == 1
            isMade = isMade && EVP_DigestUpdate(context, first.baseAddress, first.count) == 1
            isMade = isMade && EVP_DigestUpdate(context, second.baseAddress, second.count) == 1
            withUnsafeMutableBytes(of: &hash) { hash in
                let bytes = hash.baseAddress?.assumingMemoryBound(to: UInt8.self)
                isMade = isMade && EVP_DigestFinal_ex(context, bytes, nil) == 1
            }
            precondition(isMade, "libcrypto did not make a SHA-256: out of memory")
            return hash
        }
    }

    /// For what is too long to be in memory at once.
    final class Stream {
        private let context: OpaquePointer

        init() {
            guard let made = EVP_MD_CTX_new(), EVP_DigestInit_ex2(made, algorithm, nil) == 1 else {
                preconditionFailure("libcrypto has no room for a SHA-256: out of memory")
            }
            context = made
        }

        deinit { EVP_MD_CTX_free(context) }

        func add(_ part: [UInt8]) {
            let isMade = EVP_DigestUpdate(context, part, part.count) == 1
            precondition(isMade, "libcrypto did not make a SHA-256: out of memory")
        }

        /// Of all parts so far.
        var hash: [UInt8] {
            let copy = EVP_MD_CTX_new()
            defer { EVP_MD_CTX_free(copy) }
            var hash = [UInt8](repeating: 0, count: size)
            let isMade =
                EVP_MD_CTX_copy_ex(copy, context) == 1
                && EVP_DigestFinal_ex(copy, &hash, nil) == 1
            precondition(isMade, "libcrypto did not make a SHA-256: out of memory")
            return hash
        }
    }

    /// HMAC-SHA256 (RFC 2104).
    static func mac(of text: [UInt8], key: [UInt8]) -> [UInt8] {
        var mac = [UInt8](repeating: 0, count: size)
        let made = HMAC(algorithm, key, Int32(key.count), text, text.count, &mac, nil)
        precondition(made != nil, "libcrypto did not make an HMAC: out of memory")
        return mac
    }

    /// HKDF-SHA256 (RFC 5869), extract and expand.
    /// - Parameter count: of bytes wanted, 1 to 255 times the size of a hash.
    static func derivedKey(
        from secret: [UInt8], salt: [UInt8], info: [UInt8], count: Int
    ) -> [UInt8] {
        precondition((1...255 * size).contains(count), "HKDF-SHA256 makes 1 to 8160 bytes")
        let extracted = mac(of: secret, key: salt)
        var key: [UInt8] = []
        var block: [UInt8] = []
        var number: UInt8 = 0
        while key.count < count {
            number += 1
            block = mac(of: block + info + [number], key: extracted)
            key += block
        }
        return Array(key.prefix(count))
    }

    /// Whether both are the same, in a time that tells nothing of where they differ.
    static func areEqual(_ left: [UInt8], _ right: [UInt8]) -> Bool {
        left.count == right.count && CRYPTO_memcmp(left, right, left.count) == 0
    }
}
