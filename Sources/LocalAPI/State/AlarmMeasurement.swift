import Control
import Events
import RelayBoard
import Wire

/// What an alarm was found by, as a sentence for people. Value and limit are one rule's figures:
/// temperatures with some, codes of a cause with others, so each has words of its own.
struct AlarmMeasurement {
    let code: AlarmCode
    let value: Int64
    let limit: Int64
    let description: DeviceDescription

    init(_ code: AlarmCode, _ view: AlarmView, _ description: DeviceDescription) {
        self.code = code
        value = Int64(view.value)
        limit = Int64(view.limit)
        self.description = description
    }

    /// Nil where nothing was measured: the condition is there or it is not, as with a gas sensor.
    var sentence: String? {
        switch code {
        case .overTemperatureJob, .overTemperatureSite:
            "Measured \(celsius(value)), limit \(celsius(limit))."
        case .tankEmptyJob, .tankEmptyIdle:
            "Measured \(level(value)), limit \(level(limit))."
        case .sensorsDisagree:
            "Measured a difference of \(celsius(value)), limit \(celsius(limit))."
        case .uncommandedHeating, .runawayRate:
            "Measured a rise of \(celsius(value)), limit \(celsius(limit))."
        case .requestOutOfRange: request
        case .signalStale, .signalStaleFatal: oldestSignal
        case .busSilent: value > 0 ? "No frame came for \(duration(value))." : nil
        case .tickOverrun:
            "A control cycle began \(value) ms after the one before it, limit \(limit) ms."
        case .noTemperatureRise, .flameSimulation, .flameAfterClose, .flameInStandby,
            .burnerFeedbackMissing, .ignitionFailed, .flameLostAgain, .maximumRunTime,
            .noFlowAtStart, .flowLost:
            ofTheJob
        case .trialFailed: "Trials left in this job: \(value)."
        case .flameLostRecycle: "Restarts left in this job: \(value)."
        case .boardLost, .leaseExpired, .boardRestarted, .boardTripped, .readBackMismatch,
            .powerContact, .selfCheckFailed:
            ofTheInterlock
        case .jobStarted, .jobFinished, .gasLeak, .singleGasSample, .channelExcluded,
            .stepAdopted, .ambientLost, .emergencyStop, .uncleanStop, .journalUnwritable,
            .eventsLost, .lockoutCopyBad, .lockoutCopiesBad, .notRealTime, .resetRefused,
            .buttonStuck, .tooManyResets, .peerRefused, .clusterForgery, .uplinkStalled,
            .clusterDisagrees, .configurationRejected:
            nil
        }
    }

    private func celsius(_ value: Int64) -> String { QuantityText.celsius(value) }
    private func level(_ value: Int64) -> String { QuantityText.value(value, of: .level) }
    private func duration(_ value: Int64) -> String { QuantityText.duration(value) }

    private var request: String {
        let heating = description.plan.heating
        return "Asked for \(celsius(value)); this site allows "
            + "\(celsius(Int64(heating.targetMinimum.rawValue))) to "
            + "\(celsius(Int64(heating.targetMaximum.rawValue)))."
    }

    /// The age of what never came does not fit into the value and is clamped.
    private var oldestSignal: String {
        guard value < Int64(Int32.max) else { return "A safety signal has never come." }
        let age = "The oldest safety signal was \(duration(value)) old"
        return limit == 0 ? "\(age)." : "\(age), limit \(duration(limit))."
    }

    // MARK: The job

    /// A step of the job that ends in one of these alarms gives no limit, and as value how long the
    /// step has lasted; a rule gives what it has measured, with its limit.
    private var ofTheJob: String? {
        guard limit != 0 else {
            return value > 0
                ? "It came \(duration(value)) after its step of the job began." : nil
        }
        return switch code {
        case .noTemperatureRise:
            "Measured a rise of \(celsius(value)); at least \(celsius(limit)) were expected."
        case .flameAfterClose:
            "A flame was still seen \(duration(value)) after the valve was closed, limit "
                + "\(duration(limit))."
        default: "A flame was seen for \(duration(value)), limit \(duration(limit))."
        }
    }

    // MARK: Board, contactors and self-check

    private var ofTheInterlock: String? {
        switch code {
        case .boardLost:
            "\(value) exchanges with the board failed in a row; from \(limit) on it is lost."
        case .leaseExpired:
            // The board trips by a lease with heat only; without heat it just lets go.
            value == 0
                ? "The board's lease ran out while the power was closed and no heat relay was on."
                : "The board's lease ran out with a heat relay on, and the board tripped."
        case .boardRestarted:
            // Without counts it was seen by its state alone.
            value == limit
                ? "The board was not armed any more, and had not tripped."
                : "The board's count of its starts went from \(limit) to \(value)."
        case .boardTripped: "The board's trip cause: \(tripCause)."
        case .readBackMismatch:
            "The board reads back on: \(relays(value)). Commanded on: \(relays(limit))."
        case .powerContact: powerContact
        case .selfCheckFailed: failedStep
        default: nil
        }
    }

    private var failedStep: String {
        let step = UInt8(exactly: value - 2).flatMap(SelfCheckStep.init(rawValue:))
        let found: String? =
            switch step {
            case .identity:
                "the relay board's kind, version or own test is not what this busbard needs"
            case .outputs: "the relay board did not say that all its relays are off"
            case .clock: "the relay board's clock is more than 2 % from the Pi's"
            case .lease: "the relay board could not be armed, or kept or ended its lease wrongly"
            case .permit:
                "K2 did not close, or not drop out 200 to 400 ms after the permit line's last edge"
            case .waiting, .sensors, .done, .failed, nil: nil
            }
        guard let step, let found else {
            // A record of a busbard that did not say it yet.
            return "Which step failed is the last selfcheck.entered before \"failed\" in: busbar "
                + "events list"
        }
        return "Its step \(step.place), \(step.name), failed: \(found)."
    }

    private var powerContact: String {
        guard limit != 0 else {
            return "The self-check saw the supply behind K1 and K2, which were both open."
        }
        guard value == 0 else {
            return "K\(value) was told to open, and the power sense still saw the supply after "
                + "\(duration(limit))."
        }
        return "The power sense did not agree with K1 and K2; \(duration(limit)) are allowed."
    }

    private var tripCause: String {
        guard let cause = UInt8(exactly: value).flatMap(TripCause.init(rawValue:)) else {
            return "number \(value), which this version does not know"
        }
        return switch cause {
        case .none: "none that it knows"
        case .host: "the controller told it to"
        case .leaseWithHeat: "its lease ran out with a heat relay on"
        case .unproven: "heat was on for too long without proof"
        case .heatTooLong: "heat was on for longer than the board allows"
        case .readBack: "an output read back other than it was driven"
        case .watchdog: "its own watchdog restarted it too often"
        case .selfTest: "a self-test failed while it worked"
        }
    }

    /// The relays of a mask by their names.
    private func relays(_ mask: Int64) -> String {
        let names = description.encoder.relayNames.enumerated()
            .filter { mask & 1 << Int64($0.offset) != 0 }.map(\.element)
        return names.isEmpty ? "none" : names.joined(separator: ", ")
    }
}
