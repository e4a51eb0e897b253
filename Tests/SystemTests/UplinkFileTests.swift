import Foundation
import Glibc
import JSON
import Testing

/// A running daemon and a status that busbar-uplink might have written: `busbar uplink` and the
/// wear of `busbar queue`.
@Suite("What busbar-uplink writes, as the daemon tells it", .serialized)
struct UplinkFileTests {
    let folder: URL

    init() throws {
        folder = FileManager.default.temporaryDirectory
            .appendingPathComponent("busbar-status-\(UUID().uuidString.prefix(8))")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    }

    private var file: URL { folder.appendingPathComponent("status.json") }

    /// Since the kernel's start, as the programs count.
    private func bootMilliseconds() -> Int64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Int64(time.tv_sec) * 1_000 + Int64(time.tv_nsec) / 1_000_000
    }

    /// - Parameter age: how long ago it was written, in ms.
    private func write(
        bytes: Int64, started: Int64 = 1, age: Int64 = 0, state: String = "connecting",
        why: String = "no cable", findings: (Int64) -> [JSONValue] = { _ in [] }
    ) throws {
        let boot = try String(contentsOfFile: "/proc/sys/kernel/random/boot_id", encoding: .utf8)
            .filter { $0.isHexDigit }
        let now = bootMilliseconds() - age
        let status: JSONValue = [
            "v": 1, "boot": .string(boot), "written_mono_ms": JSONValue(now), "period_ms": 60_000,
            "started_mono_ms": JSONValue(started), "written_bytes": JSONValue(bytes),
            "state": .string(state), "guarantee": "kafka", "broker": "b:1", "shard": "07",
            "why": .string(why), "next_try_mono_ms": JSONValue(now + 40_000),
            "local": ["problem": "busbard is not reached", "waiting": 1, "dropped": 0],
            "lanes": .array([]), "findings": .array(findings(now)),
        ]
        try Data(status.serializedBytes()).write(to: file)
    }

    private func day(_ daemon: Daemon) throws -> JSONValue? {
        let result = try daemon.busbar("queue", "--json")
        try #require(result.code == 0, "\(result.error)")
        return try JSONValue.parse(Array(result.output.utf8))["wear"]?["days"]?.array?.last
    }

    private func start() throws -> Daemon {
        try Daemon(arguments: ["--uplink-dir", "/nonexistent", "--uplink-status-dir", folder.path])
    }

    @Test("why, when it tries next, and that it does not reach busbard; a pipe holds nobody up")
    func shown() throws {
        defer { try? FileManager.default.removeItem(at: folder) }
        try write(bytes: 0)
        let daemon = try start()
        let text = try daemon.busbar("uplink").output
        let next = try #require(text.firstMatch(of: #/  Next try in ([0-9]+) s\.\n/#)?.1)
        #expect((1...40).contains(Int(next) ?? 0))
        #expect(text.contains("  Why: no cable\n"))
        #expect(text.contains("  busbard is not reached\n"))
        try FileManager.default.removeItem(at: file)
        try #require(mkfifo(file.path, 0o644) == 0)
        #expect(
            try daemon.busbar("uplink").output.contains(
                "/status.json is not there: busbar-uplink has never run, or has another "
                    + "--status-dir: systemctl status busbar-uplink"))
        #expect(daemon.end(SIGTERM).status == 0)
    }

    private func finding(
        _ text: String, at: Int64, isActive: Bool = true, hasEnd: Bool, isSecurity: Bool = false
    ) -> JSONValue {
        [
            "kind": "x", "active": .bool(isActive), "security": .bool(isSecurity), "count": 3,
            "text": .string(text), "has_end": .bool(hasEnd), "at_mono_ms": JSONValue(at),
        ]
    }

    @Test("a finding that stands is why in the first lines, with since when, whatever the state")
    func standing() throws {
        defer { try? FileManager.default.removeItem(at: folder) }
        let why = "the broker does not take the status"
        for state in ["idle", "sending"] {
            // Half a minute is the time that reading it may take.
            try write(bytes: 0, state: state, why: why) { now in
                [
                    finding(why, at: now - 7_230_000, hasEnd: true),
                    finding("a late command", at: now - 7_230_000, hasEnd: false),
                    finding(
                        "another client", at: now, isActive: false, hasEnd: true, isSecurity: true),
                ]
            }
            let daemon = try start()
            let text = try daemon.busbar("uplink").output
            #expect(daemon.end(SIGTERM).status == 0)
            let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
            try #require(lines.count > 8, "\(text)")
            #expect(lines[0].hasPrefix("Uplink not well (\(state)) to b:1, shard 07, "))
            #expect(lines[1] == "  Why, for 2 h 00 min: \(why)")
            #expect(
                lines.drop { $0 != "  Found since it was started:" }.dropFirst().prefix(3) == [
                    "    3x, for 2 h 00 min: \(why)",
                    "    3x, last 2 h 00 min ago: a late command",
                    "    3x, over: another client",
                ], "\(text)")
        }
    }

    @Test("one that is dead is told in the past tense, with ages that have gone on")
    func past() throws {
        defer { try? FileManager.default.removeItem(at: folder) }
        func shown(age: Int64?, state: String) throws -> String {
            let place = try LocalSocket()
            place.answer([
                "problem": "it is dead", "age_ms": age.map { JSONValue($0) } ?? .null,
                "status": [
                    "state": .string(state), "guarantee": "kafka", "broker": "b:1",
                    "shard": "07", "why": "no cable", "written_mono_ms": 1_000,
                    "next_try_mono_ms": 9_000_000, "local": ["problem": "busbard is not reached"],
                    "lanes": .array([
                        [
                            "lane": "alarm", "oldest_age_ms": 2_000, "last_ack_age_ms": 3_000,
                        ] as JSONValue
                    ]), "findings": .array([]),
                ],
            ])
            let result = try Programs.run("busbar", ["uplink", "--socket", place.path])
            #expect(result.code == 0, "\(result.error)")
            return result.output
        }
        let dead = try shown(age: 919_000, state: "sending")
        #expect(
            dead.hasPrefix(
                """
                it is dead
                Uplink was not well (sending) to b:1 15 min 19 s ago, shard 07, guarantee kafka, \
                round trip –, link – and –, 0 messages unconfirmed
                  Why then: no cable
                  Then: busbard is not reached

                """), "\(dead)")
        #expect(!dead.contains("Next try"))
        #expect(dead.contains(" 15 min 21 s "), "\(dead)")
        #expect(dead.contains(" 15 min 22 s ago"), "\(dead)")
        let earlier = try shown(age: nil, state: "idle")
        #expect(
            earlier.contains(
                "\nUplink was not well (idle) to b:1 before the device was started, shard 07"))
        #expect(!earlier.contains(" ago"), "\(earlier)")
    }

    @Test(
        "the days of the certificates are shown",
        arguments: [
            ("12", "client 12 days"), ("1", "client 1 day"), ("-3", "client ended"),
            ("null", "client –"),
        ])
    func certificates(days: String, text: String) throws {
        defer { try? FileManager.default.removeItem(at: folder) }
        let place = try LocalSocket()
        let terms =
            "[{\"role\":\"client\",\"days_left\":\(days)},"
            + "{\"role\":\"broker\",\"days_left\":340}]"
        place.answer([
            "status": ["state": "idle", "certificates": try JSONValue.parse(Array(terms.utf8))]
        ])
        let result = try Programs.run("busbar", ["uplink", "--socket", place.path])
        #expect(
            result.output.contains("\n  Certificates hold for: \(text), broker 340 days.\n"),
            "\(result.output) \(result.error)")
    }

    /// The reference site with an uplink, which it does not have by itself.
    private func siteWithUplink() throws -> String {
        let site = folder.appendingPathComponent("site")
        try FileManager.default.copyItem(at: URL(fileURLWithPath: Programs.site), to: site)
        let file = site.appendingPathComponent("site.json")
        let text = try String(contentsOf: file, encoding: .utf8)
        let start = try #require(text.firstIndex(of: "{"))
        let uplink = "\n  \"uplink\": { \"host\": \"b\", \"guarantee\": \"kafka\" },"
        try (text[...start] + uplink + text[text.index(after: start)...])
            .write(to: file, atomically: true, encoding: .utf8)
        return site.path
    }

    @Test("silence is a cause of E803 by itself, and ends with it; not at a site without an uplink")
    func silence() throws {
        defer { try? FileManager.default.removeItem(at: folder) }
        try write(bytes: 0, age: 372_000)
        let other = try start()
        let daemon = try Daemon(arguments: [
            "--site", try siteWithUplink(), "--uplink-dir", "/nonexistent",
            "--uplink-status-dir", folder.path,
        ])
        try daemon.waitUntil("E803 is raised", within: 5) {
            try daemon.busbar("why", "E803").output.contains("is unacknowledged")
        }
        let status = try daemon.busbar("status").output
        let line = try #require(
            status.firstMatch(of: #/\n  The uplink is silent \(E803\): (.*)\n/#), "\(status)")
        #expect(
            line.1.replacing(#/3[78][0-9]/#, with: "N")
                == "busbar-uplink has not written for N s: is it running? systemctl status "
                + "busbar-uplink")
        #expect(try daemon.busbar("why", "E803").output.contains("\(line.1)."))
        #expect(
            status.contains(
                "Do as busbar uplink says; alarms are kept meanwhile, of the rest see busbar queue."
            ),
            "\(status)")
        #expect(try other.busbar("why", "E803").output.contains("does not stand"))
        #expect(!(try other.busbar("status").output.contains("silent")))
        #expect(other.end(SIGTERM).status == 0)
        try write(bytes: 0)
        // A look every ten seconds, and the off-delay of five.
        try daemon.waitUntil("its cause is gone", within: 20) {
            try daemon.busbar("why", "E803").output.contains("is returned")
        }
        #expect(
            try daemon.busbar("why", "E803").output.contains(
                "This is over: busbar-uplink has not written for 3"))
        #expect(!(try daemon.busbar("status").output.contains("The uplink is silent")))
        #expect(daemon.end(SIGTERM).status == 0)
    }

    @Test("its bytes are part of the wear, each once, whoever is started anew")
    func wear() throws {
        defer { try? FileManager.default.removeItem(at: folder) }
        // The wear is noted with the first image of the state, and then each five minutes.
        let daemon = try Daemon()
        func restart(_ expected: Int64) throws {
            try daemon.waitUntil("the wear is stored", within: 20) {
                try day(daemon)?["uplink_bytes"]?.int == expected
            }
            #expect(daemon.end(SIGTERM).status == 0)
        }
        try restart(0)
        daemon.arguments = ["--uplink-dir", "/nonexistent", "--uplink-status-dir", folder.path]
        try write(bytes: 40_960)
        try daemon.start()
        try restart(40_960)
        try write(bytes: 61_440)
        try daemon.start()
        try restart(61_440)
        // Another run of the uplink counts from its own start.
        try write(bytes: 20_480, started: 2)
        try daemon.start()
        try daemon.waitUntil("the wear is stored", within: 20) {
            try day(daemon)?["uplink_bytes"]?.int == 81_920
        }
        let all = try #require(try day(daemon))
        #expect((all["bytes"]?.int ?? 0) >= 81_920)
        let table = try daemon.busbar("queue").output
        #expect(table.contains(" commits, 80 kB of it by busbar-uplink (UTC day).\n"))
        #expect(daemon.end(SIGTERM).status == 0)
    }
}
