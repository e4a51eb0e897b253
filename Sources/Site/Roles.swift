/// Who may do what over the local socket (alarms and events, §3). Whoever is listed nowhere gets
/// nothing.
public struct Roles: Hashable, Sendable {
    /// A user or group as the site file names it: by number, or by name, which the local API looks
    /// up.
    public enum Account: Hashable, Sendable {
        case id(UInt32)
        case name(String)
    }

    public struct Members: Hashable, Sendable {
        public var users: [Account] = []
        public var groups: [Account] = []

        public init(users: [Account] = [], groups: [Account] = []) {
            self.users = users
            self.groups = groups
        }
    }

    public var viewers: Members
    /// busbar-uplink's own user, who brings the cluster's commands.
    public var cluster: Members
    public var technicians: Members
    public var admins: Members

    /// A file without `roles` leaves the device to root, who can read the file and more anyway.
    public init(
        viewers: Members = Members(), cluster: Members = Members(),
        technicians: Members = Members(),
        admins: Members = Members(users: [.id(0)])
    ) {
        self.viewers = viewers
        self.cluster = cluster
        self.technicians = technicians
        self.admins = admins
    }
}
