import Glibc

/// Glibc's `struct ucred`, which its Swift module does not show.
private struct KernelCredentials {
    var processID: pid_t = 0
    var userID: uid_t = .max
    var groupID: gid_t = .max
}

extension Peer {
    /// The peer of a connected unix socket. Nil if the kernel does not say, which is then treated
    /// as nobody.
    static func of(connection: Int32) -> Peer? {
        var credentials = KernelCredentials()
        var length = socklen_t(MemoryLayout<KernelCredentials>.size)
        guard getsockopt(connection, SOL_SOCKET, SO_PEERCRED, &credentials, &length) == 0,
            length == MemoryLayout<KernelCredentials>.size
        else { return nil }
        return Peer(
            processID: credentials.processID, userID: credentials.userID,
            groupIDs: groups(of: credentials.userID, primary: credentials.groupID))
    }

    /// SO_PEERCRED tells the primary group only; the others come from the system's user list. A
    /// user who is not in that list has just the primary one.
    private static func groups(of user: uid_t, primary: gid_t) -> [UInt32] {
        guard let entry = getpwuid(user), let name = entry.pointee.pw_name else { return [primary] }
        // 64: chosen. Linux allows 65,536 groups, but a person who is in more than 64 of them can
        // be listed by user.
        var count: Int32 = 64
        var groups = [gid_t](repeating: 0, count: Int(count))
        let found = getgrouplist(name, primary, &groups, &count)
        return found < 0 ? groups : Array(groups.prefix(Int(count)))
    }
}

/// The system's numbers for the names that a site file gives.
public enum SystemAccounts {
    public static func userID(named name: String) -> UInt32? { getpwnam(name)?.pointee.pw_uid }
    public static func groupID(named name: String) -> UInt32? { getgrnam(name)?.pointee.gr_gid }
    public static func userName(of id: UInt32) -> String {
        guard let entry = getpwuid(id), let name = entry.pointee.pw_name else { return "uid \(id)" }
        return String(cString: name)
    }
}
