import JSON
import Testing

@Suite struct JSONParserTests {
    struct Good: CustomTestStringConvertible {
        let text: String
        let value: JSONValue
        var testDescription: String { text }
    }

    @Test(
        "reads what RFC 8259 allows",
        arguments: [
            Good(text: "null", value: nil),
            Good(text: " \t\r\n true ", value: true),
            Good(text: "[]", value: []),
            Good(text: "{ }", value: [:]),
            Good(text: "[ 1 , [ ] , { \"a\" : [ false ] } ]", value: [1, [], ["a": [false]]]),
            Good(text: #""\"\\\/\b\f\n\r\t""#, value: "\"\\/\u{8}\u{c}\n\r\t"),
            Good(text: #""\u0000\u00e9\u20AC\ud83d\uDE00""#, value: "\0é€😀"),
            Good(text: "\"é€😀\u{7f}\u{2028}\"", value: "é€😀\u{7f}\u{2028}"),
            Good(text: "{\"\":0}", value: ["": 0]),
            Good(text: "-0", value: 0),
            Good(text: "9223372036854775807", value: 9_223_372_036_854_775_807),
            Good(text: "-9223372036854775808", value: -9_223_372_036_854_775_808),
            Good(text: "1E3", value: 1_000),
            Good(text: "1.0", value: 1),
            Good(text: "2.50e+1", value: 25),
        ])
    func readsWhatTheStandardAllows(_ row: Good) throws {
        #expect(try JSONValue.parse(Array(row.text.utf8)) == row.value)
    }

    struct Bad: CustomTestStringConvertible {
        let bytes: [UInt8]
        let message: String
        init(_ text: String, _ message: String) {
            bytes = Array(text.utf8)
            self.message = message
        }
        init(bytes: [UInt8], _ message: String) {
            self.bytes = bytes
            self.message = message
        }
        var testDescription: String { message }
    }

    @Test(
        "refuses what RFC 8259 forbids, with the place and the reason",
        arguments: [
            Bad("", "line 1, column 1: found the end of the text where a value was expected"),
            Bad("[1,\n 2,\n]", "line 2, column 3: found a comma before ']'; remove it"),
            Bad("{\"a\":1,}", "line 1, column 7: found a comma before '}'; remove it"),
            Bad("[1 2]", "line 1, column 4: found '2' where ',' or ']' was expected"),
            Bad("[1,,2]", "line 1, column 4: found ',' where a value was expected"),
            Bad("[,1]", "line 1, column 2: found ',' where a value was expected"),
            Bad("{\"a\" 1}", "line 1, column 6: found '1' where ':' was expected after a key"),
            Bad("{a:1}", "line 1, column 2: found 'a' where a key in quotes was expected"),
            Bad(
                "{\"a\":1,\n\"b\":2,\"a\":3}",
                "line 2, column 7: the key \"a\" stands twice in one object"),
            Bad(
                #"{"a":1,"\u0061":2}"#,
                "line 1, column 8: the key \"a\" stands twice in one object"),
            Bad("1 2", "line 1, column 3: found '2' after the end of the document"),
            Bad("nul", "line 1, column 1: expected null here; a text needs quotes"),
            Bad("NaN", "line 1, column 1: found 'N' where a value was expected"),
            Bad(
                "-Infinity",
                "line 1, column 2: found 'I' where a digit of a number was expected"),
            Bad("01", "line 1, column 1: a number must not begin with 0; remove the zero"),
            Bad("-01", "line 1, column 1: a number must not begin with 0; remove the zero"),
            Bad("+1", "line 1, column 1: found '+' where a value was expected"),
            Bad(
                "1.",
                "line 1, column 3: found the end of the text where a digit of the fraction of a "
                    + "number was expected"),
            Bad(".5", "line 1, column 1: found '.' where a value was expected"),
            Bad(
                "1e",
                "line 1, column 3: found the end of the text where a digit of the exponent of a "
                    + "number was expected"),
            Bad("1e99999", "line 1, column 1: the exponent of this number is out of range"),
            Bad("0x10", "line 1, column 2: found 'x' after the end of the document"),
            Bad("\"abc", "line 1, column 1: this string has no closing quote"),
            Bad("\"é\tb\"", "line 1, column 3: found byte 0x9 in a string; write it as an escape"),
            Bad(#""\x""#, "line 1, column 2: this escape is unknown"),
            Bad(
                #""\u12g4""#,
                "line 1, column 6: found 'g' where a hexadecimal digit was expected"),
            Bad(#""\ud83d""#, "line 1, column 2: this escape is half of a surrogate pair"),
            Bad(#""\ude00""#, "line 1, column 2: this escape is half of a surrogate pair"),
            Bad(#""\ud83dx""#, "line 1, column 2: this escape is half of a surrogate pair"),
            Bad(#""\ud83d\n""#, "line 1, column 2: this escape is half of a surrogate pair"),
            Bad(#""\ud83d\u0041""#, "line 1, column 2: this escape is half of a surrogate pair"),
            Bad("// no\n1", "line 1, column 1: found '/' where a value was expected"),
            Bad(
                "\u{FEFF}1",
                "line 1, column 1: found a byte order mark; save the file as UTF-8 without one"),
            Bad("[\u{A0}1]", "line 1, column 2: found byte 0xc2 where a value was expected"),
            Bad(
                "{",
                "line 1, column 2: found the end of the text where a key in quotes was "
                    + "expected"),
            // Overlong, lone continuation, surrogate in UTF-8, above U+10FFFF, cut short.
            Bad(
                bytes: [0x22, 0xC0, 0xAF, 0x22],
                "line 1, column 2: this string is not valid UTF-8 (byte 0xc0)"),
            Bad(
                bytes: [0x22, 0x80, 0x22],
                "line 1, column 2: this string is not valid UTF-8 (byte 0x80)"),
            Bad(
                bytes: [0x22, 0xED, 0xA0, 0x80, 0x22],
                "line 1, column 2: this string is not valid UTF-8 (byte 0xed)"),
            Bad(
                bytes: [0x22, 0xE0, 0x80, 0x80, 0x22],
                "line 1, column 2: this string is not valid UTF-8 (byte 0xe0)"),
            Bad(
                bytes: [0x22, 0xF4, 0x90, 0x80, 0x80, 0x22],
                "line 1, column 2: this string is not valid UTF-8 (byte 0xf4)"),
            Bad(
                bytes: [0x22, 0xE2, 0x82, 0x22],
                "line 1, column 2: this string is not valid UTF-8 (byte 0xe2)"),
            Bad(
                bytes: [0x22, 0xE2, 0x82],
                "line 1, column 2: this string is not valid UTF-8 (byte 0xe2)"),
            Bad(bytes: [0xFF], "line 1, column 1: found byte 0xff where a value was expected"),
        ])
    func refusesWhatTheStandardForbids(_ row: Bad) throws {
        let error = #expect(throws: JSONError.self) { try JSONValue.parse(row.bytes) }
        #expect(error?.description == row.message)
    }

    @Test("keeps the order of members, and takes two spellings of é for two keys")
    func keepsTheOrderOfMembers() throws {
        let value = try JSONValue.parse(Array("{\"z\":1,\"e\u{301}\":2,\"a\":3,\"é\":4}".utf8))
        #expect(
            value.object?.keys.map { Array($0.utf8) }
                == ["z", "e\u{301}", "a", "é"].map { Array($0.utf8) })
        #expect(value["é"] == 4)
        #expect(value["e\u{301}"] == 2)
    }

    @Test("nests as deep as the limit and no deeper", arguments: [63, 64, 65])
    func nestsAsDeepAsTheLimit(depth: Int) throws {
        let text = String(repeating: "[", count: depth) + String(repeating: "]", count: depth)
        if depth <= 64 {
            #expect(try JSONValue.parse(Array(text.utf8)).array != nil)
        } else {
            let error = #expect(throws: JSONError.self) { try JSONValue.parse(Array(text.utf8)) }
            #expect(
                error?.description
                    == "line 1, column 65: arrays and objects nest deeper than 64")
        }
    }

    @Test("refuses a document above the size limit before it reads it")
    func refusesADocumentAboveTheSizeLimit() throws {
        let limits = JSONLimits(size: 4)
        #expect(try JSONValue.parse(Array("1234".utf8), limits: limits) == 1_234)
        let error = #expect(throws: JSONError.self) {
            try JSONValue.parse(Array("12345".utf8), limits: limits)
        }
        #expect(error?.reason == "the document has 5 bytes; at most 4 are read")
    }
}
