import Glibc
import JSON

/// Messages for busbard's local socket. Nothing here waits: a busbard that hangs or is away must
/// not hold up an alarm on its way to the cluster, nor be held up by us.
struct LocalPost: ~Copyable {
    private static let queueMax = 64
    private static let replyBytesMax = 64 << 10
    /// In ms: between two attempts to connect.
    private static let retry: Int64 = 2_000
    /// How often a command is sent again that busbard did not answer: for a minute, in which a
    /// daemon that was killed is long back.
    private static let resendsMax = 30

    private struct Call {
        var id: Int64
        var method: String
        var parameters: JSONValue
        /// A command is sent again when the connection ends before its answer: busbard's inbox
        /// knows it by its id. A finding comes again by itself.
        var isCommand: Bool
        var resends = 0

        var line: [UInt8] {
            var parameters = parameters
            if resends > 0, var members = parameters.object {
                members["resent"] = .bool(true)
                parameters = .object(members)
            }
            let call: JSONValue = [
                "jsonrpc": "2.0", "id": JSONValue(id), "method": .string(method),
                "params": parameters,
            ]
            return call.serializedBytes() + [UInt8(ascii: "\n")]
        }
    }

    private let path: String
    private(set) var descriptor: Int32 = -1
    private var queue: [Call] = []
    /// Commands that wait for their answer.
    private var unanswered: [Call] = []
    private var output: [UInt8] = []
    private var input: [UInt8] = []
    private var nextID: Int64 = 1
    private var retryAt: Int64 = 0
    private(set) var dropped = 0

    init(path: String) { self.path = path }

    deinit { if descriptor >= 0 { close(descriptor) } }

    /// Puts a call into the queue; the oldest goes when it is full.
    ///
    /// - Parameter isCommand: whether it is sent again until there is an answer.
    mutating func call(_ method: String, _ parameters: JSONValue, isCommand: Bool = false) {
        if queue.count + unanswered.count >= Self.queueMax {
            if queue.isEmpty { unanswered.removeFirst() } else { queue.removeFirst() }
            dropped += 1
        }
        queue.append(
            Call(id: nextID, method: method, parameters: parameters, isCommand: isCommand))
        nextID += 1
    }

    /// Sends what can be sent and reads what came.
    ///
    /// - Parameter now: milliseconds of any steady clock.
    /// - Returns: the messages of the errors that busbard answered with.
    mutating func serve(now: Int64) -> [String] {
        guard !queue.isEmpty || !output.isEmpty || descriptor >= 0 else { return [] }
        if descriptor < 0 {
            guard now >= retryAt else { return [] }
            retryAt = now + Self.retry
            connectNow()
            guard descriptor >= 0 else { return [] }
        }
        while write(), !queue.isEmpty {
            let call = queue.removeFirst()
            output = call.line
            if call.isCommand { unanswered.append(call) }
        }
        return read()
    }

    private mutating func connectNow() {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let bytes = Array(path.utf8)
        guard bytes.count < MemoryLayout.size(ofValue: address.sun_path) else { return }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
        let kind = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
        let socket = Glibc.socket(AF_UNIX, kind | Int32(SOCK_NONBLOCK.rawValue), 0)
        guard socket >= 0 else { return }
        let size = socklen_t(MemoryLayout<sockaddr_un>.size)
        let result = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { connect(socket, $0, size) }
        }
        guard result == 0 else {
            close(socket)
            return
        }
        descriptor = socket
    }

    /// - Returns: whether all of `output` is gone.
    private mutating func write() -> Bool {
        guard descriptor >= 0 else { return false }
        while !output.isEmpty {
            let count = output.withUnsafeBytes {
                send(
                    descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL) | Int32(MSG_DONTWAIT))
            }
            if count > 0 {
                output.removeFirst(count)
            } else if errno == EINTR {
                continue
            } else {
                if errno != EAGAIN { hangUp() }
                return false
            }
        }
        return true
    }

    private mutating func read() -> [String] {
        guard descriptor >= 0 else { return [] }
        var chunk = [UInt8](repeating: 0, count: 4_096)
        while descriptor >= 0 {
            let count = recv(descriptor, &chunk, chunk.count, Int32(MSG_DONTWAIT))
            if count < 0, errno == EINTR { continue }
            if count < 0, errno == EAGAIN { break }
            if count <= 0 || input.count + count > Self.replyBytesMax {
                hangUp()
                break
            }
            input += chunk[..<count]
        }
        var errors: [String] = []
        while let end = input.firstIndex(of: UInt8(ascii: "\n")) {
            let reply = try? JSONValue.parse(Array(input[..<end]))
            input.removeFirst(end + 1)
            if let id = reply?["id"]?.int { unanswered.removeAll { $0.id == id } }
            if let message = reply?["error"]?["message"]?.string { errors.append(message) }
        }
        return errors
    }

    /// A finding that was half sent is lost, and comes again with its next count.
    private mutating func hangUp() {
        for index in unanswered.indices { unanswered[index].resends += 1 }
        let kept = unanswered.filter { $0.resends <= Self.resendsMax }
        dropped += unanswered.count - kept.count
        queue.insert(contentsOf: kept, at: 0)
        unanswered = []
        if descriptor >= 0 { close(descriptor) }
        descriptor = -1
        output = []
        input = []
    }
}
