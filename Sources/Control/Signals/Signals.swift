import Events
import Units

/// Frames in, qualified signals out: what the CANBusAdapter service did, inside the tick.
///
/// Nothing that arrives here can make an old value fresh: a sample counts when its frame is whole,
/// its alive counter advanced and its value can be true. Everything else only ages the signal.
struct Signals: ~Copyable {
    /// Silence of every message of the site after which the bus is called silent (chosen: fifteen
    /// frames of the reference node; the signals' own ages act much earlier).
    static let busSilence = Milliseconds(3_000)

    /// Chosen: longer than the silence of a bus, which is then shown as its cause.
    static let ambientLoss = Milliseconds(5_000)

    private let plan: SignalPlan
    /// The identifiers again, side by side: most frames of a busy bus are not ours.
    private let ids: InlineArray<8, UInt32>
    private(set) var image: SignalImage
    private(set) var probes: Temperatures
    private(set) var counters = FrameCounters()
    private(set) var receivers: InlineArray<8, FrameReceiver>
    private(set) var lastFrameAt = Instant.never

    init(plan: SignalPlan) {
        self.plan = plan
        var ids = InlineArray<8, UInt32>(repeating: 0)
        for index in 0..<plan.frameCount { ids[index] = plan.frames[index].id }
        self.ids = ids
        probes = Temperatures(count: plan.temperatureChannels)
        receivers = InlineArray(repeating: FrameReceiver())
        image = SignalImage(
            fitted: SignalSet(bits: plan.present), safety: SignalSet(bits: plan.safety))
    }

    /// Takes the frames of a tick and judges every signal's age.
    mutating func step(
        _ inputs: inout Inputs, settings: Settings, jobLimit: Int32
    ) {
        image.adoptedStep = false
        image.restartedBoot = nil
        probes.beginTick()
        for index in 0..<inputs.frames.count {
            take(inputs.frames[index], settings: settings, jobLimit: jobLimit)
        }
        probes.vote(now: inputs.now, staleAfter: settings.heating.hold)
        judgeAges(inputs.now, settings: settings)
        image.temperatures = probes.image
        image.isTemperatureProven = probes.isProven
    }

    /// Begins a new count of good samples for every signal.
    mutating func mark() {
        for index in 0..<probes.count { probes.channels[index].mark() }
        image.flow.mark()
        image.level.mark()
        image.flame.mark()
        image.gas.mark()
        image.burnerLockout.mark()
        image.burnerOn.mark()
    }

    private mutating func take(
        _ received: ReceivedFrame, settings: Settings, jobLimit: Int32
    ) {
        for index in 0..<plan.frameCount where ids[index] == received.frame.id {
            let verdict = receivers[index].judge(
                received.frame, header: plan.frames[index].header)
            switch verdict {
            case .restarted:
                restart(index)
                image.restartedBoot = UInt8(truncatingIfNeeded: receivers[index].boot)
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
            decode(received, index, settings: settings, jobLimit: jobLimit)
            return
        }
        counters.foreign &+= 1
    }

    private mutating func decode(
        _ received: ReceivedFrame, _ index: Int, settings: Settings, jobLimit: Int32
    ) {
        let payload = received.frame.payload
        for field in 0..<plan.frames[index].fieldCount {
            guard
                let value = plan.frames[index].fields[field].value(of: payload)
            else { continue }
            sample(
                plan.frames[index].fields[field].signal, value, at: received.arrival,
                parameters: settings.heating, jobLimit: jobLimit)
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
            image.flow.take(
                value, at: arrival, isLow: value < parameters.minFlow.rawValue, lowest: 0,
                highest: 200_000, gapMaximum: parameters.hold)
        case .level:
            image.level.take(
                value, at: arrival, isLow: value <= parameters.levelMin.rawValue, lowest: 0,
                highest: 1_000, gapMaximum: parameters.hold)
        case .ambientTemperature:
            image.ambientTemperature.take(
                value, at: arrival, isLow: false, lowest: -60_000, highest: 100_000,
                gapMaximum: parameters.hold)
        case .ambientHumidity:
            image.ambientHumidity.take(
                value, at: arrival, isLow: false, lowest: 0, highest: 1_000,
                gapMaximum: parameters.hold)
        case .flame: image.flame.take(value != 0, at: arrival, gapMaximum: gap)
        case .gas:
            // A heated gas sensor says nothing until it is warm (§4).
            if !image.has(.gasReady) || image.gasReady.latest {
                image.gas.take(
                    value != 0, at: arrival, gapMaximum: gap, isAlarming: true)
            }
        case .gasReady: image.gasReady.take(value != 0, at: arrival, gapMaximum: gap)
        case .burnerLockout: image.burnerLockout.take(
                value != 0, at: arrival, gapMaximum: gap, isAlarming: true)
        case .burnerOn: image.burnerOn.take(value != 0, at: arrival, gapMaximum: gap)
        case .probe1Ratio: probes.channels[0].takeRatio(value)
        case .probe2Ratio: probes.channels[1].takeRatio(value)
        case .probe3Ratio: probes.channels[2].takeRatio(value)
        }
    }

    private mutating func sampleTemperature(
        _ index: Int, _ value: Int32, _ arrival: Instant,
        _ parameters: HeatingParameters, _ jobLimit: Int32
    ) {
        let outcome = probes.channels[index].take(
            value, at: arrival, siteLimit: parameters.siteLimit.rawValue, jobLimit: jobLimit)
        switch outcome {
        case .used: probes.noteSample()
        case .adopted:
            probes.noteSample()
            image.adoptedStep = true
        case .rejected: break
        }
    }

    /// The node started anew: every signal of this message must prove itself again.
    private mutating func restart(_ index: Int) {
        for field in 0..<plan.frames[index].fieldCount {
            switch plan.frames[index].fields[field].signal {
            case .temperature1: probes.channels[0].restart()
            case .temperature2: probes.channels[1].restart()
            case .temperature3: probes.channels[2].restart()
            case .flow: image.flow.restart()
            case .level: image.level.restart()
            case .ambientTemperature: image.ambientTemperature.restart()
            case .ambientHumidity: image.ambientHumidity.restart()
            case .flame: image.flame.restart()
            case .gas: image.gas.restart()
            case .gasReady: image.gasReady.restart()
            case .burnerLockout: image.burnerLockout.restart()
            case .burnerOn: image.burnerOn.restart()
            case .probe1Ratio, .probe2Ratio, .probe3Ratio: break
            }
        }
    }

    private mutating func judgeAges(_ now: Instant, settings: Settings) {
        image.stale = SignalSet()
        image.lost = SignalSet()
        image.oldestSafety = .zero
        let hold = settings.heating.hold
        for index in 0..<probes.count
        where probes.channels[index].freshness.isStale(now, after: hold) {
            image.lost.insert(row: UInt8(index))
        }
        if image.isSafety(.temperature1) {
            image.oldestSafety = probes.image.age
            if !probes.image.isValid { image.stale.insert(.temperature1) }
        }
        judge(.flow, image.flow.freshness, now, hold)
        judge(.level, image.level.freshness, now, hold)
        judge(.gas, image.gas.freshness, now, hold)
        judge(.flame, image.flame.freshness, now, settings.heating.flameStale)
        judge(.burnerLockout, image.burnerLockout.freshness, now, hold)
        judge(.burnerOn, image.burnerOn.freshness, now, hold)
        judge(.ambientTemperature, image.ambientTemperature.freshness, now, hold)
        judge(.ambientHumidity, image.ambientHumidity.freshness, now, hold)
    }

    private mutating func judge(
        _ signal: SignalID, _ freshness: Freshness, _ now: Instant, _ limit: Milliseconds
    ) {
        let isStale = freshness.isStale(now, after: limit)
        if image.isSafety(signal) {
            image.oldestSafety = max(image.oldestSafety, freshness.age(now))
            if isStale { image.stale.insert(signal) }
        }
        if isStale, image.has(signal) { image.lost.insert(signal) }
    }
}

/// What the rules see of the signals in one tick: a value, so that no rule can change a signal.
struct SignalImage: Sendable {
    let fitted: SignalSet
    let safety: SignalSet
    var temperatures = TemperatureImage()
    var flow = ScalarSignal()
    var level = ScalarSignal()
    var ambientTemperature = ScalarSignal()
    var ambientHumidity = ScalarSignal()
    var flame = BinarySignal()
    var gas = BinarySignal()
    var gasReady = BinarySignal()
    var burnerLockout = BinarySignal()
    var burnerOn = BinarySignal()
    /// Safety signals whose age has reached the limit at which heat goes off, or whose node has
    /// restarted and not yet proved itself.
    var stale = SignalSet()
    /// Any fitted signal that is too old to be shown as a value.
    var lost = SignalSet()
    /// Age of the oldest safety signal.
    var oldestSafety = Milliseconds(0)
    /// A sudden level was adopted as the new truth; heat pauses until it proves itself.
    var adoptedStep = false
    /// The boot count of a node that restarted in this tick.
    var restartedBoot: UInt8?
    var isTemperatureProven = false

    init(fitted: SignalSet, safety: SignalSet) {
        self.fitted = fitted
        self.safety = safety
    }

    /// Whether the site has such a sensor.
    func has(_ signal: SignalID) -> Bool { fitted.contains(signal) }
    /// Whether heating depends on it.
    func isSafety(_ signal: SignalID) -> Bool { safety.contains(signal) }

    /// Three good samples of each safety signal since the last `mark`, and none stale.
    var isProven: Bool {
        if isSafety(.temperature1), !isTemperatureProven { return false }
        if isSafety(.flow), !flow.freshness.isProven { return false }
        if isSafety(.level), !level.freshness.isProven { return false }
        if isSafety(.flame), !flame.freshness.isProven { return false }
        if isSafety(.gas), !gas.freshness.isProven { return false }
        if isSafety(.burnerLockout), !burnerLockout.freshness.isProven { return false }
        return stale.isEmpty
    }
}

/// A set of signals, one bit each.
struct SignalSet: Hashable, Sendable {
    private(set) var bits: UInt32

    init(bits: UInt32 = 0) { self.bits = bits }

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
