import RelayBoard

/// A relay board on a bench: the test is its host, byte by byte, and turns its clock.
///
/// Times are in ms of the bench; the board's µs counter begins at `clockAtBoot`, so that each test
/// can be run over the counter's wrap. The loop runs each ms.
struct Bench {
    var core: RelayBoardCore
    let clockAtBoot: UInt32
    private(set) var time = 0
    private(set) var drive = RelayMask.none
    /// Every change of the drive: when, and to what.
    private(set) var changes: [Change] = []
    var localReset = false
    var stuckHigh = RelayMask.none
    var stuckLow = RelayMask.none
    /// The next number that a host in step would send.
    var heartbeat: UInt8 = 0

    struct Change: Equatable, CustomStringConvertible {
        let at: Int
        let relays: RelayMask
        var description: String { "\(relays.rawValue) at \(at) ms" }
    }

    init(
        clockAtBoot: UInt32 = 0, selfTest: UInt8 = BoardIdentity.selfTestPassed,
        memory: ResetMemory = ResetMemory()
    ) {
        self.clockAtBoot = clockAtBoot
        core = RelayBoardCore(
            resetCause: .powerOn, bootCount: 7, selfTest: selfTest, memory: memory)
        loop()
    }

    /// The moment now, on the board's counter.
    var clock: UInt32 { clockAtBoot &+ UInt32(truncatingIfNeeded: time &* 1_000) }
    var pins: RelayMask { drive.union(stuckHigh).subtracting(stuckLow) }

    mutating func loop() {
        let driven = core.tick(now: clock, pins: pins, localReset: localReset)
        guard driven != drive else { return }
        drive = driven
        changes.append(Change(at: time, relays: driven))
        _ = core.tick(now: clock, pins: pins, localReset: localReset)
    }

    /// Runs the loop to `time`, its first pass at that ms included.
    mutating func run(to time: Int) {
        while self.time < time {
            self.time += 1
            loop()
        }
    }

    /// Lets time pass without the loop running, as while the processor serves the bus.
    mutating func skip(to time: Int) { self.time = time }

    /// Runs to `time` with a heartbeat of `mask` each `period` from now on, the last one before it.
    mutating func hold(_ mask: RelayMask, proof: Bool = true, every period: Int = 100, to end: Int)
    {
        while time < end {
            control(mask, proof: proof)
            run(to: min(time + period, end))
        }
    }

    // MARK: The host's side of the wire

    /// Sends these bytes after the address and STOP.
    mutating func send(_ bytes: [UInt8]) {
        core.begin()
        for byte in bytes { core.receive(byte) }
        core.stop(now: clock)
        loop()
    }

    mutating func write(_ register: UInt8, _ content: [UInt8], damage: UInt8 = 0) {
        let bytes = [register, UInt8(content.count)] + content
        send(bytes + [referencePEC([Register.address << 1] + bytes) ^ damage])
    }

    /// - Returns: the block without count and PEC, or nil if the PEC is wrong.
    mutating func read(_ register: UInt8) -> [UInt8]? {
        core.begin()
        core.receive(register)
        let count = core.transmit()
        let content = (0..<Int(count)).map { _ in core.transmit() }
        let code = core.transmit()
        core.stop(now: clock)
        let address = Register.address << 1
        return referencePEC([address, register, address | 1, count] + content) == code
            ? content : nil
    }

    /// A control write with the number that follows; `number` overrides it.
    mutating func control(_ mask: RelayMask, proof: Bool = true, number: UInt8? = nil) {
        let number = number ?? core.status.lastHeartbeat &+ 1
        write(0x02, [number, mask.rawValue, proof ? Register.proof(for: number) : 0])
    }

    mutating func arm() { write(0x04, [0x41, 0x52]) }
    mutating func trip() { write(0x05, [0x54, 0x50]) }
    mutating func configure(lease: UInt16, profile: UInt8 = 1, options: UInt8 = 0) {
        write(0x03, [profile, UInt8(lease & 0xFF), UInt8(lease >> 8), options])
    }

    var status: BoardStatus { core.status }
    /// When the drive last changed, and to what.
    var lastChange: Change? { changes.last }
}

/// The PEC by the definition: a bit at a time, as in the SMBus specification.
func referencePEC(_ bytes: [UInt8]) -> UInt8 {
    var code: UInt8 = 0
    for byte in bytes {
        code ^= byte
        for _ in 0..<8 { code = code & 0x80 != 0 ? code << 1 ^ 0x07 : code << 1 }
    }
    return code
}

extension RelayMask {
    static let heating = power.union(pump).union(valve)
    static let igniting = heating.union(spark)
    static let circulating = power.union(pump)
}

/// Sebastiano Vigna's generator: small, and the same on every machine.
struct SplitMix64: RandomNumberGenerator {
    var state: UInt64
    init(seed: UInt64) { state = seed }
    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}

/// Counter values at boot: zero, and such that the 32 bits wrap within the first seconds.
let clocksAtBoot: [UInt32] = [0, 0 &- 250_000, 0 &- 3_000_000, 0 &- 9_999_000]
