import Doctor
import LinuxHAL
import Site

/// Small files in which the kernel tells of itself, and the status of others.
enum MachineFiles {
    /// The first line of a file, without its line feed; nil when it cannot be read or is empty.
    static func line(_ path: String) -> String? {
        guard let bytes = try? readFile(path) else { return nil }
        // The device tree ends its texts with a zero.
        let line = bytes.prefix { $0 >= 0x20 }
        return line.isEmpty ? nil : String(decoding: line, as: UTF8.self)
    }

    static func number(_ path: String) -> Int64? { line(path).flatMap { Int64($0) } }

    static func lines(_ path: String) -> [String] {
        guard let bytes = try? readFile(path) else { return [] }
        return String(decoding: bytes, as: UTF8.self).split(separator: "\n").map(String.init)
    }

    static func file(_ path: String) -> Facts.File {
        guard let status = FileStatus(path: path) else { return Facts.File(path, .missing) }
        let kind: Facts.File.Kind =
            switch status.kind {
            case .characterDevice: .device
            case .directory: .directory
            case .file: .file
            case .other: .other
            }
        return Facts.File(
            path, kind, user: status.user, group: status.group, mode: status.mode)
    }
}
