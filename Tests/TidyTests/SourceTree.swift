import Foundation

/// One text file of the repository.
struct SourceFile: Sendable {
    /// From the top of the repository: "Sources/Units/Time.swift".
    let path: String
    let text: String
    /// Without comments and strings, for all rules once; of what is no Swift, none.
    let code: SwiftCode

    init(path: String, text: String) {
        self.path = path
        self.text = text
        code = SwiftCode(path.hasSuffix(".swift") ? text : "")
    }

    var name: String { path.split(separator: "/").last.map(String.init) ?? path }
    var isSwift: Bool { path.hasSuffix(".swift") }

    /// "Units" for a file below Sources/Units; nil elsewhere.
    var module: String? {
        let parts = path.split(separator: "/")
        return parts.count > 2 && parts[0] == "Sources" ? String(parts[1]) : nil
    }
}

/// The repository that this test was compiled in.
enum SourceTree {
    static let root = URL(filePath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

    /// Files that people write by hand. Captures, golden bytes and build products are not.
    static let extensions: Set<String> = [
        "swift", "c", "h", "modulemap", "md", "json", "py", "dbc", "service", "rules",
    ]
    static let scripts: Set<String> = ["Makefile"]

    static let files: [SourceFile] = entries(below: "").compactMap { path in
        let name = path.split(separator: "/").last.map(String.init) ?? path
        let ending = name.split(separator: ".").last.map(String.init) ?? ""
        guard extensions.contains(ending) || scripts.contains(name) || path.hasPrefix(".ci/")
        else { return nil }
        // A DBC file may hold Latin-1: what is not UTF-8 is replaced, and no rule looks at it.
        guard let data = FileManager.default.contents(atPath: root.path + "/" + path)
        else { return nil }
        return SourceFile(path: path, text: String(decoding: data, as: UTF8.self))
    }

    static var top: [String] { names(in: root.path) }
    static func folders(in path: String) -> [String] {
        names(in: root.path + "/" + path).filter { isFolder(root.path + "/" + path + "/" + $0) }
    }

    static func text(of path: String) -> String {
        files.first { $0.path == path }?.text ?? ""
    }

    private static func entries(below path: String) -> [String] {
        names(in: root.path + "/" + path).flatMap { name -> [String] in
            let isHidden = name.hasPrefix(".") && name != ".ci"
            guard !isHidden, name != "__pycache__" else { return [] }
            let entry = path.isEmpty ? name : path + "/" + name
            return isFolder(root.path + "/" + entry) ? entries(below: entry) : [entry]
        }
    }

    private static func names(in path: String) -> [String] {
        ((try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []).sorted()
    }

    private static func isFolder(_ path: String) -> Bool {
        var isFolder: ObjCBool = false
        return FileManager.default.fileExists(atPath: path, isDirectory: &isFolder)
            && isFolder.boolValue
    }
}
