import Foundation
import Glibc
import JSON
import Testing

/// Commands of the cluster and findings of the uplink at a real daemon's socket, as busbar-uplink
/// sends them.
@Suite("The inbox of a running daemon", .serialized)
struct InboxTests {
    /// As the uplink hands a command on. Issued in six seconds, because an inbox that is new takes
    /// nothing that may have been signed before it; only the uplink looks at that end.
    static func call(
        _ id: Int, _ method: String, _ parameters: String = "{}", issuedIn seconds: Double = 6
    ) -> String {
        let digits = String(id, radix: 16)
        let padded = String(repeating: "0", count: 32 - digits.count) + digits
        let issued = Int64((Date().timeIntervalSince1970 + seconds) * 1_000)
        return
            "{\"v\":1,\"id\":\"\(padded)\",\"device\":\"water-heater-1\",\"method\":\"\(method)\","
            + "\"parameters\":\(parameters),\"issued_ms\":\(issued),\"expires_ms\":"
            + "\(issued + 60_000),\"by\":\"ines\",\"signature\":\""
            + String(repeating: "00", count: 64) + "\"}"
    }

    static func target(_ id: Int, _ celsius: Int) -> String {
        call(id, "heating.setTarget", "{\"target_millicelsius\":\(celsius * 1_000)}")
    }

    static func reason(_ reply: JSONValue?) -> String? {
        reply?["error"]?["data"]?["reason"]?.string
    }

    /// Answers to commands of the cluster, by the command's id, without those to repetitions.
    static func answers(_ daemon: Daemon) throws -> [String: [JSONValue]] {
        var found: [String: [JSONValue]] = [:]
        for event in try CommandRecordTests.events(daemon)
        where event["type"]?.string == "command.answered.v1"
            && event["data"]?["refusal"]?.string != "repeated"
        {
            guard let id = event["data"]?["command"]?.string, let data = event["data"] else {
                continue
            }
            found[id, default: []].append(data)
        }
        return found
    }

    @Test(
        "a command is carried out once, recorded for the cluster, and refused when it comes again")
    func once() throws {
        let clock = try FakeClock(true)
        defer { clock.remove() }
        let daemon = try Daemon(environment: clock.environment)
        let socket = daemon.socket
        let first = try SocketClient(socket).call("uplink.command", Self.target(1, 41))
        #expect(first["result"]?["changed"]?.bool == true, "\(first.serialized())")
        let again = try SocketClient(socket).call("uplink.command", Self.target(1, 42))
        #expect(Self.reason(again) == "repeated", "\(again.serialized())")
        #expect(try daemon.state()["heating"]?["target_millicelsius"]?.int == 41_000)
        let old = try SocketClient(socket).call(
            "uplink.command", Self.call(2, "heating.stop", issuedIn: -1))
        #expect(Self.reason(old) == "before_inbox", "\(old.serialized())")
        let reset = try SocketClient(socket).call("uplink.command", Self.call(3, "reset"))
        #expect(reset["error"]?["message"]?.string == "reset refused: nothing is locked out")
        let power = try SocketClient(socket).call("uplink.command", Self.call(4, "power.reset"))
        #expect(Self.reason(power) == "not_for_cluster", "\(power.serialized())")

        try daemon.waitUntil("all is recorded", within: 5) {
            try Self.answers(daemon).count == 4
        }
        let events = try CommandRecordTests.events(daemon)
        let changes = events.filter { $0["type"]?.string == "target.changed.v1" }
        #expect(changes.map { $0["data"]?["by"]?.string } == ["cluster"])
        let done = try #require(
            events.first { $0["data"]?["command"]?.string?.hasSuffix("0001") == true })
        #expect(done["data"]?["result"]?.string == "done")
        #expect(done["data"]?["role"]?.string == "cluster")
        #expect(done["data"]?["by"]?.string == "ines")
        #expect(CommandRecordTests.consequences(of: done, in: events) == ["target.changed.v1"])
        let alarms = try daemon.busbar("alarms").output
        #expect(!alarms.contains("E701") && !alarms.contains("E802"), "\(alarms)")
        let methods = try Self.answers(daemon).mapValues { $0.first?["method"]?.string }
        #expect(
            methods.sorted { $0.key < $1.key }.map(\.value) == [
                "heating.setTarget", "heating.stop", "reset", "power.reset",
            ], "as they were asked for")
        let log = try String(
            contentsOf: daemon.directory.appendingPathComponent("log"), encoding: .utf8)
        // Whether the first was answered by then is a race; that it is no E802 is none.
        let repetition =
            "busbard: uplink: the command 00000000000000000000000000000001 was taken before and is "
            + "not carried out again; it "
        #expect(
            ["is being carried out", "was answered: done"].contains {
                log.contains("\(repetition)\($0)\n")
            }, "\(log)")
        #expect(daemon.end(SIGTERM).status == 0)
    }

    @Test("killed at any moment: no command twice, and one answer for each that was taken")
    func kills() throws {
        let clock = try FakeClock(true)
        defer { clock.remove() }
        let daemon = try Daemon(environment: clock.environment)
        for id in 1...8 {
            let client = try SocketClient(daemon.socket)
            client.send("uplink.command", Self.target(id, 30 + id))
            // From before the inbox has it to after its answer: a commit and a tick of 100 ms.
            usleep(UInt32(id - 1) * 20_000)
            #expect(daemon.end(SIGKILL).reason == .uncaughtSignal)
            try daemon.start()
            for earlier in 1...id {
                // One that the kill was too quick for is new here, and is old from then on.
                _ = try SocketClient(daemon.socket).call(
                    "uplink.command", Self.target(earlier, 30 + earlier))
                let second = try SocketClient(daemon.socket).call(
                    "uplink.command", Self.target(earlier, 30 + earlier))
                #expect(Self.reason(second) == "repeated", "\(second.serialized())")
            }
        }
        try daemon.waitUntil("all is recorded", within: 5) {
            try Self.answers(daemon).count == 8
        }
        let answers = try Self.answers(daemon)
        #expect(answers.values.allSatisfy { $0.count == 1 }, "\(answers)")
        let results = answers.values.compactMap { $0.first?["result"]?.string }
        #expect(results.allSatisfy { $0 == "done" || $0 == "no_answer" }, "\(results)")
        let targets = try CommandRecordTests.events(daemon)
            .filter { $0["type"]?.string == "target.changed.v1" }
            .compactMap { $0["data"]?["to_millicelsius"]?.int }
        #expect(targets.count == Set(targets).count, "\(targets)")
        #expect(daemon.end(SIGTERM).status == 0)
    }

    @Test("while the clock is not set nothing can be told to have expired, so nothing is taken")
    func clock() throws {
        let clock = try FakeClock(false)
        defer { clock.remove() }
        let daemon = try Daemon(environment: clock.environment)
        let reply = try SocketClient(daemon.socket).call("uplink.command", Self.target(1, 41))
        #expect(Self.reason(reply) == "clock_not_set", "\(reply.serialized())")
        #expect(daemon.end(SIGTERM).status == 0)
    }

    @Test("a stall stands as E803 until it is told to be over")
    func stall() throws {
        let daemon = try Daemon()
        func tell(_ isActive: Bool) throws {
            let reply = try SocketClient(daemon.socket).call(
                "uplink.finding",
                "{\"kind\":\"no_bridge\",\"active\":\(isActive),\"security\":false,\"count\":2,"
                    + "\"text\":\"start the busbar-bridge\"}")
            #expect(reply["result"]?.serialized() == "{}", "\(reply.serialized())")
        }
        try tell(true)
        try daemon.waitUntil("E803 is raised", within: 5) {
            try daemon.busbar("why", "E803").output.contains("is unacknowledged")
        }
        let why = try daemon.busbar("why", "E803").output
        #expect(why.contains("Found 2 times: start the busbar-bridge."), "\(why)")
        // Longer than the off-delay: it lasts.
        Thread.sleep(forTimeInterval: 6)
        #expect(try daemon.busbar("why", "E803").output.contains("is unacknowledged"))
        try tell(false)
        try daemon.waitUntil("its cause is gone", within: 8) {
            try daemon.busbar("why", "E803").output.contains("is returned")
        }
        #expect(daemon.end(SIGTERM).status == 0)
    }
}

/// What the kernel says of the wall clock, whatever machine the tests run on: a library in front of
/// the C library's own call.
struct FakeClock {
    private let library: String

    init(_ isSet: Bool) throws {
        library =
            FileManager.default.temporaryDirectory
            .appendingPathComponent("busbar-clock-\(UUID().uuidString.prefix(8)).so").path
        let source = library + ".c"
        defer { try? FileManager.default.removeItem(atPath: source) }
        try """
        #include <sys/timex.h>
        int adjtimex(struct timex *state) {
            state->status = \(isSet ? "0" : "STA_UNSYNC");
            return \(isSet ? "TIME_OK" : "TIME_ERROR");
        }
        """.write(toFile: source, atomically: true, encoding: .utf8)
        let path = ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin"
        let made = try Programs.run(
            path: "/usr/bin/env", ["clang", "-shared", "-fPIC", "-o", library, source],
            environment: ["PATH": path])
        try #require(made.code == 0, "\(made.error)")
    }

    var environment: [String: String] { ["LD_PRELOAD": library] }
    func remove() { try? FileManager.default.removeItem(atPath: library) }
}

/// The least that busbar-uplink's end of the socket does.
final class SocketClient {
    private let descriptor: Int32

    init(_ path: String) throws {
        descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: Array(path.utf8)) }
        let size = socklen_t(MemoryLayout<sockaddr_un>.size)
        let result = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, size)
            }
        }
        try #require(result == 0, "\(path): \(String(cString: strerror(errno)))")
        var limit = timeval(tv_sec: 10, tv_usec: 0)
        setsockopt(
            descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
    }

    deinit { close(descriptor) }

    func send(_ method: String, _ parameters: String) {
        let line =
            "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"\(method)\",\"params\":\(parameters)}\n"
        _ = Array(line.utf8).withUnsafeBytes {
            Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
        }
    }

    func call(_ method: String, _ parameters: String) throws -> JSONValue {
        send(method, parameters)
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 65_536)
        while bytes.last != UInt8(ascii: "\n") {
            let count = recv(descriptor, &chunk, chunk.count, 0)
            try #require(count > 0, "the daemon closed or said nothing for 10 s")
            bytes += chunk[..<count]
        }
        return try JSONValue.parse(bytes)
    }
}
