import Glibc
import HAL
import Testing
import Units

@testable import LinuxBuses

/// The socket's side of the bus, over a pair of datagram sockets that carry what a CAN socket
/// carries: one frame in each datagram, with the kernel's time of arrival. What only a CAN
/// interface can show (filters, error frames of a real controller) the virtual board's tests show.
@Suite("CAN socket")
struct SocketCANBusTests {
    /// Both ends of a wire; the bus has the one, the test the other.
    struct Wire: ~Copyable {
        let near: Int32
        let far: Int32

        init() {
            var ends: [Int32] = [-1, -1]
            let kind = Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_NONBLOCK.rawValue)
            precondition(socketpair(AF_UNIX, kind, 0, &ends) == 0)
            var yes: Int32 = 1
            precondition(
                setsockopt(ends[0], SOL_SOCKET, SO_TIMESTAMPNS, &yes, socklen_t(4)) == 0)
            near = ends[0]
            far = ends[1]
        }

        deinit { close(far) }

        /// The kernel's struct can_frame (16 bytes) or canfd_frame (72): identifier, length, three
        /// bytes that do not matter here, payload.
        func put(_ identifier: UInt32, _ payload: [UInt8], length: UInt8? = nil, isFD: Bool = false)
        {
            var bytes = [UInt8](repeating: 0, count: isFD ? 72 : 16)
            for index in 0..<4 {
                bytes[index] = UInt8(truncatingIfNeeded: identifier >> (8 * index))
            }
            bytes[4] = length ?? UInt8(payload.count)
            bytes.replaceSubrange(8..<(8 + payload.count), with: payload)
            precondition(send(far, bytes, bytes.count, 0) == bytes.count)
        }
    }

    static func bus(_ wire: borrowing Wire, _ news: CANLinkNews = CANLinkNews()) -> SocketCANBus {
        SocketCANBus(socket: wire.near, news: news, origin: Milliseconds(0))
    }

    @Test("takes frames in the order in which they came, and when")
    func takesFrames() {
        let wire = Wire()
        var bus = Self.bus(wire)
        let before = Instant(KernelClocks.monotonic() / 1_000_000)
        wire.put(0x120, [1, 2, 3, 4, 5, 6, 7, 8])
        wire.put(0x8000_0121, [0xFF])
        var batch = FrameBatch()
        bus.receive(into: &batch)
        let after = Instant(KernelClocks.monotonic() / 1_000_000)
        #expect(batch.count == 2)
        #expect(
            batch[0].frame == CANFrame(id: 0x120, length: 8, payload: 0x0807_0605_0403_0201))
        #expect(batch[1].frame == CANFrame(id: 0x8000_0121, length: 1, payload: 0xFF))
        for index in 0..<2 {
            #expect(batch[index].arrival >= before && batch[index].arrival <= after)
        }
        #expect(bus.counters.received == 2)
    }

    @Test("leaves in the socket what a tick has no room for")
    func leavesTheRest() {
        let wire = Wire()
        var bus = Self.bus(wire)
        // A datagram socket of the host keeps ten or more by default, so the batch is nearly full.
        var batch = FrameBatch()
        for number in 0..<60 {
            batch.append(
                ReceivedFrame(CANFrame(id: UInt32(number), length: 0, payload: 0), arrival: .never))
        }
        for number in 0..<6 { wire.put(UInt32(0x100 + number), []) }
        bus.receive(into: &batch)
        #expect(batch.count == 64)
        #expect(batch[63].frame.id == 0x103)
        batch.removeAll()
        bus.receive(into: &batch)
        #expect(batch.count == 2)
        #expect(batch[0].frame.id == 0x104)
    }

    @Test("an error frame is no data, and tells the state")
    func errorFrames() {
        let wire = Wire()
        var bus = Self.bus(wire)
        wire.put(0x120, [1])
        wire.put(0x2000_0004, [0, 0x31, 0, 0, 0, 0, 0, 0])
        wire.put(0x2000_0040, [0, 0, 0, 0, 0, 0, 0, 0])
        var batch = FrameBatch()
        bus.receive(into: &batch)
        #expect(batch.count == 1)
        #expect(bus.state == .busOff)
        #expect(bus.counters.errorFrames == 2)
        #expect(bus.counters.overflowed == 1)
        #expect(bus.counters.received == 1)
    }

    @Test("a CAN FD frame is taken up to eight bytes, and counted above")
    func flexibleRate() {
        let wire = Wire()
        var bus = Self.bus(wire)
        wire.put(0x120, [1, 2, 3, 4, 5, 6, 7, 8], isFD: true)
        wire.put(0x121, [UInt8](repeating: 9, count: 12), isFD: true)
        var batch = FrameBatch()
        bus.receive(into: &batch)
        #expect(batch.count == 1)
        #expect(batch[0].frame.id == 0x120)
        #expect(bus.counters.tooLong == 1)
        #expect(bus.counters.received == 2)
    }

    @Test("the link's report is its state until an error frame says other")
    func reports() {
        let wire = Wire()
        let news = CANLinkNews()
        var bus = Self.bus(wire, news)
        var batch = FrameBatch()
        bus.receive(into: &batch)
        #expect(bus.state == .down, "nobody has seen the interface yet")
        news.post(.active, askedAt: Instant(KernelClocks.monotonic() / 1_000_000))
        bus.receive(into: &batch)
        #expect(bus.state == .active)
    }

    @Test("foreign frames are what the interface counted beyond ours, and never go back")
    func foreign() {
        let wire = Wire()
        let news = CANLinkNews()
        var bus = Self.bus(wire, news)
        var batch = FrameBatch()
        news.note(framesOnInterface: 1_000)
        bus.receive(into: &batch)
        wire.put(0x120, [1])
        news.note(framesOnInterface: 1_101)
        bus.receive(into: &batch)
        #expect(bus.counters.foreign == 100)
        #expect(bus.counters.received == 101)
        for _ in 0..<3 { wire.put(0x120, [1]) }
        bus.receive(into: &batch)
        #expect(bus.counters.foreign == 100)
        #expect(bus.counters.received == 104)
    }

    @Test("a fresh socket takes the old one's place, and the old one goes back")
    func freshSocket() {
        let old = Wire()
        let fresh = Wire()
        let news = CANLinkNews()
        var bus = Self.bus(old, news)
        #expect(news.offer(fresh.near) == -1)
        fresh.put(0x122, [])
        var batch = FrameBatch()
        bus.receive(into: &batch)
        #expect(batch.count == 1)
        #expect(news.takeOld() == old.near)
        close(old.near)
    }

    @Test("an interface that is gone is down, and counted")
    func socketError() {
        let wire = Wire()
        let news = CANLinkNews()
        var bus = Self.bus(wire, news)
        news.post(.active, askedAt: Instant(1))
        var batch = FrameBatch()
        bus.receive(into: &batch)
        #expect(bus.state == .active)
        // What reads like a socket whose interface is gone: one that cannot be read at all.
        let unreadable = open("/dev/null", O_RDONLY | O_CLOEXEC)
        _ = news.offer(unreadable)
        bus.receive(into: &batch)
        #expect(bus.state == .down)
        #expect(bus.counters.socketErrors > 0)
        close(news.takeOld())
    }

    @Test("a count of 32 bits goes on across its wrap")
    func wrap() {
        var count = WrappingCount()
        #expect(count.advance(to: 5) == 5)
        #expect(count.advance(to: 5) == 0)
        #expect(count.advance(to: .max) == UInt64(UInt32.max) - 5)
        #expect(count.advance(to: 2) == 3)
    }
}
