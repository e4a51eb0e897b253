public import Units

/// When the status is written to a file. In memory, where it costs nothing: each second. On a card:
/// when what it says has changed, at most every five seconds, and else once a minute, since a file
/// of 2 kB each second is 600 MB a day (measured) that the card wears by.
public struct StatusPace: Sendable {
    /// What is worth a writing: all that is no time, no measurement and no total.
    private struct Gist: Hashable {
        var state: UplinkState
        /// Without its numbers, some of which move each second.
        var explanation: String?
        var nextTry: Instant?
        var localProblem: String?
        /// By lane: acknowledged, last, dropped.
        var lanes: [[Int64]]
        var findings: [Finding.Kind: Bool]
    }

    /// busbard calls it silent ten seconds after this.
    public let period: Milliseconds
    private let least: Milliseconds
    private var writtenAt: Instant?
    private var written: Gist?

    /// - Parameter isOnDisk: whether the file is on a medium that wears.
    public init(isOnDisk: Bool) {
        least = isOnDisk ? .seconds(5) : .seconds(1)
        period = isOnDisk ? .seconds(60) : .seconds(1)
    }

    /// - Returns: whether it is to be written now; the caller then does.
    public mutating func isDue(
        _ status: UplinkStatus, localProblem: String?, now: Instant
    ) -> Bool {
        // Idle and sending alternate with each event, which the numbers tell as well.
        let gist = Gist(
            state: status.state == .sending ? .idle : status.state,
            explanation: status.explanation?.withoutNumbers, nextTry: status.nextTry,
            localProblem: localProblem,
            lanes: status.lanes.map { [$0.acknowledged, $0.last, $0.dropped] },
            findings: Dictionary(
                status.findings.map { ($0.kind, $0.isActive) }, uniquingKeysWith: { $1 }))
        if let writtenAt, now - writtenAt < (gist == written ? period : least) { return false }
        writtenAt = now
        written = gist
        return true
    }
}
