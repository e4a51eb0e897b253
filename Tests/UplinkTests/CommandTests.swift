import JSON
import Testing
import Transit
import Units
import Wire

@testable import Uplink

@Suite("Commands from the cluster")
struct CommandTests {
    static let topic = "busbar/v1/down/heater-1/command"
    static let issued: Int64 = 1_700_000_000_000

    static func command(
        id: UInt64 = 1, device: String = "heater-1", issued: Int64 = issued,
        lifetime: Int64 = 60_000
    ) throws -> SignedCommand {
        let key = try #require(SessionBench.signingKey)
        return try key.sign(
            ClusterCommand(
                id: Identifier128(high: 9, low: id), device: device, method: "heating.start",
                parameters: JSONObject(), issuedUnixMilliseconds: issued,
                expiresUnixMilliseconds: issued + lifetime, by: "operator"))
    }

    @Test("a command that is signed, ours and in its time is handed on, once")
    func taken() throws {
        var bench = SessionBench()
        bench.turn()
        let command = try Self.command()
        for _ in 0..<2 {
            bench.session.note(
                .message(topic: Self.topic, payload: command.encoded(), isRetained: false),
                now: bench.now)
            bench.turn()
        }
        #expect(bench.submitted == [command])
        #expect(bench.findings.map(\.kind) == [.commandRepeated])
        #expect(bench.findings.first?.kind.isSecurity == false, "QoS 1 may bring it twice")
        #expect(
            bench.findings.first?.text
                == "a command was refused: 00000000000000090000000000000001 was taken before: a "
                + "repetition needs a new id")
        #expect(bench.session.status(now: bench.now).counters.commandsRefused == 1)
    }

    @Test("only what busbard has taken is counted as taken")
    func counted() throws {
        var bench = SessionBench()
        bench.turn()
        for id in UInt64(1)...3 {
            bench.session.note(
                .message(
                    topic: Self.topic, payload: try Self.command(id: id).encoded(),
                    isRetained: false), now: bench.now)
            bench.turn()
        }
        #expect(bench.submitted.count == 3)
        #expect(bench.session.status(now: bench.now).counters.commandsTaken == 0)
        bench.session.note(.commandAnswered(isTaken: true), now: bench.now)
        bench.session.note(.commandAnswered(isTaken: false), now: bench.now)
        #expect(bench.session.status(now: bench.now).counters.commandsTaken == 1)
        #expect(bench.session.status(now: bench.now).counters.commandsRefused == 1)
        #expect(bench.findings.isEmpty)
    }

    struct Row: CustomTestStringConvertible, Sendable {
        let testDescription: String
        var isRetained = false
        var wallOffset: Int64 = 1_000
        var quality = ClockQuality.synced
        var kind = FindingKind.commandUnreadable
        let make: @Sendable () throws -> [UInt8]
        let says: String
    }

    /// A command whose parameters are `depth` objects within each other.
    static func nested(_ depth: Int) throws -> [UInt8] {
        let text = try String(decoding: command().encoded(), as: UTF8.self)
        let parameters =
            String(repeating: "{\"a\":", count: depth - 1) + "{}"
            + String(repeating: "}", count: depth - 1)
        return Array(
            text.replacing("\"parameters\":{}", with: "\"parameters\":" + parameters).utf8)
    }

    static let rows = [
        Row(
            testDescription: "retained", isRetained: true, kind: .commandRetained,
            make: { try command().encoded() }, says: "it was retained by the broker"),
        Row(
            testDescription: "16 KiB and one byte", kind: .commandTooLarge,
            make: { [UInt8](repeating: 0x20, count: 16_385) },
            says: "it has 16385 bytes; at most 16384 are read"),
        Row(
            testDescription: "16 KiB of nothing",
            make: { [UInt8](repeating: 0x20, count: 16_384) },
            says: "a command was refused: command: not JSON"),
        Row(
            testDescription: "parameters of nine levels", make: { try nested(9) },
            says: "expected is an object with plain names and whole numbers up to 2^53 - 1, not "
                + "nested deeper than 8"),
        Row(
            testDescription: "parameters of eight levels, that nobody signed",
            kind: .commandBadSignature,
            make: { try nested(8) }, says: "its signature is not the cluster's"),
        Row(
            testDescription: "an empty message that is not retained", make: { [] },
            says: "a command was refused: command: not JSON"),
        Row(
            testDescription: "retained, of one byte", isRetained: true, kind: .commandRetained,
            make: { [0x20] }, says: "it was retained by the broker"),
        Row(
            testDescription: "a member too many",
            make: { try command().encoded().dropLast() + Array(",\"x\":1}".utf8) },
            says: "the member \"x\" is unknown"),
        Row(
            testDescription: "nested deeply",
            make: { Array(String(repeating: "[", count: 500).utf8) },
            says: "a command was refused: command: not JSON"),
        Row(
            testDescription: "signed by somebody else", kind: .commandBadSignature,
            make: {
                var signed = try command()
                signed.signature[0] ^= 1
                return signed.encoded()
            }, says: "its signature is not the cluster's"),
        Row(
            testDescription: "changed after it was signed", kind: .commandBadSignature,
            make: {
                var signed = try command()
                signed.command.method = "heating.stop"
                return signed.encoded()
            }, says: "its signature is not the cluster's"),
        Row(
            testDescription: "for another device", kind: .commandOtherDevice,
            make: { try command(device: "heater-2").encoded() },
            says: "it is signed for the device \"heater-2\""),
        Row(
            testDescription: "at the moment of its expiry", wallOffset: 60_000,
            kind: .commandExpired,
            make: { try command().encoded() }, says: "it expired 0 ms ago"),
        Row(
            testDescription: "issued 5,001 ms from now", wallOffset: -5_001,
            kind: .commandNotYetValid,
            make: { try command().encoded() }, says: "it was issued 5001 ms from now"),
        Row(
            testDescription: "while the clock is not set", quality: .unsynced,
            kind: .commandClockNotSet,
            make: { try command().encoded() }, says: "this device's clock is not set"),
    ]

    @Test("is refused, counted and reported", arguments: rows)
    func refused(_ row: Row) throws {
        var bench = SessionBench()
        bench.turn()
        bench.session.note(
            .wall(
                WallTime(
                    unixMilliseconds: Self.issued + row.wallOffset, quality: row.quality)),
            now: bench.now)
        bench.session.note(
            .message(topic: Self.topic, payload: try row.make(), isRetained: row.isRetained),
            now: bench.now)
        bench.turn()
        #expect(bench.submitted.isEmpty)
        #expect(bench.session.status(now: bench.now).counters.commandsRefused == 1)
        #expect(bench.findings.map(\.kind) == [row.kind])
        #expect(bench.findings.first?.text.contains(row.says) == true, "\(bench.findings)")
    }

    @Test("no reason hides another one of the same minute, and each is told once in it")
    func reasons() throws {
        var bench = SessionBench()
        bench.turn()
        let genuine = try Self.command().encoded()
        let story: [(payload: [UInt8], isRetained: Bool)] = [
            (genuine, false), (genuine, false), (try Self.command(id: 2).encoded(), true),
            (try Self.command(id: 3, issued: Self.issued - 120_000).encoded(), false),
            (try Self.nested(8), false),
            (try Self.command(id: 4, device: "heater-2").encoded(), false),
            (Array("garbage".utf8), false), ([UInt8](repeating: 0x20, count: 16_385), false),
            (try Self.command(id: 5, issued: Self.issued + 120_000).encoded(), false),
        ]
        for _ in 0..<2 {
            for message in story {
                bench.session.note(
                    .message(
                        topic: Self.topic, payload: message.payload,
                        isRetained: message.isRetained), now: bench.now)
                bench.turn()
            }
            bench.pass(.seconds(20))
        }
        #expect(bench.submitted.count == 1)
        #expect(
            bench.findings.map { "\($0.kind.name): \($0.text)" } == [
                "command_repeated: a command was refused: 00000000000000090000000000000001 was "
                    + "taken before: a repetition needs a new id",
                "command_retained: a command was refused: it was retained by the broker, and a "
                    + "command is never for whoever comes later: publish it without retain, and "
                    + "clear the topic",
                "command_expired: a command was refused: it expired 61000 ms ago: send it again",
                "command_bad_signature: a command was refused: its signature is not the "
                    + "cluster's: find who sent it, or renew command.pub",
                "command_other_device: a command was refused: it is signed for the device "
                    + "\"heater-2\"",
                "command_unreadable: a command was refused: command: not JSON: line 1, column 1: "
                    + "found 'g' where a value was expected",
                "command_too_large: a command was refused: it has 16385 bytes; at most 16384 are "
                    + "read",
                "command_not_yet_valid: a command was refused: it was issued 119000 ms from now: "
                    + "set the clock of who signed it",
            ])
        let status = bench.session.status(now: bench.now)
        #expect(status.counters.commandsRefused == 17)
        #expect(
            status.findings.map { "\($0.count) \($0.kind.name)" } == [
                "2 command_bad_signature", "2 command_other_device", "2 command_unreadable",
                "2 command_too_large", "2 command_retained", "3 command_repeated",
                "2 command_expired", "2 command_not_yet_valid",
            ], "gravest first")
    }

    @Test("an empty retained message clears the topic: nothing is refused, counted or told")
    func cleared() {
        var bench = SessionBench()
        bench.turn()
        bench.session.note(
            .message(topic: Self.topic, payload: [], isRetained: true), now: bench.now)
        bench.turn()
        let status = bench.session.status(now: bench.now)
        #expect(status.counters.commandsRefused == 0 && status.counters.messagesUnknown == 0)
        #expect(bench.findings.isEmpty && status.findings.isEmpty)
    }

    @Test("each reason is a finding of its own")
    func kinds() {
        let all: [CommandRefusal] = [
            .badSignature, .otherDevice("x"), .unreadable("x"), .tooLarge(bytes: 2, most: 1),
            .retained, .repeated(Identifier128(high: 0, low: 1)), .expired(byMilliseconds: 1),
            .notYetValid(inMilliseconds: 1), .clockNotSet, .noKey, .tooMany(1),
        ]
        #expect(
            all.map(\.kind) == FindingKind.allCases.filter { $0.name.hasPrefix("command") },
            "gravest first")
        #expect(all.map(\.kind.isSecurity) == (0..<11).map { $0 < 5 })
    }

    @Test("what busbard gets is read there again as the same command")
    func handedOn() throws {
        let command = try Self.command()
        let json = try JSONValue.parse(command.encoded())
        #expect(try SignedCommand(members: try #require(json.object)) == command)
    }

    @Test("one millisecond inside each limit it is taken", arguments: [Int64(59_999), -5_000, 0])
    func boundaries(offset: Int64) throws {
        var bench = SessionBench()
        bench.turn()
        bench.session.note(
            .wall(WallTime(unixMilliseconds: Self.issued + offset, quality: .holdover)),
            now: bench.now)
        bench.session.note(
            .message(topic: Self.topic, payload: try Self.command().encoded(), isRetained: false),
            now: bench.now)
        bench.turn()
        #expect(bench.submitted.count == 1)
    }

    @Test("at most 256 are remembered; those that expired make room")
    func remembered() throws {
        var gate = CommandGate(limits: UplinkLimits())
        let key = try #require(SessionBench.signingKey?.publicKey)
        func offer(_ id: UInt64, at offset: Int64) throws {
            _ = try gate.check(
                try Self.command(id: id).encoded(), isRetained: false, device: "heater-1", key: key,
                wall: WallTime(unixMilliseconds: Self.issued + offset, quality: .synced))
        }
        for id in UInt64(0)..<256 { try offer(id, at: 0) }
        #expect(throws: CommandRefusal.tooMany(256)) { try offer(256, at: 0) }
        #expect(throws: CommandRefusal.repeated(Identifier128(high: 9, low: 3))) {
            try offer(3, at: 1)
        }
    }

    @Test("without a key of the cluster every command is refused")
    func noKey() throws {
        var gate = CommandGate(limits: UplinkLimits())
        #expect(throws: CommandRefusal.noKey) {
            try gate.check(
                try Self.command().encoded(), isRetained: false, device: "heater-1", key: nil,
                wall: WallTime(unixMilliseconds: Self.issued, quality: .synced))
        }
    }
}
