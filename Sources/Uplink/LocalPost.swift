import Glibc
public import JSON

/// Messages for busbard's local socket. Nothing here waits: a busbard that hangs or is away must
/// not hold up an alarm on its way to the cluster, nor be held up by us.
public struct LocalPost: ~Copyable {
    /// What busbard said of one call.
    public struct Reply: Hashable, Sendable {
        public var isCommand: Bool
        /// Its error's message; nil if it took the call.
        public var error: String?
    }

    private static let queueMax = 64
    private static let replyBytesMax = 64 << 10
    /// In ms: between two attempts to connect.
    private static let retry: Int64 = 2_000
    /// In ms: before it is said that busbard is not reached. It may be starting.
    private static let patience: Int64 = 5_000
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
    public private(set) var descriptor: Int32 = -1
    private var queue: [Call] = []
    /// Commands that wait for their answer.
    private var unanswered: [Call] = []
    private var output: [UInt8] = []
    private var input: [UInt8] = []
    private var nextID: Int64 = 1
    private var retryAt: Int64 = 0
    /// Calls that nobody will ever get.
    public private(set) var dropped = 0
    /// Why the last attempt to connect failed, and when the first of them was.
    private var trouble: (reason: String, since: Int64)?
    private var wasReached = false

    public init(path: String) { self.path = path }

    deinit { if descriptor >= 0 { close(descriptor) } }

    /// Puts a call into the queue; the oldest goes when it is full.
    ///
    /// - Parameter isCommand: whether it is sent again until there is an answer.
    public mutating func call(_ method: String, _ parameters: JSONValue, isCommand: Bool = false) {
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
    public mutating func serve(now: Int64) -> [Reply] {
        // Once at the start too, so that a wrong path is known before something is lost by it.
        guard !queue.isEmpty || !output.isEmpty || descriptor >= 0 || !wasReached else { return [] }
        if descriptor < 0 {
            guard now >= retryAt else { return [] }
            retryAt = now + Self.retry
            if let reason = connectNow() {
                trouble = (reason, trouble?.since ?? now)
                return []
            }
            trouble = nil
            wasReached = true
        }
        while write(), !queue.isEmpty {
            let call = queue.removeFirst()
            output = call.line
            if call.isCommand { unanswered.append(call) }
        }
        return read()
    }

    /// Calls that wait for busbard, or for its answer.
    public var waiting: Int { queue.count + unanswered.count }

    /// What is wrong with the way to busbard, in one line with what to do; nil while it is reached,
    /// or not tried for long enough.
    public func problem(now: Int64) -> String? {
        guard let trouble, now - trouble.since >= Self.patience else { return nil }
        let lost = dropped > 0 ? ", \(dropped) were given up" : ""
        return
            "busbard is not reached at \(path) (\(trouble.reason)), so it hears of no finding and "
            + "gets no command: \(waiting) wait\(lost): check --socket, or systemctl status busbard"
    }

    /// - Returns: nil if there is a connection now; else why there is none.
    private mutating func connectNow() -> String? {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let bytes = Array(path.utf8)
        let room = MemoryLayout.size(ofValue: address.sun_path)
        guard bytes.count < room else { return "the path has more than \(room - 1) bytes" }
        unsafe withUnsafeMutableBytes(of: &address.sun_path) {
            unsafe $0.copyBytes(from: bytes)
        }
        let kind = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
        let socket = Glibc.socket(AF_UNIX, kind | Int32(SOCK_NONBLOCK.rawValue), 0)
        guard socket >= 0 else { return unsafe String(cString: strerror(errno)) }
        let size = socklen_t(MemoryLayout<sockaddr_un>.size)
        let result = unsafe withUnsafePointer(to: &address) {
            unsafe $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe connect(socket, $0, size)
            }
        }
        guard result == 0 else {
            let reason = unsafe String(cString: strerror(errno))
            close(socket)
            return reason
        }
        descriptor = socket
        return nil
    }

    /// - Returns: whether all of `output` is gone.
    private mutating func write() -> Bool {
        guard descriptor >= 0 else { return false }
        while !output.isEmpty {
            let count = unsafe output.withUnsafeBytes {
                unsafe send(
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

    private mutating func read() -> [Reply] {
        guard descriptor >= 0 else { return [] }
        var chunk = [UInt8](repeating: 0, count: 4_096)
        while descriptor >= 0 {
            let count = unsafe recv(descriptor, &chunk, chunk.count, Int32(MSG_DONTWAIT))
            if count < 0, errno == EINTR { continue }
            if count < 0, errno == EAGAIN { break }
            if count <= 0 || input.count + count > Self.replyBytesMax {
                hangUp()
                break
            }
            input += chunk[..<count]
        }
        var replies: [Reply] = []
        while let end = input.firstIndex(of: UInt8(ascii: "\n")) {
            let reply = try? JSONValue.parse(Array(input[..<end]))
            input.removeFirst(end + 1)
            guard let reply else { continue }
            let isCommand = unanswered.contains { $0.id == reply["id"]?.int }
            unanswered.removeAll { $0.id == reply["id"]?.int }
            replies.append(
                Reply(isCommand: isCommand, error: reply["error"]?["message"]?.string))
        }
        return replies
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
