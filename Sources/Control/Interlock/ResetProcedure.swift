import Events
import Units

/// The button at the site: the only way out of a FATAL (§7.5).
///
/// A press counts when it was preceded by 200 ms of release, lasted 1 to 5 s and ended. A button
/// that was pressed at the start, or for 10 s, is stuck until it is seen released.
struct ResetButton: Sendable {
    static let releasedMinimum = Milliseconds(200)
    static let pressMinimum = Milliseconds(1_000)
    static let pressMaximum = Milliseconds(5_000)
    static let stuckAfter = Milliseconds(10_000)
    /// A contact bounces for some milliseconds after it moved (20 ms are taken as the worst of a
    /// push button; chosen half as much again). The first change counts at once, those that follow
    /// within this time are the bounce. With ticks of 100 ms it changes nothing.
    static let bounce = Milliseconds(30)

    struct Press: Hashable, Sendable {
        var began: Instant
        var length: Milliseconds
    }

    private(set) var isStuck = false
    private var isPressed = false
    private var changedAt: Instant?
    private var counts = false

    /// Samples the button once a tick.
    ///
    /// - Returns: a press that ended in this tick, if it may count at all.
    mutating func step(_ line: LineState, now: Instant) -> Press? {
        guard line != .notFitted else { return nil }
        let isDown = line == .active
        guard let since = changedAt else {
            // The first look: what is pressed now was pressed before we could see it begin.
            changedAt = now
            isPressed = isDown
            isStuck = isDown
            return nil
        }
        if isDown == isPressed || now - since < Self.bounce {
            if isPressed, now - since >= Self.stuckAfter { isStuck = true }
            return nil
        }
        isPressed = isDown
        changedAt = now
        if isDown {
            counts = now - since >= Self.releasedMinimum
            return nil
        }
        let wasStuck = isStuck
        isStuck = false
        return counts && !wasStuck ? Press(began: since, length: now - since) : nil
    }
}

/// How many resets were accepted lately: five in 15 minutes and no more (§7.5; the count that
/// burner controls of the field use as well, §2.2 "Remote reset limit").
struct ResetHistory: Sendable {
    static let maximum = 5
    static let window = Milliseconds(900_000)

    private var times = InlineArray<5, Instant>(repeating: Instant.never)
    private var next = 0

    /// Resets of earlier runs count as made at the start of this one: without a clock that can be
    /// trusted there is no better bound.
    mutating func begin(earlier: UInt8, now: Instant) {
        for _ in 0..<min(Int(earlier), Self.maximum) { note(now) }
    }

    mutating func note(_ now: Instant) {
        times[next] = now
        next = (next + 1) % Self.maximum
    }

    func count(_ now: Instant) -> UInt8 {
        var count: UInt8 = 0
        for index in 0..<Self.maximum where now - times[index] < Self.window { count += 1 }
        return count
    }
}
