import RelayBoard
import Testing

/// Goal: whatever a host writes, and whenever, the board drives no forbidden mask, and nothing at
/// all but under ARM and a lease, with proof, within its limits of time.
///
/// Method: random transactions from a seed, by a host that is sane and mad by turns, with pins and
/// a button that move by themselves. The checker shares no state with the board: it reads the
/// transactions as they were sent and knows from them alone what may be on and until when.
@Suite("Random hosts")
struct FuzzTests {
    @Test(
        "100 000 random transactions energise nothing that they should not",
        arguments: [1, 2, 3, 4] as [UInt64])
    func randomHost(seed: UInt64) {
        var bench = RandomBench(seed: seed)
        for step in 0..<100_000 {
            if step % 500 == 0 { bench.changeTemper() }
            bench.step()
            if let fault = bench.checker.fault {
                Issue.record("seed \(seed), step \(step), \(bench.now) µs: \(fault)")
                return
            }
        }
        // The run must have gone where it hurts, or it has shown nothing.
        #expect(bench.energised > 10_000, "seed \(seed)")
        #expect(bench.sparks > 100, "seed \(seed)")
        for cause in [TripCause.host, .leaseWithHeat, .unproven, .readBack] {
            #expect(bench.causes[Int(cause.rawValue)], "seed \(seed) never tripped by \(cause)")
        }
        for refusal in UInt8(0)...11 {
            #expect(bench.refusals[Int(refusal)], "seed \(seed) never refused by \(refusal)")
        }
    }

    @Test("No order of calls and no times trap, not even a clock that jumps")
    func noTraps() {
        var random = SplitMix64(seed: 77)
        var core = RelayBoardCore(resetCause: .watchdog, bootCount: 255, selfTest: 0b111)
        var forbidden = 0
        for _ in 0..<300_000 {
            switch Int.random(in: 0..<6, using: &random) {
            case 0: core.begin()
            case 1, 2: core.receive(.random(in: 0...255, using: &random))
            case 3: _ = core.transmit()
            case 4: core.stop(now: .random(in: .min ... .max, using: &random))
            default:
                let drive = core.tick(
                    now: .random(in: .min ... .max, using: &random),
                    pins: RelayMask(rawValue: .random(in: 0...255, using: &random)),
                    localReset: Bool.random(using: &random))
                if drive.isForbidden(by: .burner) { forbidden += 1 }
                _ = core.untilNextChange
            }
        }
        #expect(forbidden == 0)
    }
}

/// Says from the transactions alone whether a drive is justified. Times in µs, on a clock that does
/// not wrap. Where it cannot know whether the board has taken a write, it assumes so.
private struct Checker {
    private(set) var fault: String?
    private var leaseEnd: Int64 = -1
    private var lease: Int64 = 500_000
    private var hasArmed = false
    private var lastProof: Int64 = -1
    private var heatSince: Int64?
    private var heatEnded: Int64?
    private var sparkSince: Int64?
    private var sparkEnded: Int64?

    mutating func wrote(_ register: UInt8, _ content: [UInt8], at now: Int64) {
        switch (register, content.count) {
        case (2, 3):
            leaseEnd = now + lease
            if content[2] == Register.proof(for: content[0]) { lastProof = now }
        case (4, 2) where content == [0x41, 0x52]:
            hasArmed = true
            leaseEnd = max(leaseEnd, now + lease)
        case (3, 4):
            let asked = Int64(content[1]) | Int64(content[2]) << 8
            guard (300...1_000).contains(asked) else { break }
            leaseEnd += max(0, asked * 1_000 - lease)
            lease = asked * 1_000
        case (5, 2) where content == [0x54, 0x50]:
            hasArmed = false
        default:
            break
        }
    }

    mutating func saw(_ drive: RelayMask, at now: Int64) {
        if drive.isForbidden(by: .burner) { fault = "forbidden mask \(drive.rawValue)" }
        if !drive.isEmpty, !hasArmed { fault = "on without ARM since the last TRIP" }
        if !drive.isEmpty, now >= leaseEnd { fault = "on without a lease" }
        sawHeat(drive.intersects(.heat), at: now)
        sawSpark(drive.contains(.spark), at: now)
    }

    private mutating func sawHeat(_ isOn: Bool, at now: Int64) {
        guard isOn else {
            if heatSince != nil { heatEnded = now }
            heatSince = nil
            return
        }
        if heatSince == nil, let heatEnded, now - heatEnded < 10_000_000 {
            fault = "heat did not rest"
        }
        let since = heatSince ?? now
        heatSince = since
        if now >= max(since + 5_000_000, lastProof + 1_500_000) { fault = "heat without proof" }
    }

    private mutating func sawSpark(_ isOn: Bool, at now: Int64) {
        guard isOn else {
            if sparkSince != nil { sparkEnded = now }
            sparkSince = nil
            return
        }
        if sparkSince == nil, let sparkEnded, now - sparkEnded < 10_000_000 {
            fault = "spark did not rest"
        }
        let since = sparkSince ?? now
        sparkSince = since
        if now - since >= 3_000_000 { fault = "spark for 3 s" }
    }
}

/// A board, a host whose temper changes, and the checker between them.
private struct RandomBench {
    private var random: SplitMix64
    private let clockAtBoot: UInt32
    private var core = RelayBoardCore(resetCause: .powerOn, bootCount: 0, selfTest: 0b111)
    private(set) var checker = Checker()
    private(set) var now: Int64 = 0

    private var drive = RelayMask.none
    private var stuck = RelayMask.none
    private var button = false

    // The host's temper: how often it does something odd, how long it waits, what it wants.
    private var oddness = 2
    private var waitMaximum: Int64 = 100_000
    private var aim = RelayMask.none
    private var hasProof = true

    private(set) var energised = 0
    private(set) var sparks = 0
    /// What was seen, by raw value. No sets: these tests also run where nothing can hash.
    private(set) var causes = [Bool](repeating: false, count: 256)
    private(set) var refusals = [Bool](repeating: false, count: 256)

    init(seed: UInt64) {
        random = SplitMix64(seed: seed)
        clockAtBoot = .random(in: .min ... .max, using: &random)
    }

    private mutating func isOneIn(_ count: Int) -> Bool {
        Int.random(in: 0..<count, using: &random) == 0
    }
    private mutating func byte() -> UInt8 { .random(in: 0...255, using: &random) }

    mutating func changeTemper() {
        oddness = [2, 20, 200][Int.random(in: 0..<3, using: &random)]
        waitMaximum = [2_000, 100_000, 250_000][Int.random(in: 0..<3, using: &random)]
    }

    mutating func step() {
        elapse(Int64.random(in: 0...waitMaximum, using: &random))
        if isOneIn(60) { button.toggle() }
        if isOneIn(400) { stuck = RelayMask(rawValue: byte()) }
        if isOneIn(4) { stuck = .none }
        if isOneIn(30) {
            aim = [.circulating, .heating, .igniting, .none][Int.random(in: 0..<4, using: &random)]
            hasProof = !isOneIn(4)
        }
        if isOneIn(oddness) { oddTransaction() } else { saneTransaction() }
        loop()
        if !drive.isEmpty { energised += 1 }
        if drive.contains(.spark) { sparks += 1 }
        causes[Int(core.status.tripCause.rawValue)] = true
        refusals[Int(core.status.refusal.rawValue)] = true
    }

    private var clock: UInt32 { clockAtBoot &+ UInt32(truncatingIfNeeded: now) }

    private mutating func loop() {
        drive = core.tick(now: clock, pins: drive.union(stuck), localReset: button)
        checker.saw(drive, at: now)
    }

    /// The loop runs at each of the board's deadlines, as the real one does.
    private mutating func elapse(_ wait: Int64) {
        let end = now + wait
        while let next = core.untilNextChange, now + Int64(next) <= end {
            now += max(1, Int64(next))
            loop()
        }
        now = end
        loop()
    }

    private mutating func saneTransaction() {
        if !core.status.isArmed { write(4, [0x41, 0x52]) }
        let number = core.status.lastHeartbeat &+ 1
        write(2, [number, aim.rawValue, hasProof ? Register.proof(for: number) : 0])
    }

    private mutating func oddTransaction() {
        switch Int.random(in: 0..<8, using: &random) {
        case 0: write(4, [0x41, 0x52])
        case 1:
            let lease = UInt16.random(in: 200...1_100, using: &random)
            write(3, [1, UInt8(lease & 0xFF), UInt8(lease >> 8), 0])
        case 2: if isOneIn(20) { write(5, [0x54, 0x50]) }
        case 3, 4:
            let number = isOneIn(2) ? core.status.lastHeartbeat &+ 1 : byte()
            write(2, [number, byte(), isOneIn(2) ? Register.proof(for: number) : byte()])
        case 5:
            let length = Int.random(in: 0...32, using: &random)
            write(byte() % 8, (0..<length).map { _ in byte() })
        case 6:
            core.begin()
            core.receive(byte())
            for _ in 0..<Int.random(in: 0..<300, using: &random) { _ = core.transmit() }
            core.stop(now: clock)
        default:
            core.begin()
            for _ in 0..<Int.random(in: 0..<300, using: &random) { core.receive(byte()) }
            if isOneIn(2) { core.stop(now: clock) }
        }
    }

    private mutating func write(_ register: UInt8, _ content: [UInt8]) {
        let bytes = [register, UInt8(content.count)] + content
        let isDamaged = isOneIn(20)
        core.begin()
        for byte in bytes { core.receive(byte) }
        core.receive(referencePEC([Register.address << 1] + bytes) ^ (isDamaged ? 0x01 : 0))
        core.stop(now: clock)
        if !isDamaged { checker.wrote(register, content, at: now) }
    }
}
