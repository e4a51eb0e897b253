import Glibc
public import Wire

extension JournalReader {
    /// Gives every event that is stored at one moment, lane by lane in the order of their numbers,
    /// whatever is written, dropped or reclaimed meanwhile.
    ///
    /// It is one long read: the log cannot be cut back until it ends. For an export by hand, not
    /// for a daemon.
    ///
    /// - Parameter since: leaves out what was recorded before, by the wall clock as it stood then.
    /// - Returns: how many rows are left out because they are not as they were written.
    /// - Throws: what reading fails with, or what `body` throws; then nothing more is given.
    public func export(
        lanes: [Lane], sinceUnixMilliseconds since: Int64 = .min,
        _ body: (EventRecord) throws(JournalError) -> Void
    ) throws(JournalError) -> Int {
        try read { (connection) throws(JournalError) in
            var unsound = 0
            for lane in lanes {
                // Of a damaged row the time too may be another: each is counted.
                let rows = try connection.prepare(
                    Self.events(lane, and: RowChecksum.isSound)
                        + " WHERE l.wall_ms >= ? OR NOT \(RowChecksum.isSound) ORDER BY seq")
                rows.bind(1, since)
                while try rows.step() {
                    if rows.integer(13) == 0 {
                        unsound += 1
                    } else {
                        try body(EventRecord(rows, lane: lane))
                    }
                }
            }
            return unsound
        }
    }
}

/// A file that is written whole or not at all: until `finish` it has another name.
public final class ExportFile {
    private let path: String
    private let part: String
    private let file: Int32
    private var waiting: [UInt8] = []
    private var isFinished = false

    /// - Throws: also where something has the name already: an export never replaces another.
    public init(_ path: String) throws(JournalError) {
        self.path = path
        part = path + ".part"
        guard access(path, F_OK) != 0 else {
            throw Self.error("open", EEXIST, path)
        }
        file = open(part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o640)
        guard file >= 0 else { throw Self.error("open", errno, part) }
    }

    deinit {
        close(file)
        if !isFinished { unlink(part) }
    }

    /// Adds one line.
    public func add(_ line: [UInt8]) throws(JournalError) {
        waiting += line
        waiting.append(UInt8(ascii: "\n"))
        // A write for each line would take longer than the reading.
        if waiting.count >= 65_536 { try write() }
    }

    /// Makes what was added durable under the file's own name.
    public func finish() throws(JournalError) {
        try write()
        guard fsync(file) == 0 else { throw Self.error("fsync", errno, part) }
        // As `link` does not replace, two exports at once cannot overwrite each other.
        guard link(part, path) == 0 else { throw Self.error("link", errno, path) }
        unlink(part)
        isFinished = true
        let slash = path.lastIndex(of: "/")
        let directory = slash.map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? "."
        try LinuxStorage().sync(directory: directory)
    }

    /// Of the export's own file: whatever becomes of it, the journal is only read.
    private static func error(
        _ operation: String, _ code: Int32, _ path: String
    ) -> JournalError {
        var error = JournalError(errno: code, operation: operation, path: path)
        error.side = .export
        return error
    }

    private func write() throws(JournalError) {
        var count = 0
        while count < waiting.count {
            let put = waiting.withUnsafeBytes {
                Glibc.write(file, $0.baseAddress! + count, $0.count - count)
            }
            if put < 0 {
                if errno == EINTR { continue }
                throw Self.error("write", errno, part)
            }
            count += put
        }
        waiting.removeAll(keepingCapacity: true)
    }
}
