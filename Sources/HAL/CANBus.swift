public import Units

/// One CAN interface. Adapters: SocketCAN in `LinuxBuses`, memory in `Simulation`.
public protocol CANBus: ~Copyable {
    /// Moves frames that have arrived into `batch` until it is full or none is left. Never waits.
    ///
    /// Only frames with identifiers that the site names come through; the others are counted in
    /// `counters`. What does not fit stays queued.
    mutating func receive(into batch: inout FrameBatch)

    /// The state of the interface, found by error frames and never by a write's result: a write in
    /// bus-off succeeds and the frame is gone.
    var state: CANBusState { get }
    var counters: CANCounters { get }
}

/// What came in and was not used. Saturating is not needed: 64 bits do not overflow.
public struct CANCounters: Hashable, Sendable {
    public var received: UInt64 = 0
    /// Frames with identifiers that no row of the site file names.
    public var foreign: UInt64 = 0
    public var errorFrames: UInt64 = 0
    /// Frames that the queue in front of us had no room for, and each time that the controller's
    /// own buffer overflowed.
    public var overflowed: UInt64 = 0
    /// CAN FD frames with more than eight bytes, which no message of a site has.
    public var tooLong: UInt64 = 0
    /// The interface went down or away under the socket.
    public var socketErrors: UInt64 = 0

    public init() {}
}
