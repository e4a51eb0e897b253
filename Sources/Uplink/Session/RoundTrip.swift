import Units

/// How long the cluster takes to acknowledge, and from that when to send again.
///
/// Smoothed as RFC 6298 has it: time-out = mean + 4 deviations, doubled with each one in a row.
struct RoundTrip: Hashable, Sendable {
    /// Nil until something was measured.
    private(set) var smoothed: Milliseconds?
    private var deviation = Milliseconds.zero
    /// Time-outs since the last acknowledgement.
    private(set) var timeouts = 0

    /// - Parameter sample: from the broker's answer to the acknowledgement, as the time-out runs,
    ///   of a batch that was sent once: of two sendings nobody knows which was answered (Karn).
    mutating func measured(_ sample: Milliseconds) {
        let sample = max(sample, .zero)
        guard let mean = smoothed else {
            smoothed = sample
            deviation = Milliseconds(sample.rawValue / 2)
            return
        }
        let error = Milliseconds(abs((sample - mean).rawValue))
        deviation = Milliseconds((3 * deviation.rawValue + error.rawValue) / 4)
        smoothed = Milliseconds((7 * mean.rawValue + sample.rawValue) / 8)
    }

    mutating func timedOut() { timeouts += 1 }
    mutating func progressed() { timeouts = 0 }

    /// From a batch at the broker to its sending again, without jitter.
    func timeout(_ limits: UplinkLimits) -> Milliseconds {
        let plain =
            smoothed.map { Milliseconds($0.rawValue + 4 * deviation.rawValue) }
            ?? limits.ackTimeoutFirst
        // A lost acknowledgement is not to wait longer than what is called a stall.
        let plainMax = min(limits.stallAfter, limits.ackTimeoutMax)
        let bounded = min(max(plain, limits.ackTimeoutMin), plainMax)
        let doubled = bounded.rawValue << Int64(min(timeouts, 10))
        return Milliseconds(min(doubled, limits.ackTimeoutMax.rawValue))
    }
}
