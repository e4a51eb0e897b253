public import HAL
public import LinuxHAL
public import Units

/// The controller's digital lines on GPIO chips.
///
/// Inputs are active when high, but for the emergency stop: its loop is closed while all is well,
/// so that a cut wire reads as pressed.
public struct GPIOLines: DigitalLines, ~Copyable {
    /// Which lines the site has, and where.
    public struct Map: Sendable {
        public var permit: GPIOPlace
        public var powerSense: GPIOPlace?
        public var monostable: GPIOPlace?
        public var resetInput: GPIOPlace?
        public var emergencyStop: GPIOPlace?

        public init(permit: GPIOPlace) { self.permit = permit }
    }

    /// Reads and writes that the kernel refused.
    public private(set) var failures: UInt64 = 0
    private var readings = LineReadings()
    private let permit: GPIOLine
    private let powerSense: GPIOLine?
    private let monostable: GPIOLine?
    private let resetInput: GPIOLine?
    private let emergencyStop: GPIOLine?

    /// Takes all lines; the permit line is driven low.
    public init(_ map: Map) throws(SystemError) {
        let permit = try GPIOLine(map.permit, isOutput: true)
        let powerSense = try Self.input(map.powerSense)
        let monostable = try Self.input(map.monostable)
        let resetInput = try Self.input(map.resetInput)
        let emergencyStop = try Self.input(map.emergencyStop)
        self.permit = permit
        self.powerSense = powerSense
        self.monostable = monostable
        self.resetInput = resetInput
        self.emergencyStop = emergencyStop
    }

    private static func input(_ place: GPIOPlace?) throws(SystemError) -> GPIOLine? {
        guard let place else { return nil }
        return try GPIOLine(place, isOutput: false)
    }

    public mutating func sample() -> LineReadings {
        readings.powerSense = read(powerSense?.level(), powerSense != nil, readings.powerSense)
        readings.monostable = read(monostable?.level(), monostable != nil, readings.monostable)
        readings.resetButton = read(resetInput?.level(), resetInput != nil, readings.resetButton)
        if emergencyStop != nil {
            let isClosed = emergencyStop?.level()
            if isClosed == nil { failures &+= 1 }
            // What cannot be read is pressed.
            readings.emergencyStop = isClosed == true ? .inactive : .active
        }
        return readings
    }

    /// A line that cannot be read keeps what it said: a chip that is gone takes the permit line
    /// with it, and K2 opens by that.
    private mutating func read(
        _ level: Bool?, _ isFitted: Bool, _ before: LineState
    ) -> LineState {
        guard isFitted else { return .notFitted }
        guard let level else {
            failures &+= 1
            return before == .notFitted ? .inactive : before
        }
        return level ? .active : .inactive
    }

    public mutating func permitEdge() { drivePermit(high: true) }

    public mutating func permitLow() { drivePermit(high: false) }

    private mutating func drivePermit(high isHigh: Bool) {
        if !permit.drive(isHigh) { failures &+= 1 }
    }
}
