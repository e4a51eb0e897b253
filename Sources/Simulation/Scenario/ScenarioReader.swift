import JSON

extension Scenario {
    /// Reads a scenario file whole and strictly.
    ///
    /// - Parameter bytes: the content of `file`, whose name is for messages.
    /// - Throws: the first thing that is wrong, by file, place and reason.
    public init(_ bytes: [UInt8], file: String) throws(ScenarioError) {
        let json: JSONValue
        do throws(JSONError) {
            json = try JSONValue.parse(bytes)
        } catch {
            throw ScenarioError(
                file: file, place: "line \(error.line), column \(error.column)",
                reason: error.reason)
        }
        var fields = try Fields(json, file: file, at: .root)
        _ = try fields.choice("schema", [(Self.schema, ())])
        let name = try fields.string("name")
        let purpose = try fields.string("purpose")
        let durationMs = try fields.int("durationMs", 1...ActionReader.timeMax)
        self.init(file: file, name: name, purpose: purpose, durationMs: durationMs)
        site = try fields.optionalString("site")
        profile = try fields.optionalString("profile")
        if let patch = fields.value("overrides") {
            guard patch.object != nil else {
                throw fields.error(
                    "overrides", "found \(Fields.describe(patch)); allowed is an object")
            }
            overrides = patch
        }
        startsAtBoot = try fields.choice(
            "start", [("ready", false), ("boot", true)], default: false)
        hasController = try fields.bool("controller", default: true)
        seed = UInt64(try fields.optionalInt("seed", 0...Int64.max, unit: "") ?? 0)
        try readPlant(&fields)
        try readActions(&fields)
        for (index, element) in try fields.array("expect").enumerated() {
            let path = JSONPath.root.key("expect").index(index)
            expectations.append(try ExpectationReader.read(element, file: file, at: path))
        }
        try fields.refuseUnknownKeys()
        guard !expectations.isEmpty else {
            throw fields.error("expect", "found an empty array; a scenario must expect something")
        }
    }

    private mutating func readActions(_ fields: inout Fields) throws(ScenarioError) {
        for (index, element) in try fields.array("do").enumerated() {
            let path = JSONPath.root.key("do").index(index)
            actions += try ActionReader.read(element, file: file, at: path)
        }
        // In the order of their time; those of one ms in the order of the file.
        actions = actions.enumerated()
            .sorted { ($0.element.at, $0.offset) < ($1.element.at, $1.offset) }
            .map(\.element)
    }

    /// Every quantity of the plant, and how it is built.
    private mutating func readPlant(_ fields: inout Fields) throws(ScenarioError) {
        guard let value = fields.value("plant") else { return }
        var plantFields = try Fields(value, file: file, at: JSONPath.root.key("plant"))
        for (name, quantity) in Words.quantities {
            let range: ClosedRange<Int64> = -10_000_000...10_000_000
            if let amount = try plantFields.optionalInt(name, range, unit: "") {
                plant.append(.set(quantity, Int32(amount)))
            }
        }
        if let mode = try plantFields.optionalChoice("flame", Words.flames) {
            plant.append(.flame(mode))
        }
        heatsOnlyInRun = try plantFields.bool("heatOnlyInRun", default: true)
        let clock = try plantFields.optionalInt("boardClockUs", 0...Int64(UInt32.max), unit: "µs")
        boardClockUs = UInt32(clock ?? 0)
        try plantFields.refuseUnknownKeys()
    }
}
