public import RelayBoard
public import Units

/// What the plant looked like in the ten seconds before a lockout (§7.1, "10 s of pre-trip
/// samples").
///
/// Written into in every second tick, frozen by the first FATAL, and never read by a rule: it tells
/// the technician who comes later what went before.
public struct PreTripSamples: Sendable {
    /// 10 s at one sample each 200 ms, the frame period of the reference node.
    public static let capacity = 50
    public static let interval = Milliseconds(200)

    public struct Sample: Hashable, Sendable {
        public var at = Instant.never
        /// Voted, in m°C; the last one known.
        public var temperature: Int32 = 0
        /// In mL/min.
        public var flow: Int32 = 0
        /// In ‰.
        public var level: Int32 = 0
        public var hasFlame = false
        public var hasGas = false
        /// A safety signal was too old to be believed.
        public var isStale = false
        public var relays = RelayMask.none

        public init() {}
    }

    private var slots: InlineArray<50, Sample>
    private var next = 0
    public private(set) var count = 0

    public init() { slots = InlineArray(repeating: Sample()) }

    /// Whether a sample is due.
    mutating func isDue(_ now: Instant) -> Bool {
        let latest = (next + Self.capacity - 1) % Self.capacity
        return count == 0 || now - slots[latest].at >= Self.interval
    }

    public mutating func append(_ sample: Sample) {
        slots[next] = sample
        next = (next + 1) % Self.capacity
        if count < Self.capacity { count += 1 }
    }

    /// 0 is the oldest.
    ///
    /// - Precondition: `index` is below `count`.
    public subscript(index: Int) -> Sample {
        precondition(index >= 0 && index < count, "no sample at this index")
        return slots[(next + Self.capacity - count + index) % Self.capacity]
    }
}
