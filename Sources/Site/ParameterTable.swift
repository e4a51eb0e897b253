import Control
import Units

/// One row of §5's table of parameters.
struct Parameter: Sendable {
    let name: String
    let range: ClosedRange<Int64>
    let fallback: Int64
    let unit: String
    let apply: @Sendable (inout ControlPlan, Int64) -> Void
}

/// The parameters of §5 with their permitted ranges. The schema states the same numbers and a test
/// compares the two. Limits that depend on another parameter are in `HeatingReader.check`.
///
/// Where §5 leaves an end of a range open, the number is chosen: maxRunMs at least 1 s, sparkMs at
/// least one tick, minFlow at most 100 L/min, levelMin 1 to 999 ‰ (0 would switch D-04 off).
/// sparkMs ends at 3 000, below §5's tsaMs, because the relay board cuts a longer spark (P6).
let parameterTable: [Parameter] = [
    celsius("target", 5_000...70_000, 38_000) { $0.target = $1 },
    celsius("overTarget", 3_000...20_000, 10_000) { $0.overTarget = $1 },
    celsius("siteLimit", 10_000...75_000, 65_000) { $0.siteLimit = $1 },
    celsius("noRiseGain", 200...5_000, 1_000) { $0.noRiseGain = $1 },
    time("noRiseWindowMs", 10_000...600_000, 180_000) { $0.heating.noRiseWindow = $1 },
    time("maxRunMs", 1_000...86_400_000, 7_200_000) { $0.heating.maxRun = $1 },
    time("sparkMs", 100...3_000, 2_000) { $0.heating.spark = $1 },
    time("stabMs", 1_000...15_000, 3_000) { $0.heating.stabilise = $1 },
    time("flameOutMs", 1_000...5_000, 2_000) { $0.heating.flameOut = $1 },
    time("postcircMs", 0...600_000, 30_000) { $0.heating.postcirculate = $1 },
    time("holdMs", 500...5_000, 2_000) { $0.heating.hold = $1 },
    time("staleFatalMs", 500...30_000, 10_000) { $0.heating.staleFatal = $1 },
    time("leaseMs", 300...1_000, 500) { $0.interlock.lease = $1 },
    time("precheckMs", 1_000...10_000, 1_000) { $0.heating.precheck = $1 },
    time("precircMs", 0...120_000, 10_000) { $0.heating.precirculate = $1 },
    time("flowProveMs", 1_000...30_000, 5_000) { $0.heating.flowProve = $1 },
    Parameter(name: "minFlow", range: 1...100_000, fallback: 1_000, unit: "mL/min") {
        $0.heating.minFlow = MillilitresPerMinute(Int32($1))
    },
    time("prepurgeMs", 5_000...300_000, 15_000) { $0.heating.prepurge = $1 },
    time("interPurgeMs", 10_000...600_000, 30_000) { $0.heating.interPurge = $1 },
    time("tsaMs", 1_000...4_500, 3_000) { $0.heating.safetyTime = $1 },
    Parameter(name: "trials", range: 1...3, fallback: 2, unit: "") {
        $0.heating.trials = UInt8($1)
    },
    Parameter(name: "recycles", range: 0...1, fallback: 1, unit: "") {
        $0.heating.recycles = UInt8($1)
    },
    time("flameStaleMs", 500...1_000, 1_000) { $0.heating.flameStale = $1 },
    Parameter(name: "levelMin", range: 1...999, fallback: 50, unit: "‰") {
        $0.heating.levelMin = Permille(Int32($1))
    },
]

private func celsius(
    _ name: String, _ range: ClosedRange<Int64>, _ fallback: Int64,
    _ set: @escaping @Sendable (inout HeatingParameters, MilliCelsius) -> Void
) -> Parameter {
    Parameter(name: name, range: range, fallback: fallback, unit: "m°C") {
        set(&$0.heating, MilliCelsius(Int32($1)))
    }
}

private func time(
    _ name: String, _ range: ClosedRange<Int64>, _ fallback: Int64,
    _ set: @escaping @Sendable (inout ControlPlan, Milliseconds) -> Void
) -> Parameter {
    Parameter(name: name, range: range, fallback: fallback, unit: "ms") {
        set(&$0, Milliseconds($1))
    }
}
