public import Events
public import Units

/// The process image: everything that the controller sees in one tick, frozen.
public struct Inputs: ~Copyable {
    public var now = Instant(0)
    public var frames = FrameBatch()
    public var bus = CANBusState.active
    public var powerSense = LineState.notFitted
    /// K2's auxiliary contact.
    public var monostable = LineState.notFitted
    public var resetButton = LineState.notFitted
    public var emergencyStop = LineState.notFitted
    public var commands = CommandBatch()
    public var shell = ShellConditions()

    public init() {}
}

/// What somebody asks of the controller. Roles are checked before it gets here; what a role can
/// never do (reset a FATAL from afar) is refused here as well.
public enum Command: Hashable, Sendable {
    case demand(isOn: Bool)
    case setTarget(MilliCelsius)
    case acknowledge(AlarmCode)
    /// Hides an alarm that is not FATAL until the instant, at most 12 h ahead.
    case shelve(AlarmCode, until: Instant)
    case unshelve(AlarmCode)
    case setOutOfService(AlarmCode, Bool)
    /// A reset that did not come from the button. Always refused (E701), and the refusal recorded.
    case resetRemotely
}

public struct RequestedCommand: Hashable, Sendable {
    public var command: Command
    public var requester: Requester
    /// What the command's consequences carry. Nil for one that nobody keeps a record of: they then
    /// carry its tick's.
    public var correlation: Correlation?

    public init(_ command: Command, by requester: Requester, correlation: Correlation? = nil) {
        self.command = command
        self.requester = requester
        self.correlation = correlation
    }
}

/// The commands of one tick. What does not fit waits in the inbox for the next one.
public struct CommandBatch: ~Copyable {
    public static let capacity = 8

    private var slots: InlineArray<8, RequestedCommand>
    public private(set) var count = 0

    public init() {
        slots = InlineArray(repeating: RequestedCommand(.demand(isOn: false), by: .site))
    }

    public var isFull: Bool { count == Self.capacity }

    /// - Precondition: the batch is not full.
    public mutating func append(_ command: RequestedCommand) {
        precondition(!isFull, "the caller checks isFull and leaves the command in its inbox")
        slots[count] = command
        count += 1
    }

    public mutating func removeAll() { count = 0 }

    public subscript(index: Int) -> RequestedCommand {
        precondition(index >= 0 && index < count)
        return slots[index]
    }
}

/// What the shell found wrong with itself. None of it changes what happens to the power.
public struct ShellConditions: Hashable, Sendable {
    public var rawValue: UInt8
    public init(rawValue: UInt8 = 0) { self.rawValue = rawValue }

    /// The journal could not store what it was given (disk full, read-only, I/O error).
    public static let journalUnwritable = ShellConditions(rawValue: 1 << 0)
    /// The ring to the journal was full and events were counted instead of kept.
    public static let eventsLost = ShellConditions(rawValue: 1 << 1)
    /// The kernel gave no real-time priority or no locked memory.
    public static let notRealTime = ShellConditions(rawValue: 1 << 2)
    /// Somebody whom the site file does not list knocked at the local socket.
    public static let peerRefused = ShellConditions(rawValue: 1 << 3)
    /// A changed site file was refused; the old one goes on whole.
    public static let configurationRejected = ShellConditions(rawValue: 1 << 4)

    /// Somebody on the cluster's side sent what no bridge or tool of ours has made.
    public static let clusterForgery = ShellConditions(rawValue: 1 << 5)
    /// Events reach the broker, or not even that, and nothing is acknowledged.
    public static let uplinkStalled = ShellConditions(rawValue: 1 << 6)
    /// What the cluster acknowledges or misses is not what the journal holds.
    public static let clusterDisagrees = ShellConditions(rawValue: 1 << 7)

    public func contains(_ other: ShellConditions) -> Bool {
        rawValue & other.rawValue == other.rawValue
    }
    public mutating func insert(_ other: ShellConditions) { rawValue |= other.rawValue }
}

/// What is known of the time before this start (§7.6 steps 2 and 9).
public struct Recollection: Sendable {
    public enum Lockout: Sendable {
        /// Both copies valid, equal, and with nothing in them that counts; or a device that never
        /// had any.
        case clear
        /// Both copies valid and equal, with a FATAL or with resets that still count.
        case locked(LockoutRecord)
        /// One copy was bad and has been repaired from the other.
        case repaired(LockoutRecord)
        /// Neither copy can be read. There may have been a lockout, so there is one.
        case unreadable
    }

    public var lockout = Lockout.unreadable
    /// The last run wrote "heat on" and never wrote "heat off".
    public var wasHeating = false
    /// The last run stopped without its farewell.
    public var wasUnclean = false

    public init() {}
}
