import Runtime
import Testing

@Suite("The ring that counts its losses")
struct CountedRingTests {
    @Test("what finds no room is counted once, and what is in the ring stays")
    func counts() {
        let ring = CountedRing<Int>(capacity: 4)
        for number in 0..<4 { #expect(ring.push(number)) }
        #expect(ring.takeLosses() == 0)
        for number in 4..<7 { #expect(!ring.push(number)) }
        #expect(ring.takeLosses() == 3)
        #expect(ring.takeLosses() == 0)
        #expect([ring.pop(), ring.pop(), ring.pop(), ring.pop(), ring.pop()] == [0, 1, 2, 3, nil])
        #expect(ring.push(7))
        #expect(ring.takeLosses() == 0)
    }
}
