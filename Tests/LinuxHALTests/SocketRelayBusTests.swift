import Foundation
import HAL
import LinuxHAL
import Testing
import Units

/// The bytes are those of the table at `SocketRelayBus`.
@Suite("A relay board behind a socket")
struct SocketRelayBusTests {
    /// The board's end. Answers are put into the socket before the call that reads them: requests
    /// are numbered from 1.
    final class Board {
        let path: String
        private let listener: Int32
        private var host: Int32 = -1

        init(path: String) throws {
            self.path = path
            listener = socket(AF_UNIX, Int32(SOCK_SEQPACKET.rawValue), 0)
            let address = try UnixSocketAddress(path: path)
            #expect(address.withPointer { bind(listener, $0, $1) } == 0)
            #expect(listen(listener, 4) == 0)
        }

        deinit {
            hangUp()
            close(listener)
            unlink(path)
        }

        /// Takes the connection of a bus that has made its first call.
        func takeHost() { host = accept(listener, nil, nil) }

        func hangUp() {
            if host >= 0 { close(host) }
            host = -1
        }

        func request() -> [UInt8] {
            var bytes = [UInt8](repeating: 0, count: 64)
            let count = recv(host, &bytes, bytes.count, Int32(MSG_DONTWAIT))
            return Array(bytes.prefix(max(0, count)))
        }

        func put(_ answer: [UInt8]) { #expect(send(host, answer, answer.count, 0) == answer.count) }
    }

    static func path() -> String { "/tmp/busbar-bus-\(UUID().uuidString.prefix(8))" }

    static func bus(to path: String) throws -> SocketRelayBus {
        SocketRelayBus(address: try UnixSocketAddress(path: path), patience: Milliseconds(20))
    }

    static func write(_ bus: inout SocketRelayBus) -> RelayBusError? {
        let block: InlineArray<3, UInt8> = [7, 0x13, 0xC4]
        do throws(RelayBusError) {
            try bus.write(block.span, to: 2, of: 0x43)
            return nil
        } catch { return error }
    }

    /// A bus whose request 1 was not answered, and its board.
    struct Rig: ~Copyable {
        var bus: SocketRelayBus
        let board: Board

        init() throws {
            let board = try Board(path: SocketRelayBusTests.path())
            var bus = try SocketRelayBusTests.bus(to: board.path)
            #expect(SocketRelayBusTests.write(&bus) == .timedOut)
            board.takeHost()
            #expect(board.request() == [1, 0x57, 0x43, 2, 7, 0x13, 0xC4])
            self.board = board
            self.bus = bus
        }

        mutating func write() -> RelayBusError? { SocketRelayBusTests.write(&bus) }
    }

    @Test("where nobody listens there is no answer, and the next transfer tries again")
    func nobody() throws {
        let path = Self.path()
        var bus = try Self.bus(to: path)
        #expect(Self.write(&bus) == .noAnswer)
        let board = try Board(path: path)
        // The kernel has connected it; nobody answers yet.
        #expect(Self.write(&bus) == .timedOut)
        withExtendedLifetime(board) {}
    }

    @Test("a silent board costs the patience and no more")
    func silent() throws {
        var rig = try Rig()
        let clock = MonotonicClock()
        let before = clock.now()
        #expect(rig.write() == .timedOut)
        let waited = clock.now() - before
        #expect(waited >= Milliseconds(20))
        // No tighter: how late a busy machine wakes us is not this code's doing.
        #expect(waited < Milliseconds(1_000))
    }

    @Test(
        "each outcome is its error",
        arguments: [
            (0, nil), (1, .noAnswer), (2, .timedOut), (3, .wrongPEC), (4, .arbitrationLost),
            (5, .wrongLength), (77, .wrongLength),
        ] as [(UInt8, RelayBusError?)])
    func outcome(byte: UInt8, error: RelayBusError?) throws {
        var rig = try Rig()
        rig.board.put([2, byte, 0x13])
        #expect(rig.write() == error)
        #expect(rig.bus.relays == 0x13, "what it drives is told whatever became of the transfer")
    }

    @Test("an answer that comes late is not taken for that of the next transfer")
    func late() throws {
        var rig = try Rig()
        rig.board.put([1, 0, 0xFF])
        rig.board.put([2, 3, 0x01])
        #expect(rig.write() == .wrongPEC)
        #expect(rig.bus.relays == 0x01)
    }

    @Test(
        "a block is read whole, and one of more than 32 bytes is refused", arguments: [0, 16, 32])
    func read(count: Int) throws {
        var rig = try Rig()
        let content = (0..<count).map { UInt8($0) &+ 100 }
        rig.board.put([2, 0, 0] + content)
        var block = InlineArray<32, UInt8>(repeating: 0)
        let length = try rig.bus.read(1, of: 0x43, into: &block)
        #expect(length == count)
        for index in 0..<count { #expect(block[index] == content[index]) }
        #expect(rig.board.request() == [2, 0x52, 0x43, 1])
        rig.board.put([3, 0, 0] + [UInt8](repeating: 0, count: 33))
        do throws(RelayBusError) {
            _ = try rig.bus.read(1, of: 0x43, into: &block)
            Issue.record("33 bytes were taken for a block")
        } catch { #expect(error == .wrongLength) }
    }

    @Test("the inputs are told, and the relays learnt")
    func inputs() throws {
        var rig = try Rig()
        rig.board.put([2, 0, 0x03])
        rig.bus.setInputs(1)
        #expect(rig.bus.relays == 0x03)
        #expect(rig.board.request() == [2, 0x49, 1])
    }

    @Test("a board whose process is gone drives nothing, and one that comes back is found")
    func gone() throws {
        var rig = try Rig()
        rig.board.put([2, 0, 0x13])
        #expect(rig.write() == nil)
        rig.board.hangUp()
        #expect(rig.write() == .noAnswer)
        #expect(rig.bus.relays == 0)
        #expect(rig.write() == .timedOut)
        rig.board.takeHost()
        #expect(rig.board.request().first == 4)
    }

    @Test("a path that no socket can have is refused", arguments: [0, 108])
    func path(length: Int) {
        let path = String(repeating: "x", count: length)
        #expect {
            _ = try UnixSocketAddress(path: path)
        } throws: {
            "\($0)"
                == "cannot use the socket \"\(path)\": Invalid argument (errno 22): name a path of "
                + "1 to 107 bytes, relative if need be"
        }
    }
}
