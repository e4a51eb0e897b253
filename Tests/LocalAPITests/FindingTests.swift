import Control
import Events
import Foundation
import JSON
import Testing
import Units
import Wire

@testable import LocalAPI

@Suite("Findings of busbar-uplink", .serialized)
struct FindingTests {
    static func parameters(
        _ kind: FindingKind, isActive: Bool = true, count: Int = 1, text: String = "what to do"
    ) -> String {
        "{\"kind\":\"\(kind.name)\",\"active\":\(isActive),\"security\":\(kind.isSecurity),"
            + "\"count\":\(count),\"text\":\"\(text)\"}"
    }

    struct Row: CustomTestStringConvertible, Sendable {
        let kind: FindingKind
        let condition: ShellConditions?
        let isLasting: Bool
        var testDescription: String { kind.name }

        init(_ kind: FindingKind, _ condition: ShellConditions?, isLasting: Bool) {
            self.kind = kind
            self.condition = condition
            self.isLasting = isLasting
        }
    }

    static let rows = [
        Row(.forgedAcknowledgement, .clusterForgery, isLasting: false),
        Row(.commandBadSignature, .clusterForgery, isLasting: false),
        Row(.commandOtherDevice, .clusterForgery, isLasting: false),
        Row(.commandUnreadable, .clusterForgery, isLasting: false),
        Row(.commandTooLarge, .clusterForgery, isLasting: false),
        Row(.commandRetained, .clusterForgery, isLasting: false),
        Row(.commandRepeated, nil, isLasting: false),
        Row(.commandExpired, nil, isLasting: false),
        Row(.commandNotYetValid, nil, isLasting: false),
        Row(.commandClockNotSet, nil, isLasting: false),
        Row(.commandNoKey, nil, isLasting: false),
        Row(.commandsTooMany, nil, isLasting: false),
        Row(.clientTakenOver, .clusterForgery, isLasting: false),
        Row(.noBridge, .uplinkStalled, isLasting: true),
        Row(.eventsRefused, .uplinkStalled, isLasting: true),
        Row(.rolledBack, .clusterDisagrees, isLasting: true),
        Row(.numbersMissing, .clusterDisagrees, isLasting: false),
        Row(.journalUnreadable, .clusterDisagrees, isLasting: true),
        Row(.messagesRefused, nil, isLasting: true),
        Row(.certificateEnding, nil, isLasting: false),
    ]

    @Test("the table names every kind")
    func whole() {
        #expect(Self.rows.map(\.kind) == FindingKind.allCases)
    }

    @Test("each kind shows as its condition: a lasting one until it is over", arguments: rows)
    func conditions(row: Row) throws {
        let device = FakeDevice()
        let served = try ServedDevice(device)
        defer { served.stop() }
        let client = try RawClient(served.path)
        let reply = try client.call("uplink.finding", Self.parameters(row.kind))
        #expect(reply["result"]?.serialized() == "{}")
        if let condition = row.condition {
            #expect(device.pulses == (row.isLasting ? [] : [condition]))
            #expect(device.held == (row.isLasting ? [condition: true] : [:]))
        } else {
            #expect(device.pulses.isEmpty && device.held.isEmpty)
        }
        _ = try client.call("uplink.finding", Self.parameters(row.kind, isActive: false))
        if let condition = row.condition, row.isLasting {
            #expect(device.held == [condition: false])
        }
        #expect(device.pulses.count == (row.condition != nil && !row.isLasting ? 1 : 0))
        #expect(device.audits.isEmpty, "a finding is no command")
    }

    @Test("a condition stands until the last of its findings is over")
    func together() throws {
        let device = FakeDevice()
        let served = try ServedDevice(device)
        defer { served.stop() }
        let client = try RawClient(served.path)
        _ = try client.call("uplink.finding", Self.parameters(.noBridge))
        _ = try client.call("uplink.finding", Self.parameters(.eventsRefused))
        _ = try client.call("uplink.finding", Self.parameters(.noBridge, isActive: false))
        #expect(device.held == [.uplinkStalled: true])
        _ = try client.call("uplink.finding", Self.parameters(.eventsRefused, isActive: false))
        #expect(device.held == [.uplinkStalled: false])
    }

    struct BadRow: CustomTestStringConvertible, Sendable {
        let testDescription: String
        let parameters: String
        let says: String
    }

    static let bad = [
        BadRow(
            testDescription: "a kind that there is not",
            parameters: #"{"kind":"ufo","active":true,"security":true,"count":1,"text":"x"}"#,
            says: "there is no finding \"ufo\": kinds are forged_acknowledgement, "
                + "command_bad_signature, command_other_device, command_unreadable, "
                + "command_too_large, command_retained, command_repeated, command_expired, "
                + "command_not_yet_valid, command_clock_not_set, command_no_key, "
                + "commands_too_many, client_taken_over, no_bridge, events_refused, rolled_back, "
                + "numbers_missing, journal_unreadable, messages_refused, certificate_ending; are "
                + "busbard and busbar-uplink of one version?"),
        BadRow(
            testDescription: "another word on security than the kind's",
            parameters: #"{"kind":"no_bridge","active":true,"security":true,"count":1,"text":"x"}"#,
            says: "uplink.finding: \"security\" of no_bridge must be false"),
        BadRow(
            testDescription: "no text",
            parameters:
                #"{"kind":"no_bridge","active":true,"security":false,"count":1}"#,
            says: "uplink.finding: \"text\" must be a text that is not empty, it is missing"),
        BadRow(
            testDescription: "1,001 bytes of text",
            parameters: parameters(.noBridge, text: String(repeating: "x", count: 1_001)),
            says: "uplink.finding: \"text\" must be a text of at most 1000 bytes, found \""
                + String(repeating: "x", count: 59)),
        BadRow(
            testDescription: "two lines of text", parameters: parameters(.noBridge, text: #"a\nb"#),
            says: "uplink.finding: \"text\" must be one line without control characters"),
        BadRow(
            testDescription: "a count of nothing", parameters: parameters(.noBridge, count: 0),
            says: "uplink.finding: \"count\" must be an integer from 1 to 2147483647, found 0"),
        BadRow(
            testDescription: "a word for a truth",
            parameters:
                #"{"kind":"no_bridge","active":"yes","security":false,"count":1,"text":"x"}"#,
            says: "uplink.finding: \"active\" must be true or false, found \"yes\""),
        BadRow(
            testDescription: "a member too many",
            parameters:
                #"{"kind":"no_bridge","active":true,"security":false,"count":1,"text":"x","y":1}"#,
            says:
                "uplink.finding knows no parameter \"y\": it takes kind, active, security, count, "
                + "text"),
    ]

    @Test("is refused with what is wrong", arguments: bad)
    func refused(row: BadRow) throws {
        let device = FakeDevice()
        let served = try ServedDevice(device)
        defer { served.stop() }
        let reply = try RawClient(served.path).call("uplink.finding", row.parameters)
        #expect(reply["error"]?["code"]?.int == -32_602)
        #expect(reply["error"]?["message"]?.string == row.says)
        #expect(device.held.isEmpty && device.pulses.isEmpty && device.findingLines.isEmpty)
    }

    static func finding(
        _ kind: FindingKind, isActive: Bool = true, count: Int64 = 1
    ) -> UplinkFinding {
        UplinkFinding(kind: kind, isActive: isActive, count: count, text: "number \(count)")
    }

    @Test("a flood of one kind makes one line in each 10 s, and the rest is a number")
    func flood() {
        var board = FindingBoard()
        #expect(
            board.note(Self.finding(.commandBadSignature), now: Instant(0))
                == "uplink: number 1 (E802)")
        for count in Int64(2)...30 {
            #expect(
                board.note(Self.finding(.commandBadSignature, count: count), now: Instant(9_999))
                    == nil)
        }
        #expect(
            board.note(Self.finding(.noBridge), now: Instant(9_999)) == "uplink: number 1 (E803)",
            "another kind has its own")
        #expect(
            board.note(Self.finding(.commandBadSignature, count: 31), now: Instant(10_000))
                == "uplink: number 31 (E802); 29 more were only counted")
        #expect(
            board.note(Self.finding(.noBridge, isActive: false), now: Instant(10_000))
                == "uplink: over: number 1 (E803)", "that it is over is told at once")
        #expect(board.note(Self.finding(.noBridge), now: Instant(10_001)) != nil)
        for _ in 0..<20 {
            _ = board.note(Self.finding(.noBridge), now: Instant(10_002))
            #expect(
                board.note(Self.finding(.noBridge, isActive: false), now: Instant(10_002)) == nil)
        }
    }

    @Test("of refused commands each reason has its line, and why E802 has each forgery")
    func reasons() {
        var board = FindingBoard()
        let kinds: [FindingKind] = [.commandRepeated, .commandRetained, .commandBadSignature]
        #expect(
            kinds.map { board.note(Self.finding($0), now: Instant(1)) } == [
                "uplink: number 1", "uplink: number 1 (E802)", "uplink: number 1 (E802)",
            ])
        _ = board.note(Self.finding(.commandRetained, count: 2), now: Instant(2))
        #expect(
            board.sentences(of: .clusterForgery) == [
                "Found once: number 1.", "Found 2 times: number 2.",
            ])
    }

    @Test("a lasting finding that nobody tells again for 15 minutes ends")
    func life() {
        var board = FindingBoard()
        _ = board.note(Self.finding(.noBridge), now: Instant(1))
        _ = board.note(Self.finding(.commandBadSignature), now: Instant(1))
        #expect(board.letEnd(now: Instant(900_000)) == false)
        #expect(board.stands(.uplinkStalled))
        #expect(board.letEnd(now: Instant(900_001)) == true)
        #expect(!board.stands(.uplinkStalled))
        #expect(board.letEnd(now: Instant(900_002)) == false, "once")
        #expect(!board.stands(.clusterForgery), "an event never stands")
    }

    @Test("why tells what was found")
    func why() throws {
        let device = FakeDevice()
        let row = Int(AlarmCode.clusterForgery.rawValue)
        device.snapshot.alarms[row].state = .unacknowledged
        device.snapshot.alarms[row].count = 1
        let served = try ServedDevice(device)
        defer { served.stop() }
        let client = try RawClient(served.path)
        _ = try client.call(
            "uplink.finding",
            Self.parameters(.forgedAcknowledgement, count: 3, text: "find who may publish"))
        let answer = try client.call("why", #"{"subject":"E802"}"#)["result"]
        let chain = answer?["chain"]?.array?.compactMap(\.string) ?? []
        #expect(chain.contains("Found 3 times: find who may publish."), "\(chain)")
        #expect(
            answer?["advice"]?.string
                == "Read busbar why E802 and find who may publish to this device's topics or has "
                + "its name.")
    }
}
