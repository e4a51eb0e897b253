/// Everything that can be asked at the local socket. To add one, add a case: the table, the
/// dispatcher and the test of the role matrix ask for the rest.
public enum Method: String, Sendable, CaseIterable {
    case version
    case status
    case watch
    case why
    case alarmsList = "alarms.list"
    case alarmsHistory = "alarms.history"
    case alarmsPerformance = "alarms.kpi"
    case alarmsAcknowledge = "alarms.ack"
    case alarmsShelve = "alarms.shelve"
    case alarmsUnshelve = "alarms.unshelve"
    case heatingStatus = "heating.status"
    case heatingStart = "heating.start"
    case heatingStop = "heating.stop"
    case heatingSetTarget = "heating.setTarget"
    case eventsList = "events.list"
    case eventsTail = "events.tail"
    case transactionsList = "transactions.list"
    case queueStatus = "queue.status"
    case uplinkStatus = "uplink.status"
    case uplinkFinding = "uplink.finding"
    case uplinkCommand = "uplink.command"
    case reset
    case simulationApply = "sim.apply"

    /// Who may do what: THE table is `minimumRole`, and nothing else in the server asks for a role.
    /// A technician may not speak for the cluster, or could put what he does under its name; root
    /// can do anything anyway.
    public func isOpen(to role: Role) -> Bool {
        role >= minimumRole && !(minimumRole == .cluster && role == .technician)
    }

    public var minimumRole: Role {
        switch self {
        case .version, .status, .watch, .why: .viewer
        case .alarmsList, .alarmsHistory, .alarmsPerformance, .heatingStatus: .viewer
        case .eventsList, .eventsTail, .transactionsList, .queueStatus, .uplinkStatus: .viewer
        case .uplinkFinding, .uplinkCommand: .cluster
        case .alarmsAcknowledge, .alarmsShelve, .alarmsUnshelve: .technician
        case .heatingStart, .heatingStop, .heatingSetTarget: .technician
        // The attempt is always refused and recorded (E701). A viewer may not even cause that.
        case .reset: .technician
        // Exists on a simulated board only, where nothing is at stake but a shared demonstration.
        case .simulationApply: .technician
        }
    }

    /// What the method answers with.
    enum Answer {
        /// At once, from what the server knows.
        case immediate
        /// With the state at the end of the tick that runs.
        case state
        /// After the controller has taken a command.
        case command
        /// With one line now and more lines later.
        case stream
        /// From the journal, or another file.
        case record
        /// After the inbox has taken the command in, and then like a command.
        case inbox
    }

    /// Whether the cluster's asking reaches the controller: what a technician may do to it. A reset
    /// is among it so that the attempt gets the answer of every remote reset, and its alarm.
    var isForCluster: Bool { answer == .command && minimumRole <= .technician }

    var answer: Answer {
        switch self {
        case .version, .simulationApply, .uplinkFinding: .immediate
        case .uplinkCommand: .inbox
        case .status, .why, .alarmsList, .heatingStatus: .state
        case .alarmsAcknowledge, .alarmsShelve, .alarmsUnshelve, .heatingStart, .heatingStop,
            .heatingSetTarget, .reset:
            .command
        case .watch, .eventsTail: .stream
        case .alarmsHistory, .alarmsPerformance, .eventsList, .transactionsList, .queueStatus,
            .uplinkStatus:
            .record
        }
    }
}
