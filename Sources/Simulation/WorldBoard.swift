public import HAL
public import RelayBoard
public import Units

/// The relay board as the world around it sees it: the pins that move contacts, the button that
/// hangs on it, and time.
///
/// `SimulatedRelayBoard` is one in memory; busbard has another whose firmware runs in an emulator.
public protocol WorldBoard: RelayBus, ~Copyable {
    /// The relays that the board drives.
    var drive: RelayMask { get }
    /// What the relay pins read: what is driven, but for the stuck ones.
    var pins: RelayMask { get }
    /// What changed since the owner last removed it, oldest first.
    var changes: [SimulatedRelayBoard.Change] { get }
    mutating func removeChanges()

    /// Lets the board's time pass until `time`.
    mutating func advance(to time: Instant)
    /// Presses or releases the local reset.
    mutating func setLocalReset(active: Bool)
    /// Puts a fault into the board or its bus, or takes it out, at `now`.
    ///
    /// - Precondition: `action.isBoardFault`, and this kind of board can have it.
    mutating func suffer(_ action: WorldAction, at now: Instant)
}

extension WorldAction {
    /// Whether it is done to the relay board or its bus. A board that is not simulated here has
    /// faults of its own.
    public var isBoardFault: Bool {
        switch self {
        case .silenceBoard, .delayBoard, .restartBoard, .stickPins, .freePins, .damageTransfers,
            .driftBoard:
            true
        default: false
        }
    }
}

extension SimulatedRelayBoard: WorldBoard {
    public mutating func suffer(_ action: WorldAction, at now: Instant) {
        switch action {
        case .silenceBoard(let span): silence(from: now, to: now + Milliseconds(span))
        case .delayBoard(let delay): delayTransfers(by: Milliseconds(delay))
        case .restartBoard(let cause, let span):
            restart(by: cause, answersAfter: Milliseconds(span))
        case .stickPins(let relays, let isHigh):
            if isHigh { stickHigh(relays) } else { stickLow(relays) }
        case .freePins(let relays): unstick(relays)
        case .damageTransfers(let count): damageTransfers(Int(count))
        case .driftBoard(let permille): setDrift(permille: Int(permille))
        default: preconditionFailure("the world sends only faults of the board here")
        }
    }
}
