public import Events

/// Amounts as a technician reads them: with unit, and no more digits than the sensor deserves.
public enum QuantityText {
    /// 38_062 is "38.1 °C".
    public static func celsius(_ millicelsius: Int64) -> String {
        "\(tenths(millicelsius, per: 1_000)) °C"
    }

    /// 850 is "0.8 s", 184_000 is "3 min 04 s", 7_500_000 is "2 h 05 min", 200_000_000 "2 d 07 h".
    ///
    /// Cut, not rounded: an age must never look younger than a limit that it has reached, nor a
    /// wait shorter than it is; waits are printed with `wait`.
    public static func duration(_ milliseconds: Int64) -> String {
        guard milliseconds >= 0 else { return "–" }
        let seconds = milliseconds / 1_000
        switch seconds {
        case ..<60: return "\(seconds).\(milliseconds % 1_000 / 100) s"
        case ..<3_600: return "\(seconds / 60) min \(twoDigits(seconds % 60)) s"
        case ..<86_400: return "\(seconds / 3_600) h \(twoDigits(seconds / 60 % 60)) min"
        default: return "\(seconds / 86_400) d \(twoDigits(seconds / 3_600 % 24)) h"
        }
    }

    /// Whole seconds, rounded up: who waits that long has waited long enough.
    public static func wait(_ milliseconds: Int64) -> String {
        duration((max(0, milliseconds) + 999) / 1_000 * 1_000)
    }

    /// A signal's value in its unit: m°C, mL/min, ‰, or yes and no.
    public static func value(_ value: Int64, of signal: SignalID) -> String {
        switch signal {
        case .temperature1, .temperature2, .temperature3, .ambientTemperature: celsius(value)
        case .flow: "\(tenths(value, per: 1_000)) L/min"
        case .level, .ambientHumidity, .probe1Ratio, .probe2Ratio, .probe3Ratio:
            "\(tenths(value, per: 10)) %"
        case .flame, .gas, .gasReady, .burnerLockout, .burnerOn: value == 0 ? "no" : "yes"
        }
    }

    /// The name of a signal's unit as JSON has it.
    public static func unit(of signal: SignalID) -> String {
        switch signal {
        case .temperature1, .temperature2, .temperature3, .ambientTemperature: "millicelsius"
        case .flow: "millilitres_per_minute"
        case .level, .ambientHumidity, .probe1Ratio, .probe2Ratio, .probe3Ratio: "permille"
        case .flame, .gas, .gasReady, .burnerLockout, .burnerOn: "boolean"
        }
    }

    /// One decimal, rounded half away from zero.
    private static func tenths(_ value: Int64, per unit: Int64) -> String {
        let sign = value < 0 ? "-" : ""
        let scaled = (value.magnitude * 10 + UInt64(unit) / 2) / UInt64(unit)
        return (scaled == 0 ? "" : sign) + "\(scaled / 10).\(scaled % 10)"
    }

    private static func twoDigits(_ value: Int64) -> String {
        value < 10 ? "0\(value)" : "\(value)"
    }
}
