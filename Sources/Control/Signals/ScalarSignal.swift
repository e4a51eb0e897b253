import Units

/// A measured amount with a lower limit that somebody cares for: flow, level, ambient climate.
struct ScalarSignal: Sendable {
    private(set) var value: Int32 = 0
    private(set) var quality = QualityFlag.absent
    private(set) var freshness = Freshness()
    /// Samples in a row below the limit, saturating.
    private(set) var lowCount: UInt8 = 0
    /// Samples in a row at or above the limit, saturating.
    private(set) var highCount: UInt8 = 0
    /// Arrival of the first of the samples that `lowCount` counts.
    private(set) var lowSince = Instant.never

    enum QualityFlag: UInt8, Sendable { case absent, ok, range }

    /// Takes a sample. Outside `lowest...highest` it is no measurement and only lets the signal age.
    mutating func take(
        _ sample: Int32, at arrival: Instant, isLow: Bool, lowest: Int32, highest: Int32,
        gapMaximum: Milliseconds
    ) {
        guard sample >= lowest, sample <= highest else {
            quality = .range
            return
        }
        if arrival - freshness.sampledAt >= gapMaximum {
            // What was low before the gap may still be; what was high is no news any more.
            highCount = 0
            freshness.mark()
        }
        value = sample
        quality = .ok
        if isLow {
            if lowCount == 0 { lowSince = arrival }
            if lowCount < .max { lowCount += 1 }
            highCount = 0
        } else {
            if highCount < .max { highCount += 1 }
            lowCount = 0
        }
        freshness.take(at: arrival)
    }

    mutating func restart() {
        forget()
        freshness.restart()
        quality = .absent
    }

    mutating func mark() { freshness.mark() }

    private mutating func forget() {
        lowCount = 0
        highCount = 0
    }
}
