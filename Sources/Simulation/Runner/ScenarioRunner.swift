import Control
public import Events
import JSON
import RelayBoard
public import Site
import Units
import Wire

/// Runs scenarios: one device from its power-on to the end of the scenario, and then the
/// expectations.
public struct ScenarioRunner {
    /// What came of one scenario.
    public struct Result: Sendable {
        public var name: String
        public var failures: [Failure]
        public var history: History
        public var ticks: UInt64
        public var durationMs: Int64
        /// Codes raised, in their order.
        public var alarms: [AlarmCode]
        /// The faults of a seed that were really done, one line each.
        public var faults: [String]
        /// How the device was at the end; nil where nothing was run.
        public var ending: Ending?
        /// Whether anything was expected of it.
        public var isJudged = true
    }

    /// How the device was at the end of a run.
    public struct Ending: Hashable, Sendable {
        /// In m°C, at t = 0 and at the end.
        public var startTemperature: Int32
        public var temperature: Int32
        /// For how many ms a relay that heats was on.
        public var heatMs: Int64
        /// The states' names; nil for a scenario without a controller.
        public var heating: String?
        public var interlock: String?
        public var isProcessRunning = false
        /// The FATAL that came first, if it is locked out.
        public var firstOut: AlarmCode?
    }

    public var siteDirectory: String
    public var profile: String?
    public var read: (String) throws(FileError) -> [UInt8]
    public var trace: (([UInt8]) -> Void)?
    public var wait: ((Int64) -> Void)?
    /// With a seed: faults beside the scenario's own, and what must hold whatever fails.
    public var seed: UInt64?
    public var durationMs: Int64?
    public var feed: [FrameFeed.Frame]?

    public init(
        siteDirectory: String, read: @escaping (String) throws(FileError) -> [UInt8] = readFile
    ) {
        self.siteDirectory = siteDirectory
        self.read = read
    }

    /// When the tick after the one that sees the recording's last frame would come, in ms; nil
    /// without a recording.
    func feedMs(tick: Milliseconds) -> Int64? {
        guard let last = feed?.last?.at else { return nil }
        let period = tick.rawValue
        return (last + period - 1) / period * period + period
    }

    /// Reads and runs the scenario in `file`.
    public func run(file: String) throws(ScenarioError) -> Result {
        try run(try load(file))
    }

    public func load(_ file: String) throws(ScenarioError) -> Scenario {
        let bytes: [UInt8]
        do throws(FileError) {
            bytes = try read(file)
        } catch {
            throw ScenarioError(file: file, place: "$", reason: error.reason)
        }
        return try Scenario(bytes, file: file)
    }

    public func run(_ scenario: Scenario) throws(ScenarioError) -> Result {
        let refusal = scenario.expectations.lazy.compactMap { expectation -> String? in
            if case .siteRefused(let text) = expectation.what { text } else { nil }
        }.first
        let site: Site
        do throws(SiteError) {
            site = try loadSite(of: scenario)
        } catch {
            guard let refusal else {
                throw ScenarioError(
                    file: scenario.file, place: "$.overrides", reason: error.description)
            }
            let whole = error.lines.joined(separator: "\n")
            let failure = Failure(
                scenario: scenario.name, time: "", expected: "the site refused with \"\(refusal)\"",
                found: whole)
            return Result(
                name: scenario.name, failures: whole.holds(refusal) ? [] : [failure],
                history: History(), ticks: 0, durationMs: 0, alarms: [.configurationRejected],
                faults: [])
        }
        try scenario.checkNames(against: site)
        var run = Run(scenario: scenario, site: site, runner: self)
        var result = run.toEnd()
        result.isJudged = !scenario.expectations.isEmpty
        if refusal != nil {
            result.failures.append(
                Failure(
                    scenario: scenario.name, time: "", expected: "the site refused",
                    found: "it accepted"))
        }
        for expectation in scenario.expectations {
            guard case .sameOutputs(let other) = expectation.what else { continue }
            result.failures += try compare(result.history, with: other, scenario)
        }
        return result
    }

    private func loadSite(of scenario: Scenario) throws(SiteError) -> Site {
        let directory = scenario.site.map { Self.folder(of: scenario.file) + $0 } ?? siteDirectory
        return try Site.load(
            directory: directory, profile: scenario.profile ?? profile,
            overrides: scenario.overrides.map { [$0] } ?? [], read: read)
    }

    /// With its slash; empty for a file in the working folder.
    private static func folder(of file: String) -> String {
        guard let slash = file.lastIndex(of: "/") else { return "" }
        return String(file[...slash])
    }

    /// Relays and permit line of two runs, which must be alike to the millisecond.
    private func compare(
        _ history: History, with other: String, _ scenario: Scenario
    ) throws(ScenarioError) -> [Failure] {
        var quiet = self
        quiet.trace = nil
        quiet.wait = nil
        let otherResult = try quiet.run(file: Self.folder(of: scenario.file) + other)
        let mine = history.entries.filter(\.isOutput)
        let theirs = otherResult.history.entries.filter(\.isOutput)
        guard mine != theirs else { return [] }
        let place =
            zip(mine, theirs).enumerated().first { $0.element.0 != $0.element.1 }?.offset
            ?? min(mine.count, theirs.count)
        func text(_ entries: [History.Entry]) -> String {
            place < entries.count ? "\(entries[place].what) at \(entries[place].at) ms" : "nothing"
        }
        return [
            Failure(
                scenario: scenario.name, time: "", expected: "the outputs of \(other)",
                found: "\(text(mine)) in place of \(text(theirs))")
        ]
    }
}

extension History.Entry {
    fileprivate var isOutput: Bool {
        switch what {
        case .world(.relay), .world(.permit): true
        default: false
        }
    }
}

extension Scenario {
    /// What only the site knows: names of states, and what its node can send.
    fileprivate func checkNames(against site: Site) throws(ScenarioError) {
        let states = ["STANDBY"] + site.stepNames + ["COMPLETE", "FAILED", "LOCKOUT"]
        for (index, expectation) in expectations.enumerated() {
            guard case .heating(let state) = expectation.what, !states.contains(state)
            else { continue }
            throw ScenarioError(
                file: file, place: "$.expect[\(index)].state",
                reason: "found \"\(state)\"; allowed is one of \(states.joined(separator: ", "))")
        }
        let node = SensorNode(plan: site.plan.signals, origin: 0)
        for scheduled in actions {
            let wanted: (SignalID, Int32)
            switch scheduled.action {
            case .force(let signal, _, let value, _): wanted = (signal, value)
            case .sample(let signal, let value):
                wanted = (signal, value)
                let period = node.period(of: signal)
                guard period == 0 || scheduled.at % period == 0 else {
                    throw ScenarioError(
                        file: file, place: "$.do",
                        reason: "a sample at \(scheduled.at) ms, where no frame is sent; the "
                            + "frames with this signal go out each \(period) ms")
                }
            default: continue
            }
            guard node.canSend(wanted.0, wanted.1) else {
                throw ScenarioError(
                    file: file, place: "$.do",
                    reason: "at \(scheduled.at) ms: this site's node cannot send \(wanted.1) as "
                        + Words.name(of: wanted.0, in: Words.signals))
            }
        }
    }
}
