/// A JSON number, exactly as the decimal that was written.
///
/// Kept as an integer and a power of ten with no trailing zeros, so that 1, 1.0 and 10e-1 are one
/// number. Digits that do not fit into 64 bits are kept as text.
public struct JSONNumber: Hashable, Sendable {
    /// The greatest power of ten, either way, that is accepted: far beyond a double's 308, and
    /// small enough that nobody can ask for a gigabyte of zeros.
    public static let exponentMax = 9_999

    private enum Digits: Hashable, Sendable {
        case short(Int64)
        /// Optional minus, then digits with no leading or trailing zero.
        case long(String)
    }

    private let digits: Digits
    /// The power of ten that the digits are multiplied by.
    private let exponent: Int

    public init<Number: BinaryInteger>(_ value: Number) {
        if let value = Int64(exactly: value) {
            self.init(mantissa: value, exponent: 0)
        } else {
            // Above Int64.max: only a UInt64 or wider gets here.
            self.init(canonical: String(value), exponent: 0)
        }
    }

    /// `mantissa` × 10^`exponent`: 21.5 is (215, −1).
    /// - Precondition: the exponent is within ±`exponentMax`.
    public init(mantissa: Int64, exponent: Int) {
        precondition(abs(exponent) <= Self.exponentMax, "a JSON number's exponent is bounded")
        var mantissa = mantissa
        var exponent = exponent
        if mantissa == 0 { exponent = 0 }
        while mantissa != 0, mantissa % 10 == 0 {
            mantissa /= 10
            exponent += 1
        }
        digits = .short(mantissa)
        self.exponent = exponent
    }

    /// `text`: an optional minus, then digits.
    init(canonical text: String, exponent: Int) {
        var body = Substring(text)
        let isNegative = body.first == "-"
        if isNegative { body.removeFirst() }
        body = body.drop { $0 == "0" }
        var exponent = exponent
        while body.last == "0" {
            body.removeLast()
            exponent += 1
        }
        let stripped = (isNegative ? "-" : "") + body
        if body.isEmpty {
            digits = .short(0)
            exponent = 0
        } else if let mantissa = Int64(stripped) {
            digits = .short(mantissa)
        } else {
            digits = .long(stripped)
        }
        self.exponent = exponent
    }

    /// The number as an integer, if it is one and fits: 1, 1.0 and 1e3 are integers, as JSON Schema
    /// sees them.
    public var asInt64: Int64? {
        guard case .short(var value) = digits, exponent >= 0, exponent <= 18 else { return nil }
        for _ in 0..<exponent {
            let (product, overflow) = value.multipliedReportingOverflow(by: 10)
            guard !overflow else { return nil }
            value = product
        }
        return value
    }

    /// Whether it has no fraction, however great it is.
    public var isInteger: Bool { exponent >= 0 }

    /// `mantissa` × 10^`exponent` with no trailing zeros; nil if the digits need more than 64 bits.
    public var decimal: (mantissa: Int64, exponent: Int)? {
        guard case .short(let mantissa) = digits else { return nil }
        return (mantissa, exponent)
    }

    /// The number in JSON's own spelling: plain digits where that takes at most about twenty
    /// zeros, else with an exponent. Reading it back gives an equal number.
    public var text: String {
        var body =
            switch digits {
            case .short(let mantissa): String(mantissa)
            case .long(let text): text
            }
        if exponent == 0 { return body }
        if exponent > 0 {
            return exponent <= 20
                ? body + String(repeating: "0", count: exponent) : body + "e\(exponent)"
        }
        let sign = body.hasPrefix("-") ? "-" : ""
        if !sign.isEmpty { body.removeFirst() }
        let places = -exponent
        guard places <= 20 + body.utf8.count else { return sign + body + "e\(exponent)" }
        if body.utf8.count <= places {
            body = String(repeating: "0", count: places - body.utf8.count + 1) + body
        }
        let point = body.utf8.count - places
        return sign + body.prefix(point) + "." + body.dropFirst(point)
    }
}

extension JSONNumber: CustomStringConvertible {
    public var description: String { text }
}
