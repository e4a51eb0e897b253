import RelayBoard
import Units

/// The steps of a sequence as a graph: which step can follow which, by any rule of any step. Sets
/// of steps are one bit each; a job is in step 0 at its start.
struct SequenceGraph {
    let sequence: Sequence
    /// Steps in which there is heat.
    private(set) var heat: UInt32 = 0
    private(set) var ignitions: UInt32 = 0
    private(set) var closes: UInt32 = 0
    /// Retry and hold.
    private(set) var pauses: UInt32 = 0

    /// Exits of a step that are taken away to see what can be reached without them.
    enum Exits { case none, pass, passAndTimeout }

    init(_ sequence: Sequence) {
        self.sequence = sequence
        for index in 0..<sequence.count {
            switch sequence[index].kind {
            case .ignite:
                heat |= Self.bit(index)
                ignitions |= Self.bit(index)
            case .stabilise, .heat: heat |= Self.bit(index)
            case .close: closes |= Self.bit(index)
            case .hold, .retry: pauses |= Self.bit(index)
            case .check, .actuate, .wait, .circulate, .purge: break
            }
        }
    }

    static func bit(_ index: UInt8) -> UInt32 { 1 &<< UInt32(index) }

    static func every(_ step: Step, _ isGood: (Action) -> Bool) -> Bool {
        for index in 0..<Int(step.guards.count) where !isGood(step.guards[index].action) {
            return false
        }
        return isGood(step.onPass) && isGood(step.onTimeout)
    }

    /// Where the job goes by `action`; empty where it ends. As `HeatingJob.carryOut` does it.
    func targets(_ action: Action, from index: UInt8) -> UInt32 {
        switch action {
        case .next: index + 1 < sequence.count ? Self.bit(index + 1) : 0
        case .go(let target): Self.bit(target)
        case .hold: entry(.hold)
        case .retryTrial, .recycle, .resume: entry(.retry)
        case .fail, .stop:
            heat & Self.bit(index) != 0 ? entry(.close) : Self.bit(sequence.count - 1)
        case .abandon, .fatal, .finish: 0
        }
    }

    private func entry(_ kind: StepKind) -> UInt32 {
        guard let index = sequence.first(kind) else { return 0 }
        return Self.bit(index)
    }

    func successors(of index: UInt8, without exits: Exits) -> UInt32 {
        let step = sequence[index]
        var set: UInt32 = 0
        for position in 0..<Int(step.guards.count) {
            set |= targets(step.guards[position].action, from: index)
        }
        if exits == .none { set |= targets(step.onPass, from: index) }
        if exits != .passAndTimeout { set |= targets(step.onTimeout, from: index) }
        return set
    }

    /// Every step that a job can come to from `start`, with some exits taken away.
    func reachable(from start: UInt32, without exits: (UInt8) -> Exits) -> UInt32 {
        var seen = start
        for _ in 0..<sequence.count {
            for index in 0..<sequence.count where seen & Self.bit(index) != 0 {
                seen |= successors(of: index, without: exits(index))
            }
        }
        return seen
    }
}
