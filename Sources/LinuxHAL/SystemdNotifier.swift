import Glibc
public import Units

/// The systemd side of a `Type=notify` service: datagrams to the socket that NOTIFY_SOCKET names.
///
/// Written out here because it is one `sendto`; libsystemd would bring its own libraries into the
/// process. No call waits: a message that the manager has no room for is lost and the call says so.
/// A lost watchdog message is followed by the next one long before the manager's patience ends.
public struct SystemdNotifier: ~Copyable {
    /// How long the manager waits between two `alive()` before it kills the service; nil when the
    /// unit sets no WatchdogSec, or set it for another process.
    public let watchdogLimit: Milliseconds?

    private let socket: Int32
    private let address: sockaddr_un
    private let addressBytes: socklen_t

    /// Takes NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID from the environment.
    ///
    /// - Returns: nil when no manager asked to be told, as in a terminal.
    /// - Throws: when one did and cannot be reached: the service would be killed for being silent.
    public static func fromEnvironment() throws(SystemError) -> SystemdNotifier? {
        guard let path = variable("NOTIFY_SOCKET") else { return nil }
        var limit: Milliseconds?
        if let text = variable("WATCHDOG_USEC"), let microseconds = Int64(text) {
            let isForUs = variable("WATCHDOG_PID").map { $0 == String(getpid()) } ?? true
            if isForUs { limit = Milliseconds(microseconds / 1_000) }
        }
        return try SystemdNotifier(path: path, watchdogLimit: limit)
    }

    /// - Parameter path: absolute, or `@` and a name in the abstract name space.
    /// - Throws: on any other path, on one too long for a socket address, without a descriptor.
    public init(path: String, watchdogLimit: Milliseconds?) throws(SystemError) {
        let bytes = Array(path.utf8)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let isAbstract = bytes.first == UInt8(ascii: "@")
        let capacity = MemoryLayout.size(ofValue: address.sun_path)
        guard isAbstract || bytes.first == UInt8(ascii: "/"), bytes.count < capacity else {
            throw SystemError(
                "notify the service manager at \"\(path)\"", number: EINVAL,
                advice: "NOTIFY_SOCKET must be an absolute path, or @name, of 107 bytes at most")
        }
        withUnsafeMutableBytes(of: &address.sun_path) { place in
            place.copyBytes(from: bytes)
            if isAbstract { place[0] = 0 }
        }
        // An abstract name is as long as it is told to be; a path ends with a zero.
        let used = MemoryLayout<sockaddr_un>.offset(of: \.sun_path)! + bytes.count
        let socket = Glibc.socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue) | Self.closeOnExec, 0)
        guard socket >= 0 else {
            throw SystemError(
                "notify the service manager", number: errno,
                advice: "raise the limit of open files")
        }
        self.address = address
        self.addressBytes = socklen_t(isAbstract ? used : used + 1)
        self.socket = socket
        self.watchdogLimit = watchdogLimit
    }

    deinit { close(socket) }

    /// The first tick is done and the local API answers. False when the message was not taken.
    @discardableResult public func ready() -> Bool { send("READY=1") }
    /// The loop completed a tick. Allocates nothing.
    @discardableResult public func alive() -> Bool { send("WATCHDOG=1") }
    /// A clean stop has begun.
    @discardableResult public func stopping() -> Bool { send("STOPPING=1") }

    /// One line for `systemctl status`, without line breaks.
    @discardableResult public func status(_ line: String) -> Bool {
        precondition(!line.contains("\n"), "a line break would begin another assignment")
        let bytes = Array("STATUS=\(line)".utf8)
        return bytes.withUnsafeBytes { send($0) }
    }

    private func send(_ message: StaticString) -> Bool {
        send(UnsafeRawBufferPointer(start: message.utf8Start, count: message.utf8CodeUnitCount))
    }

    private func send(_ message: UnsafeRawBufferPointer) -> Bool {
        withUnsafePointer(to: address) { address in
            address.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                let flags = Int32(MSG_DONTWAIT) | Int32(MSG_NOSIGNAL)
                return sendto(
                    socket, message.baseAddress, message.count, flags, address, addressBytes)
                    == message.count
            }
        }
    }

    private static let closeOnExec = Int32(SOCK_CLOEXEC.rawValue)

    private static func variable(_ name: String) -> String? {
        getenv(name).map { String(cString: $0) }
    }
}
