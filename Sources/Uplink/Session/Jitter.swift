import Units

/// Random spans of time whose whole future is a seed, so that a run can be had again.
///
/// SplitMix64 (Steele, Lea, Flood, "Fast splittable pseudorandom number generators", 2014).
struct Jitter: Hashable, Sendable {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }

    /// A span in `range`, limits included.
    mutating func milliseconds(_ range: ClosedRange<Milliseconds>) -> Milliseconds {
        let span = UInt64((range.upperBound - range.lowerBound).rawValue) + 1
        return range.lowerBound + Milliseconds(Int64(next() % span))
    }
}

/// How long to wait before the next connect: full jitter, so that a thousand devices do not come
/// back to a restarted broker in the same second.
struct Backoff: Hashable, Sendable {
    private(set) var failures = 0
    private var jitter: Jitter

    init(seed: UInt64) { jitter = Jitter(seed: seed) }

    mutating func reset() { failures = 0 }

    /// Between `least` and what doubles with each failure, up to `most`.
    mutating func wait(from least: Milliseconds, to most: Milliseconds) -> Milliseconds {
        let doublings = Int64(min(failures, 20))
        let ceiling = Milliseconds(min(most.rawValue, least.rawValue << doublings))
        failures += 1
        return jitter.milliseconds(least...max(least, ceiling))
    }

    /// Somewhere in the upper half of `span`, for waits that must be long.
    mutating func longWait(_ span: Milliseconds) -> Milliseconds {
        failures += 1
        return jitter.milliseconds(Milliseconds(span.rawValue / 2)...span)
    }
}
