import Glibc
public import JSON

/// Why a call has no result.
public enum ClientError: Error, Hashable, Sendable, CustomStringConvertible {
    /// No answer is to be had there: the daemon is not running, serves another path, does not let
    /// this user in, or hangs.
    case unreachable(String)
    /// The connection broke, or what came was no answer.
    case broken(String)
    /// The daemon answered with an error.
    case answered(RPCError)

    public var description: String {
        switch self {
        case .unreachable(let text), .broken(let text): text
        case .answered(let error): error.message
        }
    }
}

/// A connection to the daemon's local socket. Blocks; for one thread.
public struct Client: ~Copyable {
    /// A page of 1,000 events is the longest line that the daemon sends.
    private static let lineBytesMax = 8 << 20

    /// For `poll` beside other descriptors.
    public let descriptor: Int32
    private let path: String
    private var input: [UInt8] = []
    private var nextID: Int64 = 1

    /// - Parameter path: the daemon's socket, /run/busbar/control.sock on an installed device.
    /// - Throws: if nobody answers there. The message says what to look at.
    public init(path: String) throws(ClientError) {
        guard var address = UnixAddress(path: path) else {
            throw .broken("\(path): a socket path has 1 to \(UnixAddress.pathMax) bytes")
        }
        let type = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
        let socket = Glibc.socket(AF_UNIX, type, 0)
        guard socket >= 0 else { throw .broken("no socket: \(lastError())") }
        guard address.withPointer({ connect(socket, $0, $1) }) == 0 else {
            let number = errno
            let reason = String(cString: strerror(number))
            close(socket)
            if number == EACCES || number == EPERM {
                throw .unreachable(
                    "\(path): \(reason): you must be in the group that owns the socket: "
                        + "ls -l \(path)"
                )
            }
            throw .unreachable(
                "nobody answers at \(path) (\(reason)): is busbard running? "
                    + "systemctl status busbard; of one with another socket, give it by --socket "
                    + "or BUSBAR_SOCKET")
        }
        descriptor = socket
        self.path = path
    }

    deinit { close(descriptor) }

    public consuming func hangUp() {}

    /// Calls a method and waits for its result.
    public mutating func call(
        _ method: Method, _ parameters: JSONValue = .object(JSONObject())
    ) throws(ClientError) -> JSONValue {
        let id = try begin(method, parameters)
        while true {
            // Longer than the daemon's own patience with the loop, so that its answer comes first.
            guard let reply = try receive(milliseconds: 5_000) else {
                throw .unreachable(
                    "busbard at \(path) took the call and did not answer within 5 s: it is stopped "
                        + "or hangs; see systemctl status busbard")
            }
            if let error = RPCError(reply: reply) { throw .answered(error) }
            if reply["id"]?.int == id, let result = reply["result"] { return result }
        }
    }

    /// Calls a method that begins a stream, and waits for nothing: the first line, or the error,
    /// comes with `nextUpdate`.
    /// - Returns: the call's number.
    @discardableResult public mutating func begin(
        _ method: Method, _ parameters: JSONValue = .object(JSONObject())
    ) throws(ClientError) -> Int64 {
        let id = nextID
        nextID += 1
        try send([
            "jsonrpc": "2.0", "id": JSONValue(id), "method": .string(method.rawValue),
            "params": parameters,
        ])
        return id
    }

    /// The next line of a stream that a call began.
    /// - Parameter milliseconds: how long to wait; -1 is without end.
    /// - Returns: nil if none came in that time.
    public mutating func nextUpdate(milliseconds: Int32) throws(ClientError) -> JSONValue? {
        guard let reply = try receive(milliseconds: milliseconds) else { return nil }
        if let error = RPCError(reply: reply) { throw .answered(error) }
        return reply["params"]?["value"]
    }

    private func send(_ value: JSONValue) throws(ClientError) {
        var bytes = value.serializedBytes()
        bytes.append(UInt8(ascii: "\n"))
        var written = 0
        while written < bytes.count {
            let count = bytes.withUnsafeBytes { bytes in
                Glibc.send(
                    descriptor, bytes.baseAddress! + written, bytes.count - written,
                    Int32(MSG_NOSIGNAL))
            }
            if count > 0 {
                written += count
            } else if errno == EPIPE || errno == ECONNRESET {
                // It may have said why before it closed; that is read next.
                return
            } else if errno != EINTR {
                throw .broken("\(path): \(lastError())")
            }
        }
    }

    private mutating func receive(milliseconds: Int32) throws(ClientError) -> JSONValue? {
        while true {
            if let end = input.firstIndex(of: UInt8(ascii: "\n")) {
                let line = Array(input[..<end])
                input.removeFirst(end + 1)
                return try parse(line)
            }
            guard input.count <= Self.lineBytesMax else {
                throw .broken("\(path): a line of more than \(Self.lineBytesMax >> 20) MiB came")
            }
            var watched = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
            let ready = poll(&watched, 1, milliseconds)
            // A signal (a terminal that was resized) counts as time passed.
            if ready == 0 || (ready < 0 && errno == EINTR) { return nil }
            try readSome()
        }
    }

    private mutating func readSome() throws(ClientError) {
        let count = withUnsafeTemporaryAllocation(byteCount: 16_384, alignment: 1) { chunk in
            let count = recv(descriptor, chunk.baseAddress, chunk.count, 0)
            if count > 0 { input.append(contentsOf: chunk[..<count]) }
            return count
        }
        if count == 0 {
            throw .unreachable(
                "busbard at \(path) closed the connection: systemctl status busbard")
        }
        if count < 0, errno != EINTR { throw .broken("\(path): \(lastError())") }
    }

    private func parse(_ line: [UInt8]) throws(ClientError) -> JSONValue {
        do {
            return try JSONValue.parse(line, limits: JSONLimits(size: Self.lineBytesMax))
        } catch {
            throw .broken("\(path) does not speak Busbar's protocol: \(error)")
        }
    }
}
