import Glibc
import LinuxHAL
import Units

/// The controller's daemon: the composition root, where site, buses, loop, journal and local API
/// become one process.
///
/// | Thread  | Does                                             | Waits for              |
/// |---------|--------------------------------------------------|------------------------|
/// | control | one tick in each period, SCHED_FIFO if permitted | its deadline           |
/// | journal | rings → SQLite, lockout copies, state image      | 20 ms at a time        |
/// | main    | local socket, SIGTERM                            | clients and the signal |
///
/// Nothing that the other two do can hold the control thread up; if one of them is killed, so is
/// the process, and the relays open by lease and permit line.
@main
enum Busbard {
    static let version = "0.1.0"

    static func main() {
        do throws(StartError) {
            guard let arguments = try Arguments(CommandLine.arguments.dropFirst()) else {
                Log.out(Arguments.usage)
                return
            }
            if arguments.provesOff { try proveOff(arguments) } else { try run(arguments) }
        } catch {
            Log.line("busbard: \(error.message)")
            exit(error.exitCode)
        }
    }

    /// Runs until SIGTERM or SIGINT. Nothing is energised before all of it stands.
    private static func run(_ arguments: Arguments) throws(StartError) {
        let stop = try StartError.wrapping { () throws(SystemError) in try StopSignal() }
        ProcessLimits.raise(.descriptors, to: 1_024)
        let device = try Device(arguments)
        let server = try device.makeServer(at: arguments.socket)
        try device.start()
        Log.line(
            "busbard \(version): \(device.site.name), \(arguments.board.name) board, "
                + arguments.socket)
        let service = try StartError.wrapping { () throws(SystemError) in
            try SystemdNotifier.fromEnvironment()
        }
        if device.waitForFirstTick() { service?.ready() }
        server.serve(bell: stop.descriptor) { stop.wasAsked() }
        // The relays first; everything else can wait for them.
        service?.stopping()
        device.stop()
        Log.line("busbard: stopped, relays off, journal closed")
    }
}

/// Why the daemon does not start: one line, and nothing was energised.
struct StartError: Error {
    var exitCode: Int32
    var message: String

    /// - Parameter exitCode: 1 if something is wrong with the machine or its files, 2 with the
    /// call.
    init(_ message: String, exitCode: Int32 = 1) {
        self.message = message
        self.exitCode = exitCode
    }

    static func wrapping<Value: ~Copyable, Failure: Error & CustomStringConvertible>(
        _ body: () throws(Failure) -> Value
    ) throws(StartError) -> Value {
        do throws(Failure) { return try body() } catch { throw StartError(error.description) }
    }
}
