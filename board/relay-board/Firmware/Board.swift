import RelayBoard

/// The whole board: boots, and then runs one loop for ever.
struct Board: ~Copyable {
    private var core: RelayBoardCore
    private var target: I2CTarget
    private var scratch: Scratch
    /// Not before `ClockSetup`: a timer that is still in reset reads as nothing that counts.
    private var clocks: ClockWatch
    private var image = ImageCheck()
    /// Nil when the flash does not keep it; the board is then never armed.
    private var latch: TripLatch?
    private var proofs: WiredProofs
    private var drive = RelayMask.none

    /// The relays' pins are driven low and the RAM is tested when this begins; see `startup.S`.
    init() {
        ClockSetup.start()
        clocks = ClockWatch()
        Pins.connect()
        latch = TripLatch()
        // A latch that cannot be kept is a fault of the flash, as a damaged image is.
        let flashIsSound = latch != nil && ImageCheck.imageIsWhole()
        let selfTest: UInt8 =
            (flashIsSound ? 0b001 : 0) | 0b010 | (ClockSetup.crystalIsPlausible() ? 0b100 : 0)
        scratch = Scratch()
        // Tripped is who is so by either: a reset may have come between the two writings.
        var memory = scratch.memory
        if memory.tripCause == .none, let cause = latch?.cause, let relays = latch?.onAtTrip {
            memory.tripCause = cause
            memory.onAtTrip = relays
        }
        core = RelayBoardCore(
            resetCause: scratch.resetCause, bootCount: scratch.bootCount, selfTest: selfTest,
            memory: memory)
        proofs = WiredProofs(
            isPermitFitted: Pins.hasStrap(Pins.permitStrap),
            isFlameFitted: Pins.hasStrap(Pins.flameStrap))
        scratch.keep(core.memory)
        scratch.write()
        Watchdog.start()
        target = I2CTarget()
    }

    /// One pass of the loop, some 0.1 ms at 12 MHz.
    mutating func pass() {
        Watchdog.beginChain()
        target.serve(&core)
        Watchdog.passed(.bus)

        let input = SIO.input.value
        Watchdog.passed(.readBack)

        let now = Timer.low.value
        let loss = proofs.sample(
            permit: Pins.isHigh(Pins.permit, in: input), flame: Pins.isHigh(Pins.flame, in: input),
            valve: drive.contains(.valve), at: now)
        core.apply(loss, at: now)
        drive = core.tick(
            now: now, pins: Pins.relays(in: input),
            localReset: !Pins.isHigh(Pins.localReset, in: input))
        Watchdog.passed(.rules)

        Pins.drive(drive)
        Watchdog.passed(.outputs)

        testOneself()
        keepMemory()
        scratch.countTime(to: now)
        Watchdog.passed(.selfTest)
        Watchdog.feed()
    }

    /// After the outputs: whatever changes here, the relays have followed it already.
    private mutating func keepMemory() {
        let memory = core.memory
        scratch.keep(memory)
        guard latch?.keep(memory, drive: drive) == false else { return }
        latch = nil
        core.recordSelfTest(0b110)
    }

    private mutating func testOneself() {
        if !image.step() { core.recordSelfTest(0b110) }
        if !StackWatch.isWhole { core.recordSelfTest(0b101) }
        if !clocks.step() { core.recordSelfTest(0b011) }
    }
}

/// The last word of the stack, which no program of this size reaches.
enum StackWatch {
    private static var canary: Hardware { Hardware(0x2000_0000) }
    static var isWhole: Bool { canary.value == 0x4341_4E59 }
}

/// Called by `startup.S`.
@_cdecl("board_main")
func boardMain() -> Never {
    var board = Board()
    while true { board.pass() }
}
