/// What can go wrong, each counted when it really occurred: a run of many seeds must have seen all
/// of it, or it has proved less than it says.
enum FaultKind: Int, CaseIterable {
    // Put in by the plan.
    case powerLosses, daemonKills, uplinkKills, bridgeKills
    case brokerRestarts, brokerAmnesias, brokerRelapses
    case kafkaOutages, kafkaFailings, fullDisks, linkResets, linkStalls, halfOpenLinks
    case sharedShards, lostAcknowledgements, forgedAcknowledgements, repeatedAcknowledgements
    case oldAcknowledgements, foreignAcknowledgements, forgottenAcknowledgements
    case restoredDatabases, restoredCards, clonedCards, clockSteps, weeksOffline
    case lostCursors, oldCursors, damagedCursors
    // What follows from them.
    case takeovers, brokerRedeliveries, libraryResends, brokerDrops
    case deliveryTimeouts, deliveryFailures, lostReports, refusedRecords, producerFull
    case droppedEvents, newEpochs, duplicates, lettersFromGaps

    var name: String {
        switch self {
        case .powerLosses: "power losses"
        case .daemonKills: "busbard killed"
        case .uplinkKills: "uplink killed"
        case .bridgeKills: "bridge killed"
        case .brokerRestarts: "broker restarts with its memory"
        case .brokerAmnesias: "broker restarts without memory"
        case .brokerRelapses: "broker restarts with old memory"
        case .kafkaOutages: "Kafka brokers down"
        case .kafkaFailings: "Kafka failing"
        case .fullDisks: "full disks"
        case .linkResets: "connections reset"
        case .linkStalls: "links stalled"
        case .halfOpenLinks: "half-open connections"
        case .sharedShards: "two bridges on a shard"
        case .lostAcknowledgements: "acks lost"
        case .forgedAcknowledgements: "acks forged"
        case .repeatedAcknowledgements: "acks repeated late"
        case .oldAcknowledgements: "old acks retained anew"
        case .foreignAcknowledgements: "acks of another device"
        case .forgottenAcknowledgements: "retained acks removed"
        case .restoredDatabases: "databases restored"
        case .restoredCards: "cards restored"
        case .clonedCards: "cards cloned"
        case .clockSteps: "clock steps"
        case .weeksOffline: "weeks offline"
        case .lostCursors: "cursors lost"
        case .oldCursors: "cursors old"
        case .damagedCursors: "cursors damaged"
        case .takeovers: "takeovers of a client id"
        case .brokerRedeliveries: "redeliveries by the broker"
        case .libraryResends: "resends by the library"
        case .brokerDrops: "dropped by the broker"
        case .deliveryTimeouts: "delivery timeouts"
        case .deliveryFailures: "delivery failures"
        case .lostReports: "stored, report lost"
        case .refusedRecords: "records refused"
        case .producerFull: "producer full"
        case .droppedEvents: "dropped by quota"
        case .newEpochs: "new epochs"
        case .duplicates: "duplicates in Kafka"
        case .lettersFromGaps: "events in declared gaps"
        }
    }
}

/// How often each fault occurred.
public struct FaultCounts: Hashable, Sendable {
    private var counts = [Int](repeating: 0, count: FaultKind.allCases.count)

    subscript(kind: FaultKind) -> Int {
        get { counts[kind.rawValue] }
        set { counts[kind.rawValue] = newValue }
    }

    static func += (left: inout FaultCounts, right: FaultCounts) {
        for kind in FaultKind.allCases { left[kind] += right[kind] }
    }

    /// By name, in a fixed order, zeros too.
    public var rows: [(name: String, count: Int)] {
        FaultKind.allCases.map { ($0.name, self[$0]) }
    }
}
