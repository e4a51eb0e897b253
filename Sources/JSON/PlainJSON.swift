/// Tells of most JSON in one pass, without building anything, that `JSONParser` would take it.
///
/// Every event passes here twice, on the device and in the bridge, and nearly all of them are
/// plain: ASCII without escapes, short numbers, few members. What is not plain is not wrong; it is
/// the parser's to judge.
public enum PlainJSON {
    /// Members of one object that are told apart here.
    private static let membersMax = 32
    /// Objects and arrays within one another.
    private static let depthMax = 4
    private static let digitsMax = 64

    /// True only for what `JSONParser.parse` takes with the standard limits: one value, with no
    /// space but the space character around its parts. False says nothing.
    public static func holds(_ bytes: [UInt8]) -> Bool { holds(bytes.span) }

    public static func holds(_ text: Span<UInt8>) -> Bool {
        var scanner = Scanner()
        return scanner.value(text, depth: 0) && scanner.position == text.count
    }

    private struct Scanner {
        var position = 0

        /// The byte to be read next; zero, which is plain nowhere, at the end.
        private func next(_ text: Span<UInt8>) -> UInt8 {
            position < text.count ? text[position] : 0
        }

        private mutating func takes(_ byte: UInt8, _ text: Span<UInt8>) -> Bool {
            guard next(text) == byte else { return false }
            position += 1
            return true
        }

        private mutating func skipSpace(_ text: Span<UInt8>) {
            while next(text) == 0x20 { position += 1 }
        }

        mutating func value(_ text: Span<UInt8>, depth: Int) -> Bool {
            switch next(text) {
            case UInt8(ascii: "\""): return string(text)
            case UInt8(ascii: "{"): return depth < depthMax && object(text, depth: depth + 1)
            case UInt8(ascii: "["): return depth < depthMax && array(text, depth: depth + 1)
            case UInt8(ascii: "t"): return word("true", text)
            case UInt8(ascii: "f"): return word("false", text)
            case UInt8(ascii: "n"): return word("null", text)
            case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return number(text)
            default: return false
            }
        }

        private mutating func word(_ word: StaticString, _ text: Span<UInt8>) -> Bool {
            let end = position + word.utf8CodeUnitCount
            guard end <= text.count else { return false }
            let isThere = word.withUTF8Buffer { letters in
                for index in 0..<letters.count where unsafe text[position + index] != letters[index]
                {
                    return false
                }
                return true
            }
            position = end
            return isThere
        }

        /// - Returns: a hash of what stands between the quotes; nil when it is not plain.
        private mutating func key(_ text: Span<UInt8>) -> UInt64? {
            // FNV-1a's steps, over words of eight bytes, the last one filled up with zeros: two
            // keys of one hash are left to the parser, and one text always has one hash.
            var hash: UInt64 = 0xCBF2_9CE4_8422_2325
            position += 1
            while true {
                let (word, count) = plainWord(text)
                hash = (hash ^ word) &* 0x0000_0100_0000_01B3
                hash ^= hash >> 29
                position += count
                if count < 8 { return takes(UInt8(ascii: "\""), text) ? hash : nil }
            }
        }

        /// - Returns: whether what stands between the quotes is plain.
        private mutating func string(_ text: Span<UInt8>) -> Bool {
            position += 1
            while true {
                let count = plainWord(text).count
                position += count
                if count < 8 { return takes(UInt8(ascii: "\""), text) }
            }
        }

        /// The next eight bytes, or those of them that come before the first that is not plain
        /// within a text, and how many they are.
        private func plainWord(_ text: Span<UInt8>) -> (word: UInt64, count: Int) {
            var word: UInt64 = 0
            if position + 8 <= text.count {
                word = unsafe UInt64(
                    littleEndian: text.bytes.unsafeLoadUnaligned(
                        fromByteOffset: position, as: UInt64.self))
            } else {
                for place in position..<max(position, text.count) {
                    word |= UInt64(text[place]) << UInt64(8 * (place - position))
                }
            }
            let marks = Self.marks(word)
            guard marks != 0 else { return (word, 8) }
            let bits = marks.trailingZeroBitCount & ~7
            return (word & (1 << UInt64(bits) &- 1), bits / 8)
        }

        /// Has the top bit of the first byte that is not plain within a text, which is all from the
        /// space to the tilde but the quote and the backslash; bits above it may be set too. To
        /// take one from a byte that is zero borrows from its top bit, which none of the plain ones
        /// has; what is below the space borrows when a space is taken away.
        private static func marks(_ word: UInt64) -> UInt64 {
            let ones: UInt64 = 0x0101_0101_0101_0101
            let control = word &- 0x20 &* ones
            let quote = (word ^ 0x22 &* ones) &- ones
            let backslash = (word ^ 0x5C &* ones) &- ones
            let delete = (word ^ 0x7F &* ones) &- ones
            return (word | control | quote | backslash | delete) & (0x80 &* ones)
        }

        private mutating func number(_ text: Span<UInt8>) -> Bool {
            if next(text) == UInt8(ascii: "-") { position += 1 }
            let whole = position
            guard digits(text), text[whole] != UInt8(ascii: "0") || position == whole + 1 else {
                return false
            }
            if next(text) == UInt8(ascii: ".") {
                position += 1
                guard digits(text) else { return false }
            }
            // An exponent is for the parser, as is what cannot follow a number.
            switch next(text) {
            case UInt8(ascii: "e"), UInt8(ascii: "E"): return false
            default: return true
            }
        }

        private mutating func digits(_ text: Span<UInt8>) -> Bool {
            let start = position
            while (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(next(text)) { position += 1 }
            return (1...digitsMax).contains(position - start)
        }

        private mutating func object(_ text: Span<UInt8>, depth: Int) -> Bool {
            var keys = InlineArray<32, UInt64>(repeating: 0)
            var count = 0
            position += 1
            skipSpace(text)
            if takes(UInt8(ascii: "}"), text) { return true }
            while true {
                guard next(text) == UInt8(ascii: "\""), count < membersMax,
                    let key = key(text)
                else { return false }
                for index in 0..<count where keys[index] == key { return false }
                keys[count] = key
                count += 1
                skipSpace(text)
                guard takes(UInt8(ascii: ":"), text) else { return false }
                skipSpace(text)
                guard value(text, depth: depth) else { return false }
                skipSpace(text)
                if takes(UInt8(ascii: "}"), text) { return true }
                guard takes(UInt8(ascii: ","), text) else { return false }
                skipSpace(text)
            }
        }

        private mutating func array(_ text: Span<UInt8>, depth: Int) -> Bool {
            position += 1
            skipSpace(text)
            if takes(UInt8(ascii: "]"), text) { return true }
            while true {
                guard value(text, depth: depth) else { return false }
                skipSpace(text)
                if takes(UInt8(ascii: "]"), text) { return true }
                guard takes(UInt8(ascii: ","), text) else { return false }
                skipSpace(text)
            }
        }
    }
}
