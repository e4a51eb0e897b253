/// The directory that the journal lives in, and the names in it.
struct StateDirectory: Sendable {
    let path: String
    let storage: any StateStorage

    static let databaseName = "journal.sqlite3"
    /// SQLite's own files beside the database; they are moved with it.
    private static let companions = ["", "-wal", "-shm"]
    /// Damaged files that are kept. Old ones go, so that a card that dies slowly does not fill
    /// itself up with evidence; chosen.
    private static let quarantineCapacity = 8

    var databasePath: String { path + "/" + Self.databaseName }
    private var quarantinePath: String { path + "/quarantine" }

    /// Makes the directory if it is not there; its parent must be.
    func make() throws(JournalError) {
        guard try storage.makeDirectory(path) else { return }
        // Else a power cut could take the directory with everything that was synced in it.
        try storage.sync(directory: parent)
    }

    private var parent: String {
        guard let slash = path.lastIndex(of: "/") else { return "." }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }

    /// Whether anything tells that a journal was ever kept here. When in doubt, it was.
    var hasRunBefore: Bool {
        let names =
            Self.companions.map { Self.databaseName + $0 } + [
                LockoutFile.name, RunMarkerFile.name, QueueMark.name, "quarantine",
            ]
        return names.contains { storage.inspect(path + "/" + $0) != .missing }
    }

    /// What is wrong with the database's files before SQLite looks at them, if anything.
    var fault: String? {
        for suffix in Self.companions {
            switch storage.inspect(databasePath + suffix) {
            case .missing: continue
            case .other: return "\(Self.databaseName)\(suffix) is not a file"
            // SQLite would take it for a new database and say nothing of what is missing.
            case .file(bytes: 0) where suffix.isEmpty: return "the file is empty"
            case .file: continue
            }
        }
        return nil
    }

    /// Moves the database and its companions to `quarantine/journal-N.sqlite3`.
    ///
    /// - Returns: the new name, relative to the directory.
    func quarantine() throws(JournalError) -> String {
        _ = try storage.makeDirectory(quarantinePath)
        let taken = quarantinedNumbers()
        for number in taken.dropLast(Self.quarantineCapacity - 1) {
            for suffix in Self.companions { try? storage.remove(quarantined(number) + suffix) }
        }
        let number = (taken.last ?? 0) + 1
        for suffix in Self.companions where storage.inspect(databasePath + suffix) != .missing {
            try storage.rename(databasePath + suffix, to: quarantined(number) + suffix)
        }
        try storage.sync(directory: quarantinePath)
        try storage.sync(directory: path)
        return "quarantine/journal-\(number).sqlite3"
    }

    private func quarantined(_ number: Int) -> String {
        "\(quarantinePath)/journal-\(number).sqlite3"
    }

    /// The numbers in use, lowest first.
    private func quarantinedNumbers() -> [Int] {
        var numbers: Set<Int> = []
        for name in storage.names(in: quarantinePath) {
            let parts = name.split(separator: ".")
            guard parts.count == 2, parts[0].hasPrefix("journal-"),
                parts[1].hasPrefix("sqlite3"), let number = Int(parts[0].dropFirst(8))
            else { continue }
            numbers.insert(number)
        }
        return numbers.sorted()
    }
}
