import RelayBoard

/// The whole board: boots, and then runs one loop for ever.
struct Board: ~Copyable {
    private var core: RelayBoardCore
    private var target: I2CTarget
    private var scratch: Scratch
    private var clocks = ClockWatch()
    private var image = ImageCheck()

    /// The relays' pins are driven low and the RAM is tested when this begins; see `startup.S`.
    init() {
        ClockSetup.start()
        Pins.connect()
        let selfTest: UInt8 =
            (ImageCheck.imageIsWhole() ? 0b001 : 0) | 0b010
            | (ClockSetup.crystalIsPlausible() ? 0b100 : 0)
        scratch = Scratch()
        core = RelayBoardCore(
            resetCause: scratch.resetCause, bootCount: scratch.bootCount, selfTest: selfTest,
            memory: scratch.memory)
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
        let drive = core.tick(
            now: now, pins: Pins.relays(in: input), localReset: Pins.isLocalResetActive(in: input))
        Watchdog.passed(.rules)

        Pins.drive(drive)
        Watchdog.passed(.outputs)

        testOneself()
        scratch.keep(core.memory)
        scratch.countTime(to: now)
        Watchdog.passed(.selfTest)
        Watchdog.feed()
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
