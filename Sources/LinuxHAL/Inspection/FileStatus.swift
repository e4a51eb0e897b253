import Glibc

/// What the kernel says of a file, its links followed.
public struct FileStatus: Hashable, Sendable {
    public enum Kind: Sendable { case characterDevice, directory, file, other }

    public let kind: Kind
    public let user: UInt32
    public let group: UInt32
    /// The nine bits of read, write and execute.
    public let mode: UInt16
    /// In bytes.
    public let size: Int64

    /// - Returns: nil when there is none, or none that may be looked at.
    public init?(path: String) {
        var status = stat()
        guard stat(path, &status) == 0 else { return nil }
        switch status.st_mode & S_IFMT {
        case S_IFCHR: kind = .characterDevice
        case S_IFDIR: kind = .directory
        case S_IFREG: kind = .file
        default: kind = .other
        }
        user = status.st_uid
        group = status.st_gid
        mode = UInt16(status.st_mode & 0o777)
        size = Int64(status.st_size)
    }

    /// Where a path leads with all its links followed; nil when it leads nowhere.
    public static func target(of path: String) -> String? {
        guard let found = realpath(path, nil) else { return nil }
        defer { free(found) }
        return String(cString: found)
    }
}

/// The names in a folder.
public enum Folder {
    /// - Returns: without "." and ".."; none when it cannot be read.
    public static func names(in path: String) -> [String] {
        guard let stream = opendir(path) else { return [] }
        defer { closedir(stream) }
        var names: [String] = []
        while let entry = readdir(stream) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) {
                String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names
    }
}

/// What the kernel says of the file system that a path is on.
public struct FileSystemStatus: Hashable, Sendable {
    /// For ordinary users, in bytes.
    public let free: Int64
    /// How many more files there may be; `Int64.max` where the file system has no such limit.
    public let freeFiles: Int64
    public let isReadOnly: Bool

    /// - Returns: nil when there is no such path.
    public init?(path: String) {
        var status = statvfs()
        guard statvfs(path, &status) == 0 else { return nil }
        free = Int64(clamping: UInt64(status.f_bavail) * UInt64(status.f_frsize))
        // btrfs and vfat have no fixed number, and say 0 of 0.
        freeFiles = status.f_files == 0 ? .max : Int64(clamping: UInt64(status.f_favail))
        isReadOnly = status.f_flag & UInt(ST_RDONLY) != 0
    }
}
