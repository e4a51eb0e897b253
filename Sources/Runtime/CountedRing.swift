import Synchronization

/// A ring between two threads whose losses are counted, so that they can be stated: for what must
/// be recorded, and whose maker must never wait for the record.
public final class CountedRing<Element: Sendable>: Sendable {
    private let ring: SPSCRing<Element>
    private let lost = Atomic<UInt64>(0)

    /// - Precondition: `capacity` is a power of two, at least 2.
    public init(capacity: Int) { ring = SPSCRing(capacity: capacity) }

    /// Puts `element` behind the others, or counts it. Called by the pushing thread only.
    ///
    /// - Returns: false if the ring is full; the element is then counted and gone.
    public func push(_ element: Element) -> Bool {
        if ring.push(element) { return true }
        lost.wrappingAdd(1, ordering: .relaxed)
        return false
    }

    /// Takes the oldest element out, or returns nil if there is none. Called by the popping thread
    /// only.
    public func pop() -> Element? { ring.pop() }

    /// How many were lost since the last call. Called by whoever states it.
    public func takeLosses() -> UInt64 { lost.exchange(0, ordering: .relaxed) }
}
