import Control
import Events
import Units
import RelayBoard

/// Faults drawn from one seed: a handful in a run, of every kind that the world can do, at any
/// millisecond. The same seed gives the same faults on every machine.
struct FaultSchedule {
    private(set) var actions: [ScheduledAction] = []
    /// One line for each fault, in the order of time.
    private(set) var lines: [String] = []
    private var random: SplitMix64

    /// - Parameter durationMs: all begin within it.
    init(seed: UInt64, durationMs: Int64, plan: ControlPlan) {
        random = SplitMix64(seed: seed)
        let count = random.number(1...5)
        for _ in 0..<count {
            let at = random.number(0...max(0, durationMs - 1))
            let span = random.number(1...20_000)
            draw(at: at, until: at + span, plan)
        }
        actions.sort { $0.at < $1.at }
        lines.sort()
    }

    private mutating func draw(at: Int64, until: Int64, _ plan: ControlPlan) {
        switch random.number(0...15) {
        case 0: last("node silent", .node(.silent, nil, isOn: true), .node(.silent, nil, isOn: false), at, until)
        case 1: last("node frozen", .node(.frozen, nil, isOn: true), .node(.frozen, nil, isOn: false), at, until)
        case 2: last("frames damaged", .node(.corrupt, nil, isOn: true), .node(.corrupt, nil, isOn: false), at, until)
        case 3: once("node restarted", .restartNode(warmUpMs: 0), at)
        case 4: once("counter jumped", .jumpCounter(random.number(1...15)), at)
        case 5: last("CAN off", .bus(.busOff), .bus(.active), at, until)
        case 6: last("CAN flooded", .flood(perSecond: 8_000), .flood(perSecond: 0), at, until)
        case 7: once("board silent", .silenceBoard(forMs: until - at), at)
        case 8: once("board restarted", .restartBoard(.watchdog, forMs: random.number(1...500)), at)
        case 9: once("transfers damaged", .damageTransfers(random.number(1...20)), at)
        case 10: once("process stopped", .stopProcess(forMs: until - at), at)
        case 11: once("process killed", .kill(forMs: until - at), at)
        case 12: once("power cycled", .powerCycle(forMs: until - at), at)
        case 13: last("flame not seen", .force(.flame, from: nil, to: 0, overMs: 0), .release(.flame), at, until)
        case 14: last("flow gone", .force(.flow, from: nil, to: 0, overMs: 0), .release(.flow), at, until)
        default: once("gas leak", .set(.gas, 1), at)
        }
    }

    private mutating func once(_ name: String, _ action: WorldAction, _ at: Int64) {
        actions.append(ScheduledAction(at: at, action))
        note(name, at)
    }

    private mutating func last(
        _ name: String, _ does: WorldAction, _ undoes: WorldAction, _ at: Int64, _ until: Int64
    ) {
        actions.append(ScheduledAction(at: at, does))
        actions.append(ScheduledAction(at: until, undoes))
        note("\(name) until \(until) ms", at)
    }

    private mutating func note(_ name: String, _ at: Int64) {
        // Padded, so that the lines sort by time.
        let digits = "\(at)"
        lines.append(String(repeating: " ", count: max(0, 9 - digits.count)) + "\(digits) ms: \(name)")
    }
}
