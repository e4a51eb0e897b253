import JSON
import Testing
import Transit
import Wire

/// The expected bytes were made by Python's hashlib and hmac, and by the vectors of RFC 8032.
@Suite("Hash, seal and signature")
struct KeyTests {
    static let secretText = "0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20\n"

    static let acknowledgement = Acknowledgement(
        device: "heater-1", epoch: Batches.epoch, lane: .alarm, upTo: 19,
        kafkaTopic: "busbar.alarm.v1", partition: 3, offset: 4_711,
        digest: RunningDigest(
            Identifier128(high: 0xF3BC_98DA_73B2_0910, low: 0xDB1A_77EF_F419_9BA4)),
        bridge: "bridge-0",
        isDevelopment: false)

    static func key() throws -> AcknowledgementKey {
        AcknowledgementKey.derived(
            fromBridgeSecret: try BridgeSecret(fileText: secretText), device: "heater-1")
    }

    @Test("the running hash is a chain over the bytes of the lines")
    func runningHash() {
        let start = RunningDigest.start(of: Batches.epoch)
        let first = RunningHash.next(start, Array(#"{"seq":1}"#.utf8))
        #expect(first.value.text == "f3bc98da73b20910db1a77eff4199ba4")
        let second = RunningHash.next(first, Array(#"{"seq":2}"#.utf8))
        #expect(second.value.text == "71a07067e4c4023cafe184d8313335c3")
    }

    @Test("the chain over many lines is the one that grows line by line")
    func runningHashes() {
        // Lengths about those at which SHA-256's last block has no room for the length.
        let lines = (0..<200).map {
            BatchLine(seq: Int64($0), bytes: Array(repeating: 7, count: $0))
        }
        var digest = RunningDigest.start(of: Batches.epoch)
        var expected: [RunningDigest] = []
        for line in lines {
            digest = RunningHash.next(digest, line.bytes)
            expected.append(digest)
        }
        #expect(RunningHash.digests(after: .start(of: Batches.epoch), lines) == expected)
        #expect(RunningHash.digests(after: digest, []) == [])
    }

    @Test("device and bridge make the same seal, and anybody else another one")
    func seal() throws {
        let key = try Self.key()
        #expect(
            key.fileText
                == "f827b84f2f2277e22c0627bd227ad0b489f60eff32030b5f00cbc07d9f95a7ff\n")
        let sealed = key.seal(Self.acknowledgement)
        #expect(
            sealed.mac.hexadecimal
                == "d7cb766cc41c049b8ff7cbf173337756f932df6fd5146e81227c0bd30b5abf1c")
        let onDevice = try AcknowledgementKey(fileText: key.fileText)
        #expect(onDevice.verify(sealed))
        #expect(onDevice.verify(try SealedAcknowledgement(decoding: sealed.encoded())))
        let other = AcknowledgementKey.derived(
            fromBridgeSecret: try BridgeSecret(fileText: Self.secretText), device: "heater-2")
        #expect(!other.verify(sealed))
    }

    @Test("a seal that differs in any bit, or is of another length, is refused")
    func forgedSeals() throws {
        let key = try Self.key()
        let sealed = key.seal(Self.acknowledgement)
        for place in sealed.mac.indices {
            var forged = sealed
            forged.mac[place] ^= 1
            #expect(!key.verify(forged), "byte \(place)")
        }
        for mac in [[], Array(sealed.mac.dropLast()), sealed.mac + [0]] {
            #expect(!key.verify(SealedAcknowledgement(Self.acknowledgement, mac: mac)))
        }
    }

    @Test("the seal covers every field")
    func sealCoversAll() throws {
        let key = try Self.key()
        let sealed = key.seal(Self.acknowledgement)
        let changes: [(String, (inout Acknowledgement) -> Void)] = [
            ("device", { $0.device = "heater-2" }),
            ("epoch", { $0.epoch = Identifier128(high: 1, low: 0xABD) }),
            ("lane", { $0.lane = .event }), ("upTo", { $0.upTo += 1 }),
            ("topic", { $0.kafkaTopic += "x" }), ("partition", { $0.partition += 1 }),
            ("offset", { $0.offset += 1 }),
            ("digest", { $0.digest = .start(of: Batches.epoch) }), ("bridge", { $0.bridge += "x" }),
            ("development", { $0.isDevelopment = true }),
        ]
        for (field, change) in changes {
            var forged = sealed
            change(&forged.acknowledgement)
            #expect(!key.verify(forged), "\(field)")
        }
    }

    @Test("a key file is 64 digits on one line, and no error shows what was in it")
    func keyFiles() throws {
        let good = String(Self.secretText.dropLast())
        #expect((try? BridgeSecret(fileText: good)) != nil)
        for text in [
            "", "\n", good + "\n\n", good + " ", " " + good, good.uppercased(),
            String(good.dropLast()), good + "0", good.replacing("0a", with: "0g"),
        ] {
            do throws(KeyError) {
                _ = try BridgeSecret(fileText: text)
                Issue.record("taken: \(text)")
            } catch {
                #expect(
                    error.description
                        == "the bridge's secret: the file has \(text.utf8.count) bytes that are "
                        + "not 64 hexadecimal digits in lower case on one line; write 32 random "
                        + "bytes so")
            }
        }
        do throws(KeyError) {
            _ = try AcknowledgementKey(fileText: String(repeating: "0", count: 64))
            Issue.record("a key of zeros was taken")
        } catch {
            #expect(
                error.description
                    == "the acknowledgement key: all its bytes are zero; write 32 random bytes")
        }
    }

    @Test("no description, dump or mirror shows a secret")
    func redaction() throws {
        let secret = try BridgeSecret(fileText: Self.secretText)
        let signing = try CommandSigningKey(fileText: Self.secretText)
        for value in [secret, try Self.key(), signing] as [Any] {
            var dumped = ""
            dump(value, to: &dumped)
            for text in ["\(value)", String(reflecting: value), dumped, "\([value])"] {
                #expect(text.contains("(not shown)"), "\(text)")
                // As digits, and as an array of bytes would be printed.
                for leak in ["0102", "f827", "1, 2", "248, 39"] {
                    #expect(!text.contains(leak), "\(text)")
                }
            }
            #expect(Mirror(reflecting: value).children.isEmpty)
        }
    }

    static func command() throws -> ClusterCommand {
        try ClusterCommand(
            id: Batches.epoch, device: "heater-1", method: "heat.start",
            parameters: JSONValue.parse(Array(#"{"job":7}"#.utf8)).object ?? JSONObject(),
            issuedUnixMilliseconds: 1_000,
            expiresUnixMilliseconds: 2_000, by: "operator")
    }

    @Test("a command is taken from the owner of the private key alone")
    func commands() throws {
        // RFC 8032, 7.1, test 1.
        let signing = try CommandSigningKey(
            fileText: "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60\n")
        #expect(
            signing.publicKey.fileText
                == "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a\n")
        let key = try CommandKey(fileText: signing.publicKey.fileText)
        let signed = try signing.sign(Self.command())
        #expect(key.verify(signed))
        #expect(key.verify(try SignedCommand(decoding: signed.encoded())))
        for place in signed.signature.indices {
            var forged = signed
            forged.signature[place] ^= 1
            #expect(!key.verify(forged), "byte \(place)")
        }
        #expect(!key.verify(SignedCommand(signed.command, signature: [])))
        let other = try CommandSigningKey(fileText: Self.secretText)
        #expect(!key.verify(try other.sign(Self.command())))
    }

    @Test("the signature covers every field")
    func signatureCoversAll() throws {
        let signing = try CommandSigningKey(fileText: Self.secretText)
        let signed = try signing.sign(Self.command())
        let text = String(decoding: signed.encoded(), as: UTF8.self)
        let changes = [
            (#""id":"0000"#, #""id":"1000"#), (#""device":"heater-1""#, #""device":"heater-2""#),
            (#""heat.start""#, #""heat.stop""#), (#"{"job":7}"#, #"{"job":8}"#),
            (#""issued_ms":1000"#, #""issued_ms":1001"#),
            (#""expires_ms":2000"#, #""expires_ms":2001"#), (#""operator""#, #""operator2""#),
        ]
        for (old, new) in changes {
            let forged = text.replacing(old, with: new)
            try #require(forged != text, "the message has no \(old)")
            let read = try SignedCommand(decoding: Array(forged.utf8))
            #expect(!signing.publicKey.verify(read), "\(new)")
        }
    }

    @Test("a public key is read from its own spelling only")
    func publicKeys() {
        for text in ["", "zz", String(repeating: "0", count: 63), Self.secretText + "\n"] {
            do throws(KeyError) {
                _ = try CommandKey(fileText: text)
                Issue.record("taken: \(text)")
            } catch {
                #expect(
                    error.description
                        == "the command key: the file has \(text.utf8.count) bytes that are not "
                        + "an Ed25519 public key as 64 hexadecimal digits in lower case on one line"
                )
            }
        }
        // With this one anybody could sign.
        do throws(KeyError) {
            _ = try CommandKey(fileText: String(repeating: "0", count: 64))
            Issue.record("a key of zeros was taken")
        } catch {
            #expect(
                error.description
                    == "the command key: all its bytes are zero; write the public key there")
        }
    }
}
