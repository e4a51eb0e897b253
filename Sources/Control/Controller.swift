public import Events
public import Units

/// The whole controller as one value.
public struct Controller: ~Copyable {
    public let plan: ControlPlan

    public init(plan: ControlPlan, recollection: Recollection) { self.plan = plan }

    public mutating func decide(_ inputs: borrowing Inputs, events: inout EventBuffer) -> Outputs {
        Outputs()
    }

    public mutating func settle(_ answer: BoardAnswer, events: inout EventBuffer) -> Verdict {
        Verdict()
    }

    /// The board's answer to a TRIP that was written after `settle`.
    public mutating func noteTrip(_ transfer: BoardAnswer.Transfer) {}

    public var lockout: LockoutRecord { LockoutRecord() }

    public func snapshot() -> Snapshot { Snapshot() }
}
