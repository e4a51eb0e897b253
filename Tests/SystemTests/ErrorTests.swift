import Foundation
import JSON
import Testing

@Suite("What goes wrong, for people and for programs")
struct ErrorTests {
    struct Row: CustomTestStringConvertible, Sendable {
        let testDescription: String
        let arguments: [String]
        let code: Int64
        let message: String
    }

    static let rows = [
        Row(
            testDescription: "no daemon", arguments: ["status", "--socket", "/nonexistent/s"],
            code: 3, message: "nobody answers at /nonexistent/s (No such file or directory): "),
        Row(
            testDescription: "wrong usage", arguments: ["watch", "--hz", "11"], code: 2,
            message: "--hz must be 1 to 10, found 11"),
        Row(
            testDescription: "a shelf that is too long, in the words that were typed",
            arguments: ["alarms", "shelve", "E304", "--for", "13h", "--reason", "x"], code: 2,
            message: "--for 13h is too long: an alarm can be hidden for at most 12 h"),
        Row(
            testDescription: "a shelf that is a second too long",
            arguments: ["alarms", "shelve", "E304", "--for", "43201s", "--reason", "x"], code: 2,
            message: "--for 43201s is too long: an alarm can be hidden for at most 12 h"),
        Row(
            testDescription: "the longest shelf, and no daemon",
            arguments: [
                "alarms", "shelve", "E304", "--for", "12h", "--reason", "x", "--socket",
                "/nonexistent/s",
            ], code: 3, message: "nobody answers at /nonexistent/s (No such file or directory): "),
        Row(
            testDescription: "a missing argument", arguments: ["why"], code: 2,
            message: "Missing expected argument '<subject>'"),
        Row(
            testDescription: "a file that is not there",
            arguments: ["can", "decode", "--dbc", "/nonexistent.dbc"], code: 1,
            message: "/nonexistent.dbc: "),
    ]

    @Test("With --json an error is one line of JSON beside the text", arguments: rows)
    func errorAsJSON(row: Row) throws {
        let result = try Programs.run("busbar", row.arguments + ["--json"])
        #expect(Int64(result.code) == row.code)
        #expect(result.error.contains(row.message), "the text stays: \(result.error)")
        #expect(result.output.filter { $0 == "\n" }.count == 1)
        let document = try JSONValue.parse(Array(result.output.utf8))
        #expect(document["error"]?["exit"]?.int == row.code)
        #expect(
            document["error"]?["message"]?.string?.hasPrefix(row.message) == true,
            "\(result.output)")
        #expect(try Programs.run("busbar", row.arguments).output == "")
    }

    @Test("a daemon that takes the call and says nothing is 3 after 5 s")
    func silentDaemon() throws {
        let place = try LocalSocket()
        let result = try Programs.run("busbar", ["status", "--socket", place.path])
        #expect(result.code == 3)
        #expect(
            result.error
                == "busbar: busbard at \(place.path) took the call and did not answer within 5 s: "
                + "it is stopped or hangs; see systemctl status busbard\n")
    }

    @Test("a socket that this user may not open is 3, with what to do")
    func notPermitted() throws {
        let place = try LocalSocket()
        try #require(chmod(place.path, 0) == 0)
        // Root may open everything, so it must be a root without that right.
        let isRoot = geteuid() == 0
        let busbar = Programs.directory.appendingPathComponent("busbar").path
        let call = ["status", "--socket", place.path]
        let result =
            try isRoot
            ? Programs.run(
                path: "/usr/bin/setpriv",
                ["--bounding-set=-dac_override,-dac_read_search", busbar] + call)
            : Programs.run("busbar", call)
        #expect(result.code == 3)
        #expect(
            result.error
                == "busbar: \(place.path): Permission denied: you must be in the group that owns "
                + "the socket: ls -l \(place.path)\n")
    }

    /// Listens, and never takes a connection.
}

@Suite("site check")
struct SiteCheckTests {
    @Test("a good site is summed up with its digest")
    func good() throws {
        let result = try Programs.run("busbar", ["site", "check", Programs.site])
        #expect(result.code == 0, "\(result.error)")
        #expect(result.output.hasPrefix("\(Programs.site): reference-house is in order\n"))
        #expect(
            result.output.contains(
                "  Note: retentionDays of 7 routes is checked and not yet kept to: the journal lets "
                    + "go of what is acknowledged, and of what is over the lane's quota\n"))
        let json = try Programs.run("busbar", ["site", "check", Programs.site, "--json"])
        let document = try JSONValue.parse(Array(json.output.utf8))
        #expect(document["ok"]?.bool == true)
        let digest = try #require(document["digest"]?.string)
        #expect(digest.count == 16)
        #expect(result.output.contains("  Digest   \(digest)\n"))
        #expect(document["relays"]?.array?.contains("power") == true)
    }

    @Test("each error has a line, and there is no word of how many more there are")
    func wrong() throws {
        let folder = FileManager.default.temporaryDirectory
            .appendingPathComponent("busbar-site-\(UUID().uuidString.prefix(8))")
        try FileManager.default.copyItem(
            at: URL(fileURLWithPath: Programs.site), to: folder)
        defer { try? FileManager.default.removeItem(at: folder) }
        let file = folder.appendingPathComponent("site.json")
        var site = try #require(
            try JSONSerialization.jsonObject(with: Data(contentsOf: file)) as? [String: Any])
        for number in 100..<125 { site["wrong\(number)"] = 1 }
        try JSONSerialization.data(withJSONObject: site).write(to: file)

        let result = try Programs.run("busbar", ["site", "check", folder.path])
        #expect(result.code == 1)
        #expect(result.output == "")
        let lines = result.error.split(separator: "\n")
        #expect(lines.count == 25)
        for line in lines {
            #expect(
                line.hasPrefix("E901 \(file.path): $.wrong1") && line.contains("unknown key"),
                "\(line)")
        }
        let json = try Programs.run("busbar", ["site", "check", folder.path, "--json"])
        #expect(json.code == 1)
        let document = try JSONValue.parse(Array(json.output.utf8))
        #expect(document["ok"]?.bool == false)
        #expect(document["errors"]?.array?.count == 25)
        #expect(document["errors"]?[0]?["file"]?.string == file.path)
    }
}
