import Units

/// A yes-or-no sensor (flame, gas, contacts), believed when it has said the same twice.
///
/// Between two answers that differ the former belief is held (§5). A gap in the samples ends the
/// history: one sample from before the gap and one from after it are not two in a row.
struct BinarySignal: Sendable {
    /// The last two samples were true.
    private(set) var isOn = false
    /// The last two samples were false. Before two samples neither is known.
    private(set) var isOff = false
    /// When `isOn` or `isOff` last became true.
    private(set) var changedAt = Instant.never
    private(set) var freshness = Freshness()
    private var last = false
    private var hasLast = false

    /// The latest sample is true and the one before it was not: a first hint, or a blip.
    var isSingle: Bool { hasLast && last && !isOn }
    var latest: Bool { hasLast && last }

    /// Takes a sample that came in a frame with an advanced alive counter.
    ///
    /// - Parameter gapMaximum: the age from which the former sample no longer counts.
    /// - Parameter isAlarming: true is bad news (gas, a lockout): a gap then ends only what was good
    ///   about the history, and two samples of gas are two however far apart they came.
    mutating func take(
        _ value: Bool, at arrival: Instant, gapMaximum: Milliseconds, isAlarming: Bool = false
    ) {
        if hasLast, arrival - freshness.sampledAt >= gapMaximum {
            freshness.mark()
            if isAlarming, last { isOff = false } else { forget() }
        }
        if hasLast, value == last {
            if value, !isOn { changedAt = arrival }
            if !value, !isOff { changedAt = arrival }
            isOn = value
            isOff = !value
        }
        last = value
        hasLast = true
        freshness.take(at: arrival)
    }

    /// The node restarted: what it said before is history of another run.
    mutating func restart() {
        forget()
        freshness.restart()
    }

    mutating func mark() { freshness.mark() }

    private mutating func forget() {
        isOn = false
        isOff = false
        hasLast = false
    }
}

/// How old the last good sample of a signal is, and how many good ones there were.
struct Freshness: Sendable {
    /// Good samples that a restarted node must send before it is believed again (§5).
    static let neededAfterRestart: UInt8 = 3

    /// Arrival of the last good sample that counts. A sample while the node is still proving itself
    /// after a restart does not make the signal fresh.
    private(set) var goodAt = Instant.never
    private(set) var sampledAt = Instant.never
    private var needed = Freshness.neededAfterRestart
    /// Good samples since the last `mark`, saturating.
    private(set) var sinceMark: UInt8 = 0

    mutating func take(at arrival: Instant) {
        sampledAt = arrival
        if needed > 0 { needed -= 1 }
        if needed == 0 { goodAt = arrival }
        if sinceMark < .max { sinceMark += 1 }
    }

    mutating func restart() {
        needed = Self.neededAfterRestart
        sinceMark = 0
    }

    /// Begins a new count: three good samples from here on are a proof.
    mutating func mark() { sinceMark = 0 }

    var isProven: Bool { needed == 0 && sinceMark >= Self.neededAfterRestart }

    /// Enough good samples have come since the node's start: before that nothing it says is valid,
    /// however fresh it is.
    var isTrusted: Bool { needed == 0 }

    func isStale(_ now: Instant, after limit: Milliseconds) -> Bool {
        !isTrusted || age(now) >= limit
    }

    func age(_ now: Instant) -> Milliseconds { now - goodAt }
}
