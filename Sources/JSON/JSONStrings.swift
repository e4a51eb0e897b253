// How the parser reads a string: escapes, surrogates and UTF-8, each checked.

extension JSONParser {
    /// Reads a string whose opening quote is next.
    mutating func string() throws(JSONError) -> String {
        let start = position
        position += 1
        var runStart = position
        var content: [UInt8] = []
        while let byte = next {
            switch byte {
            case UInt8(ascii: "\""):
                content.append(contentsOf: bytes[runStart..<position])
                position += 1
                return String(decoding: content, as: UTF8.self)
            case UInt8(ascii: "\\"):
                content.append(contentsOf: bytes[runStart..<position])
                try escape(into: &content)
                runStart = position
            case 0..<0x20:
                throw error("found \(found) in a string; write it as an escape")
            case 0x20..<0x80:
                position += 1
            default:
                try skipUTF8()
            }
        }
        throw error("this string has no closing quote", at: start)
    }

    private mutating func escape(into content: inout [UInt8]) throws(JSONError) {
        let start = position
        position += 1
        guard let kind = next else { throw error("this string has no closing quote", at: start) }
        position += 1
        switch kind {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): content.append(kind)
        case UInt8(ascii: "b"): content.append(0x08)
        case UInt8(ascii: "f"): content.append(0x0C)
        case UInt8(ascii: "n"): content.append(0x0A)
        case UInt8(ascii: "r"): content.append(0x0D)
        case UInt8(ascii: "t"): content.append(0x09)
        case UInt8(ascii: "u"):
            let scalar = try unicodeEscape(from: start)
            content.append(contentsOf: String(Character(scalar)).utf8)
        default: throw error("this escape is unknown", at: start)
        }
    }

    /// Reads the digits of `\uXXXX`, and of the second half where it needs one.
    private mutating func unicodeEscape(from start: Int) throws(JSONError) -> Unicode.Scalar {
        let first = try fourHexDigits()
        if let scalar = Unicode.Scalar(first) { return scalar }
        // Only surrogates are no scalar: a high one (D800 to DBFF) needs a low one after it.
        guard first < 0xDC00, next == UInt8(ascii: "\\") else {
            throw error("this escape is half of a surrogate pair", at: start)
        }
        position += 1
        guard next == UInt8(ascii: "u") else {
            throw error("this escape is half of a surrogate pair", at: start)
        }
        position += 1
        let second = try fourHexDigits()
        guard (0xDC00..<0xE000).contains(second),
            let scalar = Unicode.Scalar(0x10000 + (first - 0xD800) << 10 + (second - 0xDC00))
        else { throw error("this escape is half of a surrogate pair", at: start) }
        return scalar
    }

    private mutating func fourHexDigits() throws(JSONError) -> UInt32 {
        var value: UInt32 = 0
        for _ in 0..<4 {
            guard let byte = next, let digit = Character(Unicode.Scalar(byte)).hexDigitValue else {
                throw error("found \(found) where a hexadecimal digit was expected")
            }
            value = value << 4 | UInt32(digit)
            position += 1
        }
        return value
    }

    /// Skips one character of two to four bytes, by the table of well-formed sequences of the
    /// Unicode standard (table 3-7): no overlong forms, no surrogates, nothing above U+10FFFF.
    private mutating func skipUTF8() throws(JSONError) {
        let start = position
        let lead = bytes[position]
        let (count, second): (Int, ClosedRange<UInt8>)
        switch lead {
        case 0xC2...0xDF: (count, second) = (2, 0x80...0xBF)
        case 0xE0: (count, second) = (3, 0xA0...0xBF)
        case 0xED: (count, second) = (3, 0x80...0x9F)
        case 0xE1...0xEF: (count, second) = (3, 0x80...0xBF)
        case 0xF0: (count, second) = (4, 0x90...0xBF)
        case 0xF1...0xF3: (count, second) = (4, 0x80...0xBF)
        case 0xF4: (count, second) = (4, 0x80...0x8F)
        default: throw error("this string is not valid UTF-8 (\(found))")
        }
        guard start + count <= bytes.count, second.contains(bytes[start + 1]),
            bytes[(start + 2)..<(start + count)].allSatisfy({ $0 & 0xC0 == 0x80 })
        else { throw error("this string is not valid UTF-8 (\(found))") }
        position += count
    }
}
