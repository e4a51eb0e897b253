import Units

/// How far the water has risen above its lowest value within a short while (D-08).
///
/// Keeps every sample of the window, so the answer is exact.
struct RiseWindow: ~Copyable {
    /// "Within any 5 000 ms" (§7.3, D-08).
    static let length = Milliseconds(5_000)
    /// 64 samples cover 5 s at a frame each 100 ms with room to spare; at a faster rate the oldest
    /// leave early, which makes the window shorter, never the rise larger.
    private static let capacity = 64

    private var values = InlineArray<64, Int32>(repeating: 0)
    private var times = InlineArray<64, Instant>(repeating: Instant.never)
    private var next = 0

    mutating func take(_ value: Int32, at now: Instant) {
        values[next] = value
        times[next] = now
        next = (next + 1) % Self.capacity
    }

    /// `value` minus the lowest value of the last 5 s, this moment's included.
    func rise(to value: Int32, at now: Instant) -> Int32 {
        var lowest = value
        var index = next
        for _ in 0..<Self.capacity {
            index = (index + Self.capacity - 1) % Self.capacity
            guard now - times[index] <= Self.length else { break }
            lowest = min(lowest, values[index])
        }
        return value - lowest
    }
}
