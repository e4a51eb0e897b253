public import JSON

/// What `busbar simulate` is asked to do.
public struct SimulateOptions: Sendable {
    /// The folder with site.json.
    public var siteDirectory: String
    /// Scenario files in the order in which they run. None: the heater alone under demand from t = 0.
    public var scenarios: [String] = []
    /// dev, stage, prod, or nil for the site file as it is. A scenario's own profile stands above.
    public var profile: String?
    /// Adds a random schedule of faults, and checks in every tick what must hold whatever fails.
    public var seed: UInt64?
    /// Overrides the scenario's duration. In milliseconds.
    public var durationMs: Int64?
    /// A candump log that is fed, by its time stamps, in place of the plant's frames.
    public var canLog: String?

    public init(siteDirectory: String) { self.siteDirectory = siteDirectory }
}

/// What the simulator needs of the machine it runs on. `busbar` gives files and a clock, tests give
/// memory: nothing in this module opens a file or waits.
public struct SimulateHost {
    /// The bytes of a file, or nil if it cannot be read.
    public var read: (String) -> [UInt8]?
    /// Takes whole lines of the trace (JSON Lines, each ended by a line feed). nil: no trace is made.
    public var trace: (([UInt8]) -> Void)?
    /// Waits until this many milliseconds of the scenario have passed in real time. nil: as fast as
    /// it goes.
    public var wait: ((Int64) -> Void)?

    public init(
        read: @escaping (String) -> [UInt8]?, trace: (([UInt8]) -> Void)? = nil,
        wait: ((Int64) -> Void)? = nil
    ) {
        self.read = read
        self.trace = trace
        self.wait = wait
    }
}

/// What came of it.
public struct SimulateReport: Sendable {
    /// 0 if every expectation of every scenario holds; else 1.
    public var exitCode: Int32
    /// For standard output: one line for each scenario, then what faults really happened.
    public var lines: [String]
    /// For standard error: one line for each expectation that does not hold, and for each file that
    /// is wrong.
    public var failures: [String]
    /// The same as one JSON document, for `--json`.
    public var json: JSONValue
}

/// Runs everything that `options` names, one scenario after the other.
///
/// Never throws and never prints: a file that is wrong is one line in `failures` and exit code 1.
public func simulate(_ options: SimulateOptions, host: SimulateHost) -> SimulateReport {
    SimulateReport(exitCode: 1, lines: [], failures: ["the simulator is being built"], json: .null)
}
