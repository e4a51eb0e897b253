import JSON
import Testing

@Suite("Plain JSON")
struct PlainJSONTests {
    static let plain = [
        "{}", "[]", "0", "-1", "1.5", "\"text\"", "true", "false", "null", "{\"a\":1,\"b\":[1,2]}",
        "{ \"a\" : { \"b\" : [ ] } , \"c\" : -0.25 }", "[[[[]]]]", "10", "\"\"",
    ]

    /// Each is refused by the parser too.
    static let broken = [
        "", "{", "}", "[1", "[1,]", "{\"a\":1,}", "{\"a\"}", "{\"a\":}", "{a:1}", "01", "-", "1.",
        ".5", "tru", "truely", "nulll", "\"", "\"a", "{\"a\":1}{}", "{} x", " ", "+1", "[1 2]",
        "{\"a\":1,\"a\":2}", "1e", "\"\u{1}\"", "[[1,2],", "{,}", "--1", "-01",
    ]

    /// The parser takes them, and they are left to it.
    static let leftToTheParser = [
        "1e3", "\"\\n\"", "\"é\"", "\n{}", "\t1", "{\"a\\u0041\":1}", "[[[[[]]]]]",
        "{" + (0..<33).map { "\"k\($0)\":0" }.joined(separator: ",") + "}",
        String(repeating: "1", count: 65), "\"\u{7F}\"",
    ]

    @Test("is told in one pass", arguments: plain)
    func isTold(text: String) throws {
        #expect(PlainJSON.holds(Array(text.utf8)))
        _ = try JSONValue.parse(Array(text.utf8))
    }

    @Test("is not what the parser refuses", arguments: broken)
    func isRefused(text: String) {
        #expect(!PlainJSON.holds(Array(text.utf8)))
        #expect(throws: JSONError.self) { try JSONValue.parse(Array(text.utf8)) }
    }

    @Test("leaves to the parser what is sound and not plain", arguments: leftToTheParser)
    func left(text: String) throws {
        #expect(!PlainJSON.holds(Array(text.utf8)))
        _ = try JSONValue.parse(Array(text.utf8))
    }

    @Test("each byte is plain in a text, or is not, wherever it stands in it")
    func everyByte() {
        // Words of eight bytes are looked at as one: 0 to 16 letters before it, and 0 to 8 behind.
        for byte in UInt8.min...(.max) {
            let isPlain = (0x20..<0x7F).contains(byte) && byte != 0x22 && byte != 0x5C
            for before in 0...16 {
                for behind in [0, 1, 7, 8] {
                    let text =
                        [0x22] + Array(repeating: 0x61, count: before) + [byte]
                        + Array(repeating: 0x7E, count: behind) + [0x22]
                    #expect(PlainJSON.holds(text) == isPlain, "\(byte) after \(before)")
                }
            }
        }
    }

    @Test("keys that differ in one letter are told apart, and the same twice is refused")
    func keys() {
        for count in 1...40 {
            let key = String(repeating: "k", count: count)
            for place in 0..<count {
                var other = Array(key.utf8)
                other[place] = UInt8(ascii: "l")
                let text = "{\"\(key)\":0,\"\(String(decoding: other, as: UTF8.self))\":0}"
                #expect(PlainJSON.holds(Array(text.utf8)))
            }
            #expect(!PlainJSON.holds(Array("{\"\(key)\":0,\"\(key)\":0}".utf8)))
        }
    }

    @Test("32 members are told apart here")
    func members() {
        let text = "{" + (0..<32).map { "\"k\($0)\":0" }.joined(separator: ",") + "}"
        #expect(PlainJSON.holds(Array(text.utf8)))
    }

    @Test("whatever a byte becomes, a yes is one that the parser would say")
    func neverMoreThanTheParser() {
        var random = SystemRandomNumberGenerator()
        let alphabet = Array("{}[]\",:0123456789.-+eE\\ntrufals \u{1}é".utf8)
        for text in Self.plain {
            for _ in 0..<500 {
                var bytes = Array(text.utf8)
                guard !bytes.isEmpty else { continue }
                for _ in 0...Int.random(in: 0...2, using: &random) {
                    let place = Int.random(in: 0..<bytes.count, using: &random)
                    bytes[place] = alphabet.randomElement(using: &random) ?? 0
                }
                guard PlainJSON.holds(bytes) else { continue }
                #expect(throws: Never.self) { try JSONValue.parse(bytes) }
            }
        }
    }
}
