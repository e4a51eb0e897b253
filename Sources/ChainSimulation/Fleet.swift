import LinuxHAL
import Synchronization
import Wire

/// What many seeds have shown together.
public struct FleetReport: Sendable {
    public var seeds = 0
    public var faults = FaultCounts()
    /// By kind, in how many seeds it occurred at all.
    public var seedsWithFault = [Int](repeating: 0, count: FaultCounts().rows.count)
    public var fates = EventFates()
    public var effects = 0
    /// Of these, by the lane's raw value.
    public var effectsByLane = [Int](repeating: 0, count: Lane.allCases.count)
    public var duplicates = 0
    public var virtualMilliseconds: Int64 = 0
    public var steps = 0
    /// The lowest seed that broke a rule.
    public var broken: ChainReport?

    public init() {}

    mutating func add(_ report: ChainReport) {
        seeds += 1
        faults += report.faults
        for (index, row) in report.faults.rows.enumerated() where row.count > 0 {
            seedsWithFault[index] += 1
        }
        fates += report.fates
        effects += report.effects
        for lane in effectsByLane.indices { effectsByLane[lane] += report.effectsByLane[lane] }
        duplicates += report.duplicates
        virtualMilliseconds += report.virtualMilliseconds
        steps += report.steps
        if report.violation != nil, report.seed < broken?.seed ?? .max { broken = report }
    }

    /// Faults that never occurred, and lanes in which nothing came through: a run of many seeds
    /// with one of these has proved nothing about it.
    public var absentFaults: [String] {
        faults.rows.filter { $0.count == 0 }.map(\.name)
            + Lane.allCases.filter { effectsByLane[Int($0.rawValue)] == 0 }
            .map { "events of the \($0.name) lane" }
    }
}

/// Runs seeds on several threads. Each seed is a world of its own; which thread runs it makes no
/// difference. After the first broken one no further seeds are begun.
public func simulateChains(
    seeds: ClosedRange<UInt64>, defect: Defect? = nil, threads: Int
) throws -> FleetReport {
    precondition(threads > 0)
    let work = Work(next: seeds.lowerBound, last: seeds.upperBound)
    let first = try (1..<max(1, threads)).map { number in
        try SeedRunner(named: "chain-\(number)", work, defect)
    }
    work.run(defect)
    for runner in first { runner.join() }
    return work.report
}

/// A thread that takes seeds until there are none. A box, since a thread cannot stand in an array.
private final class SeedRunner {
    private var thread: OrdinaryThread?

    init(named name: String, _ work: Work, _ defect: Defect?) throws {
        thread = try OrdinaryThread(named: name) { work.run(defect) }
    }

    func join() { thread.take()?.join() }
}

private final class Work: Sendable {
    private struct State {
        /// Nil when no seed is left.
        var next: UInt64?
        var report = FleetReport()
    }

    private let state: Mutex<State>
    private let last: UInt64

    init(next: UInt64, last: UInt64) {
        state = Mutex(State(next: next))
        self.last = last
    }

    var report: FleetReport { state.withLock { $0.report } }

    func run(_ defect: Defect?) {
        while let seed = take() {
            let report = simulateChain(seed: seed, defect: defect)
            state.withLock { $0.report.add(report) }
        }
    }

    private func take() -> UInt64? {
        state.withLock { state in
            guard state.report.broken == nil, let seed = state.next else { return nil }
            state.next = seed == last ? nil : seed + 1
            return seed
        }
    }
}
