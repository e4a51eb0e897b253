import Testing

@testable import Bridge

@Suite("The table of records on their way")
struct TokenTableTests {
    @Test("does what a dictionary does, whatever comes and goes, beyond its first size")
    func likeADictionary() {
        var random = SystemRandomNumberGenerator()
        var table = TokenTable<UInt64>()
        var model: [UInt64: UInt64] = [:]
        var next: UInt64 = 1
        for _ in 0..<40_000 {
            // More come than go, up to some thousands; then more go.
            if Int.random(in: 0..<100, using: &random) < (next < 12_000 ? 60 : 30) {
                table.insert(next &* 3, for: RecordToken(next))
                model[next] = next &* 3
                next += 1
            } else {
                // Also tokens that are gone, or never were.
                let token = UInt64.random(in: 1...next, using: &random)
                #expect(table.remove(RecordToken(token)) == model.removeValue(forKey: token))
            }
            #expect(table.count == model.count)
        }
        var seen: [UInt64] = []
        table.forEach { seen.append($0) }
        #expect(seen.sorted() == model.values.sorted())
        #expect(table.isEmpty == model.isEmpty)
    }

    @Test("a token that was given back may come again")
    func again() {
        var table = TokenTable<String>()
        table.insert("first", for: RecordToken(7))
        #expect(table.remove(RecordToken(7)) == "first")
        #expect(table.remove(RecordToken(7)) == nil)
        table.insert("second", for: RecordToken(7))
        #expect(table.remove(RecordToken(7)) == "second")
        #expect(table.isEmpty)
    }

    @Test(
        "a token that is waited for very long takes the place of no other", arguments: [1, 1_024])
    func waitedForLong(oldest: UInt64) {
        var table = TokenTable<UInt64>()
        table.insert(0, for: RecordToken(oldest))
        for token in (oldest + 1)..<(oldest + 5_000) {
            table.insert(token, for: RecordToken(token))
            var seen: [UInt64] = []
            table.forEach { seen.append($0) }
            #expect(seen.sorted() == [0, token])
            #expect(table.remove(RecordToken(token)) == token)
            #expect(table.remove(RecordToken(token)) == nil)
        }
        #expect(table.remove(RecordToken(oldest)) == 0)
        #expect(table.isEmpty)
    }
}
