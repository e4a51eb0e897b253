import Testing

/// The rules that no compiler checks. Each message says what to do instead.
@Suite("Tidy")
struct TidyTests {
    static let rules = wordRules + fileRules

    @Test("every file keeps the rule", arguments: rules)
    func everyFileKeepsTheRule(rule: Rule) {
        for finding in SourceTree.files.flatMap(rule.check) {
            Issue.record(Comment(rawValue: finding.description))
        }
    }

    @Test("the rule bites on what breaks it, and only on that", arguments: rules)
    func ruleBites(rule: Rule) {
        let broken = SourceFile(path: rule.examplePath, text: rule.broken)
        #expect(!rule.check(broken).isEmpty, "it let pass: \(rule.broken)")
        let kept = SourceFile(path: rule.examplePath, text: rule.kept)
        #expect(rule.check(kept) == [], "it refused: \(rule.kept)")
    }

    @Test("the files of the repository were found")
    func filesWereFound() {
        let paths = Set(SourceTree.files.map(\.path))
        for path in ["Package.swift", "Makefile", ".ci/run", "Sources/Units/Time.swift"] {
            #expect(paths.contains(path), "\(path) was not read, so no rule was tried on it")
        }
    }

    @Test("every long function that is excused still exists and is still long")
    func excusesAreNeeded() {
        for excuse in longFunctions.keys {
            let parts = excuse.split(separator: " ").map(String.init)
            let functions = SwiftCode(SourceTree.text(of: parts[0])).functions
            #expect(
                functions.contains { $0.name == parts[1] && $0.length > linesPerFunctionMax },
                "\(excuse): take it off the list in Rules.swift")
        }
    }
}
