import Glibc

/// Nodes in /dev.
public enum DevicePath {
    public static func exists(_ path: String) -> Bool { access(path, F_OK) == 0 }
}
