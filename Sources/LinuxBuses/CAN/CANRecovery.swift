public import Units

/// The CAN link as netlink and the interface's flags tell it at one moment.
public struct CANLinkReport: Hashable, Sendable {
    /// The controller's own state. Interfaces without a controller (vcan) have none.
    public enum Controller: Hashable, Sendable { case active, passive, busOff, stopped }

    /// 0: there is no interface of that name.
    public var index: UInt32
    public var isUp: Bool
    public var controller: Controller?
    /// In bit/s; nil where the interface has none, or has not been told yet.
    public var bitrate: UInt32?
    /// Milliseconds after which the kernel restarts a controller in bus-off by itself; 0: never.
    public var kernelRestart: UInt32

    public init(
        index: UInt32, isUp: Bool = true, controller: Controller? = nil, bitrate: UInt32? = nil,
        kernelRestart: UInt32 = 0
    ) {
        self.index = index
        self.isUp = isUp
        self.controller = controller
        self.bitrate = bitrate
        self.kernelRestart = kernelRestart
    }

    /// What the loop needs to know of it.
    public var state: CANBusState {
        guard index != 0, isUp else { return .down }
        switch controller {
        case nil, .active: return .active
        case .passive: return .passive
        case .busOff: return .busOff
        case .stopped: return .down
        }
    }
}

/// Decides when to bring a CAN link up, and when to take a controller in bus-off back onto the bus.
///
/// A controller goes bus-off because the bus hurts it or because it hurts the bus. So a restart
/// waits, and each one that does not last waits twice as long. The rule is here and not in the
/// kernel's `restart-ms`, which tries for ever at one pace and tells nobody.
public struct CANRecovery: Sendable {
    public enum Action: Hashable, Sendable {
        case wait
        /// Set the bit rate and bring the interface up, taking it down first if it is up.
        case configure
        /// Take the controller back onto the bus.
        case restart
    }

    /// Before the first attempt. Chosen: long after the 128 × 11 bits that the bus must be quiet
    /// for (3 ms at 500 kbit/s), and well within the 2 s after which heat goes off for want of
    /// samples.
    public static let delayMinimum = Milliseconds(200)
    /// Chosen: on a bus that stays broken one attempt in 10 s disturbs nobody.
    public static let delayMaximum = Milliseconds(10_000)
    /// A link that was well for this long has recovered, and the next fault starts anew. Chosen:
    /// longer than the longest delay.
    public static let settling = Milliseconds(30_000)

    private let bitrate: UInt32
    private var delay = delayMinimum
    private var trouble: Trouble?
    private var wellSince: Instant?

    private struct Trouble {
        var action: Action
        var dueAt: Instant
    }

    /// - Parameter bitrate: what the site says, in bit/s.
    public init(bitrate: UInt32) { self.bitrate = bitrate }

    /// What to do now. Each attempt is answered once; the next one comes by itself if the link is
    /// not well by then.
    public mutating func action(for report: CANLinkReport, now: Instant) -> Action {
        guard let wanted = remedy(for: report) else {
            noteWell(report, now)
            return .wait
        }
        wellSince = nil
        guard let trouble, trouble.action == wanted else {
            self.trouble = Trouble(action: wanted, dueAt: now + delay)
            return .wait
        }
        guard now >= trouble.dueAt else { return .wait }
        delay = min(delay + delay, Self.delayMaximum)
        self.trouble = Trouble(action: wanted, dueAt: now + delay)
        return wanted
    }

    /// - Returns: nil where there is nothing that could be done about it.
    private func remedy(for report: CANLinkReport) -> Action? {
        guard report.index != 0 else { return nil }
        guard report.isUp, report.controller != .stopped else { return .configure }
        if let rate = report.bitrate, rate != bitrate { return .configure }
        if report.controller == .busOff {
            // With its own timer running the kernel refuses ours, so the link is set up anew.
            return report.kernelRestart == 0 ? .restart : .configure
        }
        return nil
    }

    private mutating func noteWell(_ report: CANLinkReport, _ now: Instant) {
        trouble = nil
        guard report.state == .active || report.state == .passive else {
            wellSince = nil
            return
        }
        let since = wellSince ?? now
        wellSince = since
        if now - since >= Self.settling { delay = Self.delayMinimum }
    }
}
