public import Control
public import Events
public import RelayBoard
public import Units

/// One thing that a scenario, a seed, or somebody at the command line does to the simulated world.
///
/// The spelling in JSON is in `ActionReader.swift` and in schemas/scenario.v1.json.
public enum WorldAction: Hashable, Sendable {
    // What people ask for.
    case command(Command, Requester)
    /// `Command.shelve` with a span, because a scenario does not know the controller's clock.
    case shelve(AlarmCode, forMs: Int64, Requester)
    case pressReset
    case releaseReset
    case pressStop
    case releaseStop

    // What the sensors say.
    case force(SignalID, from: Int32?, to: Int32, overMs: Int64)
    case release(SignalID)
    /// In the next frame only.
    case sample(SignalID, Int32)
    case set(PlantQuantity, Int32)
    case offset(channel: Int, Int32)
    case flame(FlameMode)

    // The node and its bus.
    case node(NodeFault, SignalID?, isOn: Bool)
    /// Ends every fault of the node. Values that are forced stay forced.
    case restoreNode
    case restartNode(warmUpMs: Int64)
    case jumpCounter(Int64)
    case bus(CANBusState)
    case flood(perSecond: Int64)
    case errorFrames(perSecond: Int64)

    // The relay board and the contactors.
    case silenceBoard(forMs: Int64)
    case delayBoard(Int64)
    case restartBoard(BoardResetCause, forMs: Int64)
    case stickPins(RelayMask, isHigh: Bool)
    case freePins(RelayMask)
    case damageTransfers(Int64)
    case driftBoard(permille: Int64)
    case weld(RelayMask, isWelded: Bool)
    case weldK2(isWelded: Bool)

    // The process and its machine.
    case stopProcess(forMs: Int64)
    case kill(forMs: Int64)
    case powerCycle(forMs: Int64)
    case stepWallClock(Int64)
    case lockoutCopy(LockoutCopyName, SimulatedStorage.Fault)
    case diskFull(Bool)

    // The relay board by hand, with the controller absent.
    case write(BoardWrite)
}

public enum NodeFault: UInt8, Sendable { case silent, frozen, corrupt, short }

public enum LockoutCopyName: UInt8, Sendable { case first, second, both }

/// A transfer to the relay board by hand.
public enum BoardWrite: Hashable, Sendable {
    /// A nil heartbeat is the number that follows the last accepted one.
    case control(heartbeat: UInt8?, relays: RelayMask, proof: Bool)
    case configure(leaseMs: UInt16)
    case arm
    case trip
    case raw(register: UInt8, bytes: [UInt8])
}

/// An action and when it is done, in ms of the scenario. Actions of one ms are done in the order of
/// the file.
public struct ScheduledAction: Hashable, Sendable {
    public var at: Int64
    public var action: WorldAction

    public init(at: Int64, _ action: WorldAction) {
        self.at = at
        self.action = action
    }
}
