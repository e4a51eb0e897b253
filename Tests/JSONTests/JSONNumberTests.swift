import JSON
import Testing

@Suite struct JSONNumberTests {
    struct Row: CustomTestStringConvertible {
        let text: String
        let written: String
        let integer: Int64?
        var testDescription: String { text }
    }

    @Test(
        "keeps a number exactly as the decimal that was written",
        arguments: [
            Row(text: "0", written: "0", integer: 0),
            Row(text: "-0.0e7", written: "0", integer: 0),
            Row(text: "1e3", written: "1000", integer: 1_000),
            Row(text: "1.0", written: "1", integer: 1),
            Row(text: "1200e-2", written: "12", integer: 12),
            Row(text: "0.001", written: "0.001", integer: nil),
            Row(text: "-0.10", written: "-0.1", integer: nil),
            Row(text: "-12.5", written: "-12.5", integer: nil),
            Row(text: "1.5e3", written: "1500", integer: 1_500),
            Row(text: "9223372036854775807", written: "9223372036854775807", integer: .max),
            Row(text: "9223372036854775808", written: "9223372036854775808", integer: nil),
            Row(text: "-9223372036854775808", written: "-9223372036854775808", integer: .min),
            Row(text: "-9223372036854775809", written: "-9223372036854775809", integer: nil),
            Row(text: "1e18", written: "1000000000000000000", integer: 1_000_000_000_000_000_000),
            Row(text: "1e19", written: "10000000000000000000", integer: nil),
            Row(text: "1e400", written: "1e400", integer: nil),
            Row(text: "25e-60", written: "25e-60", integer: nil),
            Row(
                text: "3.14159265358979323846264338327950288",
                written: "3.14159265358979323846264338327950288", integer: nil),
            Row(
                text: "-123456789012345678901234567890",
                written: "-123456789012345678901234567890", integer: nil),
        ])
    func keepsANumberExactly(_ row: Row) throws {
        let value = try JSONValue.parse(Array(row.text.utf8))
        #expect(value.serialized() == row.written)
        #expect(value.int == row.integer)
        #expect(try JSONValue.parse(Array(value.serialized().utf8)) == value)
    }

    @Test("tells a whole number that does not fit from a fraction")
    func tellsAWholeNumberFromAFraction() throws {
        #expect(try JSONValue.parse(Array("1e30".utf8)).number?.isInteger == true)
        #expect(try JSONValue.parse(Array("1.5".utf8)).number?.isInteger == false)
        #expect(JSONNumber(UInt64.max).text == "18446744073709551615")
        #expect(JSONNumber(mantissa: 21_500, exponent: -3).text == "21.5")
        #expect(JSONNumber(mantissa: 21_500, exponent: -3).decimal?.mantissa == 215)
    }
}
