import Control
import Glibc
import HAL
import LinuxHAL
import RelayBoard
import Simulation
import Units

/// Keeps the world up with real time: a pass each millisecond, and one as soon as the I2C bus asks.
///
/// A lease that ends between two passes drops its relays at its own millisecond: the world's own
/// time is led up to the present and stops wherever something changes.
struct WorldLoop: ~Copyable {
    /// Pins of the Pi's header, as in board/water-heater.
    private static let permit = 17
    private static let powerSense = 27
    private static let monostable = 22
    private static let resetButton = 23
    /// High while the emergency stop is released: a broken wire presses it.
    private static let emergencyStop = 24
    private static let relayNames = [
        "power", "pump", "valve", "spark", "element", "demand", "fan", "relay7",
    ]

    private var world: LiveWorld
    private var bus: SimulatedCANBus
    private var board = SimulatedRelayBoard()
    private var lines: SimulatedLines
    private var driven = LineReadings()

    private var pins: Pins
    private var can: SerialCAN
    private var i2c: BoardBus
    private var foreign = ForeignTraffic()
    /// µs between a sensor frame's time and its way out: so its phase against busbard's ticks can
    /// be another one in each trial.
    private var frameDelay: Int64 = 0
    private var delayed: [(dueAt: Int64, frame: CANFrame)] = []
    private let commands: Descriptor
    private var unfinished: [UInt8] = []
    private let log: Descriptor
    /// CLOCK_MONOTONIC of the world's instant 0, in µs; a whole millisecond.
    private let origin: Int64

    private init(
        plan: ControlPlan, pins: consuming Pins, can: consuming SerialCAN, i2c: consuming BoardBus,
        commands: consuming Descriptor, log: consuming Descriptor
    ) {
        origin = Self.microseconds() / 1_000 * 1_000
        world = LiveWorld(plan: plan, now: Instant(0))
        bus = SimulatedCANBus(plan: plan.signals)
        lines = SimulatedLines(plan: plan.interlock)
        self.pins = pins
        self.can = can
        self.i2c = i2c
        self.commands = commands
        self.log = log
    }

    /// - Throws: which interface of the virtual board is missing.
    static func open(
        plan: ControlPlan, chip: String, commands path: String, log logPath: String
    ) throws(SystemError) -> WorldLoop {
        let pins = try Pins.open(folder: chip, permit: permit)
        try pins.drive(emergencyStop, high: true)
        for offset in [powerSense, monostable, resetButton] { try pins.drive(offset, high: false) }
        if mkfifo(path, 0o600) != 0, errno != EEXIST {
            throw SystemError("make \(path)", number: errno, advice: "name a path in a tmpfs")
        }
        // For writing, too: else it ends each time that a shell closes it.
        let commands = try Descriptor(
            opening: path, O_RDWR | O_NONBLOCK, advice: "name a FIFO that nobody else reads")
        let log = try Descriptor(
            opening: logPath, O_WRONLY | O_CREAT | O_APPEND | O_NONBLOCK,
            advice: "name a file that can be written")
        let i2c = try BoardBus()
        let can = try SerialCAN.open()
        return WorldLoop(plan: plan, pins: pins, can: can, i2c: i2c, commands: commands, log: log)
    }

    static func microseconds() -> Int64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1_000
    }

    /// Until it is killed.
    mutating func run() throws(SystemError) {
        note("world begins", Self.microseconds())
        while true {
            var waits = [
                pollfd(fd: i2c.device.number, events: Int16(POLLIN), revents: 0),
                pollfd(fd: commands.number, events: Int16(POLLIN), revents: 0),
                pollfd(fd: can.line.number, events: Int16(POLLIN), revents: 0),
            ]
            poll(&waits, 3, 1)
            try pass(
                asked: waits[0].revents != 0, told: waits[1].revents != 0,
                heard: waits[2].revents != 0)
        }
    }

    /// - Parameters: which descriptors have something to be read: the I2C bus, the commands, the
    ///   CAN controller's line.
    private mutating func pass(
        asked isAsked: Bool, told isTold: Bool, heard isHeard: Bool
    ) throws(SystemError) {
        let microseconds = Self.microseconds()
        let now = (microseconds - origin) / 1_000
        world.begin(at: Instant(now), bus: &bus, board: &board, lines: &lines)
        sendFrames(microseconds)
        if pins.permitRises() {
            lines.permitEdge()
            note("permit edge", microseconds)
        }
        if isAsked || i2c.isHolding { serveBoard(now, microseconds) }
        if isHeard { hearController(microseconds) }
        if isTold { try obey(microseconds) }
        settle()
        try driveInputs()
    }

    /// What was written is noted at the time at which the board takes it: its lease runs from
    /// there, and not from the end of the work that answers.
    private mutating func serveBoard(_ now: Int64, _ microseconds: Int64) {
        var written: [String] = []
        i2c.serve(&board, now: now) { written.append($0) }
        for write in written { note("i2c \(write)", microseconds) }
    }

    private mutating func sendFrames(_ microseconds: Int64) {
        var batch = FrameBatch()
        bus.receive(into: &batch)
        for index in 0..<batch.count {
            delayed.append((microseconds + frameDelay, batch[index].frame))
        }
        while let (dueAt, frame) = delayed.first, dueAt <= microseconds {
            delayed.removeFirst()
            // Before it goes: the kernel's time stamp cannot be older.
            note("frame \(frame.id) \(String(frame.payload, radix: 16))", microseconds)
            can.send(frame)
        }
        let count = foreign.due(at: microseconds)
        if count > 0 { can.sendForeign(count) }
    }

    private mutating func hearController(_ microseconds: Int64) {
        for command in can.commands() {
            note("can \(command)", microseconds)
            // The channel is opened anew: so a controller begins again after bus-off.
            if command == "O" { bus.state = .active }
        }
    }

    private mutating func settle() {
        let (origin, log) = (origin, log.number)
        world.end(board: &board, lines: &lines) { change in
            Self.write(Self.words(change.what), origin + change.at * 1_000, to: log)
        }
    }

    private static func words(_ change: WorldChange.What) -> String {
        switch change {
        case .relay(let bit, let isOn): "relay \(relayNames[Int(bit)]) \(isOn ? "on" : "off")"
        case .permit(let isPermitted): "permitted \(isPermitted)"
        case .k2(let isClosed): "k2 \(isClosed ? "closed" : "open")"
        case .power(let isClosed): "power \(isClosed ? "closed" : "open")"
        }
    }

    private mutating func driveInputs() throws(SystemError) {
        let readings = lines.sample()
        guard readings != driven else { return }
        let inputs = [
            (Self.powerSense, readings.powerSense, driven.powerSense),
            (Self.monostable, readings.monostable, driven.monostable),
            (Self.resetButton, readings.resetButton, driven.resetButton),
        ]
        for (offset, reading, before) in inputs where reading != before {
            try pins.drive(offset, high: reading == .active)
        }
        driven = readings
    }

    // MARK: Commands

    private mutating func obey(_ microseconds: Int64) throws(SystemError) {
        unfinished += commands.read()
        while let end = unfinished.firstIndex(of: 10) {
            let line = String(decoding: unfinished[..<end], as: UTF8.self)
            unfinished.removeSubrange(...end)
            note("command \(line)", microseconds)
            do throws(Misunderstood) {
                try obey(Command(line))
            } catch {
                note("misunderstood: \(error.reason)", microseconds)
                complain("\(line): \(error.reason)")
            }
        }
    }

    private mutating func obey(_ command: Command) throws(Misunderstood) {
        switch command {
        case .action(let action):
            world.apply(action, bus: &bus, board: &board, lines: &lines)
            if case .bus(let state) = action { can.report(state) }
        case .bus(let fault): i2c.fault = fault
        case .line(let offset, let isHigh):
            do throws(SystemError) {
                try pins.drive(offset, high: isHigh)
            } catch {
                throw Misunderstood(reason: error.description)
            }
        case .can(let text): can.say(text)
        case .flood(let rate): foreign.perSecond = rate
        case .lateFrames(let milliseconds): frameDelay = milliseconds * 1_000
        case .mark: break
        }
    }

    // MARK: The log

    private func note(_ words: String, _ microseconds: Int64) {
        Self.write(words, microseconds, to: log.number)
    }

    private static func write(_ words: String, _ microseconds: Int64, to log: Int32) {
        let bytes = Array("\(microseconds) \(words)\n".utf8)
        if Glibc.write(log, bytes, bytes.count) != bytes.count {
            complain("the log had no room for: \(words)")
        }
    }
}
