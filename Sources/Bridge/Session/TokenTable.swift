/// What is known of the records on their way, by their tokens.
///
/// A dictionary would hash each of a hundred thousand a second three times, against an attacker who
/// could choose the keys. These keys are counted here.
struct TokenTable<Value: Sendable>: Sendable {
    private var tokens: [UInt64]
    private var values: [Value?]
    private(set) var count = 0

    /// A power of two. 1,024: two batches of an idle bridge.
    private static var countFirst: Int { 1_024 }

    init() {
        tokens = Array(repeating: 0, count: Self.countFirst)
        values = Array(repeating: nil, count: Self.countFirst)
    }

    var isEmpty: Bool { count == 0 }

    /// - Precondition: the token is not there, and not zero, which marks an empty place.
    mutating func insert(_ value: Value, for token: RecordToken) {
        precondition(token.rawValue != 0, "tokens begin with 1")
        // Half of the places stay empty, so that a search ends soon.
        if 2 * (count + 1) > tokens.count { grow() }
        var place = place(of: token.rawValue)
        while tokens[place] != 0 {
            precondition(tokens[place] != token.rawValue, "a token is handed out once")
            place = after(place)
        }
        tokens[place] = token.rawValue
        values[place] = value
        count += 1
    }

    mutating func remove(_ token: RecordToken) -> Value? {
        var place = place(of: token.rawValue)
        while tokens[place] != token.rawValue {
            guard tokens[place] != 0 else { return nil }
            place = after(place)
        }
        let value = values[place].take()
        count -= 1
        close(place)
        return value
    }

    func forEach(_ body: (Value) -> Void) {
        for value in values { if let value { body(value) } }
    }

    /// Moves back what stands behind an emptied place and could no longer be found.
    private mutating func close(_ emptied: Int) {
        var hole = emptied
        var next = after(hole)
        while tokens[next] != 0 {
            let home = place(of: tokens[next])
            // How far it is from its own place, and from the hole, on the ring.
            let mask = tokens.count - 1
            if (next - home) & mask >= (next - hole) & mask {
                tokens[hole] = tokens[next]
                values[hole] = values[next].take()
                hole = next
            }
            next = after(next)
        }
        tokens[hole] = 0
    }

    /// Fibonacci hashing: neighbours are spread over the whole table. As their own places they
    /// would stand in one long row, and each removal would have to look through it.
    private func place(of token: UInt64) -> Int {
        Int(truncatingIfNeeded: (token &* 0x9E37_79B9_7F4A_7C15) >> 32) & (tokens.count - 1)
    }

    private func after(_ place: Int) -> Int { (place + 1) & (tokens.count - 1) }

    private mutating func grow() {
        let old = zip(tokens, values)
        tokens = Array(repeating: 0, count: 2 * tokens.count)
        values = Array(repeating: nil, count: tokens.count)
        count = 0
        for (token, value) in old where token != 0 {
            if let value { insert(value, for: RecordToken(token)) }
        }
    }
}
