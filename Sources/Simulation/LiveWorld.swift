public import Control
public import Events
public import JSON
public import Units

/// The world of scenarios for a loop that runs in real time: `busbard --board simulated`.
///
/// The loop owns bus, board and lines, as it owns the real ones; this owns what is beyond them. The
/// thread of the loop calls `begin` before each tick and `end` after it:
///
/// ```
/// live.begin(at: now, bus: &loop.bus, board: &loop.board.bus, lines: &loop.lines)
/// loop.tick(at: now)
/// live.end(state: loop.controller.heatingState, board: &loop.board.bus, lines: &loop.lines)
/// ```
///
/// Actions come from another thread: it parses them with `action(from:)`, hands them over in
/// whatever way the process hands over commands, and the loop's thread does them with `apply`.
public struct LiveWorld: Sendable {
    private var world: World
    private let heatSteps: UInt16

    /// - Parameters:
    ///   - plan: of the site that is simulated.
    ///   - now: an instant not after the first tick. The world begins there, and so may the board:
    ///     its own time starts at 0 and is led to it by `begin`.
    public init(plan: ControlPlan, now: Instant, seed: UInt64 = 0) {
        world = World(plan: plan, origin: now.rawValue, start: now.rawValue, seed: seed)
        heatSteps = plan.heatSteps
    }

    /// One action in the words of a scenario, without `at`:
    /// `{"action":"set","quantity":"gas","value":1}`.
    ///
    /// - Throws: what is wrong with it, and what is allowed.
    public static func action(from json: JSONValue) throws(ScenarioError) -> WorldAction {
        let action = try ActionReader.readNow(json)
        switch action {
        case .command, .shelve, .stopProcess, .kill, .powerCycle, .stepWallClock, .lockoutCopy,
            .diskFull, .write:
            throw ScenarioError(
                file: "action", place: "$.action",
                reason:
                    "this one is for scenarios only: a live process is asked, stopped or killed "
                    + "like any other")
        default:
            return action
        }
    }

    /// Lets the world pass to `now` and puts the frames that are due into the bus.
    public mutating func begin(
        at now: Instant, bus: inout SimulatedCANBus,
        board: inout some WorldBoard & ~Copyable, lines: inout SimulatedLines
    ) {
        world.advance(to: now.rawValue, bus: &bus, board: &board, lines: &lines)
        world.deliver(to: &bus)
    }

    /// Takes note of what the tick did.
    public mutating func end(
        state: HeatingState, board: inout some WorldBoard & ~Copyable,
        lines: inout SimulatedLines
    ) {
        var isInRun = false
        if case .step(let index) = state { isInRun = heatSteps & (1 << UInt16(index)) != 0 }
        let changed = world.plant.isInRun != isInRun
        world.plant.isInRun = isInRun
        world.settle(board: &board, lines: &lines, isForced: changed)
        world.clearChanges()
    }

    /// The same for a controller that is another process, whose state nobody here knows: heat flows
    /// while power and a heat relay are closed, and no longer in RUN only.
    ///
    /// - Parameter note: gets what changed since the last call, in the order of its times.
    public mutating func end(
        board: inout SimulatedRelayBoard, lines: inout SimulatedLines,
        noting note: (WorldChange) -> Void
    ) {
        world.plant.heatsOnlyInRun = false
        world.settle(board: &board, lines: &lines)
        for change in world.changes { note(change) }
        world.clearChanges()
    }

    /// Does `action` now. Only what `action(from:)` lets through does anything.
    public mutating func apply(
        _ action: WorldAction, bus: inout SimulatedCANBus,
        board: inout some WorldBoard & ~Copyable, lines: inout SimulatedLines
    ) {
        world.apply(action, bus: &bus, board: &board)
        world.settle(board: &board, lines: &lines, isForced: true)
    }
}
