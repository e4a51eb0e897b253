import Control
import Events
import Foundation
import JSON
import RelayBoard
import Testing
import Units

@testable import LocalAPI

@Suite("Methods", .serialized)
struct MethodTests {
    @Test("status tells the state at the end of a tick, with ages")
    func status() throws {
        let device = FakeDevice()
        device.snapshot.tick = Tick(77)
        device.snapshot.temperature = MilliCelsius(21_500)
        device.snapshot.heating.state = .step(1)
        for (signal, age) in [(SignalID.flow, Milliseconds(120)), (.level, Instant(5) - .never)] {
            device.snapshot.signals[Int(signal.rawValue)].isFitted = true
            device.snapshot.signals[Int(signal.rawValue)].quality = .ok
            device.snapshot.signals[Int(signal.rawValue)].age = age
        }
        let served = try ServedDevice(device)
        defer { served.stop() }
        let state = try #require(try RawClient(served.path).call("status")["result"])
        #expect(state["tick"]?.int == 77)
        #expect(state["signals"]?[0]?["age_ms"]?.int == 120)
        #expect(state["signals"]?[1]?["age_ms"]?.isNull == true, "the age of what never came")
        #expect(state["temperature_millicelsius"]?.int == 21_500)
        #expect(state["heating"]?["state"]?.string == "HEAT")
        #expect(
            state["interlock"]?["relays"]?.array?.map { $0["id"]?.string } == [
                "power", "element",
            ])
        #expect(state["interlock"]?["relays"]?[0]?["actual"]?.isNull == true)
    }

    @Test("a command is passed on under the role's name and answered with what it did")
    func heatingStart() throws {
        let device = FakeDevice()
        device.decide = { request, snapshot in
            snapshot.heating.hasDemand = request.command == .demand(isOn: true)
            return .done
        }
        let served = try ServedDevice(device)
        defer { served.stop() }
        let result = try #require(try RawClient(served.path).call("heating.start")["result"])
        #expect(result["changed"]?.bool == true)
        #expect(result["heating"]?["demand"]?.bool == true)
        let asked = RequestedCommand(
            .demand(isOn: true), by: .admin, correlation: Correlation(command: 1))
        #expect(device.commands == [asked])
        #expect(device.audits.map(\.refusal) == [nil])
    }

    struct Refusal: CustomTestStringConvertible, Sendable {
        let testDescription: String
        let method: String
        let parameters: String
        let result: CommandResult
        let message: String
        let reason: String
    }

    static let refusals = [
        Refusal(
            testDescription: "a locked heater does not start", method: "heating.start",
            parameters: "{}", result: .refusedHeat(.fatalAlarm),
            message: "heating refused: a FATAL alarm is locked in: see busbar status, then reset "
                + "at the site", reason: "fatal_alarm"),
        Refusal(
            testDescription: "a start that left no demand was refused", method: "heating.start",
            parameters: "{}", result: .unchanged,
            message: "heating refused: the self-check is running: try again in some seconds",
            reason: "selfcheck_running"),
        Refusal(
            testDescription: "a reset never comes from here", method: "reset", parameters: "{}",
            result: .refusedReset(.notLocal),
            message: "reset refused: a FATAL is reset only by the button at the site",
            reason: "not_local"),
        Refusal(
            testDescription: "not even when the controller says it is done", method: "reset",
            parameters: "{}", result: .done,
            message: "reset refused: a FATAL is reset only by the button at the site",
            reason: "not_local"),
        Refusal(
            testDescription: "a target beyond the site's range", method: "heating.setTarget",
            parameters: "{\"target_millicelsius\":95000}", result: .outOfRange,
            message: "target refused: this site allows 5.0 °C to 60.0 °C", reason: "out_of_range"),
        Refusal(
            testDescription: "a target that did not take, though nothing was said",
            method: "heating.setTarget", parameters: "{\"target_millicelsius\":95000}",
            result: .unchanged, message: "target refused: this site allows 5.0 °C to 60.0 °C",
            reason: "out_of_range"),
        Refusal(
            testDescription: "a FATAL cannot be shelved", method: "alarms.shelve",
            parameters: "{\"code\":\"E103\",\"minutes\":60,\"reason\":\"noise\"}",
            result: .unchanged, message: "E103 was not shelved: a FATAL can never be hidden",
            reason: "fatal"),
    ]

    @Test("A refusal says why and is recorded", arguments: refusals)
    func refusal(row: Refusal) throws {
        let device = FakeDevice()
        device.snapshot.heating.refusal = .selfCheckRunning
        device.decide = { _, _ in row.result }
        let served = try ServedDevice(device)
        defer { served.stop() }
        let reply = try RawClient(served.path).call(row.method, row.parameters)
        let error = try #require(reply["error"])
        #expect(error["code"]?.int == -32_003)
        #expect(error["message"]?.string == row.message)
        #expect(error["data"]?["reason"]?.string == row.reason)
        #expect(device.audits.count == 1 && device.audits[0].refusal?.message == row.message)
    }

    @Test("a shelf beyond 12 h is refused in minutes, which are the parameter's, and in hours")
    func longShelf() throws {
        let served = try ServedDevice(FakeDevice())
        defer { served.stop() }
        let client = try RawClient(served.path)
        let error = try client.call(
            "alarms.shelve", "{\"code\":\"E304\",\"minutes\":721,\"reason\":\"noise\"}")["error"]
        #expect(
            error?["message"]?.string
                == "alarms.shelve: \"minutes\" must be an integer from 1 to 720 (12 h), found 721")
    }

    @Test("a loop that does not answer is said so after 2 s")
    func hungLoop() throws {
        let device = FakeDevice()
        device.isHung = true
        let served = try ServedDevice(device)
        defer { served.stop() }
        let error = try #require(try RawClient(served.path).call("status")["error"])
        #expect(error["message"]?.string?.hasPrefix("the control loop did not answer") == true)
    }

    @Test("a command that the loop came to too late was not carried out, and that is the answer")
    func expiredCommand() throws {
        let device = FakeDevice()
        device.decide = { _, _ in .expired }
        let served = try ServedDevice(device)
        defer { served.stop() }
        let error = try #require(try RawClient(served.path).call("heating.start")["error"])
        #expect(
            error["message"]?.string
                == "not carried out: the control loop came to it only after 1500 ms; look at the "
                + "state and ask again")
        #expect(error["data"]?["reason"]?.string == "expired")
        #expect(device.audits.map(\.refusal?.reason) == ["expired"])
        // The rest of the time is for the answer to come back in.
        let wait = try #require(device.expiries.first) - device.now()
        #expect(wait <= Limits.commandWait && Limits.commandWait < Limits.commandTime)
    }

    @Test("a hung loop is said not to take the command later")
    func hungLoopWithCommand() throws {
        let device = FakeDevice()
        device.isHung = true
        let served = try ServedDevice(device)
        defer { served.stop() }
        let error = try #require(try RawClient(served.path).call("heating.start")["error"])
        #expect(
            error["message"]?.string
                == "the control loop did not answer within 2 s and will not take the command "
                + "later: see systemctl status busbard")
    }

    @Test("watch sends pictures until the client hangs up")
    func watch() throws {
        let served = try ServedDevice()
        defer { served.stop() }
        do {
            let client = try RawClient(served.path)
            #expect(try client.call("watch", "{\"hz\":10}")["result"]?["period_ms"]?.int == 100)
            for _ in 0..<3 {
                let update = try client.reply()
                #expect(update["method"]?.string == "update")
                #expect(update["params"]?["value"]?["heating"] != nil)
            }
        }
        #expect(try RawClient(served.path).call("version")["result"] != nil)
    }

    @Test("events.tail gives the last events, then each new one once")
    func tail() throws {
        let device = FakeDevice()
        device.stored = (1...3).map { (EventPlace(event: $0), JSONValue($0)) }
        let served = try ServedDevice(device)
        defer { served.stop() }
        let client = try RawClient(served.path)
        let first = try client.call("events.tail", "{\"limit\":2}")
        #expect(first["result"]?["events"] == [2, 3])
        device.stored += (4...5).map { (EventPlace(event: $0), JSONValue($0)) }
        #expect(try client.reply()["params"]?["value"] == 4)
        #expect(try client.reply()["params"]?["value"] == 5)
    }

    @Test("why tells the chain from a relay to its cause")
    func whyRelay() throws {
        let device = FakeDevice()
        device.snapshot.heating.state = .step(1)
        device.snapshot.heating.hasDemand = true
        device.snapshot.heating.requester = .technician
        device.snapshot.interlock.state = .closed
        device.snapshot.interlock.commanded = RelayMask.power.union(.element)
        device.snapshot.interlock.actual = RelayMask.power.union(.element)
        let served = try ServedDevice(device)
        defer { served.stop() }
        let client = try RawClient(served.path)
        let answer = try #require(
            try client.call("why", "{\"subject\":\"element\"}")["result"])
        #expect(answer["headline"]?.string == "element is ON, as commanded and as read back")
        let chain = answer["chain"]?.array?.compactMap(\.string) ?? []
        #expect(chain.first == "Step HEAT sets it.")
        #expect(chain.last == "Heat is asked for by technician.")
        let unknown = try client.call("why", "{\"subject\":\"K9\"}")
        #expect(
            unknown["error"]?["message"]?.string
                == "there is no relay or alarm \"K9\": relays are power, element; alarms are E001 "
                + "to E902")
    }

    @Test("why of a locked alarm says what was first, and how to reset with how long to wait")
    func whyAlarm() throws {
        let device = FakeDevice()
        var record = LockoutRecord()
        record.append(
            LockoutRecord.Entry(code: .gasLeak, tick: Tick(5), at: Instant(0), value: 1, limit: 1))
        device.snapshot.lockout = record
        device.snapshot.interlock.state = .tripped
        device.snapshot.interlock.enteredAt = device.now()
        device.snapshot.alarms[Int(AlarmCode.gasLeak.rawValue)].state = .unacknowledged
        let served = try ServedDevice(device)
        defer { served.stop() }
        let answer = try #require(
            try RawClient(served.path).call("why", "{\"subject\":\"e103\"}")["result"])
        let chain = answer["chain"]?.array?.compactMap(\.string) ?? []
        #expect(
            chain.contains(
                "It was the first of the lockout: what came later may be its consequence."))
        let steps = answer["reset"]?.array ?? []
        #expect(steps.first?["done"]?.bool == false)
        #expect(
            steps.contains {
                $0["text"]?.string == "Wait 30.0 s: the press may begin 30 s after the trip."
            })
    }

    @Test("a second daemon does not take the socket from the first")
    func twoDaemons() throws {
        let served = try ServedDevice()
        defer { served.stop() }
        #expect(throws: ListenError.self) {
            _ = try LocalServer(
                path: served.path, group: nil, policy: AccessPolicy(), backend: FakeDevice())
        }
        #expect(try RawClient(served.path).call("version")["result"] != nil)
    }

    @Test("a cause that no valid sample shows to be gone is not gone", arguments: [true, false])
    func unseenCause(isValid: Bool) throws {
        let device = FakeDevice()
        var record = LockoutRecord()
        record.append(
            LockoutRecord.Entry(code: .gasLeak, tick: Tick(5), at: Instant(0), value: 1, limit: 1))
        device.snapshot.lockout = record
        device.snapshot.alarms[Int(AlarmCode.gasLeak.rawValue)].state = .latched
        let gas = Int(SignalID.gas.rawValue)
        device.snapshot.signals[gas].isFitted = true
        device.snapshot.signals[gas].isSafety = true
        device.snapshot.signals[gas].quality = isValid ? .ok : .absent
        let served = try ServedDevice(device)
        defer { served.stop() }
        let state = try #require(try RawClient(served.path).call("status")["result"])
        let step = state["lockout"]?["reset"]?[0]
        #expect(step?["done"]?.bool == isValid)
        #expect(
            step?["text"]?.string
                == (isValid
                    ? "E103 gas leak: its cause is gone."
                    : "E103 gas leak: whether its cause is gone cannot be seen; not valid: gas."))
    }

    @Test("a socket's directory is made, and one of somebody else's is refused")
    func directories() throws {
        let base = FileManager.default.temporaryDirectory.path + "/busbar-d-\(getpid())"
        defer { unlink(base + "/s"); rmdir(base) }
        #expect(SocketPath.prepareDirectory(of: base + "/s") == nil)
        #expect(FileManager.default.fileExists(atPath: base))
        #expect(SocketPath.prepareDirectory(of: "/nonexistent/a/s") == "No such file or directory")
        guard getuid() == 0 else { return }
        #expect(chown(base, 65_534, 65_534) == 0)
        #expect(SocketPath.prepareDirectory(of: base + "/s") == "\(base) belongs to user 65534")
    }

    @Test("a client with no daemon says which socket and what to look at")
    func unreachable() {
        do throws(ClientError) {
            _ = try Client(path: "/nonexistent/control.sock")
            Issue.record("connected to nothing")
        } catch {
            #expect(
                error.description == "nobody answers at /nonexistent/control.sock (No such file or "
                    + "directory): is busbard running? systemctl status busbard; of one with "
                    + "another socket, give it by --socket or BUSBAR_SOCKET")
        }
    }
}

@Suite("Amounts in words")
struct QuantityTextTests {
    static let durations: [(milliseconds: Int64, text: String)] = [
        (0, "0.0 s"), (999, "0.9 s"), (1_200, "1.2 s"), (59_999, "59.9 s"),
        (60_000, "1 min 00 s"), (184_000, "3 min 04 s"), (3_599_999, "59 min 59 s"),
        (3_600_000, "1 h 00 min"), (7_500_000, "2 h 05 min"), (86_400_000, "1 d 00 h"),
        (-1, "–"),
    ]

    @Test("Durations are cut, never rounded up", arguments: durations)
    func duration(milliseconds: Int64, text: String) {
        #expect(QuantityText.duration(milliseconds) == text)
    }

    static let temperatures: [(millicelsius: Int64, text: String)] = [
        (0, "0.0 °C"), (49, "0.0 °C"), (50, "0.1 °C"), (-49, "0.0 °C"), (-50, "-0.1 °C"),
        (38_062, "38.1 °C"), (-127_000, "-127.0 °C"),
    ]

    @Test("Temperatures have one decimal", arguments: temperatures)
    func celsius(millicelsius: Int64, text: String) {
        #expect(QuantityText.celsius(millicelsius) == text)
    }

    @Test("a wait is rounded up")
    func wait() {
        #expect(QuantityText.wait(29_001) == "30.0 s")
        #expect(QuantityText.wait(-5) == "0.0 s")
    }
}
