import CCrypto
import Testing
import Wire

@testable import Transit

/// The published vectors, against the way in which Transit calls libcrypto.
@Suite("Known answers")
struct VectorTests {
    private static func bytes(_ hexadecimal: String) throws -> [UInt8] {
        try #require([UInt8](hexadecimal: hexadecimal, count: hexadecimal.utf8.count / 2))
    }

    static let hashes: [(String, String)] = [
        ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
        ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        (
            "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
        ),
        (
            "abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmn"
                + "hijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrstu",
            "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1"
        ),
        (
            String(repeating: "a", count: 1_000_000),
            "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"
        ),
    ]

    @Test("SHA-256, of FIPS 180 and its examples", arguments: hashes)
    func sha256(text: String, expected: String) {
        let whole = Array(text.utf8)
        #expect(SHA256.hash(whole).hexadecimal == expected)
        // However it is cut: at the ends, and on both sides of a block of 64 bytes.
        for place in [0, 1, 55, 56, 63, 64, 65, whole.count] where place <= whole.count {
            let parts = (Array(whole.prefix(place)), Array(whole.dropFirst(place)))
            #expect(SHA256.hash(parts.0, parts.1).hexadecimal == expected, "cut at \(place)")
        }
    }

    /// A row of RFC 4231, all in hexadecimal digits.
    struct Seal: Sendable, CustomTestStringConvertible {
        var name: String
        var key: String
        var text: String
        var expected: String
        var testDescription: String { name }

        static let all: [Seal] = [
            Seal(
                name: "4.2", key: String(repeating: "0b", count: 20), text: "4869205468657265",
                expected: "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"),
            Seal(
                name: "4.3, short key", key: "4a656665",
                text: "7768617420646f2079612077616e7420666f72206e6f7468696e673f",
                expected: "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"),
            Seal(
                name: "4.4", key: String(repeating: "aa", count: 20),
                text: String(repeating: "dd", count: 50),
                expected: "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"),
            Seal(
                name: "4.5", key: "0102030405060708090a0b0c0d0e0f10111213141516171819",
                text: String(repeating: "cd", count: 50),
                expected: "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b"),
            Seal(
                name: "4.7, key longer than a block", key: String(repeating: "aa", count: 131),
                text: "54657374205573696e67204c6172676572205468616e20426c6f636b2d53697a"
                    + "65204b6579202d2048617368204b6579204669727374",
                expected: "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"),
            Seal(
                name: "4.8, both longer", key: String(repeating: "aa", count: 131),
                text: "5468697320697320612074657374207573696e672061206c6172676572207468"
                    + "616e20626c6f636b2d73697a65206b657920616e642061206c61726765722074"
                    + "68616e20626c6f636b2d73697a6520646174612e20546865206b6579206e6565"
                    + "647320746f20626520686173686564206265666f7265206265696e6720757365"
                    + "642062792074686520484d414320616c676f726974686d2e",
                expected: "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2"),
        ]
    }

    @Test("HMAC-SHA256, of RFC 4231", arguments: Seal.all)
    func hmac(row: Seal) throws {
        let mac = SHA256.mac(of: try Self.bytes(row.text), key: try Self.bytes(row.key))
        #expect(mac.hexadecimal == row.expected)
    }

    /// A row of RFC 5869, appendix A. The longer one is rows of 16 consecutive bytes.
    struct Derivation: Sendable, CustomTestStringConvertible {
        var name: String
        var secret: [UInt8]
        var salt: [UInt8]
        var info: [UInt8]
        var expected: String
        var testDescription: String { name }

        static let all = [
            Derivation(
                name: "A.1, basic", secret: [UInt8](repeating: 0x0B, count: 22),
                salt: Array(0x00...0x0C), info: Array(0xF0...0xF9),
                expected: "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf"
                    + "34007208d5b887185865"),
            Derivation(
                name: "A.2, longer", secret: Array(0x00...0x4F), salt: Array(0x60...0xAF),
                info: Array(0xB0...0xFF),
                expected: "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c"
                    + "59045a99cac7827271cb41c65e590e09da3275600c2f09b8367793a9aca3db71"
                    + "cc30c58179ec3e87c14c01d5c1f3434f1d87"),
            Derivation(
                name: "A.3, without salt and info", secret: [UInt8](repeating: 0x0B, count: 22),
                salt: [], info: [],
                expected: "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d"
                    + "9d201395faa4b61a96c8"),
        ]
    }

    @Test("HKDF-SHA256, of RFC 5869", arguments: Derivation.all)
    func hkdf(row: Derivation) {
        let count = row.expected.utf8.count / 2
        let key = SHA256.derivedKey(
            from: row.secret, salt: row.salt, info: row.info, count: count)
        #expect(key.hexadecimal == row.expected)
    }

    /// A row of RFC 8032, 7.1, all in hexadecimal digits.
    struct Signature: Sendable, CustomTestStringConvertible {
        var name: String
        var privateKey: String
        var publicKey: String
        var text: String
        var signature: String
        var testDescription: String { name }

        static let all: [Signature] = [
            Signature(
                name: "test 1, no bytes",
                privateKey: "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
                publicKey: "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
                text: "",
                signature: "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155"
                    + "5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"),
            Signature(
                name: "test 2, one byte",
                privateKey: "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
                publicKey: "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
                text: "72",
                signature: "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
                    + "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"),
            Signature(
                name: "test 3, two bytes",
                privateKey: "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
                publicKey: "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
                text: "af82",
                signature: "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac"
                    + "18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a"),
        ]
    }

    @Test("Ed25519, of RFC 8032, 7.1", arguments: Signature.all)
    func ed25519(row: Signature) throws {
        let (secret, text) = (try Self.bytes(row.privateKey), try Self.bytes(row.text))
        let key = try #require(Ed25519.publicKey(ofPrivateKey: secret))
        #expect(key.hexadecimal == row.publicKey)
        let made = try #require(Ed25519.signature(of: text, privateKey: secret))
        #expect(made.hexadecimal == row.signature)
        #expect(Ed25519.isValid(made, of: text, publicKey: key))
        #expect(!Ed25519.isValid(made, of: text + [0], publicKey: key))
        for count in [0, 63, 65] {
            let other = Array((made + made).prefix(count))
            #expect(!Ed25519.isValid(other, of: text, publicKey: key), "\(count) bytes")
        }
        // The order of the group added to S: the same signature, spelled otherwise (5.1.7).
        let order = try Self.bytes(
            "edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010")
        var (malleable, carry) = (made, 0)
        for place in 0..<32 {
            carry += Int(made[32 + place]) + Int(order[place])
            malleable[32 + place] = UInt8(carry & 0xFF)
            carry >>= 8
        }
        #expect(!Ed25519.isValid(malleable, of: text, publicKey: key))
    }

    @Test("keys of another size are none, and no failure is left for TLS to stumble over")
    func errorQueue() {
        ERR_clear_error()
        // With a bit too many in R, with S above the order, and for a key that is no point.
        let bad = [UInt8](repeating: 0xFF, count: 64)
        let notAPoint = [0x02] + [UInt8](repeating: 0, count: 31)
        for key in [notAPoint, [UInt8](repeating: 0xFF, count: 32), [1], []] {
            #expect(!Ed25519.isValid(bad, of: [1], publicKey: key))
        }
        for secret in [[], [1], [UInt8](repeating: 1, count: 33)] {
            #expect(Ed25519.publicKey(ofPrivateKey: secret) == nil)
            #expect(Ed25519.signature(of: [1], privateKey: secret) == nil)
        }
        #expect(ERR_peek_error() == 0)
    }

    @Test("two byte strings are equal only if they are the same in all places")
    func equality() {
        #expect(SHA256.areEqual([], []))
        #expect(SHA256.areEqual([1, 2], [1, 2]))
        for other in [[], [1], [1, 3], [0, 2], [1, 2, 0]] as [[UInt8]] {
            #expect(!SHA256.areEqual([1, 2], other))
            #expect(!SHA256.areEqual(other, [1, 2]))
        }
    }
}
