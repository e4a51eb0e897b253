import Events
import RelayBoard
import Units

/// The controller's side of the talk with the relay board: heartbeat numbers, failures, and what
/// the board's own state says about the last tick.
///
/// It never repeats an arm by itself after a trip, and it takes nothing for granted that the board
/// has not read back.
struct BoardLink: Sendable {
    /// E401: ticks in a row with a transfer that failed (§7.4). A heartbeat that was withheld on
    /// purpose is no failure.
    static let failuresMaximum: UInt32 = 3
    /// E405: ticks in a row in which the pins were not what was written (§8, T27).
    static let mismatchesMaximum: UInt32 = 2

    private(set) var status = BoardStatus()
    /// The status was read in the latest tick.
    private(set) var isAnswering = false
    private(set) var failures: UInt32 = 0
    private(set) var mismatches: UInt32 = 0
    private var number: UInt8 = 0
    private var commanded = RelayMask.none
    private var wasWritten = false
    private var bootCount: UInt8?
    private var expectsArmed = false

    /// Fills in what the board must be told for `relays` to be on and stay on.
    mutating func prepare(_ outputs: inout Outputs, isLeased: Bool, settings: Settings) {
        let lease = UInt16(truncatingIfNeeded: settings.interlock.lease.rawValue)
        outputs.configures = isAnswering && status.leaseMilliseconds != lease
        commanded = outputs.trips ? .none : outputs.relays
        guard isLeased, !outputs.trips else {
            outputs.heartbeat = nil
            outputs.arms = false
            wasWritten = false
            if !isLeased { expectsArmed = false }
            return
        }
        outputs.arms = isAnswering && !status.isArmed
        if outputs.arms { expectsArmed = false }
        outputs.heartbeat = number &+ 1
        wasWritten = true
    }

    /// Takes the answer of this tick.
    mutating func take(
        _ answer: BoardAnswer, outputs: Outputs, isPowerClosed: Bool, isTripped: Bool,
        alarms: inout AlarmEngine, events: inout EventBuffer
    ) {
        noteFailure(answer, isPowerClosed, &alarms)
        if answer.writes == .done, let beat = outputs.heartbeat { number = beat }
        guard let now = answer.status else {
            isAnswering = false
            return
        }
        let before = status
        isAnswering = true
        status = now
        number = now.lastHeartbeat
        if !isTripped {
            judgeChange(from: before, isPowerClosed, &alarms)
            judgeReadBack(answer, &alarms, &events)
        }
        bootCount = now.bootCount
        expectsArmed = now.isArmed && outputs.heartbeat != nil
    }

    private mutating func noteFailure(
        _ answer: BoardAnswer, _ isPowerClosed: Bool, _ alarms: inout AlarmEngine
    ) {
        guard answer.failed else {
            failures = 0
            return
        }
        failures &+= 1
        guard failures >= Self.failuresMaximum else { return }
        alarms.find(
            .boardLost, value: Int32(clamped: Int64(widening: Int32(bitPattern: failures))),
            limit: Int32(Self.failuresMaximum), as: isPowerClosed ? .fatal : .error)
    }

    /// E402, E403, E406: the board restarted, let its lease run out or tripped by itself.
    private func judgeChange(
        from before: BoardStatus, _ isPowerClosed: Bool, _ alarms: inout AlarmEngine
    ) {
        if status.isTripped {
            let cause = Int32(status.tripCause.rawValue)
            switch status.tripCause {
            case .leaseWithHeat:
                alarms.find(.leaseExpired, value: cause, as: .fatal)
            case .readBack:
                alarms.find(
                    .readBackMismatch, value: Int32(status.actual.rawValue),
                    limit: Int32(status.wanted.rawValue), as: .fatal)
            case .none, .host, .unproven, .heatTooLong, .watchdog, .selfTest:
                alarms.find(.boardTripped, value: cause, as: .fatal)
            }
        }
        guard isPowerClosed else { return }
        if let bootCount, bootCount != status.bootCount {
            alarms.find(
                .boardRestarted, value: Int32(status.bootCount), limit: Int32(bootCount),
                as: .fatal)
        } else if status.hasExpired, !before.hasExpired {
            alarms.find(.leaseExpired, value: 0, as: .fatal)
        } else if expectsArmed, !status.isArmed, !status.isTripped {
            alarms.find(.boardRestarted, value: 0, as: .fatal)
        }
    }

    /// E405. Only a tick whose write was answered can be judged.
    private mutating func judgeReadBack(
        _ answer: BoardAnswer, _ alarms: inout AlarmEngine, _ events: inout EventBuffer
    ) {
        guard status.actual != commanded, !wasWritten || answer.writes == .done else {
            mismatches = 0
            return
        }
        mismatches &+= 1
        if mismatches == 1 {
            events.state(
                .relaysDisagreed(commanded: commanded.rawValue, actual: status.actual.rawValue))
        }
        guard mismatches >= Self.mismatchesMaximum else { return }
        alarms.find(
            .readBackMismatch, value: Int32(status.actual.rawValue),
            limit: Int32(commanded.rawValue), as: .fatal)
    }

    /// The board was restarted while the power was open: nothing happened, but it must be checked.
    func hasRestarted(since count: UInt8) -> Bool { isAnswering && status.bootCount != count }
}
