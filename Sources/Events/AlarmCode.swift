/// Every alarm that Busbar can raise, in the order of its number.
///
/// The raw value is the row in the alarm table and the bit in an `AlarmSet`; it is dense and may
/// change between versions. What is written, sent and shown is `number`, which never changes.
public enum AlarmCode: UInt8, Sendable {
    case jobStarted, jobFinished
    case overTemperatureJob, overTemperatureSite, gasLeak, tankEmptyJob
    case flameSimulation, flameAfterClose, uncommandedHeating, runawayRate
    case noTemperatureRise, burnerFeedbackMissing, trialFailed, ignitionFailed
    case flameLostRecycle, flameLostAgain, maximumRunTime, noFlowAtStart, flowLost
    case signalStale, signalStaleFatal, sensorsDisagree, channelExcluded, stepAdopted
    case tankEmptyIdle, flameInStandby, singleGasSample, ambientLost
    case boardLost, leaseExpired, boardRestarted, powerContact, readBackMismatch, boardTripped
    case emergencyStop
    case busSilent
    case tickOverrun, uncleanStop, journalUnwritable, eventsLost
    case lockoutCopyBad, lockoutCopiesBad, selfCheckFailed, notRealTime
    case resetRefused, buttonStuck, tooManyResets
    case peerRefused, clusterForgery, uplinkStalled, clusterDisagrees
    case configurationRejected, requestOutOfRange

    /// How many codes there are: the length of the alarm table.
    public static let count = 53

    /// The number behind the E, as the site specification and the documents have it.
    public var number: UInt16 {
        switch self {
        case .jobStarted: 1
        case .jobFinished: 2
        case .overTemperatureJob: 101
        case .overTemperatureSite: 102
        case .gasLeak: 103
        case .tankEmptyJob: 104
        case .flameSimulation: 105
        case .flameAfterClose: 106
        case .uncommandedHeating: 107
        case .runawayRate: 108
        case .noTemperatureRise: 201
        case .burnerFeedbackMissing: 202
        case .trialFailed: 203
        case .ignitionFailed: 204
        case .flameLostRecycle: 205
        case .flameLostAgain: 206
        case .maximumRunTime: 207
        case .noFlowAtStart: 208
        case .flowLost: 209
        case .signalStale: 301
        case .signalStaleFatal: 302
        case .sensorsDisagree: 303
        case .channelExcluded: 304
        case .stepAdopted: 305
        case .tankEmptyIdle: 306
        case .flameInStandby: 310
        case .singleGasSample: 311
        case .ambientLost: 312
        case .boardLost: 401
        case .leaseExpired: 402
        case .boardRestarted: 403
        case .powerContact: 404
        case .readBackMismatch: 405
        case .boardTripped: 406
        case .emergencyStop: 407
        case .busSilent: 501
        case .tickOverrun: 601
        case .uncleanStop: 602
        case .journalUnwritable: 603
        case .eventsLost: 604
        case .lockoutCopyBad: 605
        case .lockoutCopiesBad: 606
        case .selfCheckFailed: 607
        case .notRealTime: 608
        case .resetRefused: 701
        case .buttonStuck: 702
        case .tooManyResets: 703
        case .peerRefused: 801
        case .clusterForgery: 802
        case .uplinkStalled: 803
        case .clusterDisagrees: 804
        case .configurationRejected: 901
        case .requestOutOfRange: 902
        }
    }

    /// The code with this number, if there is one.
    public init?(number: UInt16) {
        var row: UInt8 = 0
        while let code = AlarmCode(rawValue: row) {
            if code.number == number {
                self = code
                return
            }
            row += 1
        }
        return nil
    }
}

/// How bad it is, and with that what it does and who can clear it.
public enum Severity: UInt8, Comparable, Sendable {
    /// Recorded.
    case info
    /// Recorded and shown. Clears by itself after the off-delay.
    case warning
    /// Ends the job that it guards, and no start while it holds. Clears by itself.
    case error
    /// Power cut in the same tick, latched through restart and power loss, reset only at the site.
    case fatal

    public static func < (lhs: Self, rhs: Self) -> Bool { lhs.rawValue < rhs.rawValue }
}

/// Where an alarm is in its life (ISA-18.2; the states as OPC UA Part 9 publishes them).
public enum AlarmState: UInt8, Sendable {
    case normal, unacknowledged, acknowledged, returned, latched
}
