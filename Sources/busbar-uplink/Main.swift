import Glibc
import LinuxHAL
import Site
import Units
import Uplink

/// The uplink's daemon: reads the journal beside busbard, sends what is in it to the cluster, and
/// keeps how far it got. One thread, one loop; its decisions are `UplinkSession`'s.
///
/// It runs as a user of its own that may read the journal and write nothing but its own directory.
/// busbard neither waits for it nor misses it.
@main
enum BusbarUplink {
    static let version = "0.1.0"

    static func main() {
        do throws(StartError) {
            guard let arguments = try Arguments(CommandLine.arguments.dropFirst()) else { return }
            try run(arguments)
        } catch {
            Log.line("busbar-uplink: \(error.message)")
            exit(error.exitCode)
        }
    }

    private static func run(_ arguments: Arguments) throws(StartError) {
        let stop = try StartError.wrapping { () throws(SystemError) in try StopSignal() }
        let site = try StartError.wrapping { () throws(SiteError) in
            try Site.load(directory: arguments.site, profile: arguments.profile)
        }
        guard let port = site.uplink else {
            throw StartError(
                "\(arguments.site)/\(Site.fileName) has no \"uplink\": nothing is to be sent; add "
                    + "one, or disable this service: systemctl disable busbar-uplink")
        }
        let directory = try StateDirectory(
            path: arguments.stateDirectory, status: arguments.statusDirectory)
        let service = try StartError.wrapping { () throws(SystemError) in
            try SystemdNotifier.fromEnvironment()
        }
        var driver = try UplinkDriver(
            arguments, site: site, port: port, directory: directory)
        Log.line(
            "busbar-uplink \(version): \(site.device) to \(port.host):\(port.port), guarantee "
                + port.guarantee.rawValue)
        service?.ready()
        driver.run(stop: stop, service: service)
        Log.line("busbar-uplink: stopped, cursor kept")
    }
}

/// Why the daemon does not start: one line.
struct StartError: Error {
    var exitCode: Int32
    var message: String

    /// - Parameter exitCode: 1 if something is wrong with the machine or its files, 2 with the
    ///   call.
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

/// Lines for whoever started the daemon: systemd's journal, or a terminal.
enum Log {
    private static let stream = LogStream(descriptor: STDERR_FILENO)

    static func line(_ text: String) { stream.write(line: text) }
}
