import Events
import Units

/// Frames in, qualified signals out: what the CANBusAdapter service did, inside the tick.
///
/// Nothing that arrives here can make an old value fresh: a sample counts when its frame is whole,
/// its alive counter advanced and its value can be true. Everything else only ages the signal.
struct Signals: Sendable {
    /// Silence of every message of the site after which the bus is called silent (chosen: fifteen
    /// frames of the reference node; the signals' own ages act much earlier).
    static let busSilence = Milliseconds(3_000)

    private(set) var temperatures: Temperatures
    private(set) var flow = ScalarSignal()
    private(set) var level = ScalarSignal()
    private(set) var ambientTemperature = ScalarSignal()
    private(set) var ambientHumidity = ScalarSignal()
    private(set) var flame = BinarySignal()
    private(set) var gas = BinarySignal()
    private(set) var gasReady = BinarySignal()
    private(set) var burnerLockout = BinarySignal()
    private(set) var burnerOn = BinarySignal()
    private(set) var counters = FrameCounters()
    private(set) var receivers: InlineArray<8, FrameReceiver>
    private(set) var lastFrameAt = Instant.never
    private let hasGasReady: Bool

    // Of this tick:
    /// Safety signals whose age has reached the limit at which heat goes off, or whose node has
    /// restarted and not yet proved itself.
    private(set) var stale = SignalSet()
    /// Any fitted signal that is too old to be shown as a value.
    private(set) var lost = SignalSet()
    /// Age of the oldest safety signal.
    private(set) var oldestSafety = Milliseconds(0)
    /// A sudden level was adopted as the new truth; heat pauses until it proves itself.
    private(set) var adoptedStep = false
    /// The boot count of a node that restarted in this tick.
    private(set) var restartedBoot: UInt8?

    init(plan: SignalPlan) {
        temperatures = Temperatures(count: plan.temperatureChannels)
        receivers = InlineArray(repeating: FrameReceiver())
        hasGasReady = plan.has(.gasReady)
    }

    /// Takes the frames of a tick and judges every signal's age.
    mutating func step(
        _ inputs: borrowing Inputs, plan: ControlPlan, jobLimit: Int32
    ) {
        adoptedStep = false
        restartedBoot = nil
        temperatures.beginTick()
        for index in 0..<inputs.frames.count {
            take(inputs.frames[index], plan: plan, jobLimit: jobLimit)
        }
        temperatures.vote(now: inputs.now, staleAfter: plan.heating.hold)
        judgeAges(inputs.now, plan: plan)
    }

    /// Begins a new count of good samples for every signal.
    mutating func mark() {
        for index in 0..<temperatures.count { temperatures.channels[index].mark() }
        flow.mark()
        level.mark()
        flame.mark()
        gas.mark()
        burnerLockout.mark()
        burnerOn.mark()
    }

    /// Three good samples of each safety signal since the last `mark`.
    func isProven(_ plan: SignalPlan) -> Bool {
        if plan.isSafety(.temperature1) {
            var proven = false
            for index in 0..<temperatures.count
            where index != temperatures.excluded
                && temperatures.channels[index].freshness.isProven
            {
                proven = true
            }
            if !proven { return false }
        }
        if plan.isSafety(.flow), !flow.freshness.isProven { return false }
        if plan.isSafety(.level), !level.freshness.isProven { return false }
        if plan.isSafety(.flame), !flame.freshness.isProven { return false }
        if plan.isSafety(.gas), !gas.freshness.isProven { return false }
        if plan.isSafety(.burnerLockout), !burnerLockout.freshness.isProven { return false }
        return stale.isEmpty
    }

    private mutating func take(
        _ received: ReceivedFrame, plan: ControlPlan, jobLimit: Int32
    ) {
        for index in 0..<plan.signals.frameCount
        where plan.signals.frames[index].id == received.frame.id {
            let verdict = receivers[index].judge(
                received.frame, plan: plan.signals.frames[index])
            switch verdict {
            case .restarted:
                restart(index, plan: plan.signals)
                restartedBoot = UInt8(truncatingIfNeeded: receivers[index].boot)
            case .accepted: break
            case .tooShort: counters.tooShort &+= 1
            case .badChecksum: counters.badChecksum &+= 1
            case .repeated: counters.repeated &+= 1
            case .outOfOrder: counters.outOfOrder &+= 1
            }
            guard verdict == .accepted || verdict == .restarted else { return }
            counters.accepted &+= 1
            counters.missed &+= UInt64(bitPattern: receivers[index].missed)
            lastFrameAt = received.arrival
            decode(received, index, plan: plan, jobLimit: jobLimit)
            return
        }
        counters.foreign &+= 1
    }

    private mutating func decode(
        _ received: ReceivedFrame, _ index: Int, plan: ControlPlan, jobLimit: Int32
    ) {
        let payload = received.frame.payload
        for field in 0..<plan.signals.frames[index].fieldCount {
            guard
                let value = plan.signals.frames[index].fields[field].value(of: payload)
            else { continue }
            sample(
                plan.signals.frames[index].fields[field].signal, value, at: received.arrival,
                parameters: plan.heating, jobLimit: jobLimit)
        }
    }

    private mutating func sample(
        _ signal: SignalID, _ value: Int32, at arrival: Instant,
        parameters: HeatingParameters, jobLimit: Int32
    ) {
        let gap = parameters.flameStale
        switch signal {
        case .temperature1: sampleTemperature(0, value, arrival, parameters, jobLimit)
        case .temperature2: sampleTemperature(1, value, arrival, parameters, jobLimit)
        case .temperature3: sampleTemperature(2, value, arrival, parameters, jobLimit)
        case .flow:
            // 200 L/min is far above any pump of this class; more is a broken meter.
            flow.take(
                value, at: arrival, isLow: value < parameters.minFlow.rawValue, lowest: 0,
                highest: 200_000, gapMaximum: parameters.hold)
        case .level:
            level.take(
                value, at: arrival, isLow: value <= parameters.levelMin.rawValue, lowest: 0,
                highest: 1_000, gapMaximum: parameters.hold)
        case .ambientTemperature:
            ambientTemperature.take(
                value, at: arrival, isLow: false, lowest: -60_000, highest: 100_000,
                gapMaximum: parameters.hold)
        case .ambientHumidity:
            ambientHumidity.take(
                value, at: arrival, isLow: false, lowest: 0, highest: 1_000,
                gapMaximum: parameters.hold)
        case .flame: flame.take(value != 0, at: arrival, gapMaximum: gap)
        case .gas:
            // A heated gas sensor says nothing until it is warm (§4).
            if !hasGasReady || gasReady.latest {
                gas.take(value != 0, at: arrival, gapMaximum: gap)
            }
        case .gasReady: gasReady.take(value != 0, at: arrival, gapMaximum: gap)
        case .burnerLockout: burnerLockout.take(value != 0, at: arrival, gapMaximum: gap)
        case .burnerOn: burnerOn.take(value != 0, at: arrival, gapMaximum: gap)
        case .probe1Ratio: temperatures.channels[0].takeRatio(value)
        case .probe2Ratio: temperatures.channels[1].takeRatio(value)
        case .probe3Ratio: temperatures.channels[2].takeRatio(value)
        }
    }

    private mutating func sampleTemperature(
        _ index: Int, _ value: Int32, _ arrival: Instant,
        _ parameters: HeatingParameters, _ jobLimit: Int32
    ) {
        let outcome = temperatures.channels[index].take(
            value, at: arrival, siteLimit: parameters.siteLimit.rawValue, jobLimit: jobLimit)
        switch outcome {
        case .used: temperatures.noteSample()
        case .adopted:
            temperatures.noteSample()
            adoptedStep = true
        case .rejected: break
        }
    }

    /// The node started anew: every signal of this message must prove itself again.
    private mutating func restart(_ index: Int, plan: SignalPlan) {
        for field in 0..<plan.frames[index].fieldCount {
            switch plan.frames[index].fields[field].signal {
            case .temperature1: temperatures.channels[0].restart()
            case .temperature2: temperatures.channels[1].restart()
            case .temperature3: temperatures.channels[2].restart()
            case .flow: flow.restart()
            case .level: level.restart()
            case .ambientTemperature: ambientTemperature.restart()
            case .ambientHumidity: ambientHumidity.restart()
            case .flame: flame.restart()
            case .gas: gas.restart()
            case .gasReady: gasReady.restart()
            case .burnerLockout: burnerLockout.restart()
            case .burnerOn: burnerOn.restart()
            case .probe1Ratio, .probe2Ratio, .probe3Ratio: break
            }
        }
    }

    private mutating func judgeAges(_ now: Instant, plan: ControlPlan) {
        stale = SignalSet()
        lost = SignalSet()
        oldestSafety = .zero
        let hold = plan.heating.hold
        for index in 0..<temperatures.count
        where temperatures.channels[index].freshness.isStale(now, after: hold) {
            lost.insert(row: UInt8(index))
        }
        if plan.signals.isSafety(.temperature1) {
            oldestSafety = temperatures.age
            if !temperatures.isValid { stale.insert(.temperature1) }
        }
        judge(.flow, flow.freshness, now, hold, plan.signals)
        judge(.level, level.freshness, now, hold, plan.signals)
        judge(.gas, gas.freshness, now, hold, plan.signals)
        judge(.flame, flame.freshness, now, plan.heating.flameStale, plan.signals)
        judge(.burnerLockout, burnerLockout.freshness, now, hold, plan.signals)
        judge(.burnerOn, burnerOn.freshness, now, hold, plan.signals)
        judge(.ambientTemperature, ambientTemperature.freshness, now, hold, plan.signals)
        judge(.ambientHumidity, ambientHumidity.freshness, now, hold, plan.signals)
    }

    private mutating func judge(
        _ signal: SignalID, _ freshness: Freshness, _ now: Instant, _ limit: Milliseconds,
        _ plan: SignalPlan
    ) {
        let isStale = freshness.isStale(now, after: limit)
        if plan.isSafety(signal) {
            oldestSafety = max(oldestSafety, freshness.age(now))
            if isStale { stale.insert(signal) }
        }
        if isStale, plan.has(signal) { lost.insert(signal) }
    }
}

/// A set of signals, one bit each.
struct SignalSet: Hashable, Sendable {
    private(set) var bits: UInt32 = 0

    var isEmpty: Bool { bits == 0 }
    mutating func insert(_ signal: SignalID) { insert(row: signal.rawValue) }
    mutating func insert(row: UInt8) { bits |= 1 << UInt32(row) }
    func contains(_ signal: SignalID) -> Bool { bits & (1 << UInt32(signal.rawValue)) != 0 }

    /// Takes the signal with the lowest row out of the difference of two sets.
    static func first(in bits: UInt32) -> SignalID? {
        bits == 0 ? nil : SignalID(rawValue: UInt8(truncatingIfNeeded: bits.trailingZeroBitCount))
    }
}

extension FieldPlan {
    /// The field's value in its signal's unit, or nil if the frame carries another multiplexed one.
    func value(of payload: UInt64) -> Int32? {
        if let multiplexer, multiplexer.value(of: payload) != multiplexerValue { return nil }
        guard let bits else { return nil }
        let raw = bits.value(of: payload)
        if divisor == 1, multiplier == 1, offset == 0 { return Int32(clamped: raw) }
        let (product, overflow) = raw.multipliedReportingOverflow(by: multiplier)
        if overflow { return raw < 0 ? .min : .max }
        let (sum, overflowed) = (product / divisor).addingReportingOverflow(offset)
        return overflowed ? (offset < 0 ? .min : .max) : Int32(clamped: sum)
    }
}
