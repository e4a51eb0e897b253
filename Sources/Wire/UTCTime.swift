/// A reading of the wall clock as RFC 3339 writes it, in UTC with milliseconds.
///
/// Written here because the daemons do without Foundation.
public enum UTCTime {
    /// 0001-01-01T00:00:00.000Z and 9999-12-31T23:59:59.999Z, in milliseconds since 1970. RFC 3339
    /// has four digits for the year, and many readers have no year 0.
    public static let range: ClosedRange<Int64> = -62_135_596_800_000...253_402_300_799_999

    /// "2026-11-21T02:11:15.007Z". A time that is out of `range`, which only a clock that was never
    /// set can show, is written as the nearer end of it; where the exact number matters, take it
    /// from the event's line.
    public static func text(unixMilliseconds: Int64) -> String {
        let letters = letters(unixMilliseconds: unixMilliseconds)
        return unsafe String(unsafeUninitializedCapacity: letters.count) { text in
            for index in letters.indices { unsafe text[index] = letters[index] }
            return letters.count
        }
    }

    /// The same, in ASCII.
    static func letters(unixMilliseconds: Int64) -> InlineArray<24, UInt8> {
        let time = min(max(unixMilliseconds, range.lowerBound), range.upperBound)
        let (day, inDay) = floorDivision(time, by: 86_400_000)
        let (year, month, dayOfMonth) = date(daysSince1970: day)
        var text = InlineArray<24, UInt8>(repeating: UInt8(ascii: "Z"))
        put(year, at: 0..<4, in: &text, then: "-")
        put(month, at: 5..<7, in: &text, then: "-")
        put(dayOfMonth, at: 8..<10, in: &text, then: "T")
        put(inDay / 3_600_000, at: 11..<13, in: &text, then: ":")
        put(inDay / 60_000 % 60, at: 14..<16, in: &text, then: ":")
        put(inDay / 1_000 % 60, at: 17..<19, in: &text, then: ".")
        put(inDay % 1_000, at: 20..<23, in: &text, then: "Z")
        return text
    }

    private static func floorDivision(_ value: Int64, by divisor: Int64) -> (Int64, Int64) {
        let (quotient, remainder) = value.quotientAndRemainder(dividingBy: divisor)
        return remainder < 0 ? (quotient - 1, remainder + divisor) : (quotient, remainder)
    }

    /// The Gregorian date of a day. Years are counted from March, so that the leap day is the last
    /// of its year and each month's length follows from one straight line: (153 m + 2) / 5 days lie
    /// before month m. 146 097 days are 400 years, the calendar's period.
    private static func date(daysSince1970: Int64) -> (year: Int64, month: Int64, day: Int64) {
        // 0000-03-01 is 719 468 days before 1970-01-01.
        let (period, dayOfPeriod) = floorDivision(daysSince1970 + 719_468, by: 146_097)
        let leapDays = dayOfPeriod / 1_460 - dayOfPeriod / 36_524 + dayOfPeriod / 146_096
        let yearOfPeriod = (dayOfPeriod - leapDays) / 365
        let dayOfYear = dayOfPeriod - (365 * yearOfPeriod + yearOfPeriod / 4 - yearOfPeriod / 100)
        let monthFromMarch = (5 * dayOfYear + 2) / 153
        let day = dayOfYear - (153 * monthFromMarch + 2) / 5 + 1
        let month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
        return (400 * period + yearOfPeriod + (month <= 2 ? 1 : 0), month, day)
    }

    private static func put(
        _ value: Int64, at places: Range<Int>, in text: inout InlineArray<24, UInt8>,
        then sign: Unicode.Scalar
    ) {
        var rest = value
        for place in places.reversed() {
            text[place] = UInt8(ascii: "0") + UInt8(rest % 10)
            rest /= 10
        }
        text[places.upperBound] = UInt8(ascii: sign)
    }
}
