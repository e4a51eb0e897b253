/// What the running process last said of itself, for the one after it (§7.6 step 9).
public enum RunMarker: String, Sendable {
    /// It runs, and heats nothing.
    case running
    /// "Heat on": written before the heat is relied on.
    case heating
    /// It said farewell.
    case stopped
}

/// The file that holds the marker: one line of text, so that a technician can read it.
struct RunMarkerFile {
    static let name = "run-marker"
    private static let heading = "busbar run marker 1: "
    private let file: StateFile

    enum Found: Equatable { case missing, bad, marker(RunMarker) }

    init(in directory: StateDirectory) { file = StateFile(Self.name, in: directory) }

    func read() -> Found {
        switch file.read(limit: 64) {
        case .missing: return .missing
        case .unreadable: return .bad
        case .bytes(let bytes):
            let text = String(decoding: bytes, as: UTF8.self)
            for marker in [RunMarker.running, .heating, .stopped]
            where text == Self.line(marker) { return .marker(marker) }
            return .bad
        }
    }

    func write(_ marker: RunMarker) throws(JournalError) {
        try file.replace(with: Array(Self.line(marker).utf8))
    }

    private static func line(_ marker: RunMarker) -> String { heading + marker.rawValue + "\n" }
}
