import Foundation
import JSON
import Testing

/// `busbar queue` against a running daemon: what the table says, and what an export holds.
@Suite("Queues at the command line", .serialized)
struct QueueTests {
    private func json(_ result: Programs.Result) throws -> JSONValue {
        try #require(result.code == 0, "\(result.error)")
        return try JSONValue.parse(Array(result.output.utf8))
    }

    @Test("the queues are shown with quota, rate and wear; an export has each event once")
    func queues() throws {
        let daemon = try Daemon()
        try daemon.waitUntil("a sample and the wear are stored", within: 20) {
            let answer = try json(try daemon.busbar("queue", "--json"))
            return answer["lanes"]?.array?[2]["events"]?.int == 1
                && answer["wear"]?["days"]?.array?.isEmpty == false
        }
        let answer = try json(try daemon.busbar("queue", "status", "--json"))
        let lanes = try #require(answer["lanes"]?.array)
        #expect(lanes.map { $0["lane"]?.string } == ["alarm", "event", "telemetry"])
        #expect(lanes.map { $0["quota_bytes"]?.int } == [67_108_864, 134_217_728, 268_435_456])
        let events = try #require(lanes[1]["events"]?.int)
        #expect(events > 0)
        #expect(lanes[1]["unacknowledged"]?.int == events)
        #expect(lanes[1]["events_per_hour"]?.int == events)
        #expect(answer["uplink"]?.string == "none")
        #expect(answer["disk"]?["directory"]?.string == daemon.stateDirectory.path)
        #expect(answer["disk"]?["writable"]?.bool == true)
        #expect(answer["disk"]?["reserve"]?.bool == true)
        #expect((answer["disk"]?["free_bytes"]?.int ?? 0) > 0)
        let table = try daemon.busbar("queue").output
        #expect(table.hasPrefix("LANE       EVENTS"))
        #expect(table.contains("telemetry       1"))
        #expect(table.contains("ACKNOWLEDGED UP TO  WAITING  OLDEST WAITS  PER HOUR  DROPPED"))
        #expect(table.contains(" at this hour's rate, if nothing is acknowledged meanwhile.\n"))
        #expect(table.contains("No uplink: events stay here until their lane is full.\n"))
        #expect(table.contains("Written today: "))
        try export(daemon)
    }

    @Test(
        "what becomes of a lane is said in one sentence",
        arguments: [
            (
                nil, true,
                "event: full; the oldest events are dropped for new ones, although the cluster "
                    + "does not have them.\n"
            ),
            (0, false, "event: full within the hour at this hour's rate, if nothing"),
            (1, false, "event: full in 1 hour at this hour's rate, if nothing"),
            (47, false, "event: full in 47 hours at this hour's rate, if nothing"),
            (48, false, "event: full in 2 days at this hour's rate, if nothing"),
        ] as [(Int64?, Bool, String)])
    func sentences(hours: Int64?, isDropping: Bool, sentence: String) throws {
        let place = try LocalSocket()
        let lane: JSONValue = [
            "lane": "event", "events": JSONValue(Int64(60)), "acknowledged": JSONValue(Int64(50)),
            "dropped": JSONValue(Int64(1_234)), "dropping": .bool(isDropping),
            "full_in_hours": hours.map { JSONValue($0) } ?? .null,
        ]
        place.answer(["lanes": .array([lane]), "uplink": "known"])
        let result = try Programs.run("busbar", ["queue", "--socket", place.path])
        #expect(result.code == 0, "\(result.error)")
        #expect(result.output.contains(sentence), "\(result.output)")
        #expect(result.output.contains("1234\n"))
        #expect(result.output.components(separatedBy: "event: ").count == 2, "one sentence")
    }

    struct Disk: CustomTestStringConvertible, Sendable {
        let testDescription: String
        let free: Int64
        let isFull: Bool
        let hasReserve: Bool
        let isWritable: Bool
        let sentence: String
    }

    static let disks = [
        Disk(
            testDescription: "with room", free: 5 << 30, isFull: false, hasReserve: true,
            isWritable: true,
            sentence: "alarm: the disk is full in 3 hours at this hour's rate, if nothing is "
                + "acknowledged meanwhile.\n"),
        Disk(
            testDescription: "full", free: 0, isFull: true, hasReserve: true, isWritable: true,
            sentence: "The disk is full (0 B free) and alarms take the room of other events, then "
                + "the reserve of 4 MB; make room on the disk of /var/lib/busbar.\n"),
        Disk(
            testDescription: "full, reserve spent", free: 1_024, isFull: true, hasReserve: false,
            isWritable: true,
            sentence: "The disk is full (1 kB free) and the reserve of 4 MB is used up: alarms may "
                + "soon not be stored; make room on the disk of /var/lib/busbar.\n"),
        Disk(
            testDescription: "full, not writable", free: 0, isFull: true, hasReserve: false,
            isWritable: false,
            sentence: "The journal cannot be written (E603), the disk is full (0 B free) and the "
                + "reserve of 4 MB is used up: make room on the disk of /var/lib/busbar.\n"),
        Disk(
            testDescription: "not writable for another reason", free: 5 << 30, isFull: false,
            hasReserve: true, isWritable: false,
            sentence:
                "The journal cannot be written (E603), the disk has 5 GB free: see busbar why "
                + "E603.\n"),
        Disk(
            testDescription: "reserve spent", free: 5 << 20, isFull: false, hasReserve: false,
            isWritable: true,
            sentence: "The reserve of 4 MB for alarms on a full disk is used up, the disk has 5 MB "
                + "free: busbard sets it aside again once there is twice as much.\n"),
    ]

    @Test("a disk that is full is said in one line, and no forecast is made then", arguments: disks)
    func disk(_ disk: Disk) throws {
        let place = try LocalSocket()
        place.answer([
            "lanes": .array([
                ["lane": "alarm", "full_in_hours": 3, "full_by": "disk"] as JSONValue
            ]),
            "disk": [
                "directory": "/var/lib/busbar", "free_bytes": JSONValue(disk.free),
                "full": .bool(disk.isFull), "reserve": .bool(disk.hasReserve),
                "reserve_bytes": JSONValue(Int64(4 << 20)), "writable": .bool(disk.isWritable),
            ],
            "uplink": "known",
        ])
        let result = try Programs.run("busbar", ["queue", "--socket", place.path])
        #expect(result.code == 0, "\(result.error)")
        #expect(result.output.contains("\n" + disk.sentence), "\(result.output)")
        #expect(result.output.contains("at this hour's rate") == !disk.isFull)
    }

    private func export(_ daemon: Daemon) throws {
        let file = daemon.directory.appendingPathComponent("out.jsonl").path
        let state = daemon.stateDirectory.path
        let result = try daemon.busbar("queue", "export", file, "--state-dir", state)
        #expect(result.code == 0, "\(result.error)")
        let lines = try String(contentsOfFile: file, encoding: .utf8).split(separator: "\n")
        #expect(result.output == "\(lines.count) events are in \(file).\n")
        #expect(!result.output.contains("left out"))
        let events = try lines.map { try JSONValue.parse(Array($0.utf8)) }
        let identities = events.compactMap { $0["id"]?.string }
        #expect(identities.count == lines.count)
        #expect(Set(identities).count == lines.count)
        let started = try #require(
            events.first { $0["type"]?.string == "io.busbar.device.started.v1" })
        #expect(started["source"]?.string == "urn:busbar:reference-house:water-heater-1:event")
        #expect(started["data"]?["sqlite"]?.string?.hasPrefix("3.") == true)
        let sample = try #require(
            events.first { $0["type"]?.string == "io.busbar.sample.taken.v1" })
        #expect(sample["data"]?["signals"]?.object?.isEmpty == false)
        #expect(sample["data"]?["heating"]?.string != nil)

        let again = try daemon.busbar("queue", "export", file, "--state-dir", state)
        #expect(again.code == 1)
        #expect(
            again.error
                == "busbar: nothing was exported: \(file): open: File exists (errno 17); choose "
                + "another name: nothing is replaced\n")
        let alarms = daemon.directory.appendingPathComponent("telemetry.jsonl").path
        let one = try daemon.busbar(
            "queue", "export", alarms, "--lane", "telemetry", "--state-dir", state, "--json")
        #expect(try json(one)["events"]?.int == 1)
        #expect(try json(one)["unsound"]?.int == 0)
        let nowhere = try daemon.busbar(
            "queue", "export", alarms + "2", "--state-dir", daemon.directory.path)
        #expect(nowhere.code == 1)
        #expect(nowhere.error.contains("unable to open database file"), "\(nowhere.error)")
        #expect(nowhere.error.contains("; check the path and who may read it, and whether busbard"))
        #expect(!FileManager.default.fileExists(atPath: alarms + "2.part"))
    }
}
