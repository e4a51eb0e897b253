import JSON
import Site
import Testing

/// The corpus that the Python validator reads too (`check_schema.py`): what a schema can say, both
/// must say.
@Suite struct CorpusTests {
    struct Row: CustomTestStringConvertible, Sendable {
        let name: String
        let profile: String?
        let patch: JSONValue
        let verdict: String
        let error: String?
        var testDescription: String { name }
    }

    static func rows() throws -> [Row] {
        let path = ReferenceSite.repository + "/Tests/SiteTests/Corpus/corpus.json"
        let corpus = try JSONValue.parse(readFile(path))
        return try #require(corpus.array).map { row in
            Row(
                name: try #require(row["name"]?.string), profile: row["profile"]?.string,
                patch: row["patch"] ?? [:], verdict: try #require(row["verdict"]?.string),
                error: row["error"]?.string)
        }
    }

    @Test("judges every site file of the corpus as its verdict says", arguments: try rows())
    func judgesTheCorpus(_ row: Row) throws {
        let site = try ReferenceSite.json()
        let database = try ReferenceSite.database()
        func load() throws(SiteError) -> Site {
            try Site(json: site, dbcBytes: database, profile: row.profile, overrides: [row.patch])
        }
        switch row.verdict {
        case "good":
            #expect(throws: Never.self) { try load() }
        case "schema", "loader":
            let refusal = #expect(throws: SiteError.self) { try load() }
            let expected = "E901 site.json: " + (try #require(row.error))
            let lines = refusal?.lines ?? []
            #expect(lines.contains { $0.hasPrefix(expected) }, "expected \(expected) in \(lines)")
        default: Issue.record("unknown verdict \(row.verdict)")
        }
    }

    @Test("has at least 60 site files, each under a name of its own")
    func isLargeEnough() throws {
        let rows = try Self.rows()
        #expect(rows.count >= 60)
        #expect(Set(rows.map(\.name)).count == rows.count)
    }
}
