public import Events
public import Wire

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

    /// "2026-03-04 10:11:12 UTC (clock synced)": the device has no time zone, whoever reads has.
    public static func wallTime(_ wall: WallTime) -> String {
        let seconds = floorDivide(wall.unixMilliseconds, 1_000)
        let days = floorDivide(seconds, 86_400)
        let time = seconds - days * 86_400
        let (year, month, day) = date(daysSince1970: days)
        return "\(year)-\(twoDigits(month))-\(twoDigits(day)) \(twoDigits(time / 3_600)):"
            + "\(twoDigits(time / 60 % 60)):\(twoDigits(time % 60)) UTC "
            + "(\(clock(wall.quality.name)))"
    }

    /// What is to be thought of a time, by the quality of the clock that gave it.
    public static func clock(_ quality: String) -> String {
        switch quality {
        case "synced": "clock synced"
        case "holdover": "clock running free since it was synced"
        case "unsynced": "clock unsynced: the time may be wrong"
        default: "clock of unknown quality"
        }
    }

    /// The Gregorian calendar, in eras of 400 years that begin on 1 March, so that the leap day is
    /// the last day of its year (H. Hinnant, "chrono-compatible low-level date algorithms").
    private static func date(daysSince1970 days: Int64) -> (Int64, Int64, Int64) {
        let shifted = days + 719_468
        let era = floorDivide(shifted, 146_097)
        let dayOfEra = shifted - era * 146_097
        let yearOfEra =
            (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let marchMonth = (5 * dayOfYear + 2) / 153
        let month = marchMonth < 10 ? marchMonth + 3 : marchMonth - 9
        return (
            yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month,
            dayOfYear - (153 * marchMonth + 2) / 5 + 1
        )
    }

    private static func floorDivide(_ value: Int64, _ divisor: Int64) -> Int64 {
        value >= 0 ? value / divisor : -((divisor - 1 - value) / divisor)
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
