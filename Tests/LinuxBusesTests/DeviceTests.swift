import Glibc
import LinuxHAL
import Testing

@testable import LinuxBuses

@Suite("Watchdog device")
struct HardwareWatchdogTests {
    /// A file in a watchdog's place: it knows no ioctl, and keeps what was written.
    static func file() -> String {
        var name = Array("/tmp/busbar-watchdog-XXXXXX".utf8CString)
        let descriptor = mkstemp(&name)
        precondition(descriptor >= 0)
        close(descriptor)
        return String(decoding: name.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    static func watchdog(_ path: String) -> HardwareWatchdog {
        HardwareWatchdog(descriptor: open(path, O_WRONLY | O_CLOEXEC), grantedSeconds: 0)
    }

    static func content(of path: String) -> [UInt8] {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        defer { close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: 16)
        let count = read(descriptor, &bytes, bytes.count)
        return Array(bytes.prefix(max(0, count)))
    }

    @Test("only an ordered stop writes the magic letter")
    func disarm() throws {
        let path = Self.file()
        defer { unlink(path) }
        do {
            var watchdog = Self.watchdog(path)
            watchdog.feed()
            #expect(watchdog.failures == 1, "a file cannot be fed")
        }
        #expect(Self.content(of: path) == [], "whatever else ends it leaves it armed")
        try Self.watchdog(path).disarm()
        #expect(Self.content(of: path) == [UInt8(ascii: "V")])
    }

    @Test("what is no watchdog is refused, and nothing is written to it")
    func noWatchdog() {
        let path = Self.file()
        defer { unlink(path) }
        let error = #expect(throws: SystemError.self) { _ = try HardwareWatchdog(path: path) }
        #expect(
            error?.description == """
                cannot arm the watchdog \(path): Inappropriate ioctl for device (errno 25): this \
                is no watchdog: pass --watchdog with the right device
                """)
        #expect(Self.content(of: path) == [])
    }

    @Test("one that is not there is refused with what to do")
    func refusal() {
        let error = #expect(throws: SystemError.self) {
            _ = try HardwareWatchdog(path: "/dev/watchdog-that-is-not-there")
        }
        #expect(
            error?.description == """
                cannot arm the watchdog /dev/watchdog-that-is-not-there: No such file or directory \
                (errno 2): switch it on: dtparam=watchdog=on in config.txt
                """)
    }
}

@Suite("GPIO lines")
struct GPIOLineTests {
    @Test("a chip that is not there is refused with what to do")
    func refusal() {
        let error = #expect(throws: SystemError.self) {
            _ = try GPIOLine(.offset(17, chip: "gpiochip99"), isOutput: true)
        }
        #expect(
            error?.description == """
                cannot take GPIO line 17 of gpiochip99: No such file or directory (errno 2): \
                compare the site's lines with what is there: gpioinfo
                """)
    }
}

@Suite("CAN link")
struct CANLinkTests {
    @Test("an interface that is not there is refused with its name and what to do")
    func refusal() throws {
        let link = CANLink(name: "can-none", bitrate: 500_000)
        let error = #expect(throws: SystemError.self) { _ = try link.openSocket(for: [0x120]) }
        let description = try #require(error?.description)
        #expect(description.hasPrefix("cannot open can-none: "))
        // A kernel without CAN says so before it looks for the interface.
        #expect(
            description.hasSuffix(
                error?.number == ENODEV
                    ? "see that the overlay is in config.txt and the interface there: ip -d link"
                    : "load the module can-raw, and see who may open AF_CAN sockets"))
    }

    @Test("what is not there has no state")
    func report() {
        let report = CANLink(name: "can-none", bitrate: 500_000).report(through: -1)
        #expect(report == CANLinkReport(index: 0, isUp: false))
        #expect(report.state == .down)
    }
}
