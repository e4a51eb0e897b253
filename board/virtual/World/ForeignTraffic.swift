/// Frames of others on the same bus, which no row of the site file names: so many a second.
struct ForeignTraffic {
    /// The most in one pass of a millisecond or some; what is due beyond them is not made up for.
    static let burstMax = 64

    /// None at 0.
    var perSecond: Int64 = 0 {
        didSet { isFresh = true }
    }
    private var isFresh = true
    /// CLOCK_MONOTONIC in µs up to which all were sent.
    private var sentUntil: Int64 = 0

    /// How many are due, each at its own time.
    mutating func due(at microseconds: Int64) -> Int {
        guard perSecond > 0 else { return 0 }
        if isFresh { sentUntil = microseconds }
        isFresh = false
        let count = (microseconds - sentUntil) * perSecond / 1_000_000
        guard count <= Self.burstMax else {
            sentUntil = microseconds
            return Self.burstMax
        }
        sentUntil += count * 1_000_000 / perSecond
        return Int(count)
    }
}
