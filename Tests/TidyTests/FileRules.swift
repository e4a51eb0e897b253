// Rules about files: their size, their names, and what no file may hold.

private let written: @Sendable (SourceFile) -> Bool = { file in
    file.isSwift || file.path.hasSuffix(".c") || file.path.hasSuffix(".h")
        || file.path.hasPrefix(".ci/") || file.path.hasSuffix(".py")
}

/// Words for unfinished work, spelt so that this file does not break its own rule.
private let unfinished = ["TO" + "DO", "FIX" + "ME", "XX" + "X"]
/// Folders of somebody's machine, likewise.
private let machineFolders = ["home", "root", "Users", "work", "opt"].map { "/" + $0 + "/" }

private func linesFound(
    in file: SourceFile, advice: String, where isBad: (Substring) -> Bool
) -> [Finding] {
    file.text.split(separator: "\n", omittingEmptySubsequences: false).enumerated()
        .compactMap { index, line in
            isBad(line) ? Finding(path: file.path, line: index + 1, advice: advice) : nil
        }
}

/// A row of a table in a comment, or a string that has the line to itself.
private func cannotBeBroken(_ line: Substring) -> Bool {
    line.contains(#/^\s*(?:\/\/\/? ?\||")/#)
}

/// Whether `word` stands in `line` by itself.
private func holdsWord(_ line: Substring, _ word: String) -> Bool {
    line.split { !$0.isLetter && !$0.isNumber && $0 != "_" }.contains { $0 == word }
}

let fileRules: [Rule] = [
    Rule(
        name: "lines of \(columnsMax) columns", examplePath: "Sources/Site/Example.swift",
        broken: String(repeating: "x", count: columnsMax + 1),
        kept: String(repeating: "°", count: columnsMax),
        appliesTo: written,
        findings: { file in
            linesFound(in: file, advice: "break the line at \(columnsMax) columns") {
                $0.count > columnsMax && !cannotBeBroken($0)
            }
        }),
    Rule(
        name: "files of \(linesPerFileMax) lines", examplePath: "Sources/Site/Example.swift",
        broken: String(repeating: "\n", count: linesPerFileMax + 1),
        kept: String(repeating: "\n", count: linesPerFileMax),
        appliesTo: written,
        findings: { file in
            let count = file.text.utf8.count { $0 == UInt8(ascii: "\n") }
            guard count > linesPerFileMax else { return [] }
            return [
                Finding(
                    path: file.path, line: 0,
                    advice: "\(count) lines: split it by subject below \(linesPerFileMax)")
            ]
        }),
    Rule(
        name: "functions of \(linesPerFunctionMax) lines",
        examplePath: "Sources/Site/Example.swift",
        broken: "func f() {\n" + String(repeating: "a()\n", count: linesPerFunctionMax - 1) + "}\n",
        kept: "func f() {\n" + String(repeating: "a()\n", count: linesPerFunctionMax - 2) + "}\n",
        appliesTo: { $0.isSwift },
        findings: { file in
            file.code.functions
                .filter { $0.length > linesPerFunctionMax }
                .filter { longFunctions["\(file.path) \($0.name)"] == nil }
                .map { function in
                    Finding(
                        path: file.path, line: function.line,
                        advice: "\(function.name) has \(function.length) lines: let one function "
                            + "decide and others compute, below \(linesPerFunctionMax)")
                }
        }),
    Rule(
        name: "nothing is left for later", examplePath: "Sources/Site/Example.swift",
        broken: "// \(unfinished[0]): later",
        kept: "let pattern = \"\(unfinished[2])\(unfinished[2])\"",
        appliesTo: { _ in true },
        findings: { file in
            linesFound(in: file, advice: "finish it, or open an issue and say what holds now") {
                line in unfinished.contains { holdsWord(line, $0) }
            }
        }),
    Rule(
        name: "no path of one machine", examplePath: ".ci/example",
        broken: "cd \(machineFolders[0])me/busbar", kept: "cd \"$(dirname \"$0\")/..\"",
        appliesTo: { _ in true },
        findings: { file in
            linesFound(in: file, advice: "make the path relative to the repository") { line in
                machineFolders.contains { line.contains($0) }
            }
        }),
    Rule(
        name: "no main.swift", examplePath: "Sources/busbar/main.swift",
        broken: "run()", kept: "",
        appliesTo: { $0.name == "main.swift" },
        findings: { file in
            // Top-level code belongs to the main actor, and a C callback written there stops the
            // process when another thread calls it.
            guard !file.text.isEmpty else { return [] }
            return [Finding(path: file.path, line: 0, advice: "use an @main type in Main.swift")]
        }),
    Rule(
        name: "files are named for what they hold", examplePath: "Sources/Site/SiteUtils.swift",
        broken: "struct A {}", kept: "",
        appliesTo: {
            $0.isSwift && $0.name.contains(#/(?:Utils?|Common|Helpers?|Managers?)\.swift$/#)
        },
        findings: { file in
            guard !file.text.isEmpty else { return [] }
            return [
                Finding(path: file.path, line: 0, advice: "name it by the type that it holds")
            ]
        }),
]
