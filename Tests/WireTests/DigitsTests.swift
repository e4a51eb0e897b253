import Testing

@testable import Wire

@Suite("Numbers of a fixed width")
struct DigitsTests {
    @Test(
        "have zeros before them, and never lose a digit",
        arguments: [
            (0, 3, "000"), (7, 1, "7"), (9, 2, "09"), (10, 1, "10"), (99, 3, "099"),
            (18, 20, "00000000000000000018"), (.max, 20, "18446744073709551615"),
            (.max, 1, "18446744073709551615"),
            (9_999_999_999_999_999_999, 1, "9999999999999999999"),
            (10_000_000_000_000_000_000, 1, "10000000000000000000"),
        ] as [(UInt64, Int, String)])
    func decimal(number: UInt64, places: Int, text: String) {
        #expect(String(number, places: places) == text)
    }

    @Test("eight hexadecimal digits at once are those of each by itself")
    func letters() {
        func bytes(_ word: UInt32) -> [UInt8] {
            let letters = HexadecimalText.letters(word)
            return (0..<8).map { UInt8(truncatingIfNeeded: letters >> (8 * $0)) }
        }
        for digit in UInt32(0)..<16 {
            for place in 0..<8 {
                let word = digit << UInt32(28 - 4 * place)
                let whole = String(word, radix: 16)
                let expected = String(repeating: "0", count: 8 - whole.count) + whole
                #expect(bytes(word) == Array(expected.utf8))
            }
        }
        #expect(bytes(0x9A9A_0F9F) == Array("9a9a0f9f".utf8))
        #expect(bytes(.max) == Array("ffffffff".utf8))
    }

    @Test("16 hexadecimal digits a word")
    func hexadecimal() {
        #expect(String(hexadecimal: 0) == "0000000000000000")
        #expect(String(hexadecimal: .max, 0x9A) == "ffffffffffffffff000000000000009a")
    }
}
