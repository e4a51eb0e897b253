import CANDatabase
import Testing

@Suite("ExactDecimal")
struct ExactDecimalTests {
    static let texts: [(String, String)] = [
        ("0", "0"), ("-0", "0"), ("0.000", "0"), ("0e9999", "0"),
        ("0.01", "0.01"), ("-1.5E-3", "-0.0015"), ("1e3", "1000"), ("+7", "7"), (".5", "0.5"),
        ("1.", "1"), ("1E-005", "0.00001"), ("49.8600", "49.86"), ("-27.0", "-27"),
        ("100", "100"), ("1.500000000000000000000000", "1.5"),
        ("9223372036854775807", "9223372036854775807"),
        ("-9223372036854775808", "-9223372036854775808"),
        ("922337203685477580.7", "922337203685477580.7"),
        ("92233720368547758070", "92233720368547758070"),
    ]

    @Test("writes without exponent and without zeros that say nothing", arguments: texts)
    func writes(text: String, expected: String) throws {
        #expect(try decimal(text).description == expected)
    }

    static let notNumbers = [
        "", "-", ".", "e3", "1e", "1e+", "1.2.3", "1,5", "0x10", " 1", "1 ", "--1", "nan", "1e401",
        "1e99999999999999999999", "9223372036854775808", "-9223372036854775809",
        "12345678901234567890123", "10000000000000000000000001", "1000000000000000000000.1",
        "18446744073709551615.0000000000000000001", "1844674407370955161500000000000000000001",
    ]

    @Test("takes nothing else for a number", arguments: notNumbers)
    func refuses(text: String) { #expect(ExactDecimal(parsing: text) == nil) }

    @Test("equal numbers are equal however they are written")
    func equality() throws {
        #expect(try decimal("0.50") == decimal("5e-1"))
        #expect(ExactDecimal(mantissa: 1000, exponent: -3) == ExactDecimal(1))
        #expect(ExactDecimal(mantissa: 0, exponent: 7) == .zero)
        #expect(try decimal("0.5").hashValue == decimal("0.500").hashValue)
    }

    static let sums: [(String, String, String?)] = [
        ("0.1", "0.2", "0.3"), ("1000", "0.001", "1000.001"), ("-40", "40", "0"),
        ("0", "1e300", "1e300"), ("9223372036854775807", "1", nil),
        ("9223372036854775807", "-1", "9223372036854775806"),
        ("9223372036854775807", "3", "9223372036854775810"),
        ("1e18", "0.1", nil), ("1e17", "0.1", "100000000000000000.1"),
        ("1e19", "-1", nil), ("1e19", "-776627963145224193", "9223372036854775807"),
        ("1e20", "1", nil), ("1e400", "1", nil),
    ]

    @Test("adds exactly or says that the sum does not fit", arguments: sums)
    func adds(left: String, right: String, sum: String?) throws {
        let expected = try sum.map { try decimal($0) }
        #expect(try decimal(left).adding(decimal(right)) == expected)
        #expect(try decimal(right).adding(decimal(left)) == expected)
    }

    static let products: [(String, String, String?)] = [
        ("4986", "0.01", "49.86"), ("-270", "0.1", "-27"), ("0", "1e300", "0"),
        ("25", "4", "100"), ("9223372036854775807", "2", nil),
        ("9223372036854775807", "10", "92233720368547758070"),
        ("-9223372036854775808", "-1", nil), ("-9223372036854775808", "5", "-46116860184273879040"),
        ("4294967296", "2147483647", "9223372032559808512"), ("4294967296", "4294967296", nil),
    ]

    @Test("multiplies exactly or says that the product does not fit", arguments: products)
    func multiplies(left: String, right: String, product: String?) throws {
        let expected = try product.map { try decimal($0) }
        #expect(try decimal(left).multiplied(by: decimal(right)) == expected)
        #expect(try decimal(right).multiplied(by: decimal(left)) == expected)
    }

    static let integers: [(String, Int64?)] = [
        ("-1e2", -100), ("1e18", 1_000_000_000_000_000_000), ("1e19", nil), ("0.5", nil),
        ("5.0", 5), ("9223372036854775807", .max), ("92233720368547758070", nil),
    ]

    @Test("is an integer only if it is whole and fits", arguments: integers)
    func integer(text: String, expected: Int64?) throws {
        #expect(try decimal(text).integer == expected)
    }

    @Test("what it writes it reads again", arguments: UInt64(1)...20)
    func roundTrip(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        for _ in 0..<500 {
            let mantissa =
                Int64(truncatingIfNeeded: random.next())
                >> Int64.random(
                    in: 0...63, using: &random)
            let number = ExactDecimal(
                mantissa: mantissa, exponent: .random(in: -30...0, using: &random))
            #expect(ExactDecimal(parsing: number.description) == number, "seed \(seed)")
        }
    }
}
