import JSON
import Site
import Testing

/// A site whose files are not as they should be, before any of its values is looked at.
@Suite struct SiteLoadTests {
    struct Row: CustomTestStringConvertible {
        let site: String?
        let database: [UInt8]?
        let message: String
        var testDescription: String { message }
    }

    static let least = #"{"can":{"database":"sensors.dbc"}}"#

    @Test(
        "says which file is wrong and where, on one line",
        arguments: [
            Row(
                site: nil, database: [],
                message: "E901 board/x/site.json: $: cannot open it: No such file or directory"),
            Row(
                site: "{\n  \"schema\": \"site.v1\",\n}", database: [],
                message: "E901 board/x/site.json: line 2, column 22: found a comma before '}'; "
                    + "remove it"),
            Row(
                site: #"{"tickMs":100,"tickMs":50}"#, database: [],
                message: "E901 board/x/site.json: line 1, column 15: the key \"tickMs\" stands "
                    + "twice in one object"),
            Row(
                site: "[]", database: [],
                message: "E901 board/x/site.json: $: found an array; allowed is an object"),
            Row(
                site: least, database: nil,
                message: "E901 board/x/sensors.dbc: $: cannot open it: No such file or directory"),
            Row(
                site: least, database: Array("BO_ what".utf8),
                message: "E901 board/x/sensors.dbc: line 1: "),
        ])
    func saysWhichFileIsWrong(_ row: Row) throws {
        let refusal = #expect(throws: SiteError.self) {
            try Site.load(directory: "board/x", profile: nil, overrides: []) {
                path throws(FileError) in
                let content =
                    path == "board/x/site.json" ? row.site.map { Array($0.utf8) } : row.database
                if let content { return content }
                throw FileError(path: path, reason: "cannot open it: No such file or directory")
            }
        }
        #expect(refusal?.defects.count == 1)
        #expect(
            refusal?.description.hasPrefix(row.message) == true, "\(String(describing: refusal))")
    }

    @Test("says what the system says when a folder has no site")
    func saysWhatTheSystemSays() throws {
        let refusal = #expect(throws: SiteError.self) { try Site.load(directory: "/nowhere") }
        #expect(
            refusal?.description
                == "E901 /nowhere/site.json: $: cannot open it: No such file or directory")
        let folder = #expect(throws: FileError.self) { try readFile("/") }
        #expect(folder?.description == "/: cannot read it: Is a directory")
    }

    @Test("notes all defects in one go, the first one first, a thousand at the most")
    func notesAllDefects() throws {
        let two = #expect(throws: SiteError.self) {
            try ReferenceSite.site(["tickMs": 1, "heating": ["parameters": ["trials": 9]]])
        }
        #expect(
            two?.lines == [
                "E901 site.json: $.tickMs: found 1; allowed is an integer from 20 to 100 ms",
                "E901 site.json: $.heating.parameters.trials: found 9; "
                    + "allowed is an integer from 1 to 3",
            ])
        #expect(two?.description == (two?.lines.first ?? "") + " (and 1 more)")
        var many = JSONObject()
        for number in 0..<1_001 { many.append("key\(number)", 0) }
        let capped = #expect(throws: SiteError.self) { try ReferenceSite.site(.object(many)) }
        #expect(capped?.defects.count == 1_000)
        #expect(capped?.defects.first?.place == "$.key0")
    }

    @Test("refuses a profile and an override that are none")
    func refusesWhatIsNoProfile() throws {
        let profile = #expect(throws: SiteError.self) { try ReferenceSite.site(profile: "test") }
        #expect(
            profile?.description
                == "E901 site.json: $.profiles: no profile \"test\"; this site has dev, stage, prod"
        )
        let override = #expect(throws: SiteError.self) { try ReferenceSite.site([1]) }
        #expect(
            override?.description == "E901 override 1: $: found an array; allowed is an object")
    }

    @Test("survives any damage to the site file: it is read or refused, with a place")
    func survivesDamage() throws {
        let bytes = try readFile(ReferenceSite.folder + "/site.json")
        let database = try ReferenceSite.database()
        var state: UInt64 = 1
        var refused = 0
        for _ in 0..<2_000 {
            // Numerical Recipes' 64-bit generator: enough to scatter damage, and it replays.
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            var damaged = bytes
            let index = Int(state >> 33) % damaged.count
            let byte = UInt8(truncatingIfNeeded: state >> 20)
            if state & 1 == 0 { damaged[index] = byte } else { damaged.remove(at: index) }
            guard let json = try? JSONValue.parse(damaged) else { continue }
            do throws(SiteError) {
                _ = try Site(json: json, dbcBytes: database)
            } catch {
                refused += 1
                #expect(error.description.hasPrefix("E901 site.json: $"))
            }
        }
        #expect(refused > 100, "the damage hit too little")
    }
}
