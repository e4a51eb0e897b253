/// P12: what the permit line and the flame detector say at the board's own pins, where they are
/// wired there too. It holds although the host says otherwise.
///
/// A board without these wires is told so by straps, and this then finds no loss.
public struct WiredProofs: Sendable {
    /// µs, from the specification's §6(a): the same drop-out time as K2's monostable.
    public static let permitTimeout: UInt32 = 300_000
    /// µs, from the specification's §6(a).
    public static let flameTimeout: UInt32 = 1_000_000

    public enum Loss: UInt8, Sendable {
        case none
        /// No flame for too long behind an open valve: the valve must close.
        case flame
        /// No edge for too long: all must go off.
        case permit
    }

    private let isPermitFitted: Bool
    private let isFlameFitted: Bool

    // A time is of use only while its flag stands: the counter wraps.
    private var permitLevel: Bool?
    private var hasPermit = false
    private var edgeAt: UInt32 = 0
    private var isValveOpen = false
    private var hasSeenFlame = false
    private var flameAt: UInt32 = 0

    public init(isPermitFitted: Bool, isFlameFitted: Bool) {
        self.isPermitFitted = isPermitFitted
        self.isFlameFitted = isFlameFitted
    }

    /// Takes one look at the pins.
    ///
    /// - Parameters:
    ///   - permit: the line's level. Only its changes count.
    ///   - flame: whether the detector sees one.
    ///   - valve: whether the valve's relay is on.
    ///   - now: µs, free-running; it may wrap.
    public mutating func sample(permit: Bool, flame: Bool, valve: Bool, at now: UInt32) -> Loss {
        if isPermitFitted, losesPermit(permit, at: now) { return .permit }
        if isFlameFitted, losesFlame(flame, valve: valve, at: now) { return .flame }
        return .none
    }

    private mutating func losesPermit(_ level: Bool, at now: UInt32) -> Bool {
        if let permitLevel, permitLevel != level {
            hasPermit = true
            edgeAt = now
        }
        permitLevel = level
        if hasPermit, now &- edgeAt >= Self.permitTimeout { hasPermit = false }
        return !hasPermit
    }

    /// Until the first flame the time is that of P5's first proof: a burner must be able to light.
    private mutating func losesFlame(_ flame: Bool, valve: Bool, at now: UInt32) -> Bool {
        if !valve || !isValveOpen {
            isValveOpen = valve
            hasSeenFlame = false
            flameAt = now
        }
        guard valve else { return false }
        if flame {
            hasSeenFlame = true
            flameAt = now
        }
        let limit = hasSeenFlame ? Self.flameTimeout : RelayBoardLimits.firstProof
        return now &- flameAt >= limit
    }
}

extension RelayBoardCore {
    /// Lets go of what a lost proof held. To be called before `tick`, with the same `now`.
    ///
    /// A lost flame closes the valve, and with it ends the spark; it is no trip, so that the host
    /// may try once more after the valve's rest (P7). A lost permit is a lease that ran out.
    public mutating func apply(_ loss: WiredProofs.Loss, at now: UInt32) {
        switch loss {
        case .none: break
        case .flame: closeValve(at: now)
        case .permit: losePermit(at: now)
        }
    }
}
