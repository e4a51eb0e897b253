import Control
import Events
import RelayBoard
import Units

// What several of these tests need: time, facts of a tick, random numbers that replay, and a plan
// of a site with every sensor.

/// An instant of the test, in ms.
func at(_ milliseconds: Int64) -> Instant { Instant(milliseconds) }
func ms(_ milliseconds: Int64) -> Milliseconds { Milliseconds(milliseconds) }

extension EventBuffer {
    /// The facts of the tick, in order.
    var facts: [Fact] {
        var facts: [Fact] = []
        for index in 0..<count { facts.append(self[index].fact) }
        return facts
    }

    /// What happened to alarms in the tick, in order.
    var transitions: [AlarmTransition] {
        facts.compactMap { fact in
            if case .alarm(let transition) = fact { transition } else { nil }
        }
    }

    /// The same in short: "E103 raised".
    var changes: [String] { transitions.map { "E\($0.code.number) \($0.change)" } }
}

/// Steele, Lea, Flood: "Fast splittable pseudorandom number generators" (2014). A seed replays.
struct SplitMix64: RandomNumberGenerator {
    private var state: UInt64
    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}

/// Every alarm code.
let allCodes: [AlarmCode] = (0..<UInt8(AlarmCode.count)).compactMap { AlarmCode(rawValue: $0) }

/// The layout of the one frame that the tests' sensor node sends.
///
/// | Byte | Content                                                        |
/// |------|----------------------------------------------------------------|
/// | 0    | alive counter in the low nibble, boot counter in the high one  |
/// | 1–3  | temperature in m°C, signed                                     |
/// | 4    | flow in 20 mL/min                                              |
/// | 5–6  | level in ‰ (10 bits), then flame, gas, gas ready, lockout, on  |
/// | 7    | checksum                                                       |
enum NodeLayout {
    static let id: UInt32 = 0x356
    static let alive = field(0, 4)
    static let boot = field(4, 4)
    static let temperature = field(8, 24, isSigned: true)
    static let flow = field(32, 8)
    static let level = field(40, 10)
    static let flame = field(50, 1)
    static let gas = field(51, 1)
    static let gasReady = field(52, 1)
    static let burnerLockout = field(53, 1)
    static let burnerOn = field(54, 1)
    static let checksum = field(56, 8)

    static func field(_ start: Int, _ length: Int, isSigned: Bool = false) -> BitField {
        guard
            let field = BitField(
                startBit: start, length: length, order: .intel, isSigned: isSigned)
        else { preconditionFailure("a field of the test's own layout fits") }
        return field
    }
}

/// The tests' sensor node: what it measures, and the frames that say so.
struct Node {
    var temperature: Int32 = 20_000
    var flow: Int32 = 3_000
    var level: Int32 = 800
    var flame = false
    var gas = false
    var gasReady = true
    var burnerLockout = false
    var burnerOn = true
    var alive: Int64 = 0
    var boot: Int64 = 1

    /// The next frame: its alive counter is one higher than the last one's.
    mutating func frame() -> CANFrame {
        alive = (alive + 1) % 16
        return repeated()
    }

    /// The last frame once more.
    func repeated() -> CANFrame {
        var payload: UInt64 = 0
        NodeLayout.alive.insert(alive, into: &payload)
        NodeLayout.boot.insert(boot, into: &payload)
        NodeLayout.temperature.insert(Int64(temperature), into: &payload)
        NodeLayout.flow.insert(Int64(flow / 20), into: &payload)
        NodeLayout.level.insert(Int64(level), into: &payload)
        NodeLayout.flame.insert(flame ? 1 : 0, into: &payload)
        NodeLayout.gas.insert(gas ? 1 : 0, into: &payload)
        NodeLayout.gasReady.insert(gasReady ? 1 : 0, into: &payload)
        NodeLayout.burnerLockout.insert(burnerLockout ? 1 : 0, into: &payload)
        NodeLayout.burnerOn.insert(burnerOn ? 1 : 0, into: &payload)
        var frame = CANFrame(id: NodeLayout.id, length: 8, payload: payload)
        let checksum = frameChecksum(of: frame, checksumByte: 7)
        NodeLayout.checksum.insert(Int64(checksum), into: &frame.payload)
        return frame
    }
}

/// A site with that node, all sense lines, and the specification's default parameters.
func sitePlan(_ profile: HeatingProfile = .gas) -> ControlPlan {
    var plan = ControlPlan()
    plan.profile = profile
    var frame = FramePlan()
    frame.id = NodeLayout.id
    frame.aliveCounter = NodeLayout.alive
    frame.bootCounter = NodeLayout.boot
    frame.checksumByte = 7
    func add(_ signal: SignalID, _ bits: BitField, times multiplier: Int64 = 1) {
        var field = FieldPlan()
        field.signal = signal
        field.bits = bits
        field.multiplier = multiplier
        precondition(frame.append(field), "the test's frame holds eight signals")
    }
    add(.temperature1, NodeLayout.temperature)
    add(.flow, NodeLayout.flow, times: 20)
    add(.level, NodeLayout.level)
    add(.gasReady, NodeLayout.gasReady)
    add(.gas, NodeLayout.gas)
    switch profile {
    case .gas: add(.flame, NodeLayout.flame)
    case .electric: break
    case .external:
        add(.burnerLockout, NodeLayout.burnerLockout)
        add(.burnerOn, NodeLayout.burnerOn)
    }
    precondition(plan.signals.append(frame), "one frame fits")
    plan.signals.require(.temperature1)
    plan.signals.require(.flow)
    plan.signals.require(.level)
    plan.signals.require(.gas)
    if profile == .gas { plan.signals.require(.flame) }
    if profile == .external { plan.signals.require(.burnerLockout) }
    plan.interlock.hasPowerSense = true
    plan.interlock.hasMonostable = true
    plan.interlock.hasResetButton = true
    plan.sequence = builtInSequence(for: profile, plan.heating)
    return plan
}
