import Foundation
import Testing
import Wire

@Suite("Bytes and times as text")
struct ByteTextTests {
    @Test("base64 is what Foundation writes, and is read back", arguments: 0...70)
    func base64(count: Int) {
        var random = SplitMix64(state: UInt64(count))
        let bytes = (0..<count).map { _ in UInt8(truncatingIfNeeded: random.next()) }
        let text = bytes.base64
        #expect(String(decoding: text, as: UTF8.self) == Data(bytes).base64EncodedString())
        #expect([UInt8](base64: text) == bytes)
        #expect(bytes.hexadecimal.utf8.count == 2 * count)
        #expect([UInt8](hexadecimal: bytes.hexadecimal, count: count) == bytes)
    }

    @Test(
        "text that nothing would be written as is not read",
        arguments: [
            "A", "AA", "AAA", "A===", "====", "AB==", "AAB=", "AA=A", "AA==AA==", "AA!=", "AA\n=",
        ])
    func wrongBase64(text: String) { #expect([UInt8](base64: Array(text.utf8)) == nil) }

    @Test("hexadecimal is of one spelling")
    func wrongHexadecimal() {
        #expect([UInt8](hexadecimal: "0aff", count: 2) == [0x0A, 0xFF])
        for text in ["0A", "0", "000", "0g", " 0", "+1", ""] {
            #expect([UInt8](hexadecimal: text, count: 1) == nil, "\(text)")
        }
    }

    static let times: [(Int64, String)] = [
        (0, "1970-01-01T00:00:00.000Z"),
        (-1, "1969-12-31T23:59:59.999Z"),
        (951_782_400_000, "2000-02-29T00:00:00.000Z"),
        (4_107_542_399_999, "2100-02-28T23:59:59.999Z"),
        (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
        (1_700_000_000_123, "2023-11-14T22:13:20.123Z"),
        (253_402_300_799_999, "9999-12-31T23:59:59.999Z"),
        (253_402_300_800_000, "9999-12-31T23:59:59.999Z"),
        (.max, "9999-12-31T23:59:59.999Z"),
        (-62_135_596_800_000, "0001-01-01T00:00:00.000Z"),
        (-62_135_596_800_001, "0001-01-01T00:00:00.000Z"),
        (.min, "0001-01-01T00:00:00.000Z"),
    ]

    @Test("a time is written as RFC 3339 has it, to both ends of its range", arguments: times)
    func time(milliseconds: Int64, text: String) {
        #expect(UTCTime.text(unixMilliseconds: milliseconds) == text)
    }

    @Test("it agrees with the arithmetic of another library on any day since 1583")
    func agreesWithFoundation() throws {
        var calendar = Calendar(identifier: .gregorian)
        calendar.timeZone = try #require(TimeZone(secondsFromGMT: 0))
        var random = SplitMix64(state: 3)
        for _ in 0..<2_000 {
            // From the first whole year of the Gregorian calendar, before which Foundation uses
            // the Julian one.
            let seconds = Int64.random(in: -12_212_553_600...253_402_300_799, using: &random)
            let parts = calendar.dateComponents(
                [.year, .month, .day, .hour, .minute, .second],
                from: Date(timeIntervalSince1970: Double(seconds)))
            let expected = String(
                format: "%04d-%02d-%02dT%02d:%02d:%02d.007Z", parts.year ?? 0, parts.month ?? 0,
                parts.day ?? 0, parts.hour ?? 0, parts.minute ?? 0, parts.second ?? 0)
            #expect(UTCTime.text(unixMilliseconds: seconds * 1_000 + 7) == expected)
        }
    }
}
