import Foundation
import Testing

/// A trial on a machine that has none of the accounts that the site gives roles to.
@Suite("Roles for accounts that are not there", .serialized)
struct UnknownRolesTests {
    /// The reference site with accounts that no machine has.
    private static func site(in directory: URL, admin: String) throws -> String {
        let site = directory.appendingPathComponent("site")
        try FileManager.default.copyItem(
            at: URL(fileURLWithPath: Programs.site), to: site)
        let file = site.appendingPathComponent("site.json")
        var text = try String(contentsOf: file, encoding: .utf8)
        for (name, other) in [
            (#""busbar-uplink""#, #""nobody-up""#), (#""busbar-technician""#, #""nobody-tech""#),
            (#""groups": ["busbar"]"#, #""groups": ["nobody-view", "nobody-tech"]"#),
            (#""admin": { "users": ["root"] }"#, #""admin": { "users": [\#(admin)] }"#),
        ] {
            try #require(text.contains(name))
            text = text.replacingOccurrences(of: name, with: other)
        }
        try text.write(to: file, atomically: true, encoding: .utf8)
        return site.path
    }

    private static func lines(admin: String) throws -> [String] {
        let directory = FileManager.default.temporaryDirectory
            .appendingPathComponent("busbar-roles-\(UUID().uuidString.prefix(8))")
        try FileManager.default.createDirectory(
            at: directory, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: directory) }
        let daemon = try Daemon(arguments: ["--site", try site(in: directory, admin: admin)])
        #expect(daemon.end(SIGTERM).status == 0)
        let log = try String(
            contentsOf: daemon.directory.appendingPathComponent("log"), encoding: .utf8)
        return log.split(separator: "\n").map(String.init).filter { $0.contains("role") }
    }

    @Test("all of them are one line, which says what is to be done")
    func oneLine() throws {
        #expect(
            try Self.lines(admin: #""root""#) == [
                "busbard: unknown here, so without their roles: user nobody-up, groups "
                    + "nobody-view, nobody-tech. Nothing to do in a trial: whoever starts busbard "
                    + "on a simulated board has every role. On a device: systemd-sysusers"
            ])
    }

    @Test("one of a kind is not called many")
    func several() throws {
        let line = try #require(try Self.lines(admin: #""nobody-one""#).first)
        #expect(line.contains("users nobody-up, nobody-one, groups nobody-view, nobody-tech. "))
    }
}
