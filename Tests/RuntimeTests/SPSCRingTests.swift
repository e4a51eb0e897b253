import Foundation
import Runtime
import Synchronization
import Testing

@Suite("The ring between two threads")
struct SPSCRingTests {
    @Test("refuses the element after the last that fits, and takes it once there is room")
    func fullRefuses() {
        let ring = SPSCRing<Int>(capacity: 4)
        for number in 0..<4 { #expect(ring.push(number)) }
        #expect(!ring.push(4))
        #expect(ring.pop() == 0)
        #expect(ring.push(4))
        #expect(!ring.push(5))
        #expect([ring.pop(), ring.pop(), ring.pop(), ring.pop(), ring.pop()] == [1, 2, 3, 4, nil])
    }

    @Test("keeps the order over many times its length", arguments: [1, 2, 3, 4])
    func wrapsAround(batch: Int) {
        let ring = SPSCRing<Int>(capacity: 4)
        var next = 0
        var expected = 0
        for _ in 0..<1_000 {
            for _ in 0..<batch {
                #expect(ring.push(next))
                next += 1
            }
            for _ in 0..<batch {
                #expect(ring.pop() == expected)
                expected += 1
            }
        }
        #expect(ring.pop() == nil)
    }

    @Test("lets go of what was still in it when it ends")
    func releasesElements() {
        final class Witness: Sendable {}
        weak var witness: Witness?
        do {
            let ring = SPSCRing<Witness>(capacity: 2)
            let element = Witness()
            witness = element
            #expect(ring.push(element))
        }
        #expect(witness == nil)
    }

    /// Goal: no element is lost, doubled or out of order between two real threads, though the ring
    /// is full and empty all the time. Method: a ring of 8 and 300,000 numbers; the pushing thread
    /// counts refusals, which shows that the full path was taken.
    @Test("loses nothing and doubles nothing between two threads")
    func twoThreads() {
        let count = 300_000
        let ring = SPSCRing<Int>(capacity: 8)
        let refusals = Atomic<Int>(0)
        let pusher = Thread {
            for number in 0..<count {
                while !ring.push(number) {
                    refusals.wrappingAdd(1, ordering: .relaxed)
                    sched_yield()
                }
            }
        }
        pusher.start()
        var wrong = 0
        for expected in 0..<count {
            var element = ring.pop()
            while element == nil {
                sched_yield()
                element = ring.pop()
            }
            if element != expected { wrong += 1 }
        }
        #expect(wrong == 0)
        #expect(ring.pop() == nil)
        #expect(
            refusals.load(ordering: .relaxed) > 0, "the ring was never full: nothing was proved")
    }
}
