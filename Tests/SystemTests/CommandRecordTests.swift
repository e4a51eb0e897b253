import Foundation
import JSON
import Testing

/// Who asked for what stands in the record, beside what came of it.
@Suite("The record of commands", .serialized)
struct CommandRecordTests {
    @Test("a shelf is in the list, in the history, and with its command under one correlation")
    func shelf() throws {
        let daemon = try Daemon()
        let shelved = try daemon.busbar(
            "alarms", "shelve", "E304", "--for", "30m", "--reason", "probe is replaced", "--name",
            "Anna Berg")
        #expect(shelved.code == 0, "\(shelved.error)")
        #expect(
            shelved.output == "E304 is hidden for 30 min; it goes on being watched and recorded.\n")
        #expect(try daemon.busbar("heating", "target", "95").code == 4)
        try daemon.waitUntil("both commands are recorded", within: 5) {
            try Self.events(daemon).count { $0["type"]?.string == "command.answered.v1" } == 2
        }
        let events = try Self.events(daemon)
        let answers = events.filter { $0["type"]?.string == "command.answered.v1" }
        let first = try #require(answers.first)
        #expect(first["lane"]?.string == "alarm")
        #expect(first["data"]?["method"]?.string == "alarms.shelve")
        #expect(first["data"]?["result"]?.string == "done")
        #expect(first["data"]?["uid"]?.int == Int64(getuid()))
        #expect(first["data"]?["parameters"]?["name"]?.string == "Anna Berg")
        #expect(Self.consequences(of: first, in: events) == ["alarm.shelved.v1"])
        let second = try #require(answers.last)
        #expect(second["data"]?["result"]?.string == "out_of_range")
        #expect(Self.consequences(of: second, in: events) == ["alarm.raised.v1"])

        let list = try daemon.busbar("alarms").output
        #expect(list.contains("1 hidden: busbar alarms list --all"), "\(list)")
        #expect(list.contains("    E304 shelved until 20"), "\(list)")
        #expect(list.contains("by Anna Berg ("), "\(list)")
        let history = try daemon.busbar("alarms", "history", "--code", "E304").output
        #expect(history.contains("name=Anna Berg reason=probe is replaced"), "\(history)")

        // A restart shows every alarm, and takes nothing out of the record.
        #expect(daemon.end(SIGTERM).status == 0)
        try daemon.start()
        #expect(try daemon.busbar("alarms").output.contains("hidden") == false)
        #expect(
            try daemon.busbar("alarms", "history", "--code", "E304").output.contains("Anna Berg"))
        #expect(daemon.end(SIGTERM).status == 0)
    }

    static func events(_ daemon: Daemon) throws -> [JSONValue] {
        let result = try daemon.busbar("events", "list", "--json", "--limit", "1000")
        return try JSONValue.parse(Array(result.output.utf8))["events"]?.array ?? []
    }

    /// What carries the answer's correlation, in the order of the record.
    static func consequences(of answer: JSONValue, in events: [JSONValue]) -> [String] {
        events.filter { event in
            event["correlation"] == answer["correlation"] && event["run"] == answer["run"]
                && event["type"]?.string != "command.answered.v1"
        }.compactMap { $0["type"]?.string }
    }
}
