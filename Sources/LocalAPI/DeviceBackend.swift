public import Control
public import Events
public import JSON
public import Units
public import Wire

/// The device behind the server, as the API thread may touch it. `busbard` implements it over its
/// rings and its journal, tests over plain memory.
///
/// Nothing here may wait for the control thread. Journal queries may take as long as the card does.
public protocol DeviceBackend: AnyObject {
    var description: DeviceDescription { get }
    /// The monotonic clock of the control loop.
    func now() -> Instant
    /// The time of day, and what it is worth.
    func wall() -> WallTime

    /// Asks for the state at the end of the tick that runs. `takeSnapshot` has it some time later.
    func requestSnapshot()
    func takeSnapshot() -> Snapshot?

    /// Passes a command on. Its result comes out of `takeResult` with the same ticket. It must not
    /// be carried out in a tick after `expiry`; its result is then `expired`.
    /// - Returns: false if too many wait already.
    func submit(_ request: RequestedCommand, ticket: UInt32, expiry: Instant) -> Bool
    func takeResult() -> (ticket: UInt32, result: CommandResult)?

    /// Passes a command of the cluster on to the inbox. What it says comes out of `takeAdmission`
    /// with the same ticket, as late as the card makes it.
    /// - Returns: false if too many wait already.
    func receive(_ command: ReceivedCommand) -> Bool
    func takeAdmission() -> (ticket: UInt32, admission: Admission)?

    /// Shows the controller something of the shell that lasts, or takes it back.
    func hold(_ condition: ShellConditions, _ isPresent: Bool)
    /// Shows it to one tick.
    func pulse(_ condition: ShellConditions)
    /// What busbar-uplink has found, in one line for the system's log.
    func noteFinding(_ line: String)

    /// Somebody whom the site file does not list has knocked (E801).
    func noteRefusedPeer(_ peer: Peer)
    /// A command was answered: who asked for what, and what came of it. Of refusals, at most
    /// `Limits.refusalsTold` come here for each user and period. May not wait for the record.
    func noteCommand(_ audit: CommandAudit)

    /// When the entry's alarm was raised, by the wall clock; nil if no record tells. Asked for each
    /// entry of a lockout with each state, so it must not go to the disk each time.
    func wallTime(of entry: LockoutRecord.Entry) -> WallTime?

    /// What is wrong with the shell itself, for `status`.
    var shell: ShellReport { get }

    /// Events, oldest first, as their JSON on the wire.
    func events(_ query: EventQuery) throws(RPCError) -> EventPage
    /// The alarm system's measures (ISA-18.2 clause 16) over the last `span`.
    func alarmPerformance(over span: Milliseconds) throws(RPCError) -> JSONValue
    /// Heating cycles, newest first.
    func transactions(limit: Int) throws(RPCError) -> [JSONValue]
    /// Where the queues to the cluster stand.
    func queues() throws(RPCError) -> JSONValue
    /// The ten seconds before the latest lockout, as `preTripDocument` wrote them; null if there
    /// was none. Kept on disk, so that a restart does not take the story away.
    func preTrip() throws(RPCError) -> JSONValue
    /// What busbar-uplink says of itself, as `UplinkReport` judges it.
    func uplinkStatus() -> JSONValue
    /// Whether the site has an uplink that sends events, so that its silence is a fault.
    var expectsUplink: Bool { get }
    /// Plays the world of a simulated board. `notSimulated` on any other.
    func applySimulation(_ parameters: JSONObject) throws(RPCError) -> JSONValue
}

/// What does not change while the daemon runs.
public struct DeviceDescription: Sendable {
    /// The site's name.
    public var site: String
    /// The device's, as the cluster calls it.
    public var device: String
    /// "simulated", or the kind of relay board.
    public var board: String
    public var version: String
    public var processID: Int32
    public var startedAt: Instant
    public var plan: ControlPlan
    /// Has the names of the site's steps.
    public var encoder: EventEncoder
    /// Advice that the site words in its own way; for all other alarms the table's holds.
    public var alarmTexts: [AlarmCode: String]

    public init(
        site: String, device: String, board: String, version: String, processID: Int32,
        startedAt: Instant, plan: ControlPlan, encoder: EventEncoder,
        alarmTexts: [AlarmCode: String] = [:]
    ) {
        self.site = site
        self.device = device
        self.board = board
        self.version = version
        self.processID = processID
        self.startedAt = startedAt
        self.plan = plan
        self.encoder = encoder
        self.alarmTexts = alarmTexts
    }

    func advice(_ code: AlarmCode) -> String {
        alarmTexts[code] ?? String(describing: alarmDefinition(code).advice)
    }
}

/// What the controller did with a command.
public enum CommandResult: Hashable, Sendable {
    case done
    /// Taken without a fact that says so; the state tells whether it is as was asked.
    case unchanged
    case refusedHeat(HeatingRefusal)
    case refusedReset(ResetRefusal)
    case outOfRange
    /// Not carried out: the loop came to it too late.
    case expired
}

public struct ShellReport: Hashable, Sendable {
    public var conditions = ShellConditions()
    /// Events that never reached the journal, since the start.
    public var eventsLost: UInt64 = 0
    /// Deadlines of the loop without a tick, since the start.
    public var ticksMissed: UInt64 = 0

    public init() {}
}

public struct EventQuery: Hashable, Sendable {
    /// Only events after this place in the record, the oldest of them first. Nil: the newest
    /// `limit` that match, still oldest first.
    public var after: EventPlace?
    /// Wall clock, milliseconds since 1970-01-01 UTC.
    public var sinceUnixMilliseconds: Int64?
    /// Only the alarm lane.
    public var alarmsOnly: Bool
    /// Only this alarm's.
    public var alarm: AlarmCode?
    /// At most `Limits.rows`.
    public var limit: Int

    public init(
        after: EventPlace? = nil, sinceUnixMilliseconds: Int64? = nil, alarmsOnly: Bool = false,
        alarm: AlarmCode? = nil, limit: Int = 100
    ) {
        self.after = after
        self.sinceUnixMilliseconds = sinceUnixMilliseconds
        self.alarmsOnly = alarmsOnly
        self.alarm = alarm
        self.limit = limit
    }
}

/// How far somebody has read: the last number of each lane.
public struct EventPlace: Hashable, Sendable {
    public var alarm: Int64
    public var event: Int64

    public init(alarm: Int64 = 0, event: Int64 = 0) {
        self.alarm = alarm
        self.event = event
    }
}

public struct EventPage: Sendable {
    public var events: [JSONValue]
    /// Where this page ends: the `after` of the next query.
    public var last: EventPlace

    public init(events: [JSONValue], last: EventPlace) {
        self.events = events
        self.last = last
    }
}
