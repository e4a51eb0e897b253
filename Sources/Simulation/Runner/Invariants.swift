import Events
import RelayBoard
import Units

/// What must hold in every tick, whatever fails. Checked against the contacts and lines of the
/// world, never against what the controller says of itself.
struct Invariants {
    private var isLocked = false
    private var lockedAt: Int64 = 0
    private var lastRun: Int64 = 0
    private var valveWithoutFlameSince: Int64?

    init() {}

    mutating func note(_ events: [Event]) {
        for event in events {
            switch event.fact {
            case .alarm(let transition)
            where transition.severity == .fatal && transition.change == .raised:
                if !isLocked { lockedAt = event.at.rawValue }
                isLocked = true
            case .resetAccepted:
                isLocked = false
            default:
                break
            }
        }
    }

    /// The rule that is broken at `now`, or nil.
    mutating func check(
        _ plant: borrowing Plant, flame: Bool, edge: Int64, now: Int64, isRunning: Bool
    ) -> String? {
        if isRunning { lastRun = now }
        let relays = plant.contacts.relays
        let heat = relays.intersection(.heat)
        let coils = relays.subtracting(plant.welded)
        if !coils.intersection(.heat).isEmpty {
            if !coils.contains(.pump) { return "a heat relay is on and the pump is off" }
            if !relays.contains(.power) { return "a heat relay is on and the power relay is off" }
            if isLocked, now - lockedAt > 600 { return "a heat relay is on after a FATAL" }
            if now - lastRun > 1_000 { return "a heat relay is on and the process is not running" }
        }
        if isLocked, edge > lockedAt { return "the permit line changed after a FATAL" }
        guard relays.contains(.valve), plant.contacts.isPowered, !flame, heat != .none,
            !plant.welded.contains(.valve)
        else {
            valveWithoutFlameSince = nil
            return nil
        }
        let since = valveWithoutFlameSince ?? now
        valveWithoutFlameSince = since
        // 5 s is the board's own limit (P5); the plant's flame and the sensor's may differ by a
        // frame, and one tick passes before the board is looked at.
        return now - since > 5_300 ? "the valve has been open for 5.3 s without a flame" : nil
    }
}
