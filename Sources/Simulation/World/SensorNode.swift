public import Control
import Events
import Units

/// The CAN sensor node: sends each frame of the site's plan in its period, with alive counter, boot
/// counter and checksum, and fails in the ways in which such nodes fail.
///
/// Frames go out at t = 0, one period, two periods … and are in the queue of the tick of the same
/// time. A payload is encoded anew only when one of its values changed; else a transmission costs
/// its counter and its checksum.
public struct SensorNode: Sendable {
    /// What is wrong with the node's frames; one bit for each frame of the plan.
    public struct Faults: Hashable, Sendable {
        /// Nothing is sent. The alive counter waits, as it does in a node that hangs.
        public var silent: UInt8 = 0
        /// The same bytes again and again: the counter stands still.
        public var frozen: UInt8 = 0
        /// The checksum does not belong to the payload.
        public var corrupt: UInt8 = 0
        /// One byte is missing.
        public var short: UInt8 = 0
    }

    /// A value that a scenario puts in place of what the plant has: constant, or a straight line.
    struct Forced: Sendable {
        var from: Int32 = 0
        var to: Int32 = 0
        var start: Int64 = 0
        var end: Int64 = 0

        func value(at now: Int64) -> Int32 {
            guard now < end else { return to }
            let share = (Int64(to) &- Int64(from)) &* (now &- start) / (end &- start)
            return Int32(truncatingIfNeeded: Int64(from) &+ share)
        }
    }

    fileprivate struct Frame: Sendable {
        var plan = FramePlan()
        /// The signals that stand in it, one bit each.
        var signals: UInt32 = 0
        var payload: UInt64 = 0
        var alive: Int64 = -1
        var nextAt: Int64 = 0
        var multiplexerValues: InlineArray<8, Int64> = InlineArray(repeating: 0)
        var multiplexerCount = 0
        var multiplexerIndex = 0
        var isStale = true
    }

    public var faults = Faults()
    public private(set) var framesSent: UInt64 = 0
    /// When the next frame is due.
    public private(set) var nextAt: Int64 = 0
    private var frames: InlineArray<8, Frame>
    private let frameCount: Int
    private var boot: Int64 = 1
    private var values: InlineArray<15, Int32>
    private var forced: InlineArray<15, Forced>
    private var forcedMask: UInt32 = 0
    private var onceMask: UInt32 = 0
    private var onceValues: InlineArray<15, Int32>
    private var dirty: UInt32 = .max
    private var isWarmAt: Int64 = .min
    private var offsets: InlineArray<3, Int32>

    /// - Parameter origin: a time at which all frames go out together.
    public init(plan: SignalPlan, origin: Int64, start: Int64 = 0) {
        frames = InlineArray(repeating: Frame())
        frameCount = plan.frameCount
        values = InlineArray(repeating: 0)
        forced = InlineArray(repeating: Forced())
        onceValues = InlineArray(repeating: 0)
        offsets = InlineArray(repeating: 0)
        nextAt = start
        for index in 0..<plan.frameCount {
            frames[index].plan = plan[index]
            let period = plan[index].period.rawValue
            frames[index].nextAt = start + (origin - start) % period
            for place in 0..<plan[index].fieldCount {
                let field = plan[index][place]
                frames[index].signals |= 1 << UInt32(field.signal.rawValue)
                frames[index].add(multiplexerValue: field)
            }
        }
    }

    /// The frames that carry `signal`, or all of them if it is nil.
    func frames(carrying signal: SignalID?) -> UInt8 {
        var mask: UInt8 = 0
        for index in 0..<frameCount {
            guard let signal else {
                mask |= 1 << UInt8(index)
                continue
            }
            if frames[index].signals & (1 << UInt32(signal.rawValue)) != 0 {
                mask |= 1 << UInt8(index)
            }
        }
        return mask
    }

    /// How often `signal` is sent, in ms; 0 if it never is.
    func period(of signal: SignalID) -> Int64 {
        for index in 0..<frameCount
        where frames[index].signals & (1 << UInt32(signal.rawValue)) != 0 {
            return frames[index].plan.period.rawValue
        }
        return 0
    }

    func period(ofFrame id: UInt32) -> Int64 {
        for index in 0..<frameCount where frames[index].plan.id == id {
            return frames[index].plan.period.rawValue
        }
        return 0
    }

    mutating func force(_ signal: SignalID, _ value: Forced) {
        forced[Int(signal.rawValue)] = value
        forcedMask |= 1 << UInt32(signal.rawValue)
    }

    mutating func release(_ signal: SignalID) { forcedMask &= ~(1 << UInt32(signal.rawValue)) }

    /// Puts `value` into the next frame only.
    mutating func sample(_ signal: SignalID, _ value: Int32) {
        onceValues[Int(signal.rawValue)] = value
        onceMask |= 1 << UInt32(signal.rawValue)
    }

    /// What `signal` would be sent as now, for a ramp that begins where the value is.
    func value(of signal: SignalID) -> Int32 { values[Int(signal.rawValue)] }

    mutating func setOffset(_ offset: Int32, channel: Int) { offsets[channel] = offset }

    /// The alive counters advance by `count` frames that nobody saw.
    mutating func jump(by count: Int64) {
        for index in 0..<frameCount { frames[index].alive &+= count }
    }

    /// A new start of the node: next boot number, counters from 0, the gas sensor cold again.
    mutating func restart(at now: Int64, warmUp: Int64) {
        boot &+= 1
        isWarmAt = now &+ warmUp
        for index in 0..<frameCount {
            frames[index].alive = -1
            frames[index].isStale = true
        }
    }

    /// Makes the counters run into those of `frame`, which comes from elsewhere, `ahead` frames
    /// later.
    mutating func lead(into frame: CANFrame, ahead: Int64) {
        for index in 0..<frameCount where frames[index].plan.id == frame.id {
            if let field = frames[index].plan.bootCounter { boot = field.value(of: frame.payload) }
            if let field = frames[index].plan.aliveCounter {
                frames[index].alive = field.value(of: frame.payload) &- ahead &- 1
            }
        }
    }

    /// Sends what is due at `now`.
    mutating func send(from plant: inout Plant, at now: Int64, to bus: inout SimulatedCANBus) {
        guard now >= nextAt else { return }
        sense(plant, now)
        var next = Int64.max
        for index in 0..<frameCount {
            if frames[index].nextAt <= now {
                frames[index].nextAt &+= frames[index].plan.period.rawValue
                transmit(index, now, &bus)
            }
            if frames[index].nextAt < next { next = frames[index].nextAt }
        }
        nextAt = next
        dirty = 0
        if onceMask != 0 {
            // The next frame shows the plant again.
            dirty |= onceMask
            onceMask = 0
        }
    }

    private mutating func transmit(_ index: Int, _ now: Int64, _ bus: inout SimulatedCANBus) {
        let bit: UInt8 = 1 << UInt8(index)
        if frames[index].signals & dirty != 0 { frames[index].isStale = true }
        guard faults.silent & bit == 0 else { return }
        if faults.frozen & bit == 0 {
            frames[index].alive &+= 1
            encode(index)
        }
        var length = frames[index].plan.length
        var payload = frames[index].payload
        if faults.corrupt & bit != 0, let place = frames[index].plan.checksumByte {
            payload ^= 0xA5 << (UInt64(place) * 8)
        }
        if faults.short & bit != 0, length > 0 {
            length &-= 1
            payload &= (1 << (UInt64(length) * 8)) - 1
        }
        framesSent &+= 1
        bus.put(
            CANFrame(id: frames[index].plan.id, length: length, payload: payload),
            at: Instant(now))
    }

    private mutating func encode(_ index: Int) {
        if frames[index].isStale || frames[index].multiplexerCount > 0 { encodeFields(index) }
        var payload = frames[index].payload
        if let field = frames[index].plan.aliveCounter {
            field.insert(frames[index].alive, into: &payload)
        }
        if let place = frames[index].plan.checksumByte {
            let shift = UInt64(place) &* 8
            let sum = frameChecksum(
                of: CANFrame(
                    id: frames[index].plan.id, length: frames[index].plan.length, payload: payload),
                checksumByte: place)
            payload = (payload & ~(0xFF &<< shift)) | (UInt64(sum) &<< shift)
        }
        frames[index].payload = payload
    }

    private mutating func encodeFields(_ index: Int) {
        frames[index].isStale = false
        var payload: UInt64 = 0
        if let field = frames[index].plan.bootCounter { field.insert(boot, into: &payload) }
        let selected = frames[index].nextMultiplexerValue()
        for place in 0..<frames[index].plan.fieldCount {
            let field = frames[index].plan[place]
            if let multiplexer = field.multiplexer {
                multiplexer.insert(selected, into: &payload)
                if field.multiplexerValue != selected { continue }
            }
            field.bits?.insert(Self.raw(values[Int(field.signal.rawValue)], field), into: &payload)
        }
        frames[index].payload = payload
    }

    /// The inverse of how the core reads the field.
    private static func raw(_ value: Int32, _ field: FieldPlan) -> Int64 {
        let scaled = (Int64(value) - field.offset) * field.divisor
        return field.multiplier == 1 ? scaled : scaled / field.multiplier
    }

    /// Whether `value` can be sent as `signal`; a scenario that wants another has a mistake in it.
    func canSend(_ signal: SignalID, _ value: Int32) -> Bool {
        for index in 0..<frameCount {
            for place in 0..<frames[index].plan.fieldCount {
                let field = frames[index].plan[place]
                guard field.signal == signal, let bits = field.bits else { continue }
                var payload: UInt64 = 0
                let raw = Self.raw(value, field)
                bits.insert(raw, into: &payload)
                return bits.value(of: payload) == raw
            }
        }
        return false
    }

    private mutating func sense(_ plant: borrowing Plant, _ now: Int64) {
        let temperature = plant.temperature(at: now)
        set(.temperature1, temperature &+ offsets[0], now)
        set(.temperature2, temperature &+ offsets[1], now)
        set(.temperature3, temperature &+ offsets[2], now)
        set(.flow, plant.flow, now)
        set(.level, plant.level, now)
        set(.flame, plant.hasFlame(at: now) ? 1 : 0, now)
        set(.gas, plant.gas, now)
        set(.gasReady, now >= isWarmAt ? plant.gasReady : 0, now)
        set(.ambientTemperature, plant.ambientTemperature, now)
        set(.ambientHumidity, plant.ambientHumidity, now)
        set(.burnerLockout, plant.burnerLockout, now)
        set(.burnerOn, plant.isBurnerOn(at: now) ? 1 : 0, now)
        // Half of the ADC's range: neither open nor short.
        set(.probe1Ratio, 500, now)
        set(.probe2Ratio, 500, now)
        set(.probe3Ratio, 500, now)
    }

    @inline(__always)
    private mutating func set(_ signal: SignalID, _ sensed: Int32, _ now: Int64) {
        let place = Int(signal.rawValue)
        let bit: UInt32 = 1 &<< UInt32(signal.rawValue)
        var value = sensed
        if (forcedMask | onceMask) & bit != 0 {
            value = onceMask & bit != 0 ? onceValues[place] : forced[place].value(at: now)
        }
        if values[place] != value {
            values[place] = value
            dirty |= bit
        }
    }
}

extension SensorNode.Frame {
    fileprivate mutating func add(multiplexerValue field: FieldPlan) {
        guard field.multiplexer != nil else { return }
        for index in 0..<multiplexerCount where multiplexerValues[index] == field.multiplexerValue {
            return
        }
        multiplexerValues[multiplexerCount] = field.multiplexerValue
        multiplexerCount += 1
    }

    /// A multiplexed frame shows its selections in turn, one a transmission.
    fileprivate mutating func nextMultiplexerValue() -> Int64 {
        guard multiplexerCount > 0 else { return 0 }
        let value = multiplexerValues[multiplexerIndex]
        multiplexerIndex = (multiplexerIndex + 1) % multiplexerCount
        return value
    }
}
