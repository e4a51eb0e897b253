public import Control
import Events
import RelayBoard
import Units

/// What changed in the world, and in which millisecond.
public struct WorldChange: Hashable, Sendable {
    public enum What: Hashable, Sendable {
        /// A relay pin of the board, by its bit.
        case relay(UInt8, isOn: Bool)
        /// The permit line keeps changing, or does no longer.
        case permit(Bool)
        case k2(isClosed: Bool)
        /// Supply behind both contactors.
        case power(isClosed: Bool)
    }

    public var at: Int64
    public var what: What
}

/// Everything outside the process: plant, sensor node, reset button, and the passing of time for
/// the relay board and K2, which go on whether or not the process runs.
///
/// Time is in milliseconds since the world began. Between two calls nothing is computed but what
/// changes by itself: a lease that runs out, K2 that drops, a frame that is due. Each happens at
/// its own millisecond, however long the step that finds it.
public struct World: Sendable {
    public var plant = Plant()
    public var node: SensorNode
    public private(set) var now: Int64
    /// Since the last `takeChanges`.
    public private(set) var changes: [WorldChange] = []
    public var isButtonPressed = false
    /// Frames of unknown identifiers, per second.
    public var floodPerSecond: Int64 = 0
    /// Error frames, per second.
    public var errorFramesPerSecond: Int64 = 0
    /// A recording that takes the node's place.
    public var feed: FrameFeed?

    private var pins = RelayMask.none
    private var isK2Held = false
    private var isPermitted = false
    private var wasPowered = false
    private var flooded: Int64 = 0
    private var noise: SplitMix64

    /// - Parameters:
    ///   - origin: a time at which the node sends all its frames at once: a scenario's t = 0.
    ///   - seed: of the noise on the bus. Faults have a generator of their own.
    ///   - start: the time at which it begins.
    public init(plan: ControlPlan, origin: Int64, start: Int64 = 0, seed: UInt64) {
        node = SensorNode(plan: plan.signals, origin: origin, start: start)
        now = start
        noise = SplitMix64(seed: seed)
        changes.reserveCapacity(64)
    }

    /// Lets time pass until `target`. Frames that are due before it are sent; those due at it wait
    /// for `deliver`, so that what a scenario does at that time is in them.
    public mutating func advance(
        to target: Int64, bus: inout SimulatedCANBus, board: inout some WorldBoard & ~Copyable,
        lines: inout SimulatedLines
    ) {
        precondition(target >= now, "time goes forward")
        while nextFrameAt < target {
            run(to: nextFrameAt, &board, &lines)
            sendFrames(to: &bus)
        }
        run(to: target, &board, &lines)
        if floodPerSecond | errorFramesPerSecond != 0 { makeNoise(on: &bus) }
    }

    /// Sends the frames that are due now. Called right before a tick.
    public mutating func deliver(to bus: inout SimulatedCANBus) {
        if nextFrameAt <= now { sendFrames(to: &bus) }
    }

    /// Takes note of what a tick, or a scenario's action, did to board, lines and contacts.
    public mutating func settle(
        board: inout some WorldBoard & ~Copyable, lines: inout SimulatedLines,
        isForced: Bool = false
    ) {
        if !board.changes.isEmpty { board.removeChanges() }
        let held = lines.opensAt.rawValue > now
        guard
            isForced || board.pins != pins || held != isK2Held || lines.isPermitted != isPermitted
        else { return }
        settle(pins: board.pins, isK2Held: held, lines: &lines)
    }

    private mutating func settle(
        pins newPins: RelayMask, isK2Held held: Bool, lines: inout SimulatedLines
    ) {
        if !held { lines.noteDropOut() }
        noteRelays(newPins)
        if held != isK2Held {
            isK2Held = held
            note(.k2(isClosed: held || plant.isK2Welded))
        }
        if lines.isPermitted != isPermitted {
            isPermitted = lines.isPermitted
            note(.permit(isPermitted))
        }
        plant.settle(pins: pins, isK2Held: isK2Held, at: now)
        let isPowered = plant.contacts.isPowered
        if isPowered != wasPowered {
            wasPowered = isPowered
            note(.power(isClosed: isPowered))
        }
        lines.set(
            powerSense: isPowered, monostable: plant.contacts.k2, resetButton: isButtonPressed,
            emergencyStop: plant.isStopPressed)
    }

    public mutating func clearChanges() { changes.removeAll(keepingCapacity: true) }

    private var nextFrameAt: Int64 { feed?.nextAt ?? node.nextAt }

    private mutating func sendFrames(to bus: inout SimulatedCANBus) {
        if feed == nil {
            node.send(from: &plant, at: now, to: &bus)
        } else {
            feed?.send(at: now, to: &bus)
        }
    }

    /// The physics alone, with a stop at each change that comes by itself.
    private mutating func run(
        to target: Int64, _ board: inout some WorldBoard & ~Copyable,
        _ lines: inout SimulatedLines
    ) {
        let drop = isK2Held ? lines.opensAt.rawValue : Int64.max
        if drop <= target {
            runBoard(to: drop, &board, &lines)
            settle(board: &board, lines: &lines)
        }
        runBoard(to: target, &board, &lines)
    }

    /// Relays that the board moved by itself on the way are noted at the time at which they moved.
    private mutating func runBoard(
        to target: Int64, _ board: inout some WorldBoard & ~Copyable,
        _ lines: inout SimulatedLines
    ) {
        board.advance(to: Instant(target))
        if !board.changes.isEmpty {
            let stuckHigh = board.pins.subtracting(board.drive)
            let stuckLow = board.drive.subtracting(board.pins)
            for change in board.changes {
                now = max(now, change.at.rawValue)
                lines.now = Instant(now)
                settle(
                    pins: change.relays.union(stuckHigh).subtracting(stuckLow),
                    isK2Held: isK2Held, lines: &lines)
            }
            board.removeChanges()
        }
        now = target
        lines.now = Instant(target)
    }

    private mutating func noteRelays(_ new: RelayMask) {
        guard new != pins else { return }
        let changed = new.rawValue ^ pins.rawValue
        pins = new
        for bit in 0..<UInt8(RelayMask.count) where changed & (1 << bit) != 0 {
            note(.relay(bit, isOn: new.rawValue & (1 << bit) != 0))
        }
    }

    private mutating func note(_ what: WorldChange.What) {
        changes.append(WorldChange(at: now, what: what))
    }

    /// Foreign and error frames for the time since the last call.
    private mutating func makeNoise(on bus: inout SimulatedCANBus) {
        let elapsed = now &- flooded
        flooded = now
        guard elapsed > 0, elapsed < 10_000 else { return }
        for _ in 0..<(floodPerSecond &* elapsed / 1_000) {
            // Extended identifiers of a range that no site of ours names.
            let id = UInt32(truncatingIfNeeded: noise.next()) | 0x9F00_0000
            let length = UInt8(truncatingIfNeeded: noise.next() % 9)
            let mask: UInt64 = length == 8 ? .max : (1 << (UInt64(length) * 8)) - 1
            bus.put(
                CANFrame(id: id, length: length, payload: noise.next() & mask), at: Instant(now))
        }
        for _ in 0..<(errorFramesPerSecond &* elapsed / 1_000) { bus.noteErrorFrame() }
    }
}
