import Events

/// What somebody at the local socket may do; each role may do what those before it may, but only
/// the cluster's own role and admin may speak for the cluster (`Method.isOpen`).
public enum Role: UInt8, Comparable, Sendable, CaseIterable {
    /// Reads.
    case viewer
    /// busbar-uplink: reads, reports what it found, and brings the cluster's signed commands.
    case cluster
    /// Acknowledges, shelves, starts and stops heating.
    case technician
    /// Configuration, alarms out of service.
    case admin

    public var name: String {
        switch self {
        case .viewer: "viewer"
        case .cluster: "cluster"
        case .technician: "technician"
        case .admin: "admin"
        }
    }

    public static func < (lhs: Self, rhs: Self) -> Bool { lhs.rawValue < rhs.rawValue }

    /// Under whose name the controller records what this role asks for itself. Viewer and cluster
    /// ask for nothing that reaches it.
    var requester: Requester { self == .admin ? .admin : .technician }
}

/// Who is at the other end, by the kernel's word (SO_PEERCRED), not by its own.
public struct Peer: Hashable, Sendable {
    public var processID: Int32
    public var userID: UInt32
    /// The primary group and the supplementary ones.
    public var groupIDs: [UInt32]

    public init(processID: Int32, userID: UInt32, groupIDs: [UInt32]) {
        self.processID = processID
        self.userID = userID
        self.groupIDs = groupIDs
    }
}

/// Which users and groups have which role. Everyone else gets nothing.
public struct AccessPolicy: Hashable, Sendable {
    public private(set) var users: [UInt32: Role] = [:]
    public private(set) var groups: [UInt32: Role] = [:]

    /// Nobody but root.
    public init() {}

    /// Gives `role` to a user; of two roles the higher one counts.
    public mutating func allow(user: UInt32, _ role: Role) {
        users[user] = max(users[user] ?? role, role)
    }

    /// Gives `role` to all members of a group; of two roles the higher one counts.
    public mutating func allow(group: UInt32, _ role: Role) {
        groups[group] = max(groups[group] ?? role, role)
    }

    /// The highest role that the peer's user or any of its groups has; nil if none is listed.
    ///
    /// Root is admin: who is root on the device can do everything to it anyway, and pretending
    /// otherwise would only hide it from the record.
    public func role(of peer: Peer) -> Role? {
        if peer.userID == 0 { return .admin }
        return peer.groupIDs.compactMap { groups[$0] }
            .reduce(users[peer.userID]) { best, role in max(best ?? role, role) }
    }
}
