import Control
import Events
import Foundation
import JSON
import Testing
import Units
import Wire

@testable import LocalAPI

@Suite("Commands of the cluster at the local socket", .serialized)
struct ClusterCommandTests {
    static let now: Int64 = 1_700_000_000_000

    /// As busbar-uplink hands it on; this process has no key to look at the signature with.
    static func command(
        _ id: UInt64 = 1, _ method: String = "heating.start", _ parameters: JSONObject = .init(),
        device: String = "heater-1", left: Int64 = 59_000
    ) throws -> String {
        let command = try ClusterCommand(
            id: Identifier128(high: 9, low: id), device: device, method: method,
            parameters: parameters, issuedUnixMilliseconds: now - 60_000,
            expiresUnixMilliseconds: now + left, by: "operator")
        let signed = SignedCommand(command, signature: [UInt8](repeating: 0, count: 64))
        return String(decoding: signed.encoded(), as: UTF8.self)
    }

    static func error(_ reply: JSONValue) -> String? { reply["error"]?["message"]?.string }
    static func reason(_ reply: JSONValue) -> String? {
        reply["error"]?["data"]?["reason"]?.string
    }

    static func records(_ count: Int, of device: FakeDevice) throws -> [CommandAnswer] {
        try CommandRecordTests.records(count, of: device)
    }

    @Test("is taken in, carried out for the cluster, and answered under its id")
    func done() throws {
        let device = FakeDevice()
        device.snapshot.heating.hasDemand = true
        let served = try ServedDevice(device)
        defer { served.stop() }
        let reply = try RawClient(served.path).call("uplink.command", Self.command())
        #expect(reply["result"]?["changed"]?.bool == true, "\(reply.serialized())")
        let received = try #require(device.received.first)
        #expect(received.origin.id == Identifier128(high: 9, low: 1))
        #expect(received.method == "heating.start" && received.userID == getuid())
        #expect(received.expiresUnixMilliseconds == Self.now + 59_000)
        #expect(device.commands.map(\.requester) == [.cluster])
        let answer = try Self.records(1, of: device)[0]
        #expect(answer.ticket == received.ticket)
        #expect(device.commands.map(\.correlation) == [answer.correlation])
        #expect(answer.method == "heating.start" && answer.result == .done)
        #expect(answer.role == "cluster" && answer.name == "operator")
        #expect(
            answer.origin
                == CommandOrigin(
                    id: Identifier128(high: 9, low: 1), by: "operator", isAdmitted: true))
    }

    @Test("nothing reaches the controller before the inbox has it on the disk")
    func slowDisk() throws {
        let device = FakeDevice()
        device.isInboxHeld = true
        let served = try ServedDevice(device)
        defer { served.stop() }
        let client = try RawClient(served.path)
        client.send(
            "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"uplink.command\",\"params\":"
                + (try Self.command(1, "heating.stop")) + "}\n")
        for _ in 0..<400 where device.received.isEmpty { usleep(5_000) }
        usleep(50_000)
        #expect(device.received.count == 1 && device.commands.isEmpty)
        // Others are served meanwhile.
        #expect(try RawClient(served.path).call("status")["result"] != nil)
        device.isInboxHeld = false
        #expect(try client.reply()["result"] != nil)
        #expect(device.commands.map(\.command) == [.demand(isOn: false)])
    }

    struct Row: CustomTestStringConvertible, Sendable {
        let testDescription: String
        var quality = ClockQuality.synced
        var admission: Admission?
        let make: @Sendable () throws -> String
        let reason: String?
        let says: String
        var result = CommandAnswer.Result.refused
        var isForgery = false
        /// As the record has it.
        var method = "heating.start"
        /// Whether busbard's log has it as a finding.
        var isFound = false
    }

    static let id = "00000000000000090000000000000001"

    static let rows = [
        Row(
            testDescription: "at the millisecond of its expiry",
            make: { try command(left: 0) }, reason: "expired",
            says: "the command expired 0 ms ago: send it again with a new id", result: .expired),
        Row(
            testDescription: "while the clock is not set", quality: .unsynced,
            make: { try command() }, reason: "clock_not_set",
            says: "this device's clock is not set, so nobody can tell whether the command has "
                + "expired: wait for the time server, or check it with timedatectl"),
        Row(
            testDescription: "for another device", make: { try command(device: "heater-2") },
            reason: "other_device",
            says: "the command \(id) is for the device \"heater-2\", this is \"heater-1\"",
            isForgery: true, isFound: true),
        Row(
            testDescription: "reading is no command", make: { try command(1, "status") },
            reason: "not_for_cluster",
            says:
                "the cluster cannot ask for \"status\": it can ask for alarms.ack, alarms.shelve, "
                + "alarms.unshelve, heating.start, heating.stop, heating.setTarget",
            method: "status"),
        Row(
            testDescription: "a command within a command",
            make: { try command(1, "uplink.command") }, reason: "not_for_cluster",
            says: "the cluster cannot ask for \"uplink.command\": it can ask for alarms.ack, "
                + "alarms.shelve, alarms.unshelve, heating.start, heating.stop, "
                + "heating.setTarget", method: "uplink.command"),
        Row(
            testDescription: "what no method is called", make: { try command(1, "power.reset") },
            reason: "not_for_cluster",
            says: "the cluster cannot ask for \"power.reset\": it can ask for alarms.ack, "
                + "alarms.shelve, alarms.unshelve, heating.start, heating.stop, "
                + "heating.setTarget", method: "power.reset"),
        Row(
            testDescription: "playing with a simulated board",
            make: { try command(1, "sim.apply") },
            reason: "not_for_cluster",
            says: "the cluster cannot ask for \"sim.apply\": it can ask for alarms.ack, "
                + "alarms.shelve, alarms.unshelve, heating.start, heating.stop, "
                + "heating.setTarget", method: "sim.apply"),
        Row(
            testDescription: "parameters that the method does not take",
            make: {
                var parameters = JSONObject()
                parameters.append("now", 1)
                return try command(1, "heating.start", parameters)
            }, reason: nil, says: "heating.start knows no parameter \"now\": it takes none"),
        Row(
            testDescription: "a member too many",
            make: { try command().dropLast() + ",\"x\":1}" }, reason: nil,
            says: "uplink.command: command: the member \"x\" is unknown; known are v, id, device, "
                + "method, parameters, issued_ms, expires_ms, by, signature",
            method: "uplink.command"),
        Row(
            testDescription: "repeated, with its first outcome",
            admission: .repeated(.init(result: .refused, refusal: "fatal_alarm")),
            make: { try command() }, reason: "repeated",
            says: "the command \(id) was taken before and is not carried out again; it was "
                + "answered: fatal_alarm", isFound: true),
        Row(
            testDescription: "repeated while it is being carried out", admission: .repeated(nil),
            make: { try command() }, reason: "repeated",
            says: "the command \(id) was taken before and is not carried out again; it is being "
                + "carried out", isFound: true),
        Row(
            testDescription: "forgotten", admission: .forgotten, make: { try command() },
            reason: "forgotten",
            says: "the command \(id) expires no later than others that were forgotten, so nobody "
                + "can tell whether it was taken before: send it again with a new id and a later "
                + "expiry", isFound: true),
        Row(
            testDescription: "signed before the inbox began", admission: .beforeInbox,
            make: { try command() }, reason: "before_inbox",
            says: "the command \(id) was signed before this device's journal began, so nobody can "
                + "tell whether it was carried out before: send it again with a new id"),
        Row(
            testDescription: "an inbox that is full", admission: .full(1_024),
            make: { try command() }, reason: "inbox_full",
            says: "1024 commands wait in the inbox for their expiry, the most it holds: wait, or "
                + "give them shorter lives"),
        Row(
            testDescription: "a journal that cannot be written", admission: .failed("disk full"),
            make: { try command() }, reason: "journal",
            says: "the command was not carried out, because it cannot be kept: disk full"),
    ]

    @Test("is refused, recorded, and not carried out", arguments: rows)
    func refused(row: Row) throws {
        let device = FakeDevice()
        device.wallTime.quality = row.quality
        if let admission = row.admission { device.admissionsToCome = [admission] }
        let served = try ServedDevice(device)
        defer { served.stop() }
        let reply = try RawClient(served.path).call("uplink.command", row.make())
        #expect(Self.error(reply) == row.says)
        #expect(Self.reason(reply) == row.reason)
        let answer = try Self.records(1, of: device)[0]
        #expect(answer.result == row.result && answer.origin?.isAdmitted != true)
        #expect(answer.method == row.method)
        #expect(device.commands.isEmpty)
        #expect(device.received.count == (row.admission == nil ? 0 : 1))
        #expect(device.pulses == (row.isForgery ? [.clusterForgery] : []))
        let code = row.isForgery ? " (E802)" : ""
        #expect(device.findingLines == (row.isFound ? ["uplink: \(row.says)\(code)"] : []))
    }

    @Test("sent again by an uplink that had no answer: no alarm, no second record, also when late")
    func resent() throws {
        let device = FakeDevice()
        let outcome = Admission.Outcome(result: .done, refusal: nil)
        device.admissionsToCome = [.repeated(outcome), .repeated(outcome)]
        let served = try ServedDevice(device)
        defer { served.stop() }
        let client = try RawClient(served.path)
        for left in [Int64(59_000), -5_000] {
            let command = try Self.command(left: left).dropLast() + ",\"resent\":true}"
            let reply = try client.call("uplink.command", String(command))
            #expect(Self.reason(reply) == "repeated", "\(reply.serialized())")
            #expect(Self.error(reply)?.hasSuffix("it was answered: done") == true)
        }
        #expect(device.audits.isEmpty && device.pulses.isEmpty && device.commands.isEmpty)
        // One that never arrived is new, and too late if its time is over.
        let late = try Self.command(left: 0).dropLast() + ",\"resent\":true}"
        #expect(
            Self.reason(try client.call("uplink.command", String(late))) == "expired")
        let answer = try Self.records(1, of: device)[0]
        #expect(answer.result == .expired && answer.origin?.isAdmitted == true)
        let fresh = try Self.command(2).dropLast() + ",\"resent\":true}"
        device.snapshot.heating.hasDemand = true
        #expect(try client.call("uplink.command", String(fresh))["result"] != nil)
        #expect(device.commands.count == 1)
    }

    @Test("a reset gets what every remote reset gets, from the controller")
    func reset() throws {
        let device = FakeDevice()
        device.decide = { _, _ in .refusedReset(.notLocal) }
        let served = try ServedDevice(device)
        defer { served.stop() }
        let reply = try RawClient(served.path).call("uplink.command", Self.command(1, "reset"))
        #expect(Self.reason(reply) == "not_local")
        #expect(device.commands.map(\.command) == [.resetRemotely])
        let answer = try Self.records(1, of: device)[0]
        #expect(answer.result == .refused && answer.refusal == "not_local")
        #expect(answer.origin?.isAdmitted == true, "its id is used up")
    }

    @Test("a reset with nothing locked out is told so")
    func idleReset() throws {
        let device = FakeDevice()
        device.decide = { _, _ in .refusedReset(.noLockout) }
        let served = try ServedDevice(device)
        defer { served.stop() }
        let reply = try RawClient(served.path).call("uplink.command", Self.command(1, "reset"))
        #expect(Self.error(reply) == "reset refused: nothing is locked out")
        #expect(Self.reason(reply) == "no_lockout")
        #expect(try Self.records(1, of: device)[0].method == "reset")
    }

    @Test("what the inbox takes in after the command's life is answered as expired")
    func tooLate() throws {
        let device = FakeDevice()
        device.isInboxHeld = true
        let served = try ServedDevice(device)
        defer { served.stop() }
        let client = try RawClient(served.path)
        let reply = try client.call("uplink.command", Self.command(left: 150))
        #expect(Self.reason(reply) == "expired")
        #expect(
            Self.error(reply)
                == "the inbox did not take the command in time; it will not be carried out: see "
                + "busbar why E603, and send it again with a new id")
        #expect(device.audits.isEmpty, "what came of it is known when the inbox has spoken")
        device.isInboxHeld = false
        let answer = try Self.records(1, of: device)[0]
        #expect(answer.result == .expired && answer.origin?.isAdmitted == true)
        #expect(device.commands.isEmpty)
    }

    @Test("who brought it may hang up: it is carried out and answered all the same, once")
    func hangsUp() throws {
        let device = FakeDevice()
        device.isInboxHeld = true
        let served = try ServedDevice(device)
        defer { served.stop() }
        do {
            let client = try RawClient(served.path)
            client.send(
                "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"uplink.command\",\"params\":"
                    + (try Self.command()) + "}\n")
            for _ in 0..<400 where device.received.isEmpty { usleep(5_000) }
        }
        usleep(50_000)
        device.isInboxHeld = false
        let answer = try Self.records(1, of: device)[0]
        #expect(answer.result == .done && answer.origin?.isAdmitted == true)
        #expect(device.commands.count == 1)
        usleep(50_000)
        #expect(device.audits.count == 1)
    }

    @Test("a command that waits for the inbox when the daemon stops is settled as unanswered")
    func stops() throws {
        let device = FakeDevice()
        device.isInboxHeld = true
        let served = try ServedDevice(device)
        let client = try RawClient(served.path)
        client.send(
            "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"uplink.command\",\"params\":"
                + (try Self.command()) + "}\n")
        for _ in 0..<400 where device.received.isEmpty { usleep(5_000) }
        served.stop()
        #expect(device.audits.map(\.answer.result) == [.noAnswer])
        #expect(device.audits.map(\.answer.origin?.isAdmitted) == [true])
        #expect(device.commands.isEmpty)
    }

    @Test("one that is admitted as the daemon stops is not begun any more")
    func admittedAtTheEnd() throws {
        let device = FakeDevice()
        device.isInboxHeld = true
        let served = try ServedDevice(device)
        let client = try RawClient(served.path)
        client.send(
            "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"uplink.command\",\"params\":"
                + (try Self.command()) + "}\n")
        for _ in 0..<400 where device.received.isEmpty { usleep(5_000) }
        device.releasesInboxAtTheEnd = true
        served.stop()
        #expect(device.audits.map(\.answer.result) == [.expired])
        #expect(device.audits.map(\.answer.origin?.isAdmitted) == [true])
        #expect(device.commands.isEmpty)
    }

    @Test("the inbox's ring is full: busy")
    func busy() throws {
        let device = FakeDevice()
        device.isInboxFull = true
        let served = try ServedDevice(device)
        defer { served.stop() }
        let reply = try RawClient(served.path).call("uplink.command", Self.command())
        #expect(
            Self.error(reply)
                == "too many commands are waiting for the inbox: send it again")
        #expect(try Self.records(1, of: device)[0].refusal == "busy")
    }

    @Test("however many were refused, what the inbox has taken in is recorded")
    func quota() throws {
        let device = FakeDevice()
        device.decide = { _, _ in .refusedHeat(.fatalAlarm) }
        let served = try ServedDevice(device)
        defer { served.stop() }
        let client = try RawClient(served.path)
        for id in UInt64(1)...15 {
            _ = try client.call("uplink.command", Self.command(id))
        }
        #expect(try Self.records(15, of: device).allSatisfy { $0.origin?.isAdmitted == true })
    }
}
