public import Units

/// The state of a CAN interface from its two witnesses: error frames, which come with the data and
/// at once, and the link as netlink tells it, which also knows of an interface that is gone, but is
/// asked only ten times a second.
///
/// A report counts only if it was asked for after the last error frame: an older one may have been
/// on its way while the controller fell off the bus. What a write to the socket returns says
/// nothing; in bus-off it succeeds and the frame is gone.
public struct CANStateTracker: Sendable {
    /// Down, until somebody has seen the interface: nothing is taken for good.
    public private(set) var state = CANBusState.down
    private var changedAt = Instant.never

    public init() {}

    /// An error frame came off the socket at `now`.
    public mutating func note(_ frame: CANErrorFrame, at now: Instant) {
        guard let told = frame.state else { return }
        state = told
        changedAt = now
    }

    /// The socket itself said that its interface went down or away.
    public mutating func noteDown(at now: Instant) {
        state = .down
        changedAt = now
    }

    /// - Parameter askedAt: when the question was put, not when the answer came.
    public mutating func note(_ report: CANBusState, askedAt: Instant) {
        guard askedAt > changedAt else { return }
        state = report
    }
}
