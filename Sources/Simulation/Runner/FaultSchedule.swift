import Control
import Events
import RelayBoard
import Units

/// Faults drawn from one seed: a handful in a run, of every kind that the world can do, at any
/// millisecond. The same seed gives the same faults on every machine.
struct FaultSchedule {
    private(set) var actions: [ScheduledAction] = []
    /// One line for each fault, in the order of time.
    var lines: [String] {
        named.sorted { $0.at < $1.at }.map { "\($0.at) ms: \($0.name)" }
    }

    private var named: [(at: Int64, name: String)] = []
    private var random: SplitMix64

    /// - Parameter durationMs: all faults begin within it.
    init(seed: UInt64, durationMs: Int64) {
        random = SplitMix64(seed: seed)
        let count = random.number(1...5)
        for _ in 0..<count {
            let at = random.number(0...max(0, durationMs - 1))
            // Up to 20 s: longer than every time-out of the safety signals, so both ends are met.
            draw(at: at, until: at + random.number(1...20_000))
        }
        actions.sort { $0.at < $1.at }
    }

    private mutating func draw(at: Int64, until: Int64) {
        let span = until - at
        switch random.number(0...15) {
        case 0: node(.silent, "node silent", at, until)
        case 1: node(.frozen, "node frozen", at, until)
        case 2: node(.corrupt, "frames damaged", at, until)
        case 3: once("node restarted", .restartNode(warmUpMs: 0), at)
        case 4: once("counter jumped", .jumpCounter(random.number(1...15)), at)
        case 5: last("CAN off", .bus(.busOff), .bus(.active), at, until)
        case 6:
            last("CAN flooded", .flood(perSecond: 8_000), .flood(perSecond: 0), at, until)
        case 7: once("board silent for \(span) ms", .silenceBoard(forMs: span), at)
        case 8:
            once("board restarted", .restartBoard(.watchdog, forMs: random.number(1...500)), at)
        case 9: once("transfers damaged", .damageTransfers(random.number(1...20)), at)
        case 10: once("process stopped for \(span) ms", .stopProcess(forMs: span), at)
        case 11: once("process killed for \(span) ms", .kill(forMs: span), at)
        case 12: once("power off for \(span) ms", .powerCycle(forMs: span), at)
        case 13: hide(.flame, "flame not seen", at, until)
        case 14: hide(.flow, "flow not seen", at, until)
        default: once("gas leak", .set(.gas, 1), at)
        }
    }

    private mutating func once(_ name: String, _ action: WorldAction, _ at: Int64) {
        actions.append(ScheduledAction(at: at, action))
        named.append((at, name))
    }

    private mutating func last(
        _ name: String, _ does: WorldAction, _ undoes: WorldAction, _ at: Int64, _ until: Int64
    ) {
        actions.append(ScheduledAction(at: until, undoes))
        once("\(name) until \(until) ms", does, at)
    }

    private mutating func node(
        _ fault: NodeFault, _ name: String, _ at: Int64, _ until: Int64
    ) {
        last(
            name, .node(fault, nil, isOn: true), .node(fault, nil, isOn: false), at, until)
    }

    private mutating func hide(
        _ signal: SignalID, _ name: String, _ at: Int64, _ until: Int64
    ) {
        last(
            name, .force(signal, from: nil, to: 0, overMs: 0), .release(signal), at, until)
    }
}
