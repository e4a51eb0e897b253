public import Control
public import Events
public import Units

/// Where the loop gets its commands and leaves its facts. Implementations never wait and never
/// fail: what cannot be taken is counted and comes back as a `ShellConditions` bit.
///
/// Adapters: rings to the journal and API threads in busbard, plain memory in the simulator.
public protocol Mailbox: ~Copyable {
    /// Moves commands that wait at `now` into `batch`; what does not fit waits for the next tick.
    mutating func takeCommands(into batch: inout CommandBatch, at now: Instant)
    /// What is wrong with the shell itself right now.
    var conditions: ShellConditions { get }
    mutating func post(_ event: Event)
    /// Events of this tick that its buffer had no room for. They are stated as a number, and the
    /// next tick sees the `eventsLost` condition.
    mutating func noteLost(_ count: UInt32)
    /// The lockout record has changed: both copies must be written, without the loop waiting.
    mutating func post(_ record: LockoutRecord)
    /// What was seen in the ten seconds before the power was cut. For people, so it may be lost.
    mutating func post(_ samples: PreTripSamples)
    /// Heat went on (true) or off (false): the mark that tells an unclean stop.
    mutating func post(runMarker: Bool)
}

/// Told where the real-time part of a tick begins and ends, so that a sanitizer can watch it.
public protocol RealtimeRegion {
    func enter()
    func exit()
}

/// Watches nothing.
public struct UnwatchedRegion: RealtimeRegion {
    public init() {}
    public func enter() {}
    public func exit() {}
}
