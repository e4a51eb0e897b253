public import JSON

/// A scenario file, read and checked but for what needs its site (names of steps, what the node can
/// send). One fault to survive, or one story to hold.
public struct Scenario: Sendable {
    public static let schema = "scenario.v1"
    /// Long enough for the slowest self-check (5 s for sensors, 3 s before), with room.
    public static let prerollMs: Int64 = 10_000

    public var file: String
    public var name: String
    public var purpose: String
    /// A folder relative to the scenario file; nil is the site that the runner was given.
    public var site: String?
    public var profile: String?
    /// A merge patch on site.json, after the profile.
    public var overrides: JSONValue?
    /// Done before the plant starts, so they hold from the beginning.
    public var plant: [WorldAction] = []
    /// Contact heats whatever the job does, if false.
    public var heatsOnlyInRun = true
    /// What the board's µs counter starts from when it is powered, to bring its wrap near.
    public var boardClockUs: UInt32 = 0
    /// t = 0 is the start of the process; else it was started before and its self-check is done.
    public var startsAtBoot = false
    /// Without a controller the scenario writes to the relay board by hand.
    public var hasController = true
    public var durationMs: Int64
    /// Ends with the tick that has seen the recording's last frame, if there is a recording: what
    /// comes after it is not known, and would be taken for a bus that has died.
    public var endsWithFeed = false
    public var seed: UInt64 = 0
    public var actions: [ScheduledAction] = []
    public var expectations: [Expectation] = []

    public init(file: String, name: String, purpose: String, durationMs: Int64) {
        self.file = file
        self.name = name
        self.purpose = purpose
        self.durationMs = durationMs
    }
}
