import Foundation
import Testing

/// `busbar watch` in a terminal of its own.
private final class WatchedTerminal {
    let process = Process()
    private let master: Int32
    private let slave: Int32
    private(set) var output = ""

    init(socket: String) throws {
        // posix_openpt and its kin by their system calls: Glibc's module does not show them.
        master = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC)
        var (unlocked, number): (Int32, UInt32) = (0, 0)
        let (setLock, getNumber): (UInt, UInt) = (0x4004_5431, 0x8004_5430)
        try #require(master >= 0)
        try #require(ioctl(master, setLock, &unlocked) == 0)
        try #require(ioctl(master, getNumber, &number) == 0)
        let name = "/dev/pts/\(number)"
        slave = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC)
        try #require(slave >= 0)
        try #require(fcntl(master, F_SETFL, O_NONBLOCK) == 0)
        process.executableURL = Programs.directory.appendingPathComponent("busbar")
        process.arguments = ["watch", "--socket", socket]
        process.environment = ["TERM": "xterm", "NO_COLOR": "1"]
        let handle = FileHandle(fileDescriptor: slave)
        process.standardInput = handle
        process.standardOutput = handle
        process.standardError = handle
        try process.run()
    }

    deinit {
        if process.isRunning { kill(process.processIdentifier, SIGKILL) }
        close(master)
        close(slave)
    }

    /// Takes what the program has drawn since the last call.
    func read() {
        var chunk = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = Foundation.read(master, &chunk, chunk.count)
            guard count > 0 else { return }
            output += String(decoding: chunk[..<count], as: UTF8.self)
        }
    }

    func forget() { output = "" }

    func press(_ key: Character) {
        var byte = key.asciiValue ?? 0
        _ = write(master, &byte, 1)
    }

    /// Whether keys are shown and gathered to lines, as a shell needs it.
    var isOrdinary: Bool {
        var settings = termios()
        guard tcgetattr(slave, &settings) == 0 else { return false }
        let needed = tcflag_t(ECHO | ICANON | ISIG)
        return settings.c_lflag & needed == needed
    }
}

@Suite("watch in a terminal", .serialized)
struct WatchTests {
    @Test(
        "a signal ends it, and the terminal is as it was",
        arguments: [SIGINT, SIGTERM, SIGHUP])
    func signal(number: Int32) throws {
        let daemon = try Daemon()
        let terminal = try WatchedTerminal(socket: daemon.socket)
        try daemon.waitUntil("the picture is drawn", within: 5) {
            terminal.read()
            return terminal.output.contains("q ends this view")
        }
        #expect(!terminal.isOrdinary)
        kill(terminal.process.processIdentifier, number)
        try daemon.waitUntil("the view has ended", within: 5) { !terminal.process.isRunning }
        terminal.read()
        #expect(terminal.process.terminationReason == .uncaughtSignal)
        #expect(terminal.process.terminationStatus == number)
        #expect(terminal.output.hasSuffix("\u{1B}[?25h\u{1B}[?1049l"))
        #expect(terminal.isOrdinary)
    }

    @Test("a daemon that goes away leaves its last picture with its age, until it is back")
    func restart() throws {
        let daemon = try Daemon()
        let terminal = try WatchedTerminal(socket: daemon.socket)
        try daemon.waitUntil("the picture is drawn", within: 5) {
            terminal.read()
            return terminal.output.contains("q ends this view")
        }
        #expect(daemon.end(SIGKILL).reason == .uncaughtSignal)
        terminal.forget()
        try daemon.waitUntil("the loss is said, with an age that grows", within: 8) {
            terminal.read()
            return terminal.output.contains(
                "OLD PICTURE  busbard does not answer; trying again; picture is 2.")
        }
        #expect(terminal.output.contains("reference-house"), "the last picture stays")
        #expect(terminal.process.isRunning)
        try daemon.start()
        terminal.forget()
        try daemon.waitUntil("the picture is fresh again", within: 8) {
            terminal.read()
            return terminal.output.contains("q ends this view")
        }
        terminal.press("q")
        try daemon.waitUntil("the view has ended", within: 5) { !terminal.process.isRunning }
        #expect(terminal.process.terminationReason == .exit)
        #expect(terminal.process.terminationStatus == 0)
        #expect(terminal.isOrdinary)
    }
}
