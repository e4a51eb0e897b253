import LinuxHAL
import LocalAPI
import Site

extension AccessPolicy {
    /// The site file's roles, with names turned into the system's numbers. A name that the system
    /// does not know gets nobody in, and is added to `unknown`.
    init(_ roles: Roles, unknown: inout UnknownAccounts) {
        self.init()
        for (members, role) in [
            (roles.viewers, Role.viewer), (roles.cluster, .cluster),
            (roles.technicians, .technician), (roles.admins, .admin),
        ] {
            for account in members.users {
                switch account.number(SystemAccounts.userID) {
                case .success(let id): allow(user: id, role)
                case .failure(let name): unknown.add(user: name.text)
                }
            }
            for account in members.groups {
                switch account.number(SystemAccounts.groupID) {
                case .success(let id): allow(group: id, role)
                case .failure(let name): unknown.add(group: name.text)
                }
            }
        }
    }
}

/// Whom the site gives roles to and this system does not know.
struct UnknownAccounts {
    private var users: [String] = []
    private var groups: [String] = []

    /// A name may have several roles; it is told once.
    mutating func add(user: String) { if !users.contains(user) { users.append(user) } }
    mutating func add(group: String) { if !groups.contains(group) { groups.append(group) } }

    /// Who has no role, and what to do; nil if everybody is known.
    ///
    /// - Parameter isTrial: on a simulated board, which harms nobody.
    func sentence(isTrial: Bool) -> String? {
        let names = [Self.words("user", users), Self.words("group", groups)].compactMap(\.self)
        guard !names.isEmpty else { return nil }
        let advice =
            isTrial
            ? "Nothing to do in a trial: whoever starts busbard on a simulated board has every "
                + "role. On a device: systemd-sysusers"
            : "Make them: systemd-sysusers, for names of your own useradd or groupadd; or correct "
                + "roles in the site file. Then: systemctl restart busbard"
        return "unknown here, so without their roles: \(names.joined(separator: ", ")). \(advice)"
    }

    private static func words(_ kind: String, _ names: [String]) -> String? {
        guard !names.isEmpty else { return nil }
        return "\(kind)\(names.count == 1 ? "" : "s") \(names.joined(separator: ", "))"
    }
}

extension Roles.Account {
    /// A name that the system does not know.
    fileprivate struct UnknownName: Error { let text: String }

    fileprivate func number(_ lookUp: (String) -> UInt32?) -> Result<UInt32, UnknownName> {
        switch self {
        case .id(let number): .success(number)
        case .name(let name):
            lookUp(name).map { .success($0) } ?? .failure(UnknownName(text: name))
        }
    }
}
