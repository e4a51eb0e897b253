import Units

/// What the link to the broker takes, from the confirmations of what was sent: its rate is the
/// greatest rate of delivery lately, its delay the shortest round trip lately. With both it is
/// known how much may be under way without a queue of more than a given time.
///
/// The idea is BBR's (Cardwell and others, "BBR: congestion-based congestion control", 2016). It is
/// needed above TCP because the kernel takes megabytes for a slow link before it says "full", and
/// an alarm would wait behind all of it.
struct LinkMeter: Hashable, Sendable {
    /// For how long the greatest rate counts: one to two times this.
    static let rateWindow = Milliseconds.seconds(10)
    /// After this the shortest round trip is measured anew, with an empty link.
    static let delayWindow = Milliseconds.seconds(60)
    /// Assumed before anything was measured: 64 kbit/s, the slowest that is worth calling a link.
    static let bytesPerSecondFirst: Int64 = 8_000
    static let delayFirst = Milliseconds(200)

    /// What is remembered of a message while it is under way.
    struct Mark: Hashable, Sendable {
        var bytes: Int
        var sentAt: Instant
        fileprivate var deliveredBefore: Int64
        /// When the last of those was confirmed; on an empty link, when this one left.
        fileprivate var deliveredAt: Instant
        fileprivate var foundLinkEmpty: Bool
    }

    private(set) var bytesUnconfirmed = 0
    /// Nil until something was measured.
    private(set) var delay: Milliseconds?
    /// The link is being emptied, to measure its delay.
    private(set) var isProbing = false

    private var delivered: Int64 = 0
    private var deliveredAt = Instant.never
    private var rateNow: Int64 = 0
    private var rateBefore: Int64 = 0
    private var rateTurnedAt: Instant?
    private var delayAt = Instant.never
    private var limitedAt = Instant.never

    init() {}

    /// In bytes a second.
    var rate: Int64 { isMeasured ? max(rateNow, rateBefore) : Self.bytesPerSecondFirst }
    var isMeasured: Bool { max(rateNow, rateBefore) > 0 }

    /// How many bytes may be under way.
    func allowance(queue: Milliseconds, least: Int) -> Int {
        let span = (delay ?? Self.delayFirst).rawValue + queue.rawValue
        return max(least, Int(clamping: rate * span / 1_000))
    }

    /// A message leaves.
    mutating func sent(bytes: Int, now: Instant) -> Mark {
        let isEmpty = bytesUnconfirmed == 0
        bytesUnconfirmed += bytes
        return Mark(
            bytes: bytes, sentAt: now, deliveredBefore: delivered,
            deliveredAt: isEmpty ? now : deliveredAt, foundLinkEmpty: isEmpty)
    }

    /// There was more to send than the allowance let: what is measured now is the link, and not how
    /// little there was to say.
    mutating func limited(now: Instant) {
        limitedAt = now
        if !isProbing, now - delayAt > Self.delayWindow, delay != nil { isProbing = true }
    }

    /// The broker confirmed a message.
    mutating func confirmed(_ mark: Mark, now: Instant) {
        bytesUnconfirmed = max(0, bytesUnconfirmed - mark.bytes)
        delivered += Int64(mark.bytes)
        deliveredAt = now
        noteDelay(max(now - mark.sentAt, Milliseconds(1)), of: mark, now: now)
        // From confirmation to confirmation: the first bytes that are confirmed after a message
        // has left were on the link before, and would make it a third faster than it is.
        let span = max(now - mark.deliveredAt, Milliseconds(1))
        let sample = (delivered - mark.deliveredBefore) * 1_000 / span.rawValue
        if limitedAt < mark.sentAt {
            // Nothing waited: it says only that the link is at least so fast.
            if sample > rate || !isMeasured { rateNow = max(rateNow, sample) }
            return
        }
        let turnedAt = rateTurnedAt ?? now
        if now - turnedAt > Self.rateWindow {
            (rateBefore, rateNow) = (rateNow, 0)
            rateTurnedAt = now
        } else {
            rateTurnedAt = turnedAt
        }
        rateNow = max(rateNow, sample)
    }

    private mutating func noteDelay(_ trip: Milliseconds, of mark: Mark, now: Instant) {
        if (isProbing && mark.foundLinkEmpty) || delay.map({ trip <= $0 }) ?? true {
            delay = trip
            delayAt = now
            isProbing = false
        }
    }

    /// The connection ended: what was under way is not any longer. The measurements stay; it is
    /// most often the same link that comes back.
    mutating func disconnected() {
        bytesUnconfirmed = 0
        isProbing = false
    }
}
