/// A decimal number exactly as it was written: `mantissa` × 10 to the power of `exponent`.
///
/// A DBC file says 0.01, which no binary floating-point number is. Scaling with integers keeps
/// 4986 × 0.01 at 49.86 on every machine, and equal numbers equal.
///
/// Always in one form, so that equality is numeric: the mantissa does not end in a zero, and zero
/// itself has the exponent 0.
public struct ExactDecimal: Hashable, Sendable, CustomStringConvertible {
    public let mantissa: Int64
    /// A power of ten.
    public let exponent: Int

    public static let zero = ExactDecimal(0)
    public static let one = ExactDecimal(1)

    /// The largest exponent accepted from text, either way. Files write 1.7976931348623157E+308
    /// for "no limit"; nothing asks for more than an IEEE double can hold.
    private static let exponentLimit = 400

    public init(_ value: Int64) { self.init(mantissa: value, exponent: 0) }

    public init(mantissa: Int64, exponent: Int) {
        var mantissa = mantissa
        var exponent = mantissa == 0 ? 0 : exponent
        while mantissa != 0, mantissa % 10 == 0 {
            mantissa /= 10
            exponent += 1
        }
        self.mantissa = mantissa
        self.exponent = exponent
    }

    /// - Returns: nil if the number without its trailing zeros does not fit in 64 bits.
    private init?(wide mantissa: Int128, exponent: Int) {
        var mantissa = mantissa
        var exponent = exponent
        while mantissa != 0, mantissa % 10 == 0 {
            mantissa /= 10
            exponent += 1
        }
        guard let narrow = Int64(exactly: mantissa) else { return nil }
        self.init(mantissa: narrow, exponent: exponent)
    }

    /// The exact sum, or nil if it does not fit.
    public func adding(_ other: ExactDecimal) -> ExactDecimal? {
        guard mantissa != 0 else { return other }
        guard other.mantissa != 0 else { return self }
        let (fine, coarse) = exponent <= other.exponent ? (self, other) : (other, self)
        // The coarse one ends in that many zeros when written at the fine one's place. Past 19 of
        // them it fills more than 64 bits, and the fine one's last digit is not zero, so no sum
        // fits.
        let zeros = coarse.exponent - fine.exponent
        guard zeros <= 19 else { return nil }
        var scaled = Int128(coarse.mantissa)
        for _ in 0..<zeros { scaled *= 10 }
        return ExactDecimal(wide: scaled + Int128(fine.mantissa), exponent: fine.exponent)
    }

    /// The exact product, or nil if it does not fit.
    public func multiplied(by other: ExactDecimal) -> ExactDecimal? {
        ExactDecimal(
            wide: Int128(mantissa) * Int128(other.mantissa), exponent: exponent + other.exponent)
    }

    /// Without exponent and without zeros that say nothing: 49.86, -27, 36.3, 1000.
    public var description: String {
        let digits = String(mantissa.magnitude)
        let sign = mantissa < 0 ? "-" : ""
        if exponent >= 0 { return sign + digits + String(repeating: "0", count: exponent) }
        let places = -exponent
        let leading = max(0, places + 1 - digits.count)
        let padded = String(repeating: "0", count: leading) + digits
        let point = padded.index(padded.endIndex, offsetBy: -places)
        return sign + padded[..<point] + "." + padded[point...]
    }
}

extension ExactDecimal {
    /// Reads `0.01`, `-1.5E-3`, `1e3`, `.5`, `+7`.
    ///
    /// - Returns: nil if `text` is anything else, or has more digits than 64 bits hold.
    public init?(parsing text: some StringProtocol) {
        self.init(parsing: Array(text.utf8)[...])
    }

    init?(parsing text: ArraySlice<UInt8>) {
        var rest = text
        let isNegative = Self.takeSign(from: &rest)
        var mantissa: Int128 = 0
        var exponent = 0
        var digits = 0
        // Zeros wait until a digit follows them, so that 1.500000000000000000000 still fits.
        var zeros = 0
        var isFraction = false
        while let byte = rest.first {
            if byte == UInt8(ascii: "."), !isFraction {
                isFraction = true
            } else if let digit = Self.digit(byte) {
                digits += 1
                if isFraction { exponent -= 1 }
                if digit == 0 {
                    if mantissa != 0 { zeros += 1 }
                } else {
                    // One digit and 18 zeros more is past 64 bits, and 19 would be past 128.
                    guard zeros <= 17 else { return nil }
                    for _ in 0...zeros { mantissa *= 10 }
                    mantissa += Int128(digit)
                    zeros = 0
                    guard mantissa <= Int128(UInt64.max) else { return nil }
                }
            } else {
                break
            }
            rest = rest.dropFirst()
        }
        guard digits > 0, digits <= Self.exponentLimit else { return nil }
        if let byte = rest.first, byte == UInt8(ascii: "e") || byte == UInt8(ascii: "E") {
            rest = rest.dropFirst()
            guard let power = Self.takePower(from: &rest) else { return nil }
            exponent += power
        }
        guard rest.isEmpty else { return nil }
        guard mantissa != 0 else {
            self = .zero
            return
        }
        guard abs(exponent + zeros) <= Self.exponentLimit else { return nil }
        self.init(wide: isNegative ? -mantissa : mantissa, exponent: exponent + zeros)
    }

    private static func takePower(from rest: inout ArraySlice<UInt8>) -> Int? {
        let isNegative = takeSign(from: &rest)
        var power: Int?
        while let byte = rest.first, let digit = digit(byte) {
            power = (power ?? 0) * 10 + Int(digit)
            guard power! <= 10_000 else { return nil }
            rest = rest.dropFirst()
        }
        return power.map { isNegative ? -$0 : $0 }
    }

    private static func takeSign(from rest: inout ArraySlice<UInt8>) -> Bool {
        guard let byte = rest.first, byte == UInt8(ascii: "-") || byte == UInt8(ascii: "+")
        else { return false }
        rest = rest.dropFirst()
        return byte == UInt8(ascii: "-")
    }

    private static func digit(_ byte: UInt8) -> UInt8? {
        byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9") ? byte - UInt8(ascii: "0") : nil
    }
}

extension ExactDecimal {
    /// The number as a 64-bit integer, or nil if it has a fraction or does not fit.
    public var integer: Int64? {
        guard exponent >= 0, exponent <= 18 else { return nil }
        var value = mantissa
        for _ in 0..<exponent {
            let (product, overflow) = value.multipliedReportingOverflow(by: 10)
            guard !overflow else { return nil }
            value = product
        }
        return value
    }
}
