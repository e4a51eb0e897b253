import CLinuxHAL
import Glibc
public import HAL
public import Units

/// A CAN interface of the kernel, read in batches and without ever waiting.
///
/// The kernel lets only the site's identifiers and the controller's error frames through; the rest
/// of a busy bus costs the loop nothing. Bringing the link up and back after bus-off is the work of
/// `CANLinkWatch`, on a thread of its own, because netlink waits for locks.
///
/// With CAN FD on the bus a frame of up to eight bytes is taken like any other, and a longer one is
/// counted and left: the site's messages are classic ones.
public struct SocketCANBus: CANBus, ~Copyable {
    /// Frames looked at in one tick, chosen: eight full batches. What a controller in trouble says
    /// about itself ("bus errors may flood") must not make a tick late.
    private static let framesPerTick = 512

    public private(set) var counters = CANCounters()
    private var descriptor: Int32
    private let news: CANLinkNews
    /// Milliseconds on the kernel's monotonic clock at the run's `Instant(0)`.
    private let origin: Milliseconds
    private var tracker = CANStateTracker()
    private var arrivals: CANArrivals
    private var drops = WrappingCount()
    private var received: UInt64 = 0
    private var framesBefore: UInt64?

    /// - Parameters:
    ///   - socket: what `CANLinkWatch.openSocket` gave; this closes it.
    ///   - origin: the monotonic clock's reading at `Instant(0)` of this run.
    public init(socket: Int32, news: CANLinkNews, origin: Milliseconds) {
        descriptor = socket
        self.news = news
        self.origin = origin
        arrivals = CANArrivals(start: KernelClocks.monotonic())
    }

    deinit { close(descriptor) }

    public var state: CANBusState { tracker.state }

    public mutating func receive(into batch: inout FrameBatch) {
        takeFreshSocket()
        let now = KernelClocks.monotonic()
        arrivals.begin(monotonic: now, wall: KernelClocks.wall())
        let instant = Instant(now / 1_000_000) - origin
        if let latest = news.latest { tracker.note(latest.state, askedAt: latest.askedAt) }
        var looked = 0
        while !batch.isFull, looked < Self.framesPerTick {
            let asked = FrameBatch.capacity - batch.count
            // After an error nothing more is tried: a socket that gives one each time would
            // otherwise be asked again and again.
            guard let count = take(upTo: asked, at: instant, into: &batch) else { break }
            looked += count
            guard count == asked else {
                arrivals.noteEmpty()
                break
            }
        }
        countForeign()
    }

    /// - Returns: how many frames came off the socket; nil after an error, which it took off.
    private mutating func take(
        upTo maximum: Int, at now: Instant, into batch: inout FrameBatch
    ) -> Int? {
        var frames = InlineArray<64, busbar_can_frame>(repeating: busbar_can_frame())
        var dropped = drops.latest
        var span = frames.mutableSpan
        let count = span.withUnsafeMutableBufferPointer { places in
            busbar_can_receive(descriptor, places.baseAddress, Int32(maximum), &dropped)
        }
        guard count >= 0 else {
            counters.socketErrors &+= 1
            // The kernel tells a socket once that its interface went down (ENETDOWN) or away
            // (ENODEV); whatever else it says, nothing comes in any more.
            tracker.noteDown(at: now)
            return nil
        }
        counters.overflowed &+= drops.advance(to: dropped)
        for index in 0..<Int(count) { take(frames[index], at: now, into: &batch) }
        return Int(count)
    }

    private mutating func take(
        _ frame: busbar_can_frame, at now: Instant, into batch: inout FrameBatch
    ) {
        let payload = withUnsafeBytes(of: frame.payload) {
            UInt64(littleEndian: $0.loadUnaligned(as: UInt64.self))
        }
        guard frame.identifier & BUSBAR_CAN_ERROR == 0 else {
            counters.errorFrames &+= 1
            let error = CANErrorFrame(identifier: frame.identifier & 0x1FFF_FFFF, payload: payload)
            if error.hasOverflowed { counters.overflowed &+= 1 }
            tracker.note(error, at: now)
            return
        }
        received &+= 1
        counters.received &+= 1
        guard frame.length <= 8 else {
            counters.tooLong &+= 1
            return
        }
        let arrival = Instant(arrivals.arrival(ofStamp: frame.wall) / 1_000_000) - origin
        batch.append(
            ReceivedFrame(
                CANFrame(id: frame.identifier, length: frame.length, payload: payload),
                arrival: arrival))
    }

    private mutating func takeFreshSocket() {
        let fresh = news.takeFresh()
        guard fresh >= 0 else { return }
        // The watch offers a socket only after it has closed the one before, so there is room; if
        // there were none, to leave one open would still be better than to wait here.
        _ = news.giveBack(descriptor)
        descriptor = fresh
        drops = WrappingCount()
    }

    /// What passed on the bus and was none of ours: what the interface counted, less what came
    /// here. The two are read at different moments, so the difference may lag by some frames and
    /// never goes back.
    private mutating func countForeign() {
        let onInterface = news.framesOnInterface
        guard onInterface > 0 else { return }
        let before = framesBefore ?? onInterface
        framesBefore = before
        let passed = onInterface &- before
        guard passed > received, passed < UInt64(Int64.max) else { return }
        let foreign = passed - received
        if foreign > counters.foreign {
            counters.received &+= foreign - counters.foreign
            counters.foreign = foreign
        }
    }
}

/// A counter of 32 bits that wraps, as the kernel tells it, and how far it went.
struct WrappingCount: Sendable {
    private(set) var latest: UInt32 = 0

    mutating func advance(to value: UInt32) -> UInt64 {
        let step = value &- latest
        latest = value
        return UInt64(step)
    }
}

/// The kernel's two clocks in nanoseconds, for the stamps of frames.
enum KernelClocks {
    static func monotonic() -> Int64 { read(CLOCK_MONOTONIC) }
    static func wall() -> Int64 { read(CLOCK_REALTIME) }

    private static func read(_ clock: clockid_t) -> Int64 {
        var time = timespec()
        let result = clock_gettime(clock, &time)
        precondition(result == 0, "these clocks are in every Linux")
        return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
    }
}
