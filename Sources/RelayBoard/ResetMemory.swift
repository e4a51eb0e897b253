/// What a board still knows after a reset that was no loss of power.
///
/// On the Pico it lives in the watchdog's scratch registers, three words. Without it a board that
/// hangs would lose its trip latch by its own watchdog, and nobody would have pressed the button.
public struct ResetMemory: Hashable, Sendable {
    public var tripCause = TripCause.none
    public var onAtTrip = RelayMask.none
    public var watchdog = WatchdogHistory()

    /// After a loss of power.
    public init() {}

    /// What the next run starts with.
    ///
    /// - Parameter run: how long the run that ended had lasted, in ms.
    public mutating func restarted(by cause: BoardResetCause, after run: UInt32) {
        if cause == .powerOn { self = ResetMemory() }
        watchdog.restarted(by: cause, after: run)
    }
}

/// P10: counts watchdog resets; three within 10 min trip the board.
///
/// A reset sets the board's clock to zero, so ages are kept in place of times: how long before the
/// present run began the last two watchdog resets were.
public struct WatchdogHistory: Hashable, Sendable {
    /// 10 min, in ms. The third reset trips if it comes at most this long after the first.
    public static let window: UInt32 = 600_000

    /// ms; `UInt32.max` is never.
    public private(set) var lastAge = UInt32.max
    public private(set) var secondLastAge = UInt32.max
    /// Whether the reset that began this run was one too many.
    public private(set) var trips = false

    public init() {}

    init(lastAge: UInt32, secondLastAge: UInt32) {
        self.lastAge = lastAge
        self.secondLastAge = secondLastAge
    }

    /// - Parameter run: how long the run that ended had lasted, in ms.
    public mutating func restarted(by cause: BoardResetCause, after run: UInt32) {
        let last = Self.sum(lastAge, run)
        let secondLast = Self.sum(secondLastAge, run)
        switch cause {
        case .powerOn:
            self = WatchdogHistory()
        case .watchdog:
            trips = secondLast <= Self.window
            lastAge = 0
            secondLastAge = last
        case .forced:
            trips = false
            lastAge = last
            secondLastAge = secondLast
        }
    }

    private static func sum(_ age: UInt32, _ run: UInt32) -> UInt32 {
        let (sum, overflows) = age.addingReportingOverflow(run)
        return overflows ? .max : sum
    }
}
