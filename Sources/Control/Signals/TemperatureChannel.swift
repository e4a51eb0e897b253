import Events
import Units

/// One water-temperature probe: which of its samples may be used, and for what.
///
/// A sample that may not steer the heat may still trip it: "rejected is not harmless" (§5).
struct TemperatureChannel: Sendable {
    // Limits of §5, "Channel quality".
    static let disconnected: Int32 = -127_000
    /// A DS18B20's scratchpad after power-on, before its first conversion (data sheet, table 1).
    static let powerOnContent: Int32 = 85_000
    /// A step of this size makes a suspect value suspicious enough.
    static let suspectJump: Int32 = 10_000
    static let lowest: Int32 = -10_000
    static let highest: Int32 = 110_000
    /// 5 000 m°C per second, as m°C per millisecond.
    static let rateMaximum: Int64 = 5
    /// Good samples further apart than this are not "in a row" (the default of `holdMs`).
    static let proofGap = Milliseconds(2_000)
    static let adoptionCount: UInt8 = 5
    static let adoptionSpread: Int32 = 2_000
    /// ADC places that mean a broken or shorted NTC, in ‰ of its range.
    static let openRatio: Int32 = 985
    static let shortRatio: Int32 = 15

    private(set) var value: Int32 = 0
    private(set) var quality = SignalQuality.absent
    private(set) var freshness = Freshness()
    /// Successive samples at or above the site limit, rejected ones included; saturating.
    private(set) var siteCount: UInt8 = 0
    /// Successive good samples at or above the job's limit, saturating.
    private(set) var jobCount: UInt8 = 0
    /// The latest sample, whatever its quality: what an over-temperature record shows.
    private(set) var latest: Int32 = 0
    /// Arrival of the latest sample, whatever its quality.
    private(set) var latestAt = Instant.never

    private var hasValue = false
    private var valueAt = Instant.never
    private var isFirstAfterRestart = true
    private var ratioFault = SignalQuality.ok
    private var rejectedLowest: Int32 = 0
    private var rejectedHighest: Int32 = 0
    private var rejectedCount: UInt8 = 0

    /// What a sample led to.
    enum Outcome: UInt8 { case used, rejected, adopted }

    /// Takes a sample from a frame with an advanced alive counter.
    mutating func take(
        _ sample: Int32, at arrival: Instant, siteLimit: Int32, jobLimit: Int32
    ) -> Outcome {
        latest = sample
        latestAt = arrival
        let judged = judge(sample, at: arrival)
        isFirstAfterRestart = false
        countVotes(sample, judged, siteLimit: siteLimit, jobLimit: jobLimit)
        switch judged {
        case .ok:
            use(sample, at: arrival)
            return .used
        case .rate:
            countRejected(sample)
            guard rejectedCount >= Self.adoptionCount else {
                quality = .rate
                return .rejected
            }
            use(sample, at: arrival)
            return .adopted
        case .absent, .stale, .open, .short, .range, .powerOn, .bus, .warmingUp:
            quality = judged
            rejectedCount = 0
            return .rejected
        }
    }

    /// Takes the ADC's place in its range, for probes that report it.
    mutating func takeRatio(_ permille: Int32) {
        if permille >= Self.openRatio {
            ratioFault = .open
        } else if permille <= Self.shortRatio {
            ratioFault = .short
        } else {
            ratioFault = .ok
        }
    }

    mutating func restart() {
        freshness.restart()
        isFirstAfterRestart = true
        rejectedCount = 0
        siteCount = 0
        jobCount = 0
        quality = .absent
    }

    mutating func mark() { freshness.mark() }

    /// Over-temperature counts do not outlive a silence.
    mutating func forgetVotes() {
        siteCount = 0
        jobCount = 0
    }

    private func judge(_ sample: Int32, at arrival: Instant) -> SignalQuality {
        if sample == Self.disconnected { return .open }
        if ratioFault != .ok { return ratioFault }
        let jump = hasValue ? abs(Int64(widening: sample) - Int64(widening: value)) : 0
        let isSuspect =
            isFirstAfterRestart || !hasValue || jump >= Int64(widening: Self.suspectJump)
        if sample == Self.powerOnContent, isSuspect { return .powerOn }
        if sample == -62 || sample == -63, isSuspect { return .bus }
        if sample < Self.lowest || sample > Self.highest { return .range }
        guard hasValue else { return .ok }
        let elapsed = (arrival - valueAt).rawValue
        // After 24 s any step between the range limits is slow enough; the product stays small.
        let allowed = Self.rateMaximum * min(max(elapsed, 0), 60_000)
        return jump > allowed ? .rate : .ok
    }

    /// Counts rejected samples that all agree with each other: a value that keeps moving has no new
    /// level to adopt. Both are within the probe's range here, so the difference fits.
    private mutating func countRejected(_ sample: Int32) {
        let lowest = min(rejectedLowest, sample)
        let highest = max(rejectedHighest, sample)
        if rejectedCount > 0, highest - lowest <= Self.adoptionSpread {
            rejectedLowest = lowest
            rejectedHighest = highest
            rejectedCount += 1
        } else {
            rejectedLowest = sample
            rejectedHighest = sample
            rejectedCount = 1
        }
    }

    private mutating func countVotes(
        _ sample: Int32, _ judged: SignalQuality, siteLimit: Int32, jobLimit: Int32
    ) {
        switch judged {
        case .ok, .rate, .range:
            // A value above the probe's range is hot until proven otherwise.
            if sample >= siteLimit {
                if siteCount < .max { siteCount += 1 }
            } else {
                siteCount = 0
            }
        case .absent, .stale, .open, .short, .powerOn, .bus, .warmingUp:
            break
        }
        guard judged == .ok else { return }
        if sample >= jobLimit {
            if jobCount < .max { jobCount += 1 }
        } else {
            jobCount = 0
        }
    }

    private mutating func use(_ sample: Int32, at arrival: Instant) {
        if arrival - valueAt >= Self.proofGap { freshness.mark() }
        value = sample
        valueAt = arrival
        hasValue = true
        quality = .ok
        rejectedCount = 0
        freshness.take(at: arrival)
    }
}
