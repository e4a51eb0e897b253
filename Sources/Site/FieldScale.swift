import CANDatabase
import Control
import Events
import Units

/// Turns a DBC signal's decimal factor, offset and unit into the integers that the core decodes
/// with.
///
/// Exact or refused: 0.001 °C is raw × 1 ÷ 1 in m°C, 0.5 % is raw × 5 ÷ 1 in ‰; a factor or offset
/// that has no such integers, or a unit that is not known, is a defect of the DBC file.
enum FieldScale {
    struct Refusal: Error {
        let reason: String
    }

    /// What a signal is measured in, here and in the core.
    private struct Measure {
        /// The spellings of a DBC file.
        let units: [String]
        /// The power of ten from that unit to the core's.
        let power: Int
    }

    private static func measure(of signal: SignalID) -> Measure? {
        switch signal {
        case .temperature1, .temperature2, .temperature3, .ambientTemperature:
            Measure(units: ["degC", "°C"], power: 3)
        case .flow: Measure(units: ["L/min", "l/min"], power: 3)
        case .level, .ambientHumidity, .probe1Ratio, .probe2Ratio, .probe3Ratio:
            Measure(units: ["%"], power: 1)
        case .flame, .gas, .gasReady, .burnerLockout, .burnerOn: nil
        }
    }

    static func field(
        for id: SignalID, from signal: Signal
    ) throws(Refusal) -> FieldPlan {
        var field = FieldPlan()
        field.signal = id
        field.bits = signal.bits
        if case .selected(let value) = signal.multiplexing {
            field.multiplexer = signal.selector
            field.multiplexerValue = value
        }
        guard let measure = measure(of: id) else {
            try checkFlag(signal)
            return field
        }
        guard measure.units.contains(signal.unit) else {
            throw Refusal(
                reason: "found unit \"\(signal.unit)\"; allowed is "
                    + measure.units.joined(separator: " or "))
        }
        (field.multiplier, field.divisor) = try scale(signal, power: measure.power)
        field.offset = try offset(signal, power: measure.power)
        return field
    }

    private static func checkFlag(_ signal: Signal) throws(Refusal) {
        guard signal.unit.isEmpty, signal.bits.length == 1, !signal.bits.isSigned,
            signal.factor == .one, signal.offset == .zero
        else {
            throw Refusal(
                reason: "a flag is 1 bit, unsigned, with factor 1, offset 0 and no unit")
        }
    }

    private static func scale(
        _ signal: Signal, power: Int
    ) throws(Refusal) -> (multiplier: Int64, divisor: Int64) {
        let refusal = Refusal(
            reason: "factor \(signal.factor) is too large or too fine for exact integers")
        guard signal.factor != .zero else { throw Refusal(reason: "factor 0 makes it constant") }
        let exponent = signal.factor.exponent + power
        guard let ten = powerOfTen(abs(exponent)) else { throw refusal }
        let (product, overflow) = signal.factor.mantissa.multipliedReportingOverflow(
            by: exponent > 0 ? ten : 1)
        // The largest raw number times the multiplier must fit: the core multiplies without a
        // check.
        let rawBits = Int(signal.bits.length)
        guard !overflow, rawBits < 63,
            !product.multipliedReportingOverflow(by: 1 << rawBits).overflow
        else { throw refusal }
        return (product, exponent < 0 ? ten : 1)
    }

    private static func offset(_ signal: Signal, power: Int) throws(Refusal) -> Int64 {
        let shifted = ExactDecimal(
            mantissa: signal.offset.mantissa, exponent: signal.offset.exponent + power)
        guard let offset = shifted.integer, abs(offset) <= Int64(Int32.max) else {
            throw Refusal(
                reason: "offset \(signal.offset) is too large or too fine for exact integers")
        }
        return offset
    }

    /// 10 to the power of `exponent`; nil above 18, where it no longer fits.
    private static func powerOfTen(_ exponent: Int) -> Int64? {
        guard exponent <= 18 else { return nil }
        return (0..<exponent).reduce(into: Int64(1)) { product, _ in product *= 10 }
    }
}
