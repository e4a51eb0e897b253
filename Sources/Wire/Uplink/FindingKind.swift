/// What busbar-uplink can find that somebody must learn of: a stranger's attempt, or a fault that
/// does not heal by waiting.
public enum FindingKind: UInt8, Sendable, CaseIterable {
    case forgedAcknowledgement = 0
    /// A command that the cluster's tools would not have sent so: not its signature, another
    /// device's, retained, repeated, or not readable.
    case commandForged
    /// A command that is what it should be, and came too late, too early, or to a device that
    /// cannot take it.
    case commandRefused
    case clientTakenOver
    case noBridge
    case eventsRefused
    case rolledBack
    case numbersMissing
    case journalUnreadable
    /// The broker refuses the status, or what Home Assistant reads; events go their way.
    case messagesRefused
    /// One of the way's certificates ends within days.
    case certificateEnding

    /// As it is called on the local socket and in the status.
    public var name: String {
        switch self {
        case .forgedAcknowledgement: "forged_acknowledgement"
        case .commandForged: "command_forged"
        case .commandRefused: "command_refused"
        case .clientTakenOver: "client_taken_over"
        case .noBridge: "no_bridge"
        case .eventsRefused: "events_refused"
        case .rolledBack: "rolled_back"
        case .numbersMissing: "numbers_missing"
        case .journalUnreadable: "journal_unreadable"
        case .messagesRefused: "messages_refused"
        case .certificateEnding: "certificate_ending"
        }
    }

    /// Nil for a name that no kind has.
    public init?(name: String) {
        guard let kind = Self.allCases.first(where: { $0.name == name }) else { return nil }
        self = kind
    }

    /// Whether it smells of intent.
    public var isSecurity: Bool {
        switch self {
        case .forgedAcknowledgement, .commandForged, .clientTakenOver: true
        case .commandRefused, .noBridge, .eventsRefused, .rolledBack, .numbersMissing,
            .journalUnreadable, .messagesRefused, .certificateEnding:
            false
        }
    }

    /// Whether it goes on until it is told to be over, and is told again while it does. The others
    /// are single events; a certificate that ends is one each day.
    public var isLasting: Bool {
        switch self {
        case .noBridge, .eventsRefused, .rolledBack, .journalUnreadable, .messagesRefused: true
        case .forgedAcknowledgement, .commandForged, .commandRefused, .clientTakenOver,
            .numbersMissing, .certificateEnding:
            false
        }
    }
}
