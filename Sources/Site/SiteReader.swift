import CANDatabase
import Control
import JSON
import Units

/// A site's JSON with overlay and overrides applied, and which overlay that was.
struct EffectiveSite {
    let json: JSONValue
    let profile: String?
}

extension Site {
    static let profileNames = ["dev", "stage", "prod"]

    /// Applies the overlay, then the overrides.
    static func overlaid(
        _ json: JSONValue, profile: String?, overrides: [JSONValue], file: String
    ) throws(SiteError) -> EffectiveSite {
        let defects = DefectList(file: file)
        if json.object == nil {
            defects.add(.root, "found \(ObjectReader.describe(json)); allowed is an object")
        }
        for (index, override) in overrides.enumerated() where override.object == nil {
            throw SiteError(
                file: "override \(index + 1)", place: "$",
                reason: "found \(ObjectReader.describe(override)); allowed is an object")
        }
        let overridden = overrides.reduce(json) { $0.merging(patch: $1) }
        guard let name = profile ?? overridden["profile"]?.string else {
            if !defects.defects.isEmpty { throw SiteError(defects.defects) }
            return EffectiveSite(json: overridden, profile: nil)
        }
        if let overlay = overridden["profiles"]?[name] {
            if overlay.object == nil {
                defects.add(
                    JSONPath.root.key("profiles").key(name),
                    "found \(ObjectReader.describe(overlay)); allowed is an object")
            }
            if !defects.defects.isEmpty { throw SiteError(defects.defects) }
            let patches = [overlay] + overrides
            let effective = patches.reduce(json) { $0.merging(patch: $1) }
            return EffectiveSite(json: effective, profile: name)
        }
        let known = overridden["profiles"]?.object?.keys.joined(separator: ", ") ?? ""
        defects.add(
            JSONPath.root.key("profiles"),
            "no profile \"\(name)\"; this site has " + (known.isEmpty ? "none" : known))
        throw SiteError(defects.defects)
    }

    /// - Parameter bytes: nil if the JSON names no file that could be one; that is then a defect.
    init(
        _ effective: EffectiveSite, database bytes: [UInt8]?, databaseFile: String, file: String
    ) throws(SiteError) {
        let database = try Self.database(bytes, file: databaseFile)
        let defects = DefectList(file: file)
        guard let root = ObjectReader.make(effective.json, at: .root, defects) else {
            throw SiteError(defects.defects)
        }
        _ = root.choice("schema", ["site.v1": "site.v1"])
        name = Self.identifier("site", of: root)
        device = Self.identifier("device", of: root)
        profile = effective.profile
        json = effective.json
        digest = Self.digest(of: effective.json, bytes ?? [])
        Self.readProfiles(root)

        var plan = ControlPlan()
        // 20 ms is the least that an I2C transfer leaves room in; above 100 ms one late tick would
        // let the permit's monostable (300 ms) drop.
        plan.tick = Milliseconds(root.int("tickMs", 20...100, unit: "ms", default: nil))
        let wiring = WiringReader(root)
        can = wiring.can()
        relayBus = wiring.relayBus()
        plan.interlock = wiring.interlock()
        lines = wiring.lines(for: plan.interlock)

        let heating = root.object("heating", isRequired: true)
        let options = HeatingReader(heating).read(into: &plan)
        hygieneCycle = options.hygieneCycle
        isDirectBurnerAccepted = options.directBurnerAccepted
        isFlowThrough = options.flowThrough
        hasMixingValve = options.mixingValve

        let frames = root.object("frames", isRequired: true)
        let sensors = root.object("sensors", isRequired: true)
        // Without a DBC every name would dangle; that it is missing is noted once, by `can`.
        if let database {
            SensorReader(
                database: database, databaseFile: databaseFile, frames: frames, sensors: sensors
            ).read(into: &plan)
        }
        stepNames = Self.readSequence(heating, into: &plan)
        heating.refuseUnknownKeys()

        let operation = OperationReader(root)
        roles = operation.roles()
        routes = operation.routes()
        queues = operation.queues()
        telemetryPeriod = operation.telemetryPeriod()
        alarmTexts = operation.alarms(into: &plan.alarms)
        uplink = UplinkReader(root).uplink(profile: effective.profile)
        root.refuseUnknownKeys()
        self.plan = plan
        guard let database, defects.defects.isEmpty else { throw SiteError(defects.defects) }
        self.database = database
    }

    private static func database(
        _ bytes: [UInt8]?, file: String
    ) throws(SiteError) -> Database? {
        guard let bytes else { return nil }
        do throws(DatabaseError) {
            return try Database(parsing: bytes, file: file)
        } catch {
            throw SiteError(file: error.file, place: "line \(error.line)", reason: error.reason)
        }
    }

    private static func identifier(_ key: String, of root: ObjectReader) -> String {
        root.string(
            key, allowed: "1 to 63 lower case letters, digits and hyphens, no hyphen at an end"
        ) { NameRule.isIdentifier($0) }
    }

    /// The overlays are only looked at for their names and kind here. What they say is checked when
    /// one is applied, because an overlay alone is no site.
    private static func readProfiles(_ root: ObjectReader) {
        if root.value("profile") != nil {
            _ = root.choice("profile", ["dev": 0, "stage": 1, "prod": 2])
        }
        let profiles = root.object("profiles")
        for name in profileNames where profiles.has(name) { _ = profiles.object(name) }
        for name in profileNames { _ = profiles.value(name) }
        profiles.refuseUnknownKeys()
    }

    private static func readSequence(
        _ heating: ObjectReader, into plan: inout ControlPlan
    ) -> [String] {
        guard let elements = heating.array("sequence", count: 1...Control.Sequence.capacity) else {
            plan.sequence = builtInSequence(for: plan.profile, plan.heating)
            return SequenceReader.names(of: plan.sequence)
        }
        var reader = SequenceReader(heating.defects)
        plan.sequence = reader.read(elements)
        // A sequence with a step that could not be read would be judged for what it is not.
        guard Int(plan.sequence.count) == elements.count else { return reader.names }
        if let found = defect(in: plan.sequence, profile: plan.profile, plan.heating) {
            heating.defects.add(
                heating.path.key("sequence").index(Int(found.step)), "\(found.reason)")
        }
        return reader.names
    }
}
