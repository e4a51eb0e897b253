import Glibc

/// Which files there are under some paths, so that a change is seen: by inode, size and time, since
/// a certificate is renewed by a new file under the old name or by new bytes in the old file.
public struct FileFingerprint: Hashable, Sendable {
    private struct File: Hashable, Sendable {
        var inode: UInt
        var size: Int
        var seconds: Int
        var nanoseconds: Int
    }

    private let files: [File?]

    /// A path without a file is no error: one may come to be there.
    public init(paths: [String]) {
        files = paths.map { path in
            var status = stat()
            guard stat(path, &status) == 0 else { return nil }
            return File(
                inode: UInt(status.st_ino), size: Int(status.st_size),
                seconds: status.st_mtim.tv_sec, nanoseconds: status.st_mtim.tv_nsec)
        }
    }
}
