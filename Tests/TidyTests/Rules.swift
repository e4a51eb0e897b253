import Testing

/// What a file does that it should not, and what to do instead.
struct Finding: Equatable, CustomStringConvertible {
    var path: String
    /// 0 when it concerns the file as a whole.
    var line: Int
    var advice: String

    var description: String { line == 0 ? "\(path): \(advice)" : "\(path):\(line): \(advice)" }
}

/// One rule that no compiler checks, with a text that breaks it and one that only looks like it.
struct Rule: Sendable, CustomTestStringConvertible {
    let name: String
    /// Where the examples stand; the rule must apply there.
    let examplePath: String
    let broken: String
    let kept: String
    let appliesTo: @Sendable (SourceFile) -> Bool
    let findings: @Sendable (SourceFile) -> [Finding]

    var testDescription: String { name }

    func check(_ file: SourceFile) -> [Finding] { appliesTo(file) ? findings(file) : [] }
}

let linesPerFileMax = 500
let linesPerFunctionMax = 60
let columnsMax = 100

/// The modules that also run on the relay board's processor: DESIGN.md's pure core.
let coreModules: Set<String> = ["Units", "Events", "RelayBoard", "Control"]

/// Modules that reach the world only through what is handed to them.
let modulesWithoutGlibc: Set<String> = coreModules.union([
    "HAL", "Drivers", "Runtime", "JSON", "CANDatabase", "Wire", "Simulation",
])

/// Functions that may be longer, each with its reason. A table reads better in one piece.
let longFunctions: [String: String] = [
    "Sources/Control/Alarms/AlarmTable.swift alarmDefinition": "a table, one row for each alarm"
]

extension Rule {
    /// A rule about words in code, outside comments and strings.
    static func word(
        _ name: String, _ pattern: @escaping @Sendable () -> Regex<Substring>, advice: String,
        examplePath: String, broken: String, kept: String,
        appliesTo: @escaping @Sendable (SourceFile) -> Bool
    ) -> Rule {
        Rule(
            name: name, examplePath: examplePath, broken: broken, kept: kept,
            appliesTo: { $0.isSwift && appliesTo($0) },
            findings: { file in
                let pattern = pattern()
                return file.code.lines.enumerated().compactMap { index, line in
                    guard let found = line.firstMatch(of: pattern) else { return nil }
                    let said = String(found.output).trimmingSpaces
                    return Finding(
                        path: file.path, line: index + 1, advice: "\(said): \(advice)")
                }
            })
    }

    /// A rule about one word in the core.
    static func core(
        _ name: String, _ pattern: @escaping @Sendable () -> Regex<Substring>, advice: String,
        broken: String, kept: String
    ) -> Rule {
        word(
            name, pattern, advice: advice, examplePath: "Sources/Control/Example.swift",
            broken: broken, kept: kept, appliesTo: { coreModules.contains($0.module ?? "") })
    }
}

extension String {
    var trimmingSpaces: String {
        var text = self[...]
        while text.first == " " { text.removeFirst() }
        while text.last == " " { text.removeLast() }
        return String(text)
    }
}
