public import HAL
public import RelayBoard
public import Units

/// The relay board and the I2C bus to it, in memory: the firmware's own core behind real bytes with
/// real PECs, a clock of its own, and the faults that such boards have.
///
/// Time is the owner's. `advance(to:)` runs the board's loop up to an instant and stops at each
/// moment between at which the board acts by itself, so that a lease that ends 37 ms into a tick
/// drops its relays at that millisecond. Transfers happen at `now` and take no time unless delayed.
///
/// The relays follow at once; contacts that weld or bounce are the plant's affair. What the pins
/// read is `pins`.
public struct SimulatedRelayBoard: RelayBus {
    /// The relays driven from an instant on.
    public struct Change: Hashable, Sendable {
        public let at: Instant
        public let relays: RelayMask

        public init(at: Instant, relays: RelayMask) {
            self.at = at
            self.relays = relays
        }
    }

    /// How long the Pi's adapter waits for a board that stretches the clock before it gives up
    /// (chosen: a transfer of 20 bytes at 100 kbit/s takes 2 ms).
    public static let timeOut = Milliseconds(10)
    /// µs, 30 min: the core must see its counter more often than it wraps halfway.
    private static let passMaximum: UInt32 = 1_800_000_000

    public private(set) var now = Instant(0)
    /// The relays that the board drives.
    public private(set) var drive = RelayMask.none
    /// What changed since the owner last removed it, oldest first. It grows only when a relay
    /// moves.
    public private(set) var changes: [Change] = []
    /// The firmware's state, for an owner who wants to look inside.
    public private(set) var core: RelayBoardCore

    private var stuckHigh = RelayMask.none
    private var stuckLow = RelayMask.none
    private var isLocalResetActive = false

    // The board's clock: µs at `clockSince`, and how many µs it counts in a true millisecond.
    private let clockAtBoot: UInt32
    private var clockSince = Instant(0)
    private var clockThen: UInt32
    private var rate: Int64 = 1_000

    // Between a reset and the first transfer that is answered again.
    private var isOff = false
    private var bootsAt = Instant(0)
    private var bootedAt = Instant(0)
    private var bootCount: UInt8
    private var bootCause = BoardResetCause.powerOn
    private var bootMemory = ResetMemory()
    private let selfTest: UInt8

    // Faults of the bus.
    private var silentFrom = Instant.never
    private var silentTo = Instant.never
    private var delay = Milliseconds.zero
    private var damagedTransfers = 0
    /// Whether a transfer must ask for faults at all: most never meet one.
    private var mayFail = false

    /// A board that was powered on at instant 0.
    ///
    /// - Parameters:
    ///   - clockAtBoot: what its µs counter starts from, to bring its wrap near.
    ///   - selfTest: `BoardIdentity.selfTest`, for every boot.
    public init(
        clockAtBoot: UInt32 = 0, bootCount: UInt8 = 1,
        selfTest: UInt8 = BoardIdentity.selfTestPassed
    ) {
        self.clockAtBoot = clockAtBoot
        clockThen = clockAtBoot
        self.bootCount = bootCount
        self.selfTest = selfTest
        core = RelayBoardCore(resetCause: .powerOn, bootCount: bootCount, selfTest: selfTest)
        step()
    }

    /// What the relay pins read: what is driven, but for the stuck ones.
    public var pins: RelayMask { drive.union(stuckHigh).subtracting(stuckLow) }

    /// Whether the board is in reset and neither drives nor answers.
    public var isInReset: Bool { isOff }

    public mutating func removeChanges() { changes.removeAll(keepingCapacity: true) }

    // MARK: Time

    /// Runs the board up to `time`. An instant that is already past, as after a delayed transfer,
    /// changes nothing.
    public mutating func advance(to time: Instant) {
        guard now < time else { return }
        if isOff {
            guard bootsAt <= time else {
                now = time
                return
            }
            now = max(now, bootsAt)
            boot()
        }
        // A deadline at or after `time` needs no stop of its own. Each round moves by 1 ms at
        // least, so that no defect of the core can hold the simulator here.
        while true {
            let wait = Int64(min(core.untilNextChange ?? .max, Self.passMaximum))
            guard wait < (time - now).rawValue * rate else { break }
            now = now + Milliseconds(max(1, (wait + rate - 1) / rate))
            step()
        }
        now = time
        step()
    }

    private var microseconds: UInt32 {
        clockThen &+ UInt32(truncatingIfNeeded: (now - clockSince).rawValue &* rate)
    }

    /// One pass of the firmware's loop, and a second one if a relay moved: the real loop has read
    /// the pins again some µs later.
    private mutating func step() {
        guard !isOff else { return }
        let driven = core.tick(now: microseconds, pins: pins, localReset: isLocalResetActive)
        guard driven != drive else { return }
        move(to: driven)
        _ = core.tick(now: microseconds, pins: pins, localReset: isLocalResetActive)
    }

    private mutating func move(to relays: RelayMask) {
        guard relays != drive else { return }
        drive = relays
        changes.append(Change(at: now, relays: relays))
    }

    private mutating func boot() {
        isOff = false
        bootCount &+= 1
        bootedAt = now
        clockSince = now
        clockThen = clockAtBoot
        core = RelayBoardCore(
            resetCause: bootCause, bootCount: bootCount, selfTest: selfTest, memory: bootMemory)
        step()
    }

    // MARK: Hands and faults

    /// Presses or releases the local reset.
    public mutating func setLocalReset(active: Bool) {
        isLocalResetActive = active
        step()
    }

    /// Makes these pins read high, whatever is driven.
    public mutating func stickHigh(_ relays: RelayMask) {
        stuckHigh = stuckHigh.union(relays)
        stuckLow = stuckLow.subtracting(relays)
        step()
    }

    /// Makes these pins read low, whatever is driven.
    public mutating func stickLow(_ relays: RelayMask) {
        stuckLow = stuckLow.union(relays)
        stuckHigh = stuckHigh.subtracting(relays)
        step()
    }

    public mutating func unstick(_ relays: RelayMask) {
        stuckHigh = stuckHigh.subtracting(relays)
        stuckLow = stuckLow.subtracting(relays)
        step()
    }

    /// Resets the board now: its relays drop at once, and it answers again after `silence`.
    public mutating func restart(by cause: BoardResetCause, answersAfter silence: Milliseconds) {
        bootMemory = core.memory
        let run = (now - bootedAt).rawValue
        bootMemory.restarted(by: cause, after: UInt32(clamping: run))
        bootCause = cause
        bootsAt = now + silence
        isOff = true
        mayFail = true
        move(to: .none)
        if silence == .zero { boot() }
    }

    /// Nobody acknowledges the address from one instant until just before another.
    public mutating func silence(from: Instant, to: Instant) {
        silentFrom = from
        silentTo = to
        mayFail = true
    }

    /// Makes each transfer take this long; from `timeOut` on it fails. Zero ends it.
    public mutating func delayTransfers(by delay: Milliseconds) {
        self.delay = delay
        mayFail = true
    }

    /// Damages the PEC of the next `count` transfers on their way.
    public mutating func damageTransfers(_ count: Int) { damagedTransfers = count }

    /// Lets the board's clock run fast (positive) or slow from now on, in ‰ of true time.
    ///
    /// - Precondition: above −1 000 ‰; a clock does not stand still or run backwards.
    public mutating func setDrift(permille: Int) {
        precondition(permille > -1_000, "the board's clock must run")
        clockThen = microseconds
        clockSince = now
        rate = 1_000 + Int64(permille)
    }

    // MARK: The bus

    public mutating func write(
        _ block: Span<UInt8>, to register: UInt8, of address: UInt8
    ) throws(RelayBusError) {
        precondition(block.count <= 32, "an SMBus block has at most 32 bytes")
        try acknowledge(address)
        // Register, count, content, PEC: at most 35 bytes behind the address.
        var frame = InlineArray<35, UInt8>(repeating: 0)
        frame[0] = register
        frame[1] = UInt8(block.count)
        for index in block.indices { frame[2 + index] = block[index] }
        let length = block.count + 2
        var code = PEC()
        code.add(address << 1)
        code.add(frame.span.extracting(first: length))
        frame[length] = code.value ^ takeDamage()
        core.begin()
        core.receive(frame.span.extracting(first: length + 1))
        core.stop(now: microseconds)
        if core.wanted != drive { step() }
    }

    public mutating func read(
        _ register: UInt8, of address: UInt8, into block: inout InlineArray<32, UInt8>
    ) throws(RelayBusError) -> Int {
        try acknowledge(address)
        core.begin()
        core.receive(register)
        let answer = core.transmit(into: &block)
        core.stop(now: microseconds)
        var code = PEC()
        code.add(address << 1)
        code.add(register)
        code.add(address << 1 | 1)
        code.add(answer.count)
        code.add(block.span.extracting(first: Int(answer.count)))
        guard answer.code ^ takeDamage() == code.value else { throw .wrongPEC }
        return Int(answer.count)
    }

    /// One transfer byte by byte, as an adapter makes it on the wire: what is written, and then,
    /// behind a repeated start, what is read. Counts and PECs are the caller's, right or wrong.
    ///
    /// A delay (`delayTransfers`) is not played here, for the caller's time is real: `stretch` says
    /// how long the board would hold the clock.
    ///
    /// - Parameters:
    ///   - count: how many bytes are read, 0 for a write.
    ///   - isCounted: the first byte read says how many follow besides the `count` asked for.
    /// - Returns: what was read.
    /// - Throws: `.noAnswer` if nobody acknowledges the address.
    public mutating func transfer(
        _ written: Span<UInt8>, reading count: Int, isCounted: Bool, at address: UInt8
    ) throws(RelayBusError) -> [UInt8] {
        let isSilent = isOff || (now >= silentFrom && now < silentTo)
        guard !isSilent, address == Register.address else { throw .noAnswer }
        core.begin()
        let damage = takeDamage()
        for index in written.indices {
            let isLast = index == written.count - 1 && count == 0
            core.receive(isLast ? written[index] ^ damage : written[index])
        }
        var read: [UInt8] = []
        var left = count
        while left > 0 {
            let byte = core.transmit()
            if read.isEmpty, isCounted { left += Int(min(byte, 32)) }
            left -= 1
            read.append(left == 0 ? byte ^ damage : byte)
        }
        core.stop(now: microseconds)
        if core.wanted != drive { step() }
        return read
    }

    /// How long the board holds the clock in each transfer.
    public var stretch: Milliseconds { delay }

    /// The address byte of a transfer: who acknowledges it, and how long that takes.
    private mutating func acknowledge(_ address: UInt8) throws(RelayBusError) {
        if mayFail { try fail() }
        if address != Register.address { throw .noAnswer }
    }

    private mutating func fail() throws(RelayBusError) {
        if delay > .zero {
            advance(to: now + min(delay, Self.timeOut))
            if delay >= Self.timeOut { throw .timedOut }
        }
        if isOff || (now >= silentFrom && now < silentTo) { throw .noAnswer }
        mayFail = delay > .zero || now < silentTo
    }

    /// What to flip in this transfer's PEC: one bit, or none.
    private mutating func takeDamage() -> UInt8 {
        guard damagedTransfers > 0 else { return 0 }
        damagedTransfers -= 1
        return 0x10
    }
}
