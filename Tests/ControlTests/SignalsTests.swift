import Events
import Testing
import Units

@testable import Control

@Suite("Signals")
struct SignalsTests {
    /// The node's frames through the whole of the signal path, a tick each 100 ms.
    final class Bench {
        var signals: Signals
        let plan: ControlPlan
        var node = Node()
        var time: Int64 = -100

        init(_ profile: HeatingProfile = .gas) {
            plan = sitePlan(profile)
            signals = Signals(plan: plan.signals)
        }

        var image: SignalImage { signals.image }
        var counters: FrameCounters { signals.counters }
        var lastFrameAt: Instant { signals.lastFrameAt }

        /// A tick with these frames.
        func tick(_ frames: [CANFrame] = []) {
            time += 100
            var inputs = Inputs()
            inputs.now = at(time)
            for frame in frames { inputs.frames.append(ReceivedFrame(frame, arrival: at(time))) }
            signals.step(&inputs, settings: Settings(plan), jobLimit: 48_000)
        }

        /// Ticks up to `end`, with the node's frame each 200 ms.
        func run(to end: Int64) {
            while time < end { tick((time + 100) % 200 == 0 ? [node.frame()] : []) }
        }
    }

    @Test("all safety signals are stale until their third good sample")
    func startsStale() {
        let bench = Bench()
        bench.run(to: 300)
        for signal in [SignalID.temperature1, .flow, .level, .gas, .flame] {
            #expect(bench.image.stale.contains(signal))
        }
        bench.run(to: 400)
        #expect(bench.image.stale.isEmpty)
        #expect(bench.image.oldestSafety == .zero)
        #expect(bench.image.isProven)
        #expect(bench.image.temperatures.control == 20_000)
        #expect(bench.image.flow.value == 3_000)
        #expect(bench.image.level.value == 800)
    }

    @Test("a silent node: the flame is stale after flameStaleMs, the rest after holdMs")
    func ages() {
        let bench = Bench()
        bench.run(to: 1_000)
        let steps: [(Int64, Bool, Bool)] = [
            (1_900, false, false), (2_000, true, false), (2_900, true, false), (3_000, true, true),
        ]
        for (time, isFlameStale, areOthersStale) in steps {
            while bench.time < time { bench.tick() }
            #expect(bench.image.stale.contains(.flame) == isFlameStale, "at \(time)")
            for signal in [SignalID.temperature1, .flow, .level, .gas] {
                #expect(bench.image.stale.contains(signal) == areOthersStale, "at \(time)")
            }
            #expect(bench.image.oldestSafety == ms(time - 1_000))
        }
    }

    @Test("a node whose counter stands still is as stale as a silent one")
    func frozenNodeAges() {
        let bench = Bench()
        bench.run(to: 1_000)
        while bench.time < 3_000 { bench.tick([bench.node.repeated()]) }
        #expect(bench.image.stale.contains(.temperature1))
        #expect(bench.counters.repeated == 20)
        #expect(bench.image.oldestSafety == ms(2_000))
    }

    @Test("a node that restarts is not valid until its third sample, and its age goes on")
    func restartInvalidates() {
        let bench = Bench()
        bench.run(to: 1_000)
        bench.node.boot = 2
        bench.run(to: 1_200)
        #expect(bench.image.restartedBoot == 2)
        #expect(bench.image.stale.contains(.temperature1))
        #expect(bench.image.stale.contains(.flame))
        #expect(bench.image.oldestSafety == ms(200))
        bench.run(to: 1_500)
        #expect(bench.image.restartedBoot == nil)
        #expect(!bench.image.stale.isEmpty)
        bench.run(to: 1_600)
        #expect(bench.image.stale.isEmpty)
    }

    @Test("a gas sensor that warms up says nothing")
    func ignoresColdGas() {
        let bench = Bench()
        bench.node.gasReady = false
        bench.node.gas = true
        bench.run(to: 3_000)
        #expect(!bench.image.gas.isOn)
        #expect(bench.image.stale.contains(.gas))
        bench.node.gasReady = true
        bench.run(to: 3_400)
        #expect(bench.image.gas.isOn)
    }

    @Test("what comes in and is not used is counted")
    func counts() {
        let bench = Bench()
        bench.run(to: 1_000)
        let accepted = bench.counters.accepted
        var foreign = bench.node.repeated()
        foreign.id = 0x111
        var short = bench.node.repeated()
        short.length = 7
        var damaged = bench.node.repeated()
        damaged.payload ^= 2
        var old = bench.node
        old.alive -= 1
        bench.tick([foreign, short, damaged, bench.node.repeated(), old.repeated()])
        #expect(bench.counters.accepted == accepted)
        #expect(bench.counters.foreign == 1)
        #expect(bench.counters.tooShort == 1)
        #expect(bench.counters.badChecksum == 1)
        #expect(bench.counters.repeated == 1)
        #expect(bench.counters.outOfOrder == 1)
        #expect(bench.lastFrameAt == at(1_000))
    }

    @Test("samples of several frames in one tick all count")
    func takesBatches() {
        let bench = Bench()
        bench.run(to: 1_000)
        bench.node.gas = true
        var frames: [CANFrame] = []
        for _ in 0..<2 { frames.append(bench.node.frame()) }
        bench.tick(frames)
        #expect(bench.image.gas.isOn)
    }

    @Test("an adopted step is told for one tick")
    func tellsAdoption() {
        let bench = Bench()
        bench.run(to: 1_000)
        bench.node.temperature = 40_000
        var adoptions: [Int64] = []
        while bench.time < 3_000 {
            bench.run(to: bench.time + 100)
            if bench.image.adoptedStep { adoptions.append(bench.time) }
        }
        #expect(adoptions == [2_000])
        #expect(bench.image.temperatures.control == 40_000)
    }

    @Test("three good samples since the mark, of each safety signal")
    func provesSinceMark() {
        let bench = Bench()
        bench.run(to: 1_000)
        bench.signals.mark()
        bench.run(to: 1_500)
        #expect(!bench.image.isProven)
        bench.run(to: 1_600)
        #expect(bench.image.isProven)
    }

    struct Scaling: CustomTestStringConvertible, Sendable {
        let testDescription: String
        let raw: Int64
        let multiplier: Int64
        let divisor: Int64
        let offset: Int64
        let value: Int32
    }

    static let scalings: [Scaling] = [
        Scaling(
            testDescription: "as it stands", raw: -5, multiplier: 1, divisor: 1, offset: 0,
            value: -5),
        Scaling(
            testDescription: "with factor and offset", raw: 250, multiplier: 125, divisor: 2,
            offset: -40_000, value: -24_375),
        Scaling(
            testDescription: "towards zero", raw: -3, multiplier: 1, divisor: 2, offset: 0,
            value: -1),
        Scaling(
            testDescription: "clamped above", raw: 32_767, multiplier: 1_000_000, divisor: 1,
            offset: 0, value: .max),
        Scaling(
            testDescription: "clamped below", raw: -32_768, multiplier: 1_000_000, divisor: 1,
            offset: 0, value: .min),
        Scaling(
            testDescription: "beyond 64 bits", raw: -32_768, multiplier: .max, divisor: 1,
            offset: 0, value: .min),
        Scaling(
            testDescription: "an offset beyond 64 bits", raw: 1, multiplier: 1, divisor: 1,
            offset: .max, value: .max),
    ]

    @Test("a raw number becomes the signal's unit", arguments: scalings)
    func scales(row: Scaling) {
        var field = FieldPlan()
        field.bits = NodeLayout.field(0, 16, isSigned: true)
        field.multiplier = row.multiplier
        field.divisor = row.divisor
        field.offset = row.offset
        #expect(field.value(of: UInt64(bitPattern: row.raw) & 0xFFFF) == row.value)
    }

    @Test("a multiplexed signal is read only from its own frames")
    func readsMultiplexed() {
        var field = FieldPlan()
        field.bits = NodeLayout.field(8, 8)
        field.multiplexer = NodeLayout.field(0, 4)
        field.multiplexerValue = 3
        #expect(field.value(of: 0x2A03) == 0x2A)
        #expect(field.value(of: 0x2A02) == nil)
    }
}
