import Synchronization

/// A queue of fixed length between exactly two threads: one only pushes, one only pops.
///
/// Neither ever waits, takes a lock or allocates, so the control thread can be at either end. A
/// full ring refuses the element and says so; the pusher counts.
///
/// Memory order: the slot is written before `tail` is stored with release, and read after `tail`
/// was loaded with acquire; `head` does the same for the way back. Each end remembers the other's
/// index as it last saw it, and looks again only when by that it could not go on: at 10 million
/// elements this kept one cache line from travelling twice per element.
@safe
public final class SPSCRing<Element: Sendable>: @unchecked Sendable {
    /// How many elements fit: a power of two.
    public let capacity: Int

    @usableFromInline let mask: Int
    @usableFromInline let slots: UnsafeMutablePointer<Element>

    // Indices count up for ever (64 bits: not in this universe's time do they wrap). The padding
    // keeps the two ends in different cache lines; 128 bytes cover the line pair of a Cortex-A72.
    @usableFromInline let tail = Atomic<Int>(0)
    @usableFromInline var headAsPusherSawIt = 0
    @usableFromInline let padding = InlineArray<128, UInt8>(repeating: 0)
    @usableFromInline let head = Atomic<Int>(0)
    @usableFromInline var tailAsPopperSawIt = 0

    /// - Precondition: `capacity` is a power of two, at least 2.
    public init(capacity: Int) {
        precondition(
            capacity >= 2 && capacity & (capacity - 1) == 0, "a ring's capacity is a power of two")
        self.capacity = capacity
        mask = capacity - 1
        unsafe slots = .allocate(capacity: capacity)
    }

    deinit {
        // Nobody else has a reference now, so both ends belong to this thread.
        while pop() != nil {}
        unsafe slots.deallocate()
    }

    /// Puts `element` behind the others. Called by the pushing thread only.
    ///
    /// - Returns: false if the ring is full; the element is then not in it.
    @inlinable
    public func push(_ element: Element) -> Bool {
        let tail = self.tail.load(ordering: .relaxed)
        if tail &- headAsPusherSawIt > mask {
            headAsPusherSawIt = head.load(ordering: .acquiring)
            if tail &- headAsPusherSawIt > mask { return false }
        }
        unsafe (slots + (tail & mask)).initialize(to: element)
        self.tail.store(tail &+ 1, ordering: .releasing)
        return true
    }

    /// Takes the oldest element out, or returns nil if there is none. Called by the popping thread
    /// only.
    @inlinable
    public func pop() -> Element? {
        let head = self.head.load(ordering: .relaxed)
        if head == tailAsPopperSawIt {
            tailAsPopperSawIt = tail.load(ordering: .acquiring)
            if head == tailAsPopperSawIt { return nil }
        }
        let element = unsafe (slots + (head & mask)).move()
        self.head.store(head &+ 1, ordering: .releasing)
        return element
    }
}
