// Bytes as text and back: hexadecimal for keys and digests, base64 for what is not text at all.

extension [UInt8] {
    private static let hexDigits = [UInt8]("0123456789abcdef".utf8)
    private static let base64Digits = [UInt8](
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

    /// Two lower-case digits a byte.
    public var hexadecimal: String {
        var text: [UInt8] = []
        text.reserveCapacity(2 * count)
        for byte in self {
            text.append(Self.hexDigits[Int(byte >> 4)])
            text.append(Self.hexDigits[Int(byte & 15)])
        }
        return String(decoding: text, as: UTF8.self)
    }

    /// - Returns: nil unless there are exactly `2 * count` digits, in lower case.
    public init?(hexadecimal text: String, count: Int) {
        let digits = Array(text.utf8)
        guard digits.count == 2 * count else { return nil }
        self.init()
        reserveCapacity(count)
        var high: UInt8?
        for digit in digits {
            let value: UInt8
            switch digit {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): value = digit - UInt8(ascii: "0")
            case UInt8(ascii: "a")...UInt8(ascii: "f"): value = digit - UInt8(ascii: "a") + 10
            default: return nil
            }
            if let first = high {
                append(first << 4 | value)
                high = nil
            } else {
                high = value
            }
        }
    }

    /// RFC 4648, with padding, as bytes of ASCII.
    public var base64: [UInt8] {
        var text: [UInt8] = []
        text.reserveCapacity((count + 2) / 3 * 4)
        for start in stride(from: 0, to: count, by: 3) {
            let group = self[start..<Swift.min(start + 3, count)]
            var bits: UInt32 = 0
            for byte in group { bits = bits << 8 | UInt32(byte) }
            bits <<= UInt32(8 * (3 - group.count))
            for place in 0..<4 {
                let isPadding = place > group.count
                let digit = Self.base64Digits[Int(bits >> UInt32(18 - 6 * place) & 63)]
                text.append(isPadding ? UInt8(ascii: "=") : digit)
            }
        }
        return text
    }

    /// - Returns: nil unless the text is exactly what `base64` writes.
    public init?(base64 text: some Collection<UInt8>) {
        guard text.count % 4 == 0 else { return nil }
        self.init()
        reserveCapacity(text.count / 4 * 3)
        var bits: UInt32 = 0
        var places = 0
        var padding = 0
        for digit in text {
            if digit == UInt8(ascii: "=") {
                padding += 1
                bits <<= 6
            } else {
                guard padding == 0, let value = Self.base64Value(of: digit) else { return nil }
                bits = bits << 6 | value
            }
            places += 1
            guard places % 4 == 0 else { continue }
            append(UInt8(truncatingIfNeeded: bits >> 16))
            append(UInt8(truncatingIfNeeded: bits >> 8))
            append(UInt8(truncatingIfNeeded: bits))
            bits = 0
        }
        // Bits under the padding must be zero, or two texts would stand for the same bytes.
        guard padding <= 2, suffix(padding).allSatisfy({ $0 == 0 }) else { return nil }
        removeLast(padding)
        // "A===" and its like are caught here: they decode to what is written otherwise.
        guard padding == 0 || base64.elementsEqual(text) else { return nil }
    }

    private static func base64Value(of digit: UInt8) -> UInt32? {
        switch digit {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"): UInt32(digit - UInt8(ascii: "A"))
        case UInt8(ascii: "a")...UInt8(ascii: "z"): UInt32(digit - UInt8(ascii: "a")) + 26
        case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt32(digit - UInt8(ascii: "0")) + 52
        case UInt8(ascii: "+"): 62
        case UInt8(ascii: "/"): 63
        default: nil
        }
    }
}
