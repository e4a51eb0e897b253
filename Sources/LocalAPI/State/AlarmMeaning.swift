import Control
import Events

extension AlarmCode {
    /// When it is raised, as the end of "It comes when": the rules of the site specification
    /// (§7.1 to §7.6) without their figures, which depend on the site.
    var meaning: String {
        switch alarmDefinition(self).owner {
        case .heating: heatingMeaning
        case .disaster: disasterMeaning
        case .signals: signalMeaning
        case .interlock: interlockMeaning
        case .shell, .api, .site: shellMeaning
        }
    }

    private var heatingMeaning: String {
        switch self {
        case .jobStarted: "a heating job begins"
        case .jobFinished: "a heating job has done its work"
        case .noTemperatureRise: "the heat is on and the water does not get warmer"
        case .burnerFeedbackMissing:
            "heat is demanded and the burner control does not report that it burns"
        case .trialFailed: "an ignition trial gave no flame, and another trial is left"
        case .ignitionFailed:
            "the last ignition trial gave no flame, or the burner control has locked out"
        case .flameLostRecycle: "the flame is lost in a job that may start it once more"
        case .flameLostAgain: "the flame is lost in a job that has no restart left"
        case .maximumRunTime: "a job has heated for as long as the site allows"
        case .noFlowAtStart: "the pump runs before the heat, and no water flows"
        case .flowLost: "the flow falls below its minimum while heat is on"
        case .requestOutOfRange: "a target is asked for that the site does not allow"
        default: fallback
        }
    }

    private var disasterMeaning: String {
        switch self {
        case .overTemperatureJob: "the water is too far above the target of a running job"
        case .overTemperatureSite: "the water reaches the site's limit, in a job or not"
        case .gasLeak: "the gas sensor reports gas in two samples in a row"
        case .tankEmptyJob: "the level stays below its minimum in a running job"
        case .flameSimulation: "a flame is seen although the valve was not opened"
        case .flameAfterClose: "a flame is still seen after the valve was closed"
        case .uncommandedHeating: "the water gets warmer long after the heat was switched off"
        case .runawayRate: "the water gets warmer faster than the heater can heat it"
        case .signalStaleFatal: "a safety signal stays away for too long in a running job"
        case .sensorsDisagree: "the two temperature probes differ too much in a running job"
        case .tankEmptyIdle: "the level stays below its minimum while no job runs"
        case .flameInStandby: "a flame is seen while no job runs"
        case .singleGasSample: "one sample of the gas sensor reports gas"
        default: fallback
        }
    }

    private var signalMeaning: String {
        switch self {
        case .signalStale:
            "a safety signal is too old to heat by, so that a job waits without heat for it"
        case .channelExcluded:
            "one temperature probe is missing or too far from the others, and is left out"
        case .stepAdopted:
            "the temperature has jumped and stays there, so that the new level is believed"
        case .ambientLost: "the ambient sensor was not heard for too long"
        case .busSilent: "no CAN frame comes, or the CAN controller is off the bus"
        default: fallback
        }
    }

    private var interlockMeaning: String {
        switch self {
        case .boardLost:
            "the relay board does not answer for some cycles; with the power open it is an ERROR "
                + "only"
        case .leaseExpired:
            "the controller did not renew the relay board's lease in time while the power was on"
        case .boardRestarted: "the relay board has started anew while the power was on"
        case .powerContact:
            "the power sense sees the supply when K1 or K2 is open, or none when both are closed"
        case .readBackMismatch:
            "an output of the relay board reads back other than it was commanded"
        case .boardTripped: "the relay board has opened its relays by itself and stays tripped"
        case .emergencyStop: "the emergency stop is pressed, or its wire is cut"
        case .lockoutCopyBad:
            "one of the two copies of the lockout record was bad, and was written anew from the "
                + "other"
        case .lockoutCopiesBad:
            "both copies of the lockout record are bad, so that a lockout may have been forgotten"
        case .selfCheckFailed: "the self-check finds the board, its clock, its lease or K2 wrong"
        case .resetRefused: "a reset is asked for that may not be done"
        case .buttonStuck: "the reset button is seen pressed for too long"
        case .tooManyResets: "more resets are asked for than 15 minutes may have"
        default: fallback
        }
    }

    private var shellMeaning: String {
        switch self {
        case .tickOverrun: "a control cycle begins too late"
        case .uncleanStop: "the run before this one has ended while it heated"
        case .journalUnwritable: "nothing can be written to the journal"
        case .eventsLost: "events were lost before the journal had them"
        case .notRealTime: "the control loop could not get real-time priority or locked memory"
        case .peerRefused: "somebody without a role has asked something at the local socket"
        case .clusterForgery:
            "what should come from the cluster has a wrong seal, or another client uses this "
                + "device's name"
        case .uplinkStalled: "no bridge takes this device's events, or the cluster refuses them"
        case .clusterDisagrees: "the cluster has other events of this device than its journal"
        case .configurationRejected: "the site file has an error"
        default: fallback
        }
    }

    /// For a code that was given another owner than its sentence: a test asks that each has a
    /// meaning of its own.
    private var fallback: String { "its condition holds: \(alarmDefinition(self).name)" }
}
