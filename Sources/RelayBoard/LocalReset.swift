/// Whether the reset button at the site counts as pressed, for whoever must not be fooled by one
/// that is stuck, bridged with a wire, or has a dirty contact.
///
/// It counts
/// - while it is held, from 1 000 ms to 10 000 ms of the press, and
/// - for 10 000 ms after the release of a press of 1 000 to 5 000 ms,
///
/// limits included. It does not count when it was active at boot or held longer than 10 000 ms:
/// then only a release and a new press help. A release shorter than 200 ms is a bounce of the
/// contact and part of the press: a stuck button that flickers stays a stuck button.
///
/// The press of 1 000 to 5 000 ms is the specification's (§7.5); so are the 200 ms and the limit of
/// 10 000 ms. That it may be used while still held, and for 10 s afterwards, was chosen so that the
/// host, which must see the release first, has time for its self-check before it arms the board.
///
/// Time is a free-running counter of µs, 32 bits; it may wrap. Two calls must not lie more than
/// 35 min apart.
public struct LocalReset: Sendable {
    /// µs.
    public static let pressMinimum: UInt32 = 1_000_000
    public static let shortPressMaximum: UInt32 = 5_000_000
    public static let pressMaximum: UInt32 = 10_000_000
    public static let windowLength: UInt32 = 10_000_000
    public static let bounce: UInt32 = 200_000

    /// Whether a reset may be taken from the button now.
    public private(set) var counts = false
    /// Held since boot or for too long; a technician should look at the button.
    public var isBarred: Bool { phase == .barred }

    private enum Phase: UInt8 { case released, pressed, letGo, barred, barredLetGo }

    /// As if it had been held at boot: only what is then seen released can be pressed.
    private var phase = Phase.barred
    private var pressedAt: UInt32 = 0
    private var letGoAt: UInt32 = 0
    private var hasWindow = false
    private var windowSince: UInt32 = 0

    public init() {}

    /// Takes one look at the button.
    public mutating func sample(isActive: Bool, at now: UInt32) {
        // The state in which a button spends its life.
        if phase == .released, !isActive, !hasWindow {
            counts = false
            return
        }
        if phase == .letGo || phase == .barredLetGo, now &- letGoAt >= Self.bounce {
            phase = .released
        }
        switch phase {
        case .released:
            if isActive { press(at: now) }
        case .pressed:
            hold(isActive, at: now)
        case .letGo:
            // A bounce: what looked like a finished press was not, and gives no window.
            if isActive {
                phase = .pressed
                hasWindow = false
                hold(true, at: now)
            }
        case .barred:
            if !isActive { letGo(into: .barredLetGo, at: now) }
        case .barredLetGo:
            if isActive { phase = .barred }
        }
        if hasWindow, now &- windowSince > Self.windowLength { hasWindow = false }
        counts = hasWindow || (phase == .pressed && now &- pressedAt >= Self.pressMinimum)
    }

    /// Says that a reset was taken: one press serves one reset.
    public mutating func consume() {
        counts = false
        hasWindow = false
        switch phase {
        case .pressed: phase = .barred
        case .letGo: phase = .barredLetGo
        case .released, .barred, .barredLetGo: break
        }
    }

    private mutating func press(at now: UInt32) {
        phase = .pressed
        pressedAt = now
    }

    private mutating func hold(_ isActive: Bool, at now: UInt32) {
        let held = now &- pressedAt
        guard !isActive else {
            if held > Self.pressMaximum { phase = .barred }
            return
        }
        letGo(into: .letGo, at: now)
        if held >= Self.pressMinimum, held <= Self.shortPressMaximum {
            hasWindow = true
            windowSince = now
        }
    }

    private mutating func letGo(into next: Phase, at now: UInt32) {
        phase = next
        letGoAt = now
    }
}
