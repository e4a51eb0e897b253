/// A classic CAN data frame as it stood on the wire.
///
/// It lives beside the units because the core must decode frames and may import neither a bus nor
/// a driver. CAN FD frames do not fit: a longer payload is refused where the frame comes in.
@frozen public struct CANFrame: Hashable, Sendable {
    /// 11 bits, or 29 bits with bit 31 set: the way DBC files write an extended identifier.
    public var id: UInt32
    /// How many payload bytes were sent, 0 to 8.
    public var length: UInt8
    /// Byte 0 of the payload in bits 0 to 7, byte 7 in bits 56 to 63. Bytes not sent are zero.
    public var payload: UInt64

    public static let extendedFlag: UInt32 = 0x8000_0000

    /// - Precondition: `length` is at most 8.
    @inlinable public init(id: UInt32, length: UInt8, payload: UInt64) {
        precondition(length <= 8, "a classic CAN frame carries at most 8 bytes")
        self.id = id
        self.length = length
        self.payload = payload
    }

    /// The payload byte at `index`, 0 to 7.
    @inlinable public func byte(_ index: Int) -> UInt8 {
        precondition(index >= 0 && index < 8)
        return UInt8(truncatingIfNeeded: payload &>> (UInt64(widening: UInt32(index)) &* 8))
    }
}

/// A frame and when the kernel received it, on the monotonic clock.
@frozen public struct ReceivedFrame: Hashable, Sendable {
    public var frame: CANFrame
    public var arrival: Instant

    @inlinable public init(_ frame: CANFrame, arrival: Instant) {
        self.frame = frame
        self.arrival = arrival
    }
}

/// The frames that a tick looks at, in the order of their arrival.
///
/// Bounded, so that the work of a tick is bounded too: what does not fit stays in the bus's own
/// queue for the next tick. Arrival times are the kernel's, so waiting makes nothing fresh.
public struct FrameBatch: ~Copyable {
    /// Three ticks' worth of frames from eight nodes, chosen; a silent second of the process at
    /// 15 frames/s needs 15.
    public static let capacity = 64

    @usableFromInline var slots: InlineArray<64, ReceivedFrame>
    public private(set) var count = 0

    public init() {
        slots = InlineArray(
            repeating: ReceivedFrame(
                CANFrame(id: 0, length: 0, payload: 0), arrival: Instant.never))
    }

    public var isFull: Bool { count == Self.capacity }

    /// - Precondition: the batch is not full.
    public mutating func append(_ received: ReceivedFrame) {
        precondition(!isFull, "the caller checks isFull and leaves the frame in its queue")
        slots[count] = received
        count += 1
    }

    public mutating func removeAll() { count = 0 }

    @inlinable public subscript(index: Int) -> ReceivedFrame {
        precondition(index >= 0 && index < count)
        return slots[index]
    }
}
