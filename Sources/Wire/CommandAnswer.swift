public import Events

/// A command and what came of it: who asked, for what, and the result. Its consequences carry the
/// same correlation.
public struct CommandAnswer: Hashable, Sendable {
    /// The number that the local API gave to the command. It begins anew with each run.
    public var ticket: UInt32
    /// "alarms.shelve".
    public var method: String
    /// By the kernel's word for the peer of the connection.
    public var userID: UInt32
    /// The system's name for that user.
    public var user: String
    /// "viewer", "cluster", "technician", "admin".
    public var role: String
    /// What was asked with it, as a JSON object.
    public var parameters: [UInt8]
    /// The person's own name, and the reason, where the command gives them.
    public var name: String?
    public var reason: String?
    public var result: Result
    /// Why it was not done, in a word for programs: "role", "fatal_alarm". Nil if it was.
    public var refusal: String?
    /// Refusals of this user before this one that have no event, because there were too many.
    public var unrecorded: Int
    /// Where it came from the cluster; nil for what was asked at the device.
    public var origin: CommandOrigin?

    public enum Result: UInt8, Sendable, CaseIterable {
        case done
        /// Taken, and all was so already.
        case unchanged
        case refused
        case outOfRange
        /// Not carried out: the control loop came to it too late.
        case expired
        /// The control loop said nothing in time.
        case noAnswer

        public var name: String {
            switch self {
            case .done: "done"
            case .unchanged: "unchanged"
            case .refused: "refused"
            case .outOfRange: "out_of_range"
            case .expired: "expired"
            case .noAnswer: "no_answer"
            }
        }
    }

    public init(
        ticket: UInt32, method: String, userID: UInt32, user: String, role: String,
        parameters: [UInt8], name: String? = nil, reason: String? = nil, result: Result,
        refusal: String? = nil, unrecorded: Int = 0, origin: CommandOrigin? = nil
    ) {
        self.ticket = ticket
        self.method = method
        self.userID = userID
        self.user = user
        self.role = role
        self.parameters = parameters
        self.name = name
        self.reason = reason
        self.result = result
        self.refusal = refusal
        self.unrecorded = unrecorded
        self.origin = origin
    }

    /// What the command's consequences carry too.
    public var correlation: Correlation { Correlation(command: ticket) }

    var severity: Severity {
        switch result {
        case .done, .unchanged: .info
        case .refused, .outOfRange, .expired, .noAnswer: .warning
        }
    }

    func append(to members: inout JSONMembers) {
        members.add("method", method)
        members.add("result", result.name)
        if let refusal { members.add("refusal", refusal) } else { members.addNull("refusal") }
        members.add("user", user)
        members.add("uid", userID)
        members.add("role", role)
        members.add("parameters", json: parameters)
        members.add("unrecorded", unrecorded)
        members.addOptional("command", origin?.id.text)
        members.addOptional("by", origin?.by)
    }
}
