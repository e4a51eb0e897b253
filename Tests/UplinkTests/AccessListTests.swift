import Foundation
import Testing
import Wire

/// The broker's access list, read as mosquitto 2 does: `pattern` lines are everybody's, with the
/// user's name for %u; `topic` lines belong to the `user` line above them.
struct AccessList {
    struct Rule {
        /// Nil for everybody.
        var user: String?
        var isWrite: Bool
        var filter: String
    }

    let rules: [Rule]

    init(_ text: String) throws {
        var user: String?
        var rules: [Rule] = []
        for line in text.split(separator: "\n") where !line.hasPrefix("#") {
            let words = line.split(separator: " ").map(String.init)
            if words[0] == "user" {
                user = words[1]
                continue
            }
            try #require(words.count == 3 && ["read", "write"].contains(words[1]), "\(line)")
            let isPattern = words[0] == "pattern"
            try #require(isPattern || (words[0] == "topic" && user != nil), "\(line)")
            for level in words[2].split(separator: "/") where level.contains("%u") {
                // mosquitto would compare the rest of the level literally.
                try #require(level == "%u", "\(line)")
            }
            rules.append(
                Rule(
                    user: isPattern ? nil : user, isWrite: words[1] == "write", filter: words[2]))
        }
        self.rules = rules
    }

    /// The rules that let `user` write or read `topic`.
    func matches(_ user: String, isWrite: Bool, _ topic: String) -> [Int] {
        rules.indices.filter { index in
            let rule = rules[index]
            return rule.isWrite == isWrite && (rule.user ?? user) == user
                && Self.matches(rule.filter.replacing("%u", with: user), topic)
        }
    }

    private static func matches(_ filter: String, _ topic: String) -> Bool {
        let wanted = filter.split(separator: "/", omittingEmptySubsequences: false)
        let found = topic.split(separator: "/", omittingEmptySubsequences: false)
        for (index, level) in wanted.enumerated() {
            if level == "#" { return true }
            guard index < found.count, level == "+" || level == found[index] else { return false }
        }
        return wanted.count == found.count
    }
}

@Suite("The broker's access list and the topics")
struct AccessListTests {
    struct Row: CustomTestStringConvertible, Sendable {
        let user: String
        let isWrite: Bool
        let topic: String
        var testDescription: String { "\(user) \(isWrite ? "writes" : "reads") \(topic)" }

        init(_ user: String, writes topic: String) {
            (self.user, isWrite, self.topic) = (user, true, topic)
        }

        init(_ user: String, reads topic: String) {
            (self.user, isWrite, self.topic) = (user, false, topic)
        }
    }

    static let device = "heater-1"
    static let shard = Shard(device: device)

    /// Everything that is published and heard, by whom: the table of `Topics`, row by row.
    static let rows: [Row] = {
        var rows: [Row] = []
        for lane in Lane.allCases {
            let up = Topics.up(shard: shard, device: device, lane: lane)
            let ack = Topics.ack(device: device, lane: lane)
            rows += [
                Row(device, writes: up), Row("busbar-bridge", reads: up),
                Row("busbar-bridge", writes: ack), Row(device, reads: ack),
            ]
        }
        let (command, status) = (Topics.command(device: device), Topics.status(device: device))
        let (state, hello) = (Topics.state(device: device), Topics.hello(shard: shard))
        rows += [
            Row("busbar-commander", writes: command), Row(device, reads: command),
            Row(device, writes: status), Row("busbar-bridge", reads: status),
            Row("busbar-commander", reads: status), Row("home-assistant", reads: status),
            Row(device, writes: state), Row("home-assistant", reads: state),
            Row("busbar-bridge", writes: hello), Row(device, reads: hello),
        ]
        for kind in ["sensor", "binary_sensor"] {
            let description = Topics.description(kind: kind, device: device, id: "gas")
            rows += [
                Row(device, writes: description), Row("home-assistant", reads: description),
            ]
        }
        return rows
    }()

    static func list() throws -> AccessList {
        let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        return try AccessList(
            String(contentsOf: root.appending(path: "board/broker/acl"), encoding: .utf8))
    }

    @Test("whoever must may", arguments: rows)
    func allows(_ row: Row) throws {
        #expect(!(try Self.list()).matches(row.user, isWrite: row.isWrite, row.topic).isEmpty)
    }

    @Test("nobody else may publish, and another device may not even hear", arguments: rows)
    func refuses(_ row: Row) throws {
        let list = try Self.list()
        let writers = Self.rows.filter { $0.isWrite && $0.topic == row.topic }.map(\.user)
        for user in ["busbar-bridge", "busbar-commander", "home-assistant", "heater-2"]
        where !writers.contains(user) {
            #expect(list.matches(user, isWrite: true, row.topic).isEmpty, "\(user)")
        }
        guard row.topic != Topics.hello(shard: Self.shard) else { return }
        #expect(list.matches("heater-2", isWrite: false, row.topic).isEmpty)
    }

    @Test("every line of the list is of use to a row of the table")
    func needed() throws {
        let list = try Self.list()
        let used = Set(
            Self.rows.flatMap { list.matches($0.user, isWrite: $0.isWrite, $0.topic) })
        #expect(
            list.rules.indices.filter { !used.contains($0) }.map { list.rules[$0].filter } == [])
    }
}
