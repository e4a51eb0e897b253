import Units

/// What is known of an interface's controller, between two looks at it.
///
/// A virtual interface has none, and libsocketcan complains aloud each time that it is asked for
/// one, so there it is asked once in 10 s. Where there was one, an answer without it is no news,
/// and surely not that all is well.
struct ControllerMemory: Sendable {
    static let patience = Milliseconds(10_000)

    private var index: UInt32 = 0
    /// Nil before the interface of `index` was asked.
    private var hasController: Bool?
    private var askAgainAt = Instant.never

    /// Whether the controller is to be asked for now.
    func asks(at now: Instant) -> Bool { hasController != false || now >= askAgainAt }

    /// - Parameter wasAsked: what `asks` said for this report.
    /// - Returns: nil where the report says nothing that could be relied on.
    mutating func judge(
        _ report: CANLinkReport, wasAsked: Bool, at now: Instant
    ) -> CANLinkReport? {
        if report.index != index {
            index = report.index
            hasController = nil
        }
        guard wasAsked, index != 0 else { return report }
        askAgainAt = now + Self.patience
        if report.controller == nil, hasController == true { return nil }
        hasController = report.controller != nil
        return report
    }
}
