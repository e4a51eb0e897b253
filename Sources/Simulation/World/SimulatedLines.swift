public import Control
public import HAL
public import Units

/// The digital lines in memory, and K2: a retriggerable monostable that stays closed for its
/// drop-out time after each edge of the permit line.
///
/// An edge is a rise; driving the line low retriggers nothing. So K2 opens its drop-out time after
/// the last edge, whether the line was driven low or the process just stopped.
public struct SimulatedLines: DigitalLines, ~Copyable {
    /// The time of the simulated world; set before each tick.
    public var now = Instant(0)
    /// From the wiring: what the inputs read. `.notFitted` stays as it is.
    public internal(set) var readings = LineReadings()
    public private(set) var edges: UInt64 = 0
    public private(set) var lastEdge = Instant.never
    /// Whether the line keeps changing, as far as the hardware can know: from an edge until a tick
    /// has left the line low or K2 has dropped out. Asked between two ticks, not within one.
    public private(set) var isPermitted = false
    private let dropOut: Milliseconds

    public init(plan: InterlockPlan) {
        dropOut = plan.permitDropOut
        if plan.hasPowerSense { readings.powerSense = .inactive }
        if plan.hasMonostable { readings.monostable = .inactive }
        if plan.hasResetButton { readings.resetButton = .inactive }
        if plan.hasEmergencyStop { readings.emergencyStop = .inactive }
    }

    /// When K2 opens unless another edge comes.
    public var opensAt: Instant { lastEdge + dropOut }

    public mutating func sample() -> LineReadings { readings }

    public mutating func permitEdge() {
        edges &+= 1
        lastEdge = now
        isPermitted = true
    }

    public mutating func permitLow() { isPermitted = false }

    /// K2 has dropped out, and with it what the permit line was for.
    mutating func noteDropOut() { isPermitted = false }

    mutating func set(
        powerSense: Bool, monostable: Bool, resetButton: Bool, emergencyStop: Bool
    ) {
        if readings.powerSense != .notFitted {
            readings.powerSense = powerSense ? .active : .inactive
        }
        if readings.monostable != .notFitted {
            readings.monostable = monostable ? .active : .inactive
        }
        if readings.resetButton != .notFitted {
            readings.resetButton = resetButton ? .active : .inactive
        }
        if readings.emergencyStop != .notFitted {
            readings.emergencyStop = emergencyStop ? .active : .inactive
        }
    }
}
