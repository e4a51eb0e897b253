import ArgumentParser
import Glibc
import JSON
import Simulation

struct SimulateCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "simulate",
        abstract: "Run a site in virtual time, with scenarios, and check what they expect.",
        discussion: """
            Exit code 0 if every expectation holds, else 1 with one line for each that does not. \
            Two runs of one scenario and seed write identical traces. Without a scenario the \
            heater runs for 10 min under demand, and nothing is expected of it; with --can-log it \
            then runs to the end of the log, and a scenario for its own time.
            """)

    @Argument(help: "The folder with site.json.", completion: .directory)
    var site: String
    @Option(
        name: .customLong("scenario"),
        help: ArgumentHelp("A scenario file; may be given several times.", valueName: "file"),
        completion: .file(extensions: ["json"]))
    var scenarios: [String] = []
    @Option(help: ArgumentHelp("Adds random faults that this number makes.", valueName: "number"))
    var seed: UInt64?
    @Option(
        name: .customLong("for"),
        help: ArgumentHelp(
            "How long: 90s, 10m, 2h. Overrides the scenario's own.", valueName: "time"))
    var span: TimeSpan?
    @Option(help: ArgumentHelp("The site's profile: dev, stage or prod.", valueName: "name"))
    var profile: String?
    @Option(
        help: ArgumentHelp("A candump log in place of the plant's frames.", valueName: "file"),
        completion: .file(extensions: ["log"]))
    var canLog: String?
    @Option(
        help: ArgumentHelp(
            "Write each change to this file, one JSON line each.", valueName: "file"),
        completion: .file())
    var trace: String?
    @Flag(help: "Print the report as JSON.")
    var json = false
    @Flag(help: "Run no faster than real time.")
    var realtime = false

    func run() throws {
        var options = SimulateOptions(siteDirectory: site)
        options.scenarios = scenarios
        options.seed = seed
        options.durationMs = span?.milliseconds
        options.profile = profile
        options.canLog = canLog
        let file = try trace.map { path throws(Failure) in try TraceFile(path) }
        var host = SimulateHost()
        if let file { host.trace = { file.append($0) } }
        if realtime { host.wait = RealTime().wait }
        let start = Clocks.monotonicMicroseconds()
        let report = simulate(options, host: host)
        let elapsed = max(1, Clocks.monotonicMicroseconds() - start)
        try file?.close()
        if json {
            Output.text(report.json.serialized(pretty: true))
        } else {
            Output.lines(report.lines + [speed(report, microseconds: elapsed)])
        }
        for failure in report.failures { Output.error(failure) }
        if report.exitCode != 0 { throw ExitCode(report.exitCode) }
    }
}

extension SimulateCommand {
    /// The ticks before t = 0, in which the device starts, are counted with the others.
    private func speed(_ report: SimulateReport, microseconds: Int64) -> String {
        let rate = report.ticks * 1_000_000 / UInt64(microseconds)
        let factor = report.virtualMs * 1_000 / microseconds
        let tenths = microseconds / 100
        let fraction = String(10_000 + tenths % 10_000).dropFirst()
        return "\(report.ticks) ticks in \(tenths / 10_000).\(fraction) s: \(rate) a second, "
            + "\(factor) times real time"
    }
}

/// The file that a trace goes to, written in large pieces.
private final class TraceFile {
    private let path: String
    private let descriptor: Int32
    private var waiting: [UInt8] = []

    init(_ path: String) throws(Failure) {
        self.path = path
        descriptor = unsafe open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw Failure(.failed, "\(path): \(systemErrorText())") }
    }

    deinit { Glibc.close(descriptor) }

    func append(_ bytes: [UInt8]) {
        waiting += bytes
        if waiting.count >= 1 << 16 { flush() }
    }

    private func flush() {
        Output.bytes(waiting, to: descriptor)
        waiting.removeAll(keepingCapacity: true)
    }

    /// - Throws: if the file system could not keep what was written.
    func close() throws(Failure) {
        flush()
        guard fsync(descriptor) == 0 || errno == EINVAL else {
            throw Failure(.failed, "\(path): \(systemErrorText())")
        }
    }
}

/// Waits so that the scenario's time is not ahead of the clock on the wall.
private struct RealTime {
    private let start: Int64

    init() { start = Clocks.monotonicMilliseconds() }

    func wait(untilMilliseconds milliseconds: Int64) {
        let left = milliseconds - (Clocks.monotonicMilliseconds() - start)
        guard left > 0 else { return }
        // On no descriptor: only the time passes. A signal that cuts it short costs some realism.
        _ = poll(nil, 0, Int32(clamping: left))
    }
}
