import JSON
import Site
import Testing

/// Random changes to a site with everything in it, with the verdict that PyPI's jsonschema gave on
/// each (`check_schema.py` makes and checks them). The loader must refuse what the schema refuses,
/// and must not refuse, for a reason that a schema can state, what the schema lets pass.
@Suite struct MutationTests {
    /// How the loader words what a schema can say. Everything else that it refuses is about two
    /// values, the DBC file, or the rules V1 to V8.
    static let schemaWords = [
        "unknown key", "missing; allowed is", "; allowed is an integer", "; allowed is true or",
        "; allowed is one of", "; allowed is an object", "; allowed is an array", "unknown action",
    ]

    /// `document` with the value at `path` replaced, or taken away where `value` is nil.
    static func changed(
        _ document: JSONValue, at path: ArraySlice<JSONValue>, to value: JSONValue?
    ) -> JSONValue? {
        guard let first = path.first else { return value }
        switch (document, first) {
        case (.object(var object), .string(let key)):
            object[key] = changed(object[key] ?? .null, at: path.dropFirst(), to: value)
            return .object(object)
        case (.array(var elements), .number):
            guard let index = first.int.map({ Int($0) }), elements.indices.contains(index),
                let element = changed(elements[index], at: path.dropFirst(), to: value)
            else { return nil }
            elements[index] = element
            return .array(elements)
        default: return nil
        }
    }

    @Test("refuses what the schema refuses in 1,000 random changes, and no more in its field")
    func agreesWithTheSchema() throws {
        let row = try CorpusTests.rows().first { $0.name == "a site with everything" }
        let everything = try ReferenceSite.site(try #require(row).patch).json
        let database = try ReferenceSite.database()
        let path = ReferenceSite.repository + "/Tests/SiteTests/Corpus/mutations.json"
        let mutations = try #require(try JSONValue.parse(readFile(path)).array)
        var refused = 0
        for mutation in mutations {
            let place = try #require(mutation["path"]?.array)
            let json = try #require(
                Self.changed(everything, at: place[...], to: mutation["value"]))
            let passesSchema = mutation["passes"] == true
            do throws(SiteError) {
                _ = try Site(json: json, dbcBytes: database)
                #expect(passesSchema, "accepted: \(mutation.serialized())")
            } catch {
                refused += 1
                let fields = error.lines.filter { line in
                    Self.schemaWords.contains { line.contains($0) }
                }
                if passesSchema { #expect(fields == [], "\(mutation.serialized())") }
            }
        }
        #expect(mutations.count == 1_000)
        #expect((300..<900).contains(refused), "\(refused) refused")
    }
}
