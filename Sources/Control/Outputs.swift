public import RelayBoard

/// What the relay board is to be told in this tick, before anything is read back.
///
/// The default value is the safe state: nothing energised, no heartbeat. The permit line is low in
/// every tick until its `Verdict`.
public struct Outputs: Hashable, Sendable {
    public var relays = RelayMask.none
    /// The next number, or nil: the lease is then left to run out.
    public var heartbeat: UInt8?
    /// Send the proof token: flame seen, or temperature fresh, in this tick's samples.
    public var carriesProof = false
    /// Write ARM before the heartbeat.
    public var arms = false
    /// Write the lease and profile before anything else (after a start of the board or of us).
    public var configures = false
    /// Write TRIP; no heartbeat goes with it.
    public var trips = false
    /// Read the identity too, not only the status.
    public var readsIdentity = false

    public init() {}
}

/// How the relay board answered in this tick.
public struct BoardAnswer: Hashable, Sendable {
    public enum Transfer: UInt8, Sendable { case notTried, done, failed }

    /// The worst of the writes of this tick.
    public var writes = Transfer.notTried
    public var trip = Transfer.notTried
    /// nil if the status could not be read.
    public var status: BoardStatus?
    public var identity: BoardIdentity?

    public init() {}

    /// Whether any transfer of this tick failed.
    public var failed: Bool { writes == .failed || trip == .failed || status == nil }
}

/// What remains to be done in this tick after the board has answered.
public struct Verdict: Hashable, Sendable {
    /// What becomes of the permit line, which is low since the tick began: it stays so, or it
    /// rises, which holds K2 for one drop-out time more.
    public enum Permit: UInt8, Sendable { case low, edge }

    public var permit = Permit.low
    /// A FATAL was found in the answer itself: write TRIP now, in this tick.
    public var tripsNow = false
    /// The lockout record has changed and must be written, both copies.
    public var savesLockout = false
    /// The power was cut in this tick, so what was seen before must be kept too.
    public var savesPreTrip = false
    /// "Heat on" or "heat off" must be written before the next tick's heat is relied on.
    public var savesRunMarker: Bool?

    public init() {}
}

/// The relay board as the loop needs it; `Drivers/PicoRelayBoard` and nothing else implements it
/// for real. Never throws: a board that does not answer is a finding, not an exception.
public protocol RelayPort: ~Copyable {
    /// Writes what `outputs` asks, then reads the status back.
    mutating func exchange(_ outputs: Outputs) -> BoardAnswer
    /// Writes TRIP now, for a FATAL that was found in the answer itself.
    @discardableResult mutating func trip() -> BoardAnswer.Transfer
}
