public import Units

/// The digital lines of the controller: the permit output and what it reads back.
public protocol DigitalLines: ~Copyable {
    /// Reads every input once.
    mutating func sample() -> LineReadings
    /// Lets the permit line rise from low. That edge, and no other, holds K2's monostable closed
    /// for 300 ms more.
    mutating func permitEdge()
    /// Drives the permit line low, which closes nothing and opens nothing: K2 falls by itself when
    /// the line does not rise again.
    mutating func permitLow()
}

/// A watchdog that resets the machine unless it is fed. Fed last in a tick, and only by a tick that
/// completed.
public protocol Watchdog: ~Copyable {
    mutating func feed()
}

/// Time. The monotonic clock is for rules; the wall clock is for records only.
public protocol Clock: ~Copyable {
    mutating func now() -> Instant
    mutating func wall() -> WallTime
}

public enum ClockQuality: UInt8, Sendable { case unsynced, holdover, synced }

/// Milliseconds since 1970-01-01 UTC, and how far to believe them.
public struct WallTime: Hashable, Sendable {
    public var milliseconds: Int64
    public var quality: ClockQuality

    public init(milliseconds: Int64, quality: ClockQuality) {
        self.milliseconds = milliseconds
        self.quality = quality
    }
}
