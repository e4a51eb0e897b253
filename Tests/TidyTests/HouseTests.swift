import Testing

/// The house: which folders there are, and that the manifest and the README know each of them.
@Suite("House")
struct HouseTests {
    /// What DESIGN.md allows at the top, beside dot-files.
    static let top: Set<String> = [
        "Package.swift", "Package.resolved", "Sources", "Tests", "board", "udev", "systemd",
        "schemas", "README.md", "Makefile", "LICENSE",
    ]

    /// The folders of the targets in the manifest, tests included: each target's name, unless the
    /// manifest says another one. Two programs of tests and benchmarks stand beside the tests.
    static let targets: Set<String> = Set(
        SourceTree.text(of: "Package.swift")
            .matches(of: #/[tT]arget\(\s*name: "([^"]+)"|systemLibrary\(name: "([^"]+)"/#)
            .compactMap { ($0.1 ?? $0.2).map(String.init) }
            .map { ["mock-kafka": "MockKafka", "chain-bench": "Benchmarks"][$0] ?? $0 })

    /// The README's list of folders.
    static let navigating: Substring = {
        let readme = SourceTree.text(of: "README.md")
        guard let start = readme.firstRange(of: "## Navigating") else { return "" }
        let rest = readme[start.upperBound...]
        return rest[..<(rest.firstRange(of: "\n## ")?.lowerBound ?? rest.endIndex)]
    }()

    @Test("nothing stands at the top but what DESIGN.md names")
    func topIsBare() {
        for name in SourceTree.top where !name.hasPrefix(".") {
            #expect(Self.top.contains(name), "\(name): move it into the folder of its subject")
        }
    }

    /// Where a target's folder is that is in neither: a program that belongs to a board. Of any
    /// other target it is a path that no file begins with.
    private static func folder(of target: String) -> String {
        ["virtual-world": "board/virtual/World/"][target] ?? "\(target)/"
    }

    /// Whether all files of a folder are Python, but for a page about them: tests of what is no
    /// Swift of the host's, which no target builds.
    private static func isPython(_ folder: String) -> Bool {
        let files = SourceTree.files.map(\.path).filter { $0.hasPrefix("\(folder)/") }
        return files.contains { $0.hasSuffix(".py") }
            && files.allSatisfy { $0.hasSuffix(".py") || $0.hasSuffix(".md") }
    }

    @Test("every folder in Sources and Tests has a target, and every target a folder")
    func foldersAreTargets() {
        // Tests in Python alone need none.
        let tests = SourceTree.folders(in: "Tests").filter { !Self.isPython("Tests/\($0)") }
        let folders = Set(SourceTree.folders(in: "Sources") + tests)
        #expect(folders.count > 30, "the folders were not read")
        for folder in folders.subtracting(Self.targets).sorted() {
            Issue.record("\(folder): add a target to Package.swift, or remove the folder")
        }
        for target in Self.targets.subtracting(folders).sorted()
        where !SourceTree.files.contains(where: { $0.path.hasPrefix(Self.folder(of: target)) }) {
            Issue.record("\(target): the target has no folder in Sources or Tests")
        }
    }

    @Test("the README names every folder in one sentence", arguments: ["Sources", "board"])
    func readmeNavigates(parent: String) {
        let known = Set(
            Self.navigating.matches(of: #/(?m)^[|*-] *`([^`]+?)/?`/#).map { String($0.1) })
        for folder in SourceTree.folders(in: parent) {
            let isKnown = known.contains(folder) || known.contains("\(parent)/\(folder)")
            #expect(
                isKnown, "\(parent)/\(folder): add a row with one sentence to README.md, Navigating"
            )
        }
        for entry in known where entry.hasPrefix("\(parent)/") {
            let folder = String(entry.dropFirst(parent.count + 1))
            #expect(
                SourceTree.folders(in: parent).contains(folder),
                "README.md names \(entry), which is not there")
        }
    }

    @Test("no code of others lies in the repository")
    func nothingVendored() {
        let names: Set<String> = [
            "vendor", "third_party", "thirdparty", "external", "node_modules",
        ]
        for file in SourceTree.files {
            let folders = file.path.split(separator: "/").dropLast().map { $0.lowercased() }
            #expect(
                names.isDisjoint(with: folders),
                "\(file.path): name it as a dependency in Package.swift, with its exact version")
        }
    }
}
