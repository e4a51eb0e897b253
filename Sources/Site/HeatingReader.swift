import Control
import JSON
import RelayBoard
import Units

/// What `heating` says beside the numbers of the plan.
struct HeatingOptions {
    var directBurnerAccepted = false
    var flowThrough = false
    var mixingValve = false
    var hygieneCycle: Site.HygieneCycle?
}

/// Reads `$.heating` and holds its parameters against one another (§5, cross checks).
struct HeatingReader {
    /// Heat may come on again 10 s after it went off, and no sooner: the relay board refuses (P7).
    /// It is therefore the least `interPurgeMs`, and the default where there is nothing to purge.
    static let restMinimum: Int64 = 10_000
    /// Water below this temperature, stored, grows legionella (specification, "Decided").
    static let storageMinimum = MilliCelsius(60_000)

    /// Every profile heats by a relay of the board (valve, element or demand), and the board's hard
    /// cap (P8) is no target to run into: it opens everything and asks for a reset at the site.
    static let maxRunCap = Milliseconds(Int64(RelayBoardLimits.heatMinutes) * 60_000)

    private let reader: ObjectReader
    private let parameters: ObjectReader

    init(_ reader: ObjectReader) {
        self.reader = reader
        parameters = reader.object("parameters")
    }

    /// Fills the plan's profile, parameters and lease. The tick must already be in it.
    func read(into plan: inout ControlPlan) -> HeatingOptions {
        var options = HeatingOptions()
        plan.profile =
            reader.choice(
                "profile",
                ["gas": HeatingProfile.gas, "electric": .electric, "external": .external])
            ?? .external
        options.directBurnerAccepted = reader.bool("directBurnerAccepted", default: false)
        options.flowThrough = reader.bool("flowThrough", default: false)
        options.mixingValve = reader.bool("mixingValve", default: false)
        plan.heating.isStaticTank = reader.bool("staticTank", default: false)
        plan.heating.hasExternalHeatSource = reader.bool("externalHeatSource", default: false)
        options.hygieneCycle = hygieneCycle()
        for row in parameterTable {
            var fallback = row.fallback
            if row.name == "interPurgeMs", plan.profile != .gas { fallback = Self.restMinimum }
            let value = parameters.int(row.name, row.range, unit: row.unit, default: fallback)
            row.apply(&plan, value)
        }
        parameters.refuseUnknownKeys()
        check(plan, options)
        limitTargets(&plan, options)
        return options
    }

    private func hygieneCycle() -> Site.HygieneCycle? {
        guard reader.value("hygieneCycle") != nil else { return nil }
        let cycle = reader.object("hygieneCycle")
        let target = cycle.int("targetMilliC", 60_000...70_000, unit: "m°C", default: nil)
        let hours = cycle.int("everyHours", 1...168, unit: "h", default: nil)
        cycle.refuseUnknownKeys()
        return Site.HygieneCycle(target: MilliCelsius(Int32(target)), everyHours: Int(hours))
    }

    private func check(_ plan: ControlPlan, _ options: HeatingOptions) {
        let heating = plan.heating
        if plan.profile == .gas, !options.directBurnerAccepted {
            reader.defect(
                "directBurnerAccepted",
                "found false; the gas profile drives valve and spark itself and needs true: the "
                    + "owner's word that a certified person accepted it (or use profile external)")
        }
        checkTarget(heating, options)
        if heating.siteLimit < heating.target + MilliCelsius(5_000) {
            below(
                "siteLimit", heating.siteLimit.rawValue, "target + 5000 m°C",
                heating.target.rawValue + 5_000)
        }
        if heating.staleFatal < heating.hold {
            below("staleFatalMs", heating.staleFatal.rawValue, "holdMs", heating.hold.rawValue)
        }
        if heating.maxRun > Self.maxRunCap {
            parameters.defect(
                "maxRunMs",
                "found \(heating.maxRun.rawValue); allowed is at most "
                    + "\(Self.maxRunCap.rawValue) ms: the relay board opens heat after 4 h (P8)")
        }
        let leaseMinimum = Milliseconds(3 * plan.tick.rawValue)
        if plan.interlock.lease < leaseMinimum {
            below("leaseMs", plan.interlock.lease.rawValue, "3 ticks", leaseMinimum.rawValue)
        }
        guard plan.profile == .gas else { return }
        if heating.spark > heating.safetyTime {
            parameters.defect(
                "sparkMs",
                "found \(heating.spark.rawValue); allowed is at most tsaMs, which is "
                    + "\(heating.safetyTime.rawValue)")
        }
        if heating.interPurge < heating.prepurge {
            below(
                "interPurgeMs", heating.interPurge.rawValue, "prepurgeMs",
                heating.prepurge.rawValue)
        }
    }

    private func checkTarget(_ heating: HeatingParameters, _ options: HeatingOptions) {
        if heating.target > Self.storageMinimum, !options.mixingValve {
            parameters.defect(
                "target",
                "found \(heating.target.rawValue); allowed is at most 60000 m°C, or 70000 with "
                    + "heating.mixingValve true (scalding)")
        }
        if heating.target < Self.storageMinimum, !Self.mayStoreCool(options) {
            parameters.defect(
                "target",
                "found \(heating.target.rawValue); stored water below 60000 m°C needs "
                    + "heating.flowThrough true or a heating.hygieneCycle (legionella)")
        }
    }

    private static func mayStoreCool(_ options: HeatingOptions) -> Bool {
        options.flowThrough || options.hygieneCycle != nil
    }

    private func below<Number: BinaryInteger>(
        _ name: String, _ found: Number, _ rule: String, _ least: Number
    ) {
        parameters.defect(name, "found \(found); allowed is at least \(rule), which is \(least)")
    }

    /// A request may not go where the file may not: the same rules bound it.
    private func limitTargets(_ plan: inout ControlPlan, _ options: HeatingOptions) {
        let scald = MilliCelsius(options.mixingValve ? 70_000 : 60_000)
        plan.heating.targetMaximum = min(scald, plan.heating.siteLimit - MilliCelsius(5_000))
        plan.heating.targetMinimum =
            Self.mayStoreCool(options) ? MilliCelsius(5_000) : Self.storageMinimum
    }
}
