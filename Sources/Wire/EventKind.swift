public import Events

// The types of events. One row for each, in the table that `name` is.

/// What kind of fact an event states: one for each CloudEvents type. To add one, add a case and
/// a name; the switches over `Fact` and the tests ask for the rest.
public enum EventKind: UInt8, Sendable, CaseIterable {
    case alarmRaised, alarmAcknowledged, alarmReturned, alarmCleared, alarmLatched, alarmReset
    case alarmShelved, alarmUnshelved, alarmSuppressed, alarmUnsuppressed
    case alarmWithdrawn, alarmRestored
    case alarmFlooded, alarmChattered
    case disasterDetected
    case relayCommanded, relayConfirmed, relayDisagreed
    case powerClosed, powerCut, cutVerified
    case interlockEntered
    case heatingRequested, heatingRefused, heatingStarted, heatingEntered
    case heatingFinished, heatingFailed
    case targetChanged
    case signalLost, signalRegained
    case nodeRestarted
    case selfcheckEntered
    case resetAccepted, resetRefused
    case deviceStarted, deviceStopped
    case tickMissed
    case clockStepped
    case eventLost
    case realtimeRefused
    case queueOpened, queueQuarantined, queueDropped, queueSkipped, queueLost
    case reserveReleased, reserveRestored
    case sampleTaken
    case transactionOpened, transactionCheckpointed, transactionClosed, transactionInterrupted
    case configurationApplied, configurationConfirmed, configurationReverted, configurationRefused
    case commandAnswered

    /// `<noun>.<past participle>`: what traces and tables show. Never changes once released.
    public var name: String {
        switch self {
        case .alarmRaised: "alarm.raised"
        case .alarmAcknowledged: "alarm.acknowledged"
        case .alarmReturned: "alarm.returned"
        case .alarmCleared: "alarm.cleared"
        case .alarmLatched: "alarm.latched"
        case .alarmReset: "alarm.reset"
        case .alarmShelved: "alarm.shelved"
        case .alarmUnshelved: "alarm.unshelved"
        case .alarmSuppressed: "alarm.suppressed"
        case .alarmUnsuppressed: "alarm.unsuppressed"
        // Out of service, and back in service.
        case .alarmWithdrawn: "alarm.withdrawn"
        case .alarmRestored: "alarm.restored"
        case .alarmFlooded: "alarm.flooded"
        case .alarmChattered: "alarm.chattered"
        case .disasterDetected: "disaster.detected"
        case .relayCommanded: "relay.commanded"
        case .relayConfirmed: "relay.confirmed"
        case .relayDisagreed: "relay.disagreed"
        case .powerClosed: "power.closed"
        case .powerCut: "power.cut"
        case .cutVerified: "cut.verified"
        case .interlockEntered: "interlock.entered"
        case .heatingRequested: "heating.requested"
        case .heatingRefused: "heating.refused"
        case .heatingStarted: "heating.started"
        case .heatingEntered: "heating.entered"
        case .heatingFinished: "heating.finished"
        case .heatingFailed: "heating.failed"
        case .targetChanged: "target.changed"
        case .signalLost: "signal.lost"
        case .signalRegained: "signal.regained"
        case .nodeRestarted: "node.restarted"
        case .selfcheckEntered: "selfcheck.entered"
        case .resetAccepted: "reset.accepted"
        case .resetRefused: "reset.refused"
        case .deviceStarted: "device.started"
        case .deviceStopped: "device.stopped"
        case .tickMissed: "tick.missed"
        case .clockStepped: "clock.stepped"
        case .eventLost: "event.lost"
        case .realtimeRefused: "realtime.refused"
        case .queueOpened: "queue.opened"
        case .queueQuarantined: "queue.quarantined"
        case .queueDropped: "queue.dropped"
        case .queueSkipped: "queue.skipped"
        case .queueLost: "queue.lost"
        case .sampleTaken: "sample.taken"
        case .reserveReleased: "reserve.released"
        case .reserveRestored: "reserve.restored"
        case .transactionOpened: "transaction.opened"
        case .transactionCheckpointed: "transaction.checkpointed"
        case .transactionClosed: "transaction.closed"
        case .transactionInterrupted: "transaction.interrupted"
        case .configurationApplied: "configuration.applied"
        case .configurationConfirmed: "configuration.confirmed"
        case .configurationReverted: "configuration.reverted"
        case .configurationRefused: "configuration.refused"
        case .commandAnswered: "command.answered"
        }
    }

    /// The version of the data's schema. Raised only with a new schema file beside the old one.
    public var version: Int { 1 }

    /// The CloudEvents type: `io.busbar.<noun>.<past participle>.v<N>`.
    public var type: String { "io.busbar.\(name).v\(version)" }

    /// The same without its fixed beginning, as the journal stores it: "alarm.raised.v1". Each is
    /// put together once: a busy journal asks for it three times an event.
    public var shortType: String { Self.shortTypes[Int(rawValue)] }

    private static let shortTypes = allCases.map { "\($0.name).v\($0.version)" }

    /// The kind with this name, if there is one.
    public init?(name: String) {
        guard let kind = Self.allCases.first(where: { $0.name == name }) else { return nil }
        self = kind
    }
}

extension Fact {
    public var kind: EventKind {
        switch self {
        case .alarm(let transition): transition.change.kind
        case .alarmFlood: .alarmFlooded
        case .alarmChattering: .alarmChattered
        case .disasterDetected: .disasterDetected
        case .relaysCommanded: .relayCommanded
        case .relaysConfirmed: .relayConfirmed
        case .relaysDisagreed: .relayDisagreed
        case .powerOn: .powerClosed
        case .powerCut: .powerCut
        case .powerCutVerified: .cutVerified
        case .interlockEntered: .interlockEntered
        case .heatingRequested: .heatingRequested
        case .heatingRefused: .heatingRefused
        case .heatingStarted: .heatingStarted
        case .heatingStepEntered: .heatingEntered
        case .heatingFinished(_, let outcome):
            switch outcome {
            case .completed, .stopped: .heatingFinished
            case .failed, .lockedOut: .heatingFailed
            }
        case .targetChanged: .targetChanged
        case .signalLost: .signalLost
        case .signalRegained: .signalRegained
        case .nodeRestarted: .nodeRestarted
        case .selfCheckEntered: .selfcheckEntered
        case .resetAccepted: .resetAccepted
        case .resetRefused: .resetRefused
        case .deviceStarted: .deviceStarted
        case .deviceStopped: .deviceStopped
        case .ticksMissed: .tickMissed
        case .clockStepped: .clockStepped
        case .eventsLost: .eventLost
        case .notRealTime: .realtimeRefused
        }
    }

    /// How bad the fact is in itself. An alarm that follows from it has a severity of its own.
    public var severity: Severity {
        switch self {
        case .alarm(let transition): transition.severity
        case .alarmFlood, .alarmChattering: .warning
        case .disasterDetected(_, let code):
            // Three findings are no lockouts (§7.3: D-04 idle, D-05 early, D-03 once).
            switch code {
            case .tankEmptyIdle: .error
            case .flameInStandby, .singleGasSample: .warning
            default: .fatal
            }
        case .relaysDisagreed: .warning
        case .relaysCommanded, .relaysConfirmed: .info
        case .powerCut: .fatal
        case .powerOn, .powerCutVerified: .info
        case .interlockEntered(let state): state == .tripped ? .fatal : .info
        case .heatingRequested, .heatingStarted, .heatingStepEntered, .targetChanged: .info
        case .heatingRefused: .warning
        case .heatingFinished(_, let outcome):
            switch outcome {
            case .completed, .stopped: .info
            case .failed: .error
            case .lockedOut: .fatal
            }
        case .signalLost: .warning
        case .signalRegained, .nodeRestarted: .info
        case .selfCheckEntered(let step): step == .failed ? .fatal : .info
        case .resetAccepted: .info
        case .resetRefused: .warning
        case .deviceStarted(let isClean): isClean ? .info : .warning
        case .deviceStopped: .info
        case .ticksMissed: .warning
        case .clockStepped: .info
        case .eventsLost: .error
        case .notRealTime: .warning
        }
    }
}

extension AlarmChange {
    public var kind: EventKind {
        switch self {
        case .raised: .alarmRaised
        case .acknowledged: .alarmAcknowledged
        case .returned: .alarmReturned
        case .cleared: .alarmCleared
        case .latched: .alarmLatched
        case .reset: .alarmReset
        case .shelved: .alarmShelved
        case .unshelved: .alarmUnshelved
        case .suppressed: .alarmSuppressed
        case .unsuppressed: .alarmUnsuppressed
        case .outOfService: .alarmWithdrawn
        case .inService: .alarmRestored
        }
    }
}
