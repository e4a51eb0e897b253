import Glibc
public import HAL
public import Units

/// An I2C bus whose other end is a process: the emulator that runs the relay board's firmware.
///
/// Messages on a Unix socket of type SOCK_SEQPACKET, one for each transfer and one for its answer:
///
/// | Request, by byte | 0      | 1         | 2       | 3        | 4…      |
/// |------------------|--------|-----------|---------|----------|---------|
/// | write a block    | number | 0x57, "W" | address | register | content |
/// | read a block     | number | 0x52, "R" | address | register |         |
/// | set the inputs   | number | 0x49, "I" | levels  |          |         |
///
/// | Answer, by byte | 0          | 1       | 2                            | 3…                 |
/// |-----------------|------------|---------|------------------------------|--------------------|
/// |                 | its number | outcome | relays that the board drives | content, of a read |
///
/// Levels: bit 0, the local reset is pressed. Outcomes: 0 done; 1 no answer, 2 timed out, 3 wrong
/// PEC, 4 arbitration lost, 5 wrong length. Byte count and PEC are the other end's to add and to
/// check, as they are the kernel's on a real bus.
///
/// No call waits longer than `patience`; an answer that comes later is told by its number and
/// passed over. Where nobody listens every transfer is `noAnswer`, and the next one tries again.
public struct SocketRelayBus: RelayBus, ~Copyable {
    private let address: UnixSocketAddress
    private let patience: Milliseconds
    private let clock = MonotonicClock()
    private var socket: Int32 = -1
    private var number: UInt8 = 0
    /// What the board drove when it last answered; none once its process is gone.
    public private(set) var relays: UInt8 = 0

    /// Number, outcome, relays, and a block with a byte to spare, so that a longer one is seen.
    private static let answerMax = 36
    private static let writeRequest: UInt8 = 0x57
    private static let readRequest: UInt8 = 0x52
    private static let inputsRequest: UInt8 = 0x49

    /// Reaches nobody yet.
    ///
    /// - Parameter patience: for one transfer, in ms; above 0.
    public init(address: UnixSocketAddress, patience: Milliseconds) {
        precondition(patience > .zero, "without patience no board can answer")
        self.address = address
        self.patience = patience
    }

    deinit { if socket >= 0 { close(socket) } }

    public mutating func write(
        _ block: Span<UInt8>, to register: UInt8, of address: UInt8
    ) throws(RelayBusError) {
        precondition(block.count <= 32, "an SMBus block has at most 32 bytes")
        var request = Request(Self.writeRequest, address)
        request.add(register)
        for index in block.indices { request.add(block[index]) }
        _ = try exchange(&request)
    }

    public mutating func read(
        _ register: UInt8, of address: UInt8, into block: inout InlineArray<32, UInt8>
    ) throws(RelayBusError) -> Int {
        var request = Request(Self.readRequest, address)
        request.add(register)
        let answer = try exchange(&request)
        guard answer.count <= 32 else { throw .wrongLength }
        for index in 0..<answer.count { block[index] = answer.bytes[3 + index] }
        return answer.count
    }

    /// Sets the board's input pins and learns what it drives.
    ///
    /// What fails here needs no error: the transfers of the same tick fail too, and theirs count.
    public mutating func setInputs(_ levels: UInt8) {
        var request = Request(Self.inputsRequest, levels)
        _ = try? exchange(&request)
    }

    // MARK: Messages

    private struct Request {
        var bytes = InlineArray<36, UInt8>(repeating: 0)
        var count = 1

        init(_ kind: UInt8, _ first: UInt8) {
            add(kind)
            add(first)
        }

        mutating func add(_ byte: UInt8) {
            bytes[count] = byte
            count += 1
        }
    }

    private struct Answer {
        var bytes = InlineArray<36, UInt8>(repeating: 0)
        /// Of the content.
        var count = 0
    }

    private mutating func exchange(_ request: inout Request) throws(RelayBusError) -> Answer {
        try connect()
        let deadline = clock.now() + patience
        number &+= 1
        request.bytes[0] = number
        try send(request)
        while true {
            let answer = try receive(before: deadline)
            guard answer.bytes[0] == number else { continue }
            relays = answer.bytes[2]
            switch answer.bytes[1] {
            case 0: return answer
            case 1: throw .noAnswer
            case 2: throw .timedOut
            case 3: throw .wrongPEC
            case 4: throw .arbitrationLost
            default: throw .wrongLength
            }
        }
    }

    private mutating func send(_ request: Request) throws(RelayBusError) {
        let flags = Int32(MSG_DONTWAIT) | Int32(MSG_NOSIGNAL)
        let sent = request.bytes.span.withUnsafeBytes {
            Glibc.send(socket, $0.baseAddress, request.count, flags)
        }
        if sent == request.count { return }
        // A full queue is a process that does not read; anything else is one that is gone.
        if errno == EAGAIN || errno == EWOULDBLOCK { throw .timedOut }
        disconnect()
        throw .noAnswer
    }

    private mutating func receive(before deadline: Instant) throws(RelayBusError) -> Answer {
        var answer = Answer()
        while true {
            var span = answer.bytes.mutableSpan
            let length = span.withUnsafeMutableBytes {
                recv(socket, $0.baseAddress, Self.answerMax, Int32(MSG_DONTWAIT))
            }
            if length >= 3 {
                answer.count = length - 3
                return answer
            }
            // An answer without content would be a defect of the other end: as good as none.
            let isWaiting = length < 0 && (errno == EAGAIN || errno == EINTR)
            guard isWaiting else {
                disconnect()
                throw .noAnswer
            }
            let rest = deadline - clock.now()
            guard rest > .zero else { throw .timedOut }
            var wanted = pollfd(fd: socket, events: Int16(POLLIN), revents: 0)
            _ = poll(&wanted, 1, Int32(truncatingIfNeeded: rest.rawValue))
        }
    }

    // MARK: The connection

    private mutating func connect() throws(RelayBusError) {
        guard socket < 0 else { return }
        let type = Int32(SOCK_SEQPACKET.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
        let new = Glibc.socket(AF_UNIX, type | Int32(SOCK_NONBLOCK.rawValue), 0)
        guard new >= 0 else { throw .noAnswer }
        guard address.withPointer({ Glibc.connect(new, $0, $1) }) == 0 else {
            close(new)
            throw .noAnswer
        }
        socket = new
    }

    private mutating func disconnect() {
        close(socket)
        socket = -1
        relays = 0
    }
}
