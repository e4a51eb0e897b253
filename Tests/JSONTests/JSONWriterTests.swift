import JSON
import Testing

@Suite struct JSONWriterTests {
    @Test("writes compact and pretty text in the order given")
    func writesCompactAndPretty() {
        let value: JSONValue = [
            "b": [1, nil, [], [:], [true]], "a": ["x": "y"], "e": [:], "é": "\u{1}\"\\\n\u{1f}/😀",
        ]
        #expect(
            value.serialized()
                == #"{"b":[1,null,[],{},[true]],"a":{"x":"y"},"e":{},"é":"\u0001\"\\\n\u001f/😀"}"#)
        #expect(
            value.serialized(pretty: true)
                == """
                {
                  "b": [
                    1,
                    null,
                    [],
                    {},
                    [
                      true
                    ]
                  ],
                  "a": {
                    "x": "y"
                  },
                  "e": {},
                  "é": "\\u0001\\"\\\\\\n\\u001f/😀"
                }

                """)
    }

    @Test("writes a stream of documents piece by piece, one on each line")
    func writesAStream() {
        var writer = JSONWriter()
        for tick in [Int64.min, 0, Int64.max] {
            writer.beginObject()
            writer.member("t", tick)
            writer.member("on", tick > 0)
            writer.key("list")
            writer.beginArray()
            writer.int(UInt8(255))
            writer.number(JSONNumber(mantissa: -5, exponent: -1))
            writer.null()
            writer.endArray()
            writer.endObject()
            writer.newline()
        }
        #expect(
            String(decoding: writer.bytes, as: UTF8.self) == """
                {"t":-9223372036854775808,"on":false,"list":[255,-0.5,null]}
                {"t":0,"on":false,"list":[255,-0.5,null]}
                {"t":9223372036854775807,"on":true,"list":[255,-0.5,null]}

                """)
        writer.removeAll()
        writer.string("again")
        #expect(String(decoding: writer.bytes, as: UTF8.self) == "\"again\"")
    }

    @Test("names places as $.a.b[2], and quotes what is no plain name")
    func namesPlaces() {
        #expect(JSONPath.root.description == "$")
        #expect(JSONPath.root.key("a").key("b_1").index(2).description == "$.a.b_1[2]")
        #expect(JSONPath.root.key("").key("1a").key("x\"y").description == #"$[""]["1a"]["x\"y"]"#)
    }

    struct Merge: CustomTestStringConvertible {
        let original: JSONValue
        let patch: JSONValue
        let result: JSONValue
        var testDescription: String { "\(original.serialized()) + \(patch.serialized())" }
    }

    @Test(
        "merges patches as the examples of RFC 7396, appendix A",
        arguments: [
            Merge(original: ["a": "b"], patch: ["a": "c"], result: ["a": "c"]),
            Merge(original: ["a": "b"], patch: ["b": "c"], result: ["a": "b", "b": "c"]),
            Merge(original: ["a": "b"], patch: ["a": nil], result: [:]),
            Merge(original: ["a": "b", "b": "c"], patch: ["a": nil], result: ["b": "c"]),
            Merge(original: ["a": ["b"]], patch: ["a": "c"], result: ["a": "c"]),
            Merge(original: ["a": "c"], patch: ["a": ["b"]], result: ["a": ["b"]]),
            Merge(
                original: ["a": ["b": "c"]], patch: ["a": ["b": "d", "c": nil]],
                result: ["a": ["b": "d"]]),
            Merge(original: ["a": [["b": "c"]]], patch: ["a": [1]], result: ["a": [1]]),
            Merge(original: ["a", "b"], patch: ["c", "d"], result: ["c", "d"]),
            Merge(original: ["a": "b"], patch: ["c"], result: ["c"]),
            Merge(original: ["a": "foo"], patch: nil, result: nil),
            Merge(original: ["a": "foo"], patch: "bar", result: "bar"),
            Merge(original: ["e": nil], patch: ["a": 1], result: ["e": nil, "a": 1]),
            Merge(original: [1, 2], patch: ["a": "b", "c": nil], result: ["a": "b"]),
            Merge(original: [:], patch: ["a": ["bb": ["ccc": nil]]], result: ["a": ["bb": [:]]]),
        ])
    func mergesPatches(_ row: Merge) {
        #expect(row.original.merging(patch: row.patch) == row.result)
    }

    @Test("objects are equal whatever their order, and unequal by one member")
    func comparesObjects() {
        let left: JSONValue = ["a": 1, "b": [1, 2]]
        #expect(left == ["b": [1, 2], "a": 1])
        #expect(left != ["b": [2, 1], "a": 1])
        #expect(left != ["a": 1, "b": [1, 2], "c": 0])
        #expect(left != ["a": 1, "c": [1, 2]])
        #expect(JSONValue.bool(true) != 1)
    }
}
