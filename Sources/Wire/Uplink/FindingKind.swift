/// What busbar-uplink can find that somebody must learn of: a stranger's attempt, or a fault that
/// does not heal by waiting.
public enum FindingKind: UInt8, Sendable, CaseIterable {
    case forgedAcknowledgement = 0
    // Refused commands, a kind for each reason, so that none hides another one that came before or
    // after it. First what the cluster's tools would not have sent so, gravest first.
    case commandBadSignature
    case commandOtherDevice
    case commandUnreadable
    case commandTooLarge
    case commandRetained
    // Then commands that are what they should be, and came twice, too late, too early, or to a
    // device that cannot take them.
    case commandRepeated
    case commandExpired
    case commandNotYetValid
    case commandClockNotSet
    case commandNoKey
    case commandsTooMany
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
        case .commandBadSignature: "command_bad_signature"
        case .commandOtherDevice: "command_other_device"
        case .commandUnreadable: "command_unreadable"
        case .commandTooLarge: "command_too_large"
        case .commandRetained: "command_retained"
        case .commandRepeated: "command_repeated"
        case .commandExpired: "command_expired"
        case .commandNotYetValid: "command_not_yet_valid"
        case .commandClockNotSet: "command_clock_not_set"
        case .commandNoKey: "command_no_key"
        case .commandsTooMany: "commands_too_many"
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
        case .forgedAcknowledgement, .commandBadSignature, .commandOtherDevice,
            .commandUnreadable, .commandTooLarge, .commandRetained, .clientTakenOver:
            true
        case .commandRepeated, .commandExpired, .commandNotYetValid, .commandClockNotSet,
            .commandNoKey, .commandsTooMany, .noBridge, .eventsRefused, .rolledBack,
            .numbersMissing, .journalUnreadable, .messagesRefused, .certificateEnding:
            false
        }
    }

    /// Whether it holds until it is told to be over. The others are single events, which are only
    /// counted; a certificate that ends is one each day.
    public var hasEnd: Bool { isLasting || self == .clientTakenOver }

    /// Whether it goes on until it is told to be over, and is told again while it does.
    public var isLasting: Bool {
        switch self {
        case .noBridge, .eventsRefused, .rolledBack, .journalUnreadable, .messagesRefused: true
        case .forgedAcknowledgement, .commandBadSignature, .commandOtherDevice,
            .commandUnreadable, .commandTooLarge, .commandRetained, .commandRepeated,
            .commandExpired, .commandNotYetValid, .commandClockNotSet, .commandNoKey,
            .commandsTooMany, .clientTakenOver, .numbersMissing,
            .certificateEnding:
            false
        }
    }
}
