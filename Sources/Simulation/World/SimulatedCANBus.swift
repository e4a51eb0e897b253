public import Control
public import HAL
public import Units

/// A CAN interface in memory: a bounded queue of frames with their arrival times behind a filter of
/// the site's identifiers.
///
/// What is refused is counted where a real interface would count it: foreign identifiers by the
/// filter, frames beyond the queue by the socket, error frames by the controller.
public struct SimulatedCANBus: CANBus, ~Copyable {
    /// About what a socket's default receive buffer of 208 KiB holds (frames are about 800 bytes
    /// with their book-keeping in the kernel; from its documentation, not measured).
    public static let capacity = 256

    private var queue: InlineArray<256, ReceivedFrame>
    private var first = 0
    private var count = 0
    private var ids: InlineArray<8, UInt32>
    private let idCount: Int
    public private(set) var counters = CANCounters()
    /// Set by the world: bus-off, an interface that is down.
    public var state = CANBusState.active

    /// - Parameter plan: its frames' identifiers pass the filter, and no others.
    public init(plan: SignalPlan) {
        queue = InlineArray(
            repeating: ReceivedFrame(CANFrame(id: 0, length: 0, payload: 0), arrival: .never))
        ids = InlineArray(repeating: 0)
        idCount = plan.frameCount
        for index in 0..<plan.frameCount { ids[index] = plan[index].id }
    }

    /// A frame on the wire. In bus-off and on an interface that is down it is lost, uncounted.
    public mutating func put(_ frame: CANFrame, at arrival: Instant) {
        guard state == .active || state == .passive else { return }
        counters.received &+= 1
        guard isOurs(frame.id) else {
            counters.foreign &+= 1
            return
        }
        guard count < Self.capacity else {
            // The newest is dropped: a socket's queue keeps what it has.
            counters.overflowed &+= 1
            return
        }
        let place = (first &+ count) & (Self.capacity - 1)
        queue[place] = ReceivedFrame(frame, arrival: arrival)
        count &+= 1
    }

    public mutating func noteErrorFrame() { counters.errorFrames &+= 1 }

    /// What happens to the queue when the process that owns the socket dies.
    public mutating func close() {
        first = 0
        count = 0
    }

    public mutating func receive(into batch: inout FrameBatch) {
        while count > 0, !batch.isFull {
            batch.append(queue[first])
            first = (first &+ 1) & (Self.capacity - 1)
            count &-= 1
        }
    }

    /// Inlined, because a call would be given a copy of the whole queue (seen with Swift 6.3.1).
    @inline(__always)
    private func isOurs(_ id: UInt32) -> Bool {
        for index in 0..<idCount where ids[index] == id { return true }
        return false
    }
}
