import Units

/// Whether the water gets warmer although the heat has been off for long (D-07): a welded contact,
/// or a valve that does not close.
///
/// The lowest value of the last 300 s is kept as the minima of 60 slices of 5 s: the window is then
/// between 295 and 300 s long, in 240 bytes where all its samples would take 18 000.
struct IdleWatch: ~Copyable {
    /// The heat must have been off this long: the rest of the heat in element and pipes is then in
    /// the water (§7.3, D-07).
    static let settle = Milliseconds(120_000)
    static let rise: Int32 = 5_000
    private static let slice = Milliseconds(5_000)
    private static let slices = 60

    private var minima = InlineArray<60, Int32>(repeating: Int32.max)
    private var current = 0
    private var sliceEnd = Instant.never
    private var isRunning = false

    /// The heat is on, or went off too recently: what was measured so far means nothing.
    mutating func stop() { isRunning = false }

    /// Takes a voted temperature while the heat has been off for at least `settle`.
    ///
    /// - Returns: how far `value` is above the lowest of the window.
    mutating func take(_ value: Int32, at now: Instant) -> Int32 {
        if !isRunning || now - sliceEnd > Milliseconds(300_000) {
            isRunning = true
            current = 0
            minima = InlineArray(repeating: Int32.max)
            sliceEnd = now + Self.slice
        }
        while now >= sliceEnd {
            current = (current + 1) % Self.slices
            minima[current] = Int32.max
            sliceEnd = sliceEnd + Self.slice
        }
        minima[current] = min(minima[current], value)
        var lowest = value
        for index in 0..<Self.slices { lowest = min(lowest, minima[index]) }
        return value - lowest
    }
}
