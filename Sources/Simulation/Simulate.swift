import CANDatabase
public import JSON
public import Site
import Units
import Wire

/// What `busbar simulate` is asked to do.
public struct SimulateOptions: Sendable {
    /// The folder with site.json.
    public var siteDirectory: String
    /// Scenario files in the order in which they run. None: the heater under demand from t = 0.
    public var scenarios: [String] = []
    /// dev, stage, prod, or nil for the site file as it is. A scenario's own profile stands above.
    public var profile: String?
    /// Adds a random schedule of faults, and checks in every tick what must hold whatever fails.
    public var seed: UInt64?
    /// Overrides the scenario's duration. In milliseconds.
    public var durationMs: Int64?
    /// A candump log that is fed, by its time stamps, in place of the plant's frames. Without a
    /// duration and a scenario, which has its own, the run ends with the log.
    public var canLog: String?

    public init(siteDirectory: String) { self.siteDirectory = siteDirectory }
}

/// What the simulator needs of the machine it runs on. `busbar` gives files and a clock, tests give
/// memory: nothing in this module waits or prints.
public struct SimulateHost {
    public var read: (String) throws(FileError) -> [UInt8]
    /// Takes one line of the trace (JSON, ended by a line feed). nil: no trace is made.
    public var trace: (([UInt8]) -> Void)?
    /// Waits until this many milliseconds of the scenario have passed in real time. nil: as fast as
    /// it goes.
    public var wait: ((Int64) -> Void)?

    public init(
        read: @escaping (String) throws(FileError) -> [UInt8] = readFile,
        trace: (([UInt8]) -> Void)? = nil, wait: ((Int64) -> Void)? = nil
    ) {
        self.read = read
        self.trace = trace
        self.wait = wait
    }
}

/// What came of it.
public struct SimulateReport: Sendable {
    /// 0 if every expectation of every scenario holds; else 1.
    public var exitCode: Int32 { failures.isEmpty ? 0 : 1 }
    /// For standard output: one line for each scenario, and what faults a seed really gave.
    public var lines: [String] = []
    /// For standard error: one line for each expectation that does not hold, and for each file that
    /// is wrong.
    public var failures: [String] = []
    /// The same as one JSON document, for `--json`.
    public var json: JSONValue = .null
    /// How many control cycles were run, for the rate.
    public var ticks: UInt64 = 0
    /// How much time passed in all runs, in ms.
    public var virtualMs: Int64 = 0
}

/// Runs everything that `options` names, one scenario after the other.
///
/// Never throws and never prints: a file that is wrong is one line in `failures` and exit code 1.
public func simulate(_ options: SimulateOptions, host: SimulateHost) -> SimulateReport {
    var report = SimulateReport()
    var runner = ScenarioRunner(siteDirectory: options.siteDirectory, read: host.read)
    runner.profile = options.profile
    runner.seed = options.seed
    runner.durationMs = options.durationMs
    runner.trace = host.trace
    runner.wait = host.wait
    var documents: [JSONValue] = []
    do {
        if let log = options.canLog { runner.feed = try readLog(log, host) }
        let scenarios =
            options.scenarios.isEmpty ? [nil] : options.scenarios.map { Optional($0) }
        for file in scenarios {
            do throws(ScenarioError) {
                let scenario =
                    try file.map { name throws(ScenarioError) in try runner.load(name) }
                    ?? plainRun()
                let result = try runner.run(scenario)
                report.add(result, seed: options.seed)
                documents.append(result.json)
            } catch {
                report.failures.append(error.description)
            }
        }
    } catch {
        report.failures.append("\(error)")
    }
    report.json = .object(
        JSONObject([
            ("ok", .bool(report.failures.isEmpty)), ("scenarios", .array(documents)),
            ("failures", .array(report.failures.map { .string($0) })),
        ]))
    return report
}

/// Demand from t = 0 and nothing expected: how the heater behaves by itself.
private func plainRun() -> Scenario {
    // Ten minutes: a whole job of the acceptance plant takes seven.
    var scenario = Scenario(
        file: "plain run", name: "plain run", purpose: "The heater under demand from t = 0.",
        durationMs: 600_000)
    scenario.endsWithFeed = true
    scenario.actions = [ScheduledAction(at: 0, .command(.demand(isOn: true), .scenario))]
    return scenario
}

/// The frames of a candump log, with the first at t = 0.
private func readLog(_ file: String, _ host: SimulateHost) throws -> [FrameFeed.Frame] {
    var reader = CandumpReader(file: file)
    reader.append(try host.read(file))
    reader.finish()
    var frames: [FrameFeed.Frame] = []
    var first: Int64?
    var latest: Int64 = 0
    while let entry = try reader.next() {
        guard case .frame(let record) = entry else { continue }
        let start = first ?? record.microseconds
        first = start
        // Rounded to the nearest millisecond; time that runs back in a log stands still here.
        latest = max(latest, (record.microseconds - start + 500) / 1_000)
        frames.append(FrameFeed.Frame(at: latest, frame: record.frame))
    }
    guard !frames.isEmpty else {
        throw ScenarioError(file: file, place: "line 1", reason: "the log has no data frame")
    }
    return frames
}

extension SimulateReport {
    fileprivate mutating func add(_ result: ScenarioRunner.Result, seed: UInt64?) {
        ticks += result.ticks
        virtualMs += result.durationMs
        lines.append(result.line)
        if let seed { lines.append("  seed \(seed), faults:") }
        lines += result.faults.map { "  \($0)" }
        failures += result.failures.map(\.description)
    }
}

extension JSONObject {
    fileprivate init(_ members: [(String, JSONValue)]) {
        self.init()
        for (key, value) in members { append(key, value) }
    }
}
