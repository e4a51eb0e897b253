import JSON

/// Why a scenario file was refused: where it stands, what was found, what is allowed.
public struct ScenarioError: Error, Hashable, Sendable, CustomStringConvertible {
    public let file: String
    /// A JSON path such as `$.do[3].at`, or `line 3, column 5` where the file is not even JSON.
    public let place: String
    public let reason: String

    public init(file: String, place: String, reason: String) {
        self.file = file
        self.place = place
        self.reason = reason
    }

    public var description: String { "\(file): \(place): \(reason)" }
}

/// The members of one JSON object, read strictly: what was not asked for is unknown.
struct Fields {
    let file: String
    let path: JSONPath
    private let object: JSONObject
    private var known: [String] = []

    init(_ value: JSONValue, file: String, at path: JSONPath) throws(ScenarioError) {
        guard let object = value.object else {
            throw ScenarioError(
                file: file, place: path.description,
                reason: "found \(Self.describe(value)); allowed is an object")
        }
        self.file = file
        self.path = path
        self.object = object
    }

    /// To be called last.
    func refuseUnknownKeys() throws(ScenarioError) {
        for key in object.keys where !known.contains(key) {
            throw error(key, "unknown key; allowed here: \(known.joined(separator: ", "))")
        }
    }

    func error(_ key: String, _ reason: String) -> ScenarioError {
        ScenarioError(file: file, place: path.key(key).description, reason: reason)
    }

    func contains(_ key: String) -> Bool { object[key] != nil }

    mutating func value(_ key: String) -> JSONValue? {
        known.append(key)
        return object[key]
    }

    mutating func int(
        _ key: String, _ range: ClosedRange<Int64>, unit: String = "ms"
    ) throws(ScenarioError) -> Int64 {
        guard let number = try optionalInt(key, range, unit: unit) else {
            throw error(key, "missing; allowed is \(Self.allowed(range, unit))")
        }
        return number
    }

    mutating func optionalInt(
        _ key: String, _ range: ClosedRange<Int64>, unit: String = "ms"
    ) throws(ScenarioError) -> Int64? {
        guard let value = value(key) else { return nil }
        guard let number = value.int, range.contains(number) else {
            throw error(
                key, "found \(Self.describe(value)); allowed is \(Self.allowed(range, unit))")
        }
        return number
    }

    mutating func bool(
        _ key: String, default fallback: Bool? = nil
    ) throws(ScenarioError) -> Bool {
        guard let value = value(key) else {
            if let fallback { return fallback }
            throw error(key, "missing; allowed is true or false")
        }
        guard let flag = value.bool else {
            throw error(key, "found \(Self.describe(value)); allowed is true or false")
        }
        return flag
    }

    mutating func optionalBool(_ key: String) throws(ScenarioError) -> Bool? {
        contains(key) ? try bool(key) : nil
    }

    mutating func string(_ key: String) throws(ScenarioError) -> String {
        guard let text = try optionalString(key) else {
            throw error(key, "missing; allowed is a text")
        }
        return text
    }

    mutating func optionalString(_ key: String) throws(ScenarioError) -> String? {
        guard let value = value(key) else { return nil }
        guard let text = value.string, !text.isEmpty else {
            throw error(key, "found \(Self.describe(value)); allowed is a text that is not empty")
        }
        return text
    }

    /// One of a few names.
    mutating func choice<Choice>(
        _ key: String, _ choices: [(String, Choice)], default fallback: Choice? = nil
    ) throws(ScenarioError) -> Choice {
        guard let value = value(key) else {
            if let fallback { return fallback }
            throw error(key, "missing; allowed is one of \(Self.names(choices))")
        }
        return try Self.pick(value, choices, error, key)
    }

    mutating func optionalChoice<Choice>(
        _ key: String, _ choices: [(String, Choice)]
    ) throws(ScenarioError) -> Choice? {
        guard let value = value(key) else { return nil }
        return try Self.pick(value, choices, error, key)
    }

    /// A list of names from a few.
    mutating func choices<Choice>(
        _ key: String, _ choices: [(String, Choice)]
    ) throws(ScenarioError) -> [Choice] {
        var picked: [Choice] = []
        for element in try array(key) {
            picked.append(try Self.pick(element, choices, error, key))
        }
        return picked
    }

    mutating func array(_ key: String) throws(ScenarioError) -> [JSONValue] {
        guard let value = value(key) else { throw error(key, "missing; allowed is an array") }
        guard let elements = value.array else {
            throw error(key, "found \(Self.describe(value)); allowed is an array")
        }
        return elements
    }

    /// Two times, the first not after the second.
    mutating func interval(_ key: String) throws(ScenarioError) -> ClosedRange<Int64>? {
        guard let value = value(key) else { return nil }
        guard let interval = Self.interval(value) else {
            throw error(
                key, "found \(Self.describe(value)); allowed is [first ms, last ms] in their order")
        }
        return interval
    }

    static func interval(_ value: JSONValue) -> ClosedRange<Int64>? {
        guard let pair = value.array, pair.count == 2, let first = pair[0].int,
            let last = pair[1].int, first <= last
        else { return nil }
        return first...last
    }

    private static func pick<Choice>(
        _ value: JSONValue, _ choices: [(String, Choice)],
        _ error: (String, String) -> ScenarioError, _ key: String
    ) throws(ScenarioError) -> Choice {
        guard let name = value.string, let found = choices.first(where: { $0.0 == name }) else {
            throw error(
                key, "found \(describe(value)); allowed is one of \(names(choices))")
        }
        return found.1
    }

    private static func names<Choice>(_ choices: [(String, Choice)]) -> String {
        choices.map(\.0).joined(separator: ", ")
    }

    private static func allowed(_ range: ClosedRange<Int64>, _ unit: String) -> String {
        let spoken = unit.isEmpty ? "" : " \(unit)"
        return "an integer from \(range.lowerBound) to \(range.upperBound)\(spoken)"
    }

    /// What was found, short enough for one line.
    static func describe(_ value: JSONValue) -> String {
        switch value {
        case .null, .bool, .number: value.serialized()
        case .string(let text):
            text.count <= 40
                ? value.serialized() : JSONValue.string(text.prefix(40) + "…").serialized()
        case .array, .object: value.kind
        }
    }
}
