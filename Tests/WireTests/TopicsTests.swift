import Foundation
import Testing
import Wire

@Suite("Topics")
struct TopicsTests {
    static let root = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

    /// The code's own answer, with words in place of the particular ones.
    static func patterns() throws -> [String] {
        let shard = try #require(Shard(7))
        let topics = [
            Topics.up(shard: shard, device: "DEVICE", lane: .telemetry),
            Topics.ack(device: "DEVICE", lane: .telemetry), Topics.command(device: "DEVICE"),
            Topics.status(device: "DEVICE"), Topics.state(device: "DEVICE"),
            Topics.hello(shard: shard),
        ]
        return topics.map { topic in
            topic.replacing("telemetry", with: "LANE").split(separator: "/")
                .map { $0 == "07" ? "SHARD" : String($0) }.joined(separator: "/")
        }
    }

    @Test(
        "the tables that people and the broker's access list go by have the topics of the code",
        arguments: ["Sources/Wire/Uplink/Topics.swift", "Sources/Wire/Wire.docc/Uplink.md"])
    func tables(path: String) throws {
        let text = try String(
            contentsOf: Self.root.appendingPathComponent(path), encoding: .utf8)
        let rows = text.split(separator: "\n").compactMap { line -> String? in
            guard line.contains("| `busbar/v1/") else { return nil }
            return line.split(separator: "`").dropFirst().first.map(String.init)
        }
        #expect(rows == (try Self.patterns()))
    }

    @Test("what a bridge subscribes matches what a device publishes, and nobody else's")
    func sender() throws {
        let shard = try #require(Shard(7))
        let topic = Topics.up(shard: shard, device: "heater-1", lane: .alarm)
        #expect(topic == "busbar/v1/up/07/heater-1/alarm")
        #expect(Topics.up(shard: shard) == "busbar/v1/up/07/+/+")
        let sender = try #require(Topics.sender(of: topic))
        #expect(sender.shard == shard)
        #expect(sender.device == "heater-1")
        #expect(sender.lane == .alarm)
        for wrong in [
            "busbar/v1/up/7/heater-1/alarm", "busbar/v1/up/64/heater-1/alarm",
            "busbar/v1/up/+7/heater-1/alarm", "busbar/v1/up/07/Heater/alarm",
            "busbar/v1/up/07//alarm", "busbar/v1/up/07/heater-1/ack",
            "busbar/v1/up/07/heater-1/alarm/", "/busbar/v1/up/07/heater-1/alarm",
            "busbar/v2/up/07/heater-1/alarm", "busbar/v1/up/07/heater-1", "",
        ] {
            #expect(Topics.sender(of: wrong) == nil, "\(wrong)")
        }
    }

    @Test("a name is a label of the DNS, as the site file's schema has it")
    func names() {
        for name in ["a", "0", "heater-1", String(repeating: "x", count: 63)] {
            #expect(name.isSiteName, "\(name)")
        }
        for name in ["", "-a", "a-", "A", "a.b", "a/b", "ä", String(repeating: "x", count: 64)] {
            #expect(!name.isSiteName, "\(name)")
        }
    }
}
