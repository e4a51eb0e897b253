import Foundation
import JSON
import Testing
import Wire

/// Acknowledgement, hello, status and command: read strictly, written in one way.
@Suite("Messages between device and cluster")
struct MessageTests {
    static let acknowledgement = SealedAcknowledgement(
        Acknowledgement(
            device: "heater-1", epoch: BatchRig.epoch, lane: .alarm, upTo: 19,
            kafkaTopic: "busbar.alarm.v1", partition: 3, offset: 4_711,
            digest: RunningDigest(Identifier128(high: 7, low: 8)), bridge: "bridge-0",
            isDevelopment: false),
        mac: (0..<32).map { UInt8($0) })

    static let hello = BridgeHello(
        bridge: "bridge-0", session: BatchRig.run,
        shards: [Shard(0), Shard(7), Shard(63)].compacted,
        guarantee: .none, isDevelopment: true, reason: "min.insync.replicas is 1",
        sinceUnixMilliseconds: 1_700_000_000_123)

    static let exportEnd = ExportEnd(events: 63, hash: (0..<32).map { UInt8($0) })

    static let status = DeviceStatus(
        isOnline: true, site: "house", device: "heater-1",
        versions: [.init("busbard", "0.3.0"), .init("SQLite", "3.40.1")], siteDigest: "ab12",
        epoch: BatchRig.epoch, boot: BatchRig.boot, guarantee: .kafka,
        lanes: [
            .init(depth: 2, oldestAgeMilliseconds: 1_500, acknowledged: 17, dropped: 0),
            .init(depth: 0, oldestAgeMilliseconds: nil, acknowledged: 4_000, dropped: 12),
            .init(depth: 0, oldestAgeMilliseconds: nil, acknowledged: 0, dropped: 0),
        ],
        state: "sending", reason: nil,
        wall: WallTime(unixMilliseconds: 1_700_000_000_123, quality: .holdover))

    static let plainParameters: JSONObject = {
        let value: JSONValue = ["by": ["a", nil, true], "target_millicelsius": 45_000]
        return value.object ?? JSONObject()
    }()

    static func command(
        parameters: JSONObject = plainParameters,
        method: String = "heat.start", issued: Int64 = 1_700_000_000_000,
        expires: Int64 = 1_700_000_060_000
    ) throws -> ClusterCommand {
        try ClusterCommand(
            id: Identifier128(high: 5, low: 6), device: "heater-1", method: method,
            parameters: parameters, issuedUnixMilliseconds: issued,
            expiresUnixMilliseconds: expires, by: "operator@example.org")
    }

    static func signed() throws -> SignedCommand {
        SignedCommand(try command(), signature: (0..<64).map { UInt8($0) })
    }

    /// A message, and a reader of its kind that gives the bytes that it would be written as.
    struct Kind: Sendable, CustomTestStringConvertible {
        let what: String
        let bytes: [UInt8]
        let rewritten: @Sendable ([UInt8]) throws -> [UInt8]
        var testDescription: String { what }
    }

    static let kinds: [Kind] = [
        Kind(what: "acknowledgement", bytes: acknowledgement.encoded()) {
            try SealedAcknowledgement(decoding: $0).encoded()
        },
        Kind(what: "hello", bytes: hello.encoded()) { try BridgeHello(decoding: $0).encoded() },
        Kind(what: "status", bytes: status.encoded()) { try DeviceStatus(decoding: $0).encoded() },
        Kind(what: "command", bytes: (try? signed().encoded()) ?? []) {
            try SignedCommand(decoding: $0).encoded()
        },
        Kind(what: "end of the export", bytes: exportEnd.encoded()) {
            try ExportEnd(decoding: $0).encoded()
        },
    ]

    static func refusal(_ kind: Kind, _ bytes: [UInt8]) -> String {
        do {
            _ = try kind.rewritten(bytes)
            return "taken"
        } catch {
            return "\(error)"
        }
    }

    @Test("a message is read back as what it was", arguments: kinds)
    func roundTrip(kind: Kind) throws {
        #expect(try kind.rewritten(kind.bytes) == kind.bytes)
        #expect(try SealedAcknowledgement(decoding: Self.kinds[0].bytes) == Self.acknowledgement)
        #expect(try BridgeHello(decoding: Self.kinds[1].bytes) == Self.hello)
        #expect(try DeviceStatus(decoding: Self.kinds[2].bytes) == Self.status)
        #expect(try SignedCommand(decoding: Self.kinds[3].bytes) == Self.signed())
        #expect(try ExportEnd(decoding: Self.kinds[4].bytes) == Self.exportEnd)
    }

    @Test("a member more, less, or of another kind is refused by name", arguments: kinds)
    func everyMember(kind: Kind) throws {
        let object = try #require(try JSONValue.parse(kind.bytes).object)
        var more = object
        more["extra"] = 1
        #expect(
            Self.refusal(kind, JSONValue.object(more).serializedBytes())
                == "\(kind.what): the member \"extra\" is unknown; known are "
                + object.keys.joined(separator: ", "))
        for key in object.keys {
            var less = object
            less[key] = nil
            #expect(
                Self.refusal(kind, JSONValue.object(less).serializedBytes())
                    == "\(kind.what): the member \"\(key)\" is missing")
            // No member of any message may be a list of lists, or a number with a fraction.
            for (strange, name) in [
                (JSONValue.array([.array([])]), "an array"),
                (JSONValue.number(JSONNumber(mantissa: 15, exponent: -1)), "1.5"),
            ] {
                var other = object
                other[key] = strange
                let refusal = Self.refusal(kind, JSONValue.object(other).serializedBytes())
                let isNamed =
                    refusal.hasPrefix(
                        "\(kind.what): the member \"\(key)\" is \(name); expected is ")
                    // Of a list it is the element that is wrong.
                    || refusal.hasPrefix(
                        "\(kind.what): the member \"\(key)\" is an array; expected is ")
                    // An object is read as a message of its own.
                    || refusal
                        == "\(kind.what), \(key): it is \(strange.kind); an object is expected"
                #expect(isNamed, "\(refusal)")
            }
        }
    }

    @Test("what is too large, too deep or no JSON is refused", arguments: kinds)
    func shape(kind: Kind) {
        let padded = kind.bytes + [UInt8](repeating: 0x20, count: 20_000)
        #expect(
            Self.refusal(kind, padded).hasPrefix(
                "\(kind.what): it has \(padded.count) bytes; at most "))
        #expect(
            Self.refusal(kind, Array(kind.bytes.dropLast()))
                .hasPrefix("\(kind.what): not JSON: line 1, column "))
        #expect(
            Self.refusal(kind, Array("[]".utf8))
                == "\(kind.what): it is an array; an object is expected")
        let deep = String(repeating: "[", count: 17) + String(repeating: "]", count: 17)
        #expect(
            Self.refusal(kind, Array(deep.utf8))
                == "\(kind.what): not JSON: line 1, column 17: arrays and objects nest deeper "
                + "than 16")
    }

    static let rows: [(Int, String, String, Bool)] = [
        (0, #""upto":19"#, #""upto":0"#, true),
        (0, #""upto":19"#, #""upto":-1"#, false),
        (0, #""upto":19"#, #""upto":72057594037927935"#, true),
        (0, #""upto":19"#, #""upto":72057594037927936"#, false),
        (0, #""partition":3"#, #""partition":-1"#, true),
        (0, #""partition":3"#, #""partition":-2"#, false),
        (0, #""partition":3"#, #""partition":2147483648"#, false),
        (0, #""offset":4711"#, #""offset":9223372036854775807"#, true),
        (0, #""offset":4711"#, #""offset":9223372036854775808"#, false),
        (0, #""digest":"0"#, #""digest":"00"#, false),
        (0, #""bridge":"bridge-0""#, #""bridge":"a\nb""#, false),
        (0, #""bridge":"bridge-0""#, #""bridge":"""#, false),
        (0, #""topic":"busbar.alarm.v1""#, #""topic":"a\u0000""#, false),
        (0, #""mac":"00"#, #""mac":"0"#, false),
        (0, #""mac":"00"#, #""mac":"0A"#, false),
        (0, #""v":1"#, #""v":1.0"#, true),
        (1, "[0,7,63]", "[]", true),
        (1, "[0,7,63]", "[0,7,64]", false),
        (1, "[0,7,63]", "[7,0]", false),
        (1, "[0,7,63]", "[7,7]", false),
        (1, "[0,7,63]", "[-1]", false),
        (1, #""none""#, #""broker""#, false),
        (1, #""min.insync.replicas is 1""#, "null", true),
        (1, #""min.insync.replicas is 1""#, #""""#, false),
        (1, #""since_ms":1700000000123"#, #""since_ms":-1"#, false),
        (1, #""since_ms":1700000000123"#, #""since_ms":253402300800000"#, false),
        (2, #""depth":2"#, #""depth":-1"#, false),
        (2, #""oldest_age_ms":1500"#, #""oldest_age_ms":-1"#, false),
        (2, #""telemetry":"#, #""metrics":"#, false),
        (2, #""busbard":"0.3.0""#, #""busbard":3"#, false),
        (2, #""busbard":"0.3.0""#, #""bus\"bard":"0.3.0""#, false),
        (2, #""holdover""#, #""good""#, false),
        (2, #""guarantee":"kafka""#, #""guarantee":"none""#, false),
        (2, #""ms":1700000000123"#, #""ms":-9223372036854775808"#, true),
        (3, "1700000060000", "1700000000000", true),
        (3, "1700000060000", "1699999999999", false),
        (3, "1700000060000", "1700086400000", true),
        (3, "1700000060000", "1700086400001", false),
        (3, "45000", "9007199254740991", true),
        (3, "45000", "9007199254740992", false),
        (3, "45000", "0.5", false),
        (3, "45000", #"{"ä":1}"#, false),
        (3, "45000", String(repeating: "[", count: 7) + String(repeating: "]", count: 7), true),
        (3, "45000", String(repeating: "[", count: 8) + String(repeating: "]", count: 8), false),
        (3, #""heat.start""#, #""heat\nstart""#, false),
    ]

    @Test("a member is read to the end of its range and no further", arguments: rows)
    func ranges(kind: Int, old: String, new: String, isTaken: Bool) throws {
        let text = String(decoding: Self.kinds[kind].bytes, as: UTF8.self)
        let parts = text.split(separator: old, maxSplits: 1, omittingEmptySubsequences: false)
        try #require(parts.count == 2, "the message has no \(old)")
        let refusal = Self.refusal(Self.kinds[kind], Array(parts.joined(separator: new).utf8))
        #expect((refusal == "taken") == isTaken, "\(refusal)")
    }

    @Test("the text of a refusal is this")
    func texts() throws {
        let text = String(decoding: Self.kinds[0].bytes, as: UTF8.self)
        func refusal(_ old: String, _ new: String) -> String {
            Self.refusal(Self.kinds[0], Array(text.replacing(old, with: new).utf8))
        }
        #expect(
            refusal(#""upto":19"#, #""upto":"19""#)
                == "acknowledgement: the member \"upto\" is \"19\"; expected is an integer from 0 "
                + "to 72057594037927935")
        #expect(
            refusal(#""development":false"#, #""development":null"#)
                == "acknowledgement: the member \"development\" is null; expected is true or false")
        #expect(
            refusal(#""bridge":"bridge-0""#, #""bridge":"a\nb""#)
                == #"acknowledgement: the member "bridge" is "a\nb"; expected is a text of 1 to "#
                + "128 bytes without control characters")
    }

    @Test("what is signed has one spelling, whatever order its names came in")
    func signedText() throws {
        let text = """
            {"z":1,"a":{"y":[3,2,{"d":1,"c":"\\u00e4\\b\\u0001/"}],"Z":true},"A":1e3}
            """
        let parameters = try #require(try JSONValue.parse(Array(text.utf8)).object)
        #expect(
            try Self.command(parameters: parameters).signedText == """
                busbar command 1
                00000000000000050000000000000006
                heater-1
                heat.start
                {"A":1000,"a":{"Z":true,"y":[3,2,{"c":"ä\\b\\u0001/","d":1}]},"z":1}
                1700000000000
                1700000060000
                operator@example.org
                """)
        #expect(throws: MessageError.self) { try Self.command(method: "a\nb") }
        #expect(throws: MessageError.self) { try Self.command(issued: -1) }
    }
}

extension [Shard?] {
    var compacted: [Shard] { compactMap { $0 } }
}
