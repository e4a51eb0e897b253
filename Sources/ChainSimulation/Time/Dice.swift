import Simulation

/// Everything random in a run, out of one seed. Parts that must not disturb one another's draws
/// get a die of their own by `split`.
struct Dice: RandomNumberGenerator {
    private var source: SplitMix64

    init(seed: UInt64) { source = SplitMix64(seed: seed) }

    mutating func next() -> UInt64 { source.next() }

    /// A die whose future does not depend on how often this one is thrown afterwards.
    mutating func split() -> Dice { Dice(seed: next()) }

    /// A number in `range`, limits included. The bias is below one in 2^32 for the ranges used
    /// here.
    mutating func number(_ range: ClosedRange<Int64>) -> Int64 {
        let span = UInt64(range.upperBound - range.lowerBound) + 1
        return range.lowerBound + Int64(next() % span)
    }

    mutating func number(_ range: ClosedRange<Int>) -> Int {
        Int(number(Int64(range.lowerBound)...Int64(range.upperBound)))
    }

    /// True in `percent` of 100 throws.
    mutating func chance(_ percent: Int) -> Bool { number(0...99) < percent }

    /// - Precondition: `choices` has at least one.
    mutating func pick<Choice>(_ choices: [Choice]) -> Choice {
        choices[number(0...(choices.count - 1))]
    }
}
