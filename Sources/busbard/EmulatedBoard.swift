import HAL
import LinuxHAL
import RelayBoard
import Simulation
import Units

/// A relay board whose firmware runs in a process of its own, in the world of a simulated device.
///
/// Its contacts are seen once a tick and with each transfer, so the plant follows them with at most
/// a tick's delay. While the board is silent the plant goes on with what was seen last; a board
/// whose process is gone drives nothing, as one without power.
struct EmulatedBoard: WorldBoard, ~Copyable {
    private var bus: SocketRelayBus
    private var now = Instant(0)
    private var isLocalResetActive = false
    private(set) var drive = RelayMask.none
    private(set) var changes: [SimulatedRelayBoard.Change] = []

    init(_ bus: consuming SocketRelayBus) { self.bus = bus }

    var pins: RelayMask { drive }
    mutating func removeChanges() { changes.removeAll(keepingCapacity: true) }

    mutating func advance(to time: Instant) {
        guard now < time else { return }
        now = time
        bus.setInputs(isLocalResetActive ? 1 : 0)
        noteRelays()
    }

    mutating func setLocalReset(active: Bool) { isLocalResetActive = active }

    mutating func suffer(_ action: WorldAction, at now: Instant) {
        preconditionFailure("LocalDevice lets no fault of the board through")
    }

    mutating func write(
        _ block: Span<UInt8>, to register: UInt8, of address: UInt8
    ) throws(RelayBusError) {
        defer { noteRelays() }
        try bus.write(block, to: register, of: address)
    }

    mutating func read(
        _ register: UInt8, of address: UInt8, into block: inout InlineArray<32, UInt8>
    ) throws(RelayBusError) -> Int {
        defer { noteRelays() }
        return try bus.read(register, of: address, into: &block)
    }

    private mutating func noteRelays() {
        let relays = RelayMask(rawValue: bus.relays)
        guard relays != drive else { return }
        drive = relays
        changes.append(SimulatedRelayBoard.Change(at: now, relays: relays))
    }
}
