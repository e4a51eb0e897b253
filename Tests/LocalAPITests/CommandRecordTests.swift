import Control
import Events
import Foundation
import JSON
import Testing
import Units
import Wire

@testable import LocalAPI

@Suite("What is recorded of commands", .serialized)
struct CommandRecordTests {
    static let shelve =
        #"{"code":"E303","minutes":60,"reason":"probe is replaced","name":"Anna Berg"}"#

    static func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }

    /// Waits until so much has been recorded; 2 s are more than any command may take.
    static func records(_ count: Int, of device: FakeDevice) throws -> [CommandAnswer] {
        for _ in 0..<400 where device.audits.count < count { usleep(5_000) }
        try #require(device.audits.count == count)
        return device.audits.map(\.answer)
    }

    @Test("a shelved alarm is recorded with who, what and why, under the command's correlation")
    func shelved() throws {
        let device = FakeDevice()
        device.decide = { request, snapshot in
            if case .shelve(let code, let until) = request.command {
                snapshot.alarms[Int(code.rawValue)].shelvedUntil = until
            }
            return .done
        }
        let served = try ServedDevice(device)
        defer { served.stop() }
        let client = try RawClient(served.path)
        #expect(try client.call("alarms.shelve", Self.shelve)["result"] != nil)
        let answer = try Self.records(1, of: device)[0]
        #expect(answer.method == "alarms.shelve")
        #expect(answer.userID == getuid())
        #expect(answer.user == SystemAccounts.userName(of: getuid()))
        #expect(answer.role == "admin")
        #expect(answer.name == "Anna Berg" && answer.reason == "probe is replaced")
        #expect(answer.result == .done && answer.refusal == nil)
        #expect(
            Self.text(answer.parameters)
                == #"{"code":"E303","minutes":60,"name":"Anna Berg","reason":"probe is replaced"}"#)
        #expect(device.commands.map(\.correlation) == [answer.correlation])

        let alarms = try client.call("alarms.list")["result"]?["alarms"]?.array ?? []
        let alarm = try #require(alarms.first { $0["code"]?.string == "E303" })
        #expect(alarm["shelved_by"]?.string == "Anna Berg (\(answer.user))")
        #expect(alarm["shelve_reason"]?.string == "probe is replaced")

        device.snapshot.alarms[Int(AlarmCode.flowLost.rawValue)].shelvedUntil = device.now()
        device.snapshot.alarms[Int(AlarmCode.tankEmptyIdle.rawValue)].shelvedUntil = nil
        let code = try #require(AlarmCode(name: "E303"))
        device.snapshot.alarms[Int(code.rawValue)].shelvedUntil = nil
        let later = try client.call("alarms.list", #"{"all":1}"#)["result"]?["alarms"]?.array ?? []
        #expect(later.allSatisfy { $0["shelved_by"]?.isNull == true }, "shown again, or not by us")
    }

    struct Row: CustomTestStringConvertible, Sendable {
        let testDescription: String
        let method: String
        let parameters: String
        let decision: CommandResult?
        let result: CommandAnswer.Result
        let refusal: String?
    }

    static let rows = [
        Row(
            testDescription: "done", method: "heating.start", parameters: "{}", decision: .done,
            result: .done, refusal: nil),
        Row(
            testDescription: "unchanged", method: "heating.stop", parameters: "{}",
            decision: .unchanged, result: .unchanged, refusal: nil),
        Row(
            testDescription: "refused by the controller", method: "heating.start",
            parameters: "{}", decision: .refusedHeat(.errorAlarm), result: .refused,
            refusal: "error_alarm"),
        Row(
            testDescription: "out of range", method: "heating.setTarget",
            parameters: #"{"target_millicelsius":95000}"#, decision: .outOfRange,
            result: .outOfRange, refusal: "out_of_range"),
        Row(
            testDescription: "expired", method: "heating.start", parameters: "{}",
            decision: .expired, result: .expired, refusal: "expired"),
        Row(
            testDescription: "a FATAL that was to be shelved", method: "alarms.shelve",
            parameters: #"{"code":"E103","minutes":1,"reason":"noise"}"#, decision: .unchanged,
            result: .refused, refusal: "fatal"),
        Row(
            testDescription: "parameters that make no command", method: "alarms.shelve",
            parameters: #"{"code":"E303"}"#, decision: .done, result: .refused,
            refusal: "invalid_parameters"),
        Row(
            testDescription: "a loop that says nothing", method: "heating.start",
            parameters: "{}", decision: nil, result: .noAnswer, refusal: "no_answer"),
        Row(
            testDescription: "a reset from afar", method: "reset", parameters: "{}",
            decision: .refusedReset(.notLocal), result: .refused, refusal: "not_local"),
    ]

    @Test("Each command leaves one record with its result", arguments: rows)
    func result(row: Row) throws {
        let device = FakeDevice()
        device.snapshot.heating.hasDemand = true
        device.decide = { _, _ in row.decision }
        let served = try ServedDevice(device)
        defer { served.stop() }
        _ = try RawClient(served.path).call(row.method, row.parameters)
        let answer = try Self.records(1, of: device)[0]
        #expect(answer.method == row.method)
        #expect(answer.result == row.result)
        #expect(answer.refusal == row.refusal)
    }

    @Test("reading is no command")
    func reads() throws {
        let served = try ServedDevice()
        defer { served.stop() }
        let client = try RawClient(served.path)
        for method in ["version", "status", "alarms.list", "alarms.history", "events.list"] {
            #expect(try client.call(method)["result"] != nil, "\(method)")
        }
        #expect(served.device.audits.isEmpty)
    }

    @Test(
        "who hangs up before the answer is recorded all the same, once", arguments: [true, false])
    func hangsUp(isAnswered: Bool) throws {
        let device = FakeDevice()
        device.decide = { _, _ in isAnswered ? .done : nil }
        let served = try ServedDevice(device)
        defer { served.stop() }
        do {
            let client = try RawClient(served.path)
            client.send(
                "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"heating.start\"}\n")
        }
        for _ in 0..<600 where device.audits.isEmpty { usleep(5_000) }
        usleep(50_000)
        #expect(device.audits.map(\.answer.result) == [isAnswered ? .done : .noAnswer])
    }

    @Test("a command for which the ring has no room is recorded as refused")
    func busy() throws {
        let device = FakeDevice()
        device.isFull = true
        let served = try ServedDevice(device)
        defer { served.stop() }
        _ = try RawClient(served.path).call("heating.start")
        let answer = try Self.records(1, of: device)[0]
        #expect(answer.result == .refused && answer.refusal == "busy")
    }

    @Test("a command that waits when the daemon stops is recorded as unanswered")
    func stops() throws {
        let device = FakeDevice()
        device.isHung = true
        let served = try ServedDevice(device)
        let client = try RawClient(served.path)
        client.send("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"heating.start\"}\n")
        for _ in 0..<400 where device.commands.isEmpty { usleep(5_000) }
        served.stop()
        #expect(device.audits.map(\.answer.result) == [.noAnswer])
    }

    @Test("each command has a number of its own, also one that its role forbids")
    func tickets() throws {
        let device = FakeDevice()
        let server = try AccessTests.RoleServer(device, .viewer)
        for _ in 0..<3 { _ = try server.call(.heatingStart) }
        #expect(device.audits.map(\.ticket) == [1, 2, 3])
        let answer = device.audits[0].answer
        #expect(answer.result == .refused && answer.refusal == "role" && answer.role == "viewer")
        #expect(device.commands.isEmpty)
    }

    @Test("what a refused command brought is kept in bounds, and only what commands know")
    func bounds() {
        var parameters = JSONObject()
        parameters.append("code", .array([1, 2, 3]))
        parameters.append("reason", .string(String(repeating: "ä", count: 70_000)))
        parameters.append("nonsense", .string("x"))
        let audit = CommandAudit(
            method: .alarmsShelve, ticket: 1, userID: 0, role: .admin, parameters: parameters,
            result: nil, refusal: RPCError(.invalidParameters, "wrong"))
        let kept = Self.text(audit.answer.parameters)
        #expect(
            kept == "{\"code\":\"[1,2,3]\",\"reason\":\""
                + String(repeating: "ä", count: 200) + "\"}")
    }
}
