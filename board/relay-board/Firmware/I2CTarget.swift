import RelayBoard

/// The I2C peripheral as a target at 0x43, polled: hands bytes to the core and takes its answers.
///
/// What the peripheral tells is a FIFO of bytes, each marked if it is the first after the address,
/// and flags without an order: "a STOP was seen", "somebody wants a byte". So what belongs to which
/// transfer is judged here. Where that cannot be known, a write is lost and never made up: the
/// host sees by the heartbeat number in the status that it was not taken, and sends it again.
struct I2CTarget: ~Copyable {
    /// µs without a byte while addressed after which the peripheral is started anew, which lets go
    /// of both wires: SMBus gives a target 25 to 35 ms (specification 3.x, T_TIMEOUT).
    private static let stallLimit: UInt32 = 30_000

    private var isOpen = false
    private var lastProgress: UInt32

    init() {
        lastProgress = Timer.low.value
        Self.start()
    }

    private static func start() {
        Resets.reset.set(Resets.i2c0)
        Resets.release(Resets.i2c0)
        I2C0.enable.value = 0
        // The bus may be busy, and a wire that is low would look like a START to a target that has
        // just left reset. The block leaves it as a controller, and may become a target six cycles
        // later (data sheet, "I2C", "Initial configuration"), fewer than the accesses above take.
        // Target only; fast mode; STOP is told only to whoever was addressed; a full FIFO holds
        // the clock in place of losing bytes.
        I2C0.control.value = 2 << 1 | 1 << 7 | 1 << 9
        I2C0.targetAddress.value = UInt32(Register.address)
        I2C0.generalCall.value = 0
        I2C0.interruptMask.value = 0
        // At 12 MHz: data changes 583 ns after the clock has fallen, since a target holds it for
        // seven cycles whatever less is asked for (data sheet, IC_SDA_HOLD), and stands 250 ns
        // before the clock is let go; spikes of up to 83 ns are filtered. Out of reset the filter
        // has 583 ns, as long as the clock of a fast bus is high.
        I2C0.dataHold.value = 3
        I2C0.dataSetup.value = 4
        I2C0.spikeLength.value = 1
        I2C0.enable.value = 1
    }

    /// Serves what has happened since the last call.
    mutating func serve(_ core: inout RelayBoardCore) {
        receive(&core)
        let flags = I2C0.rawInterrupts.value
        // Somebody else pulled the data line low while a 1 was sent. Until this is read both FIFOs
        // are held empty, and what the host writes would be lost (data sheet, IC_RAW_INTR_STAT).
        if flags & I2C0.abort != 0 { _ = I2C0.clearAbort.value }
        if flags & I2C0.readRequest != 0 { answer(&core) }
        endIfStopped(&core)
        watchForStall()
    }

    private mutating func receive(_ core: inout RelayBoardCore) {
        while I2C0.status.has(I2C0.hasReceived) {
            let entry = I2C0.data.value
            if entry & I2C0.isFirstByte != 0 { open(&core) }
            core.receive(UInt8(truncatingIfNeeded: entry))
            lastProgress = Timer.low.value
        }
    }

    /// The first byte of a transfer. A STOP that is still standing ended the one that is open: that
    /// transfer must have ended before this byte came.
    private mutating func open(_ core: inout RelayBoardCore) {
        if isOpen, I2C0.rawInterrupts.has(I2C0.stopDetected) { end(&core) }
        core.begin()
        isOpen = true
    }

    private mutating func end(_ core: inout RelayBoardCore) {
        _ = I2C0.clearStop.value
        if isOpen { core.stop(now: Timer.low.value) }
        isOpen = false
    }

    /// The host reads, and the clock is held until it has its byte. One byte for each request, so
    /// that none is left over when the host has had enough.
    private mutating func answer(_ core: inout RelayBoardCore) {
        // A register number may have come between; it goes first.
        guard !I2C0.status.has(I2C0.hasReceived) else { return }
        if I2C0.rawInterrupts.has(I2C0.stopDetected) {
            // The open transfer was over, and this is a read without a register number.
            end(&core)
        }
        if !isOpen {
            core.begin()
            isOpen = true
        }
        _ = I2C0.clearReadRequest.value
        _ = I2C0.clearAbort.value
        I2C0.data.value = UInt32(core.transmit())
        lastProgress = Timer.low.value
    }

    private mutating func endIfStopped(_ core: inout RelayBoardCore) {
        guard I2C0.rawInterrupts.has(I2C0.stopDetected) else { return }
        // Bytes in the FIFO, or a transfer under way: `open` will tell whose STOP this is.
        guard I2C0.status.value & (I2C0.hasReceived | I2C0.isAddressed) == 0 else { return }
        end(&core)
    }

    /// A host that dies in a transfer must not leave the bus blocked by us. What it had sent stays
    /// without its STOP, and so without effect.
    private mutating func watchForStall() {
        let now = Timer.low.value
        guard I2C0.status.has(I2C0.isAddressed) else {
            lastProgress = now
            return
        }
        guard now &- lastProgress >= Self.stallLimit else { return }
        Self.start()
        isOpen = false
        lastProgress = now
    }
}
