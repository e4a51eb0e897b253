import Glibc

/// Where daemon and command meet when nobody says where.
public enum SocketPath {
    /// On an installed device. systemd makes the directory (`RuntimeDirectory=busbar`).
    public static let installed = "/run/busbar/control.sock"

    /// Where the command looks: BUSBAR_SOCKET if it is set, else the installed path.
    public static func standard() -> String {
        guard let value = getenv("BUSBAR_SOCKET"), value.pointee != 0 else { return installed }
        return String(cString: value)
    }

    /// Makes the directory of a socket if there is none.
    ///
    /// - Returns: why the socket may not be served there: a directory that belongs to somebody
    /// else,
    ///   who could put another socket in its place. Nil if it may.
    static func prepareDirectory(of path: String) -> String? {
        guard let slash = path.lastIndex(of: "/"), slash != path.startIndex else { return nil }
        let directory = String(path[..<slash])
        // Others may pass through it; whom the socket lets in is the socket's business.
        if mkdir(directory, 0o755) != 0, errno != EEXIST { return lastError() }
        var status = stat()
        guard lstat(directory, &status) == 0 else { return lastError() }
        // /tmp itself and its like are shared, and protect what is in them by the sticky bit.
        let isShared = status.st_mode & S_ISVTX != 0
        let isOurs = status.st_uid == geteuid() || status.st_uid == 0
        return isOurs || isShared ? nil : "\(directory) belongs to user \(status.st_uid)"
    }
}
