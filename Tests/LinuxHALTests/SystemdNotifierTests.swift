import Glibc
import LinuxHAL
import Testing
import Units

/// A service manager of the test's own: it receives what systemd would.
private struct Receiver: ~Copyable {
    let socket: Int32

    /// - Parameter path: absolute, or `@name`.
    init(path: String) {
        socket = Glibc.socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let bytes = Array(path.utf8)
        withUnsafeMutableBytes(of: &address.sun_path) { place in
            place.copyBytes(from: bytes)
            if bytes.first == UInt8(ascii: "@") { place[0] = 0 }
        }
        let head = MemoryLayout<sockaddr_un>.offset(of: \.sun_path)!
        let length = socklen_t(head + bytes.count + (bytes.first == UInt8(ascii: "@") ? 0 : 1))
        let result = withUnsafePointer(to: address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(socket, $0, length) }
        }
        precondition(result == 0, "the test could not bind \(path)")
    }

    deinit { close(socket) }

    func next() -> String? {
        var bytes = [UInt8](repeating: 0, count: 512)
        let length = recv(socket, &bytes, bytes.count, Int32(MSG_DONTWAIT))
        return length < 0 ? nil : String(decoding: bytes[..<length], as: UTF8.self)
    }
}

@Suite("systemd notifier")
struct SystemdNotifierTests {
    static let paths = [
        "@busbar-test-\(getpid())",
        "/tmp/busbar-notify-\(getpid()).socket",
    ]

    @Test("tells the manager each state, by a path and by an abstract name", arguments: paths)
    func tellsEachState(path: String) throws {
        defer { unlink(path) }
        let receiver = Receiver(path: path)
        let notifier = try SystemdNotifier(path: path, watchdogLimit: nil)

        let taken = [
            notifier.ready(), notifier.alive(), notifier.status("heating, 41.2 °C"),
            notifier.stopping(),
        ]
        #expect(taken == [true, true, true, true])
        #expect(receiver.next() == "READY=1")
        #expect(receiver.next() == "WATCHDOG=1")
        #expect(receiver.next() == "STATUS=heating, 41.2 °C")
        #expect(receiver.next() == "STOPPING=1")
        #expect(receiver.next() == nil)
    }

    @Test("says so, and does not wait, when nobody listens")
    func nobodyListens() throws {
        let notifier = try SystemdNotifier(path: "/tmp/busbar-nobody", watchdogLimit: nil)
        let taken = notifier.alive()
        #expect(!taken)
    }

    @Test("does not wait for a manager that stopped reading")
    func managerStoppedReading() throws {
        let path = "@busbar-full-\(getpid())"
        let receiver = Receiver(path: path)
        let notifier = try SystemdNotifier(path: path, watchdogLimit: nil)
        var refused = 0
        for _ in 0..<10_000 where !notifier.alive() { refused += 1 }
        #expect(refused > 0)
        #expect(receiver.next() == "WATCHDOG=1")
    }

    @Test(
        "refuses a path that is no socket address",
        arguments: ["", "relative", "vsock:2:9999", "/" + String(repeating: "x", count: 107)])
    func refusesPath(path: String) {
        let error = #expect(throws: SystemError.self) {
            _ = try SystemdNotifier(path: path, watchdogLimit: nil)
        }
        #expect(
            error?.description == """
                cannot notify the service manager at "\(path)": Invalid argument (errno 22): \
                NOTIFY_SOCKET must be an absolute path, or @name, of 107 bytes at most
                """)
    }

    @Test("takes the longest path that fits")
    func longestPath() throws {
        let path = "/tmp/" + String(repeating: "x", count: 102)
        defer { unlink(path) }
        let receiver = Receiver(path: path)
        let notifier = try SystemdNotifier(path: path, watchdogLimit: nil)
        #expect(notifier.ready() == true)
        #expect(receiver.next() == "READY=1")
    }
}
