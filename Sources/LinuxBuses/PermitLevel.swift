/// The permit line's level, and when a change of it would switch something on.
///
/// K2's monostable holds for 300 ms after each change, whichever way it goes. Driving a high line
/// low is one change more: right after the last edge it holds K2 a tick longer and no more, but
/// once K2 has fallen it would close it again, which after a FATAL nothing may do. So a line that
/// was high all that time is left standing. A level that stands means nothing.
struct PermitLevel: Sendable {
    /// Of the monostable, in ns (specification §7.4).
    static let dropOut: Int64 = 300_000_000

    private(set) var isHigh = false
    private var changedAt: Int64

    /// A line that was just driven low.
    ///
    /// - Parameter now: monotonic nanoseconds, here and below.
    init(at now: Int64) { changedAt = now }

    /// High for so long that K2 is open.
    func isStanding(at now: Int64) -> Bool { isHigh && now - changedAt >= Self.dropOut }

    /// What to drive for one edge, in order; both at once are one edge for a monostable. A line
    /// that stands high ends high, so that an even number of edges still leaves it low.
    func edge(at now: Int64) -> (first: Bool, second: Bool?) {
        isStanding(at: now) ? (false, true) : (!isHigh, nil)
    }

    /// The kernel took it.
    mutating func note(_ isHigh: Bool, at now: Int64) {
        if isHigh != self.isHigh { changedAt = now }
        self.isHigh = isHigh
    }
}
