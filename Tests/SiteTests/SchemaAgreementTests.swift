import Control
import Events
import JSON
import Site
import Testing

/// The loader and the schema state the same limits in two languages. Here they are held together by
/// probing: each number of the schema is tried in the loader, with its two ends and one beyond.
@Suite struct SchemaAgreementTests {
    struct Limits: CustomTestStringConvertible, Sendable {
        let name: String
        let minimum: Int64
        let maximum: Int64
        let fallback: Int64?
        var testDescription: String { name }
    }

    static func schema() throws -> JSONValue {
        try JSONValue.parse(readFile(ReferenceSite.repository + "/schemas/site.v1.json"))
    }

    static func parameters() throws -> [Limits] {
        let heating = try #require(try schema()["properties"]?["heating"]?["properties"])
        let rows = try #require(heating["parameters"]?["properties"]?.object)
        return try rows.map { row in
            Limits(
                name: row.key, minimum: try #require(row.value["minimum"]?.int),
                maximum: try #require(row.value["maximum"]?.int),
                fallback: row.value["default"]?.int)
        }
    }

    /// The loader's line on a range, if it has one for this value.
    static func refusal(_ name: String, _ value: Int64) throws -> String? {
        do throws(SiteError) {
            _ = try ReferenceSite.siteOrRefusal([
                "heating": ["parameters": [name: JSONValue(value)]]
            ])
            return nil
        } catch {
            return error.lines.first {
                $0.contains("$.heating.parameters.\(name): found \(value); allowed is an integer")
            }
        }
    }

    @Test(
        "each parameter has in the loader the range that the schema states",
        arguments: try parameters())
    func agreesOnRanges(_ row: Limits) throws {
        for inside in [row.minimum, row.maximum] {
            #expect(try Self.refusal(row.name, inside) == nil)
        }
        for outside in [row.minimum - 1, row.maximum + 1] {
            let line = try Self.refusal(row.name, outside)
            #expect(line?.contains("from \(row.minimum) to \(row.maximum)") == true, "\(outside)")
        }
    }

    @Test("the schema states 24 parameters, each with a unit or a count in its description")
    func statesAllParameters() throws {
        #expect(try Self.parameters().count == 24)
    }

    @Test("the schema's words are the loader's words")
    func agreesOnWords() throws {
        let definitions = try #require(try Self.schema()["$defs"])
        let codes = definitions["alarmCode"]?["enum"]?.array?.compactMap(\.string) ?? []
        let known = (0..<UInt8(AlarmCode.count)).compactMap(AlarmCode.init(rawValue:)).map {
            let digits = String($0.number)
            return "E" + String(repeating: "0", count: 3 - digits.count) + digits
        }
        #expect(codes == known)
        // Every case of the core's enums has a word, and there is no word without a case.
        let conditions = definitions["condition"]?["enum"]?.array?.compactMap(\.string) ?? []
        let cases = (UInt8(0)...255).compactMap(Condition.init(rawValue:)).map { "\($0)" }
        #expect(conditions == cases)
        let kinds = definitions["step"]?["properties"]?["kind"]?["enum"]?.array ?? []
        #expect(
            kinds.compactMap(\.string)
                == (UInt8(0)...255).compactMap(StepKind.init(rawValue:)).map { "\($0)" })
        let sensors = try Self.schema()["properties"]?["sensors"]?["properties"]?.object
        #expect(
            sensors?.keys == (UInt8(0)...255).compactMap(SignalID.init(rawValue:)).map { "\($0)" })
        // Each word of the schema is tried in the loader; an unknown one would be refused by name.
        for (key, list) in [
            ("until", definitions["condition"]?["enum"]),
            ("kind", definitions["step"]?["properties"]?["kind"]?["enum"]),
        ] {
            let words = try #require(list?.array).compactMap(\.string)
            #expect(words.count > 10)
            for word in words {
                let step: JSONValue = [
                    "id": "A", "kind": "check", "maxMs": 1, "until": "always",
                    "onTimeout": "finish",
                ]
                let refusal = #expect(throws: SiteError.self) {
                    try ReferenceSite.site([
                        "heating": ["sequence": [step.merging(patch: [key: .string(word)])]]
                    ])
                }
                #expect(
                    refusal?.lines.contains { $0.contains(".\(key): found") } == false, "\(word)")
            }
        }
    }
}

extension ReferenceSite {
    /// As `site`, with the one error type that the loader throws.
    static func siteOrRefusal(_ patch: JSONValue) throws(SiteError) -> Site {
        guard let json = try? json(), let database = try? database() else {
            preconditionFailure("the reference site is in the repository")
        }
        return try Site(json: json, dbcBytes: database, overrides: [patch])
    }
}
