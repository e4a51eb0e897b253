/// What is known of the records on their way, by their tokens.
///
/// A dictionary would hash each of a hundred thousand a second three times, against an attacker who
/// could choose the keys. These keys are counted here, and reported on nearly in their order, so
/// that a ring has a place for each.
struct TokenTable<Value: Sendable>: Sendable {
    private var tokens: [UInt64]
    private var values: [Value?]
    /// What found its place taken, by a token that is waited for very long.
    private var displaced: [UInt64: Value] = [:]
    private(set) var count = 0

    /// A power of two. 1,024: two batches of an idle bridge.
    private static var countFirst: Int { 1_024 }

    init() {
        tokens = Array(repeating: 0, count: Self.countFirst)
        values = Array(repeating: nil, count: Self.countFirst)
    }

    var isEmpty: Bool { count == 0 }

    /// - Precondition: the token is not there, and not zero, which marks an empty place.
    mutating func insert(_ value: consuming Value, for token: RecordToken) {
        precondition(token.rawValue != 0, "tokens begin with 1")
        // Half of the places stay empty, so that hardly any is taken by another.
        if 2 * (count + 1) > tokens.count { grow() }
        count += 1
        let place = place(of: token.rawValue)
        guard tokens[place] != 0 else {
            tokens[place] = token.rawValue
            values[place] = value
            return
        }
        let isNew = tokens[place] != token.rawValue && displaced[token.rawValue] == nil
        precondition(isNew, "a token is handed out once")
        displaced[token.rawValue] = value
    }

    mutating func remove(_ token: RecordToken) -> Value? {
        let place = place(of: token.rawValue)
        if tokens[place] == token.rawValue, token.rawValue != 0 {
            tokens[place] = 0
            count -= 1
            return values[place].take()
        }
        guard !displaced.isEmpty, let value = displaced.removeValue(forKey: token.rawValue) else {
            return nil
        }
        count -= 1
        return value
    }

    func forEach(_ body: (Value) -> Void) {
        for value in values { if let value { body(value) } }
        for value in displaced.values { body(value) }
    }

    /// Tokens that follow one another stand side by side.
    private func place(of token: UInt64) -> Int {
        Int(truncatingIfNeeded: token) & (tokens.count - 1)
    }

    private mutating func grow() {
        let old = zip(tokens, values)
        let others = displaced
        tokens = Array(repeating: 0, count: 2 * tokens.count)
        values = Array(repeating: nil, count: tokens.count)
        displaced = [:]
        count = 0
        for (token, value) in old where token != 0 {
            if let value { insert(value, for: RecordToken(token)) }
        }
        for (token, value) in others { insert(value, for: RecordToken(token)) }
    }
}
