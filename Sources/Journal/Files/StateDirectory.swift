import Glibc

/// The directory that the journal lives in, and the names in it.
struct StateDirectory {
    let path: String

    static let databaseName = "journal.sqlite3"
    /// SQLite's own files beside the database; they are moved with it.
    private static let companions = ["", "-wal", "-shm"]
    /// Damaged files that are kept. Old ones go, so that a card that dies slowly does not fill
    /// itself up with evidence; chosen.
    private static let quarantineCapacity = 8

    var databasePath: String { path + "/" + Self.databaseName }
    private var quarantinePath: String { path + "/quarantine" }

    /// Makes the directory if it is not there; its parent must be.
    func make() throws(JournalError) { try Self.makeDirectory(path) }

    /// Whether anything tells that a journal was ever kept here. When in doubt, it was.
    var hasRunBefore: Bool {
        let names =
            Self.companions.map { Self.databaseName + $0 } + [
                LockoutFile.name, RunMarkerFile.name, QueueMark.name, "quarantine",
            ]
        return names.contains { name in
            var status = stat()
            return lstat(path + "/" + name, &status) == 0 || errno != ENOENT
        }
    }

    /// What is wrong with the database's files before SQLite looks at them, if anything.
    ///
    /// Only `lstat`: opening the database with anything but SQLite would drop SQLite's locks, as
    /// POSIX has it, when that file is closed.
    var fault: String? {
        for suffix in Self.companions {
            var status = stat()
            guard lstat(databasePath + suffix, &status) == 0 else { continue }
            if status.st_mode & S_IFMT != S_IFREG {
                return "\(Self.databaseName)\(suffix) is not a file"
            }
            // SQLite would take it for a new database and say nothing of what is missing.
            if suffix.isEmpty, status.st_size == 0 { return "the file is empty" }
        }
        return nil
    }

    /// Moves the database and its companions to `quarantine/journal-N.sqlite3`.
    ///
    /// - Returns: the new name, relative to the directory.
    func quarantine() throws(JournalError) -> String {
        try Self.makeDirectory(quarantinePath)
        let taken = quarantinedNumbers()
        for number in taken.dropLast(Self.quarantineCapacity - 1) {
            for suffix in Self.companions { remove(quarantined(number) + suffix) }
        }
        let number = (taken.last ?? 0) + 1
        for suffix in Self.companions {
            let moved = rename(databasePath + suffix, quarantined(number) + suffix) == 0
            guard moved || errno == ENOENT else {
                throw systemError("rename", path: databasePath + suffix)
            }
        }
        try StateFile.sync(directory: quarantinePath)
        try StateFile.sync(directory: path)
        return "quarantine/journal-\(number).sqlite3"
    }

    private func quarantined(_ number: Int) -> String {
        "\(quarantinePath)/journal-\(number).sqlite3"
    }

    /// The numbers in use, lowest first.
    private func quarantinedNumbers() -> [Int] {
        guard let listing = opendir(quarantinePath) else { return [] }
        defer { closedir(listing) }
        var numbers: Set<Int> = []
        while let entry = readdir(listing) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            let parts = name.split(separator: ".")
            guard parts.count == 2, parts[0].hasPrefix("journal-"),
                parts[1].hasPrefix("sqlite3"), let number = Int(parts[0].dropFirst(8))
            else { continue }
            numbers.insert(number)
        }
        return numbers.sorted()
    }

    private static func makeDirectory(_ path: String) throws(JournalError) {
        guard mkdir(path, 0o750) == 0 || errno == EEXIST else {
            throw systemError("mkdir", path: path)
        }
    }
}
