import RelayBoard

/// P10: the chip's own watchdog, 100 ms. It resets everything but the oscillators.
///
/// Fed only by a pass of the loop in which every stage has run, in order: each stage appends its
/// number to a register that survives the reset, and only the whole chain opens the way to the
/// feeding. After a bite that register tells how far the last pass had come.
enum Watchdog {
    enum Stage: UInt32 { case bus = 1, readBack, rules, outputs, selfTest }

    private static let wholeChain: UInt32 = 0x0001_2345
    /// µs.
    private static let timeout: UInt32 = 100_000
    /// µs; for erasing a sector of flash, at most 400 ms by the W25Q16JV's data sheet.
    private static let timeoutWhileErasing: UInt32 = 1_000_000

    // Scratch 4 to 7 may hold an entry for the boot ROM, but only with its magic number in 4.
    private static var chain: Hardware { WatchdogRegisters.scratch(7) }

    static func start() {
        PowerOn.watchdogSelect.value = PowerOn.allButOscillators
        load(timeout)
        // Without the bits that let it pause for a debugger: whoever halts the processor while
        // relays are on has it reset.
        WatchdogRegisters.control.value = WatchdogRegisters.enable
    }

    static func beginChain() { chain.value = 0 }

    static func passed(_ stage: Stage) { chain.value = chain.value &<< 4 | stage.rawValue }

    static func feed() {
        guard chain.value == wholeChain else { return }
        load(timeout)
    }

    static func allowErasing() { load(timeoutWhileErasing) }

    /// Errata RP2040-E1: it counts twice per tick.
    private static func load(_ microseconds: UInt32) {
        WatchdogRegisters.load.value = microseconds &* 2
    }

    static var resetCause: BoardResetCause {
        let reason = WatchdogRegisters.reason.value
        if reason & WatchdogRegisters.byTimer != 0 { return .watchdog }
        return reason & WatchdogRegisters.byForce != 0 ? .forced : .powerOn
    }
}

/// What the board still knows after its own watchdog has bitten: scratch registers 0 to 3.
///
/// Words 0 to 2 are sealed by a checksum and written when they change; word 3 counts the ms of this
/// run. A loss of power clears all of them (data sheet, "Watchdog", "Scratch registers").
struct Scratch: ~Copyable {
    let bootCount: UInt8
    let resetCause: BoardResetCause
    private(set) var memory: ResetMemory
    private var millisecondSince = Timer.low.value
    private var milliseconds: UInt32 = 0

    /// Reads what the run before left behind, and says to it what ended that run.
    init() {
        var words = InlineArray<3, UInt32>(repeating: 0)
        for index in 0..<3 { words[index] = WatchdogRegisters.scratch(UInt(index)).value }
        // The boot ROM resets by watchdog after it has written a new image; a board that has not
        // run since its power came has zeros here.
        let isBlank = words[0] | words[1] | words[2] == 0
        let cause = isBlank ? .powerOn : Watchdog.resetCause
        var count: UInt8 = 0
        if cause == .powerOn {
            for _ in 0..<8 {
                count = count &<< 1 | UInt8(RingOscillator.randomBit.value & 1)
            }
        }
        let kept = cause == .powerOn ? (ResetMemory(), count) : ResetMemory.unseal(words)
        resetCause = cause
        bootCount = kept.1 &+ 1
        memory = kept.0
        memory.restarted(by: cause, after: WatchdogRegisters.scratch(3).value)
        WatchdogRegisters.scratch(3).value = 0
    }

    mutating func keep(_ memory: ResetMemory) {
        guard memory != self.memory else { return }
        self.memory = memory
        write()
    }

    func write() {
        let words = memory.seal(bootCount: bootCount)
        for index in 0..<3 { WatchdogRegisters.scratch(UInt(index)).value = words[index] }
    }

    mutating func countTime(to now: UInt32) {
        while now &- millisecondSince >= 1_000 {
            millisecondSince &+= 1_000
            milliseconds &+= milliseconds == .max ? 0 : 1
            WatchdogRegisters.scratch(3).value = milliseconds
        }
    }
}
