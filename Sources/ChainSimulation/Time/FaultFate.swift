/// What has become of one fault of the plan.
///
/// One that finds nothing to hit waits until there is something, and one that is to strike at some
/// later step of its victim counts only when it has. So a run knows that all that was planned did
/// happen, and is not content with having meant it.
enum FaultFate {
    /// Before its time, or nothing has been there to be hit.
    case waiting
    /// It will strike when its victim comes to a certain step.
    case armed
    case happened
}

/// What is armed at one part of the chain: which fault of the plan, and how many steps are left.
struct Doom {
    var stepsLeft: Int
    var fault: Int
}

extension Chain {
    /// Tries a fault of the plan until it hits something. Milliseconds between two tries double.
    func attempt(_ fault: Int, pause: Int64 = 500) {
        guard !isCalm, fates[fault] == .waiting else { return }
        fates[fault] = apply(plan.faults[fault].kind, fault)
        if fates[fault] == .happened { count(plan.faults[fault].kind) }
        guard fates[fault] == .waiting else { return }
        // A line that is cut for weeks leaves much with nothing to hit.
        let longest: Int64 = knobs.isWeeksLong ? 3_600_000 : 8_000
        after(pause) { $0.attempt(fault, pause: min(2 * pause, longest)) }
    }

    /// What was armed has struck.
    func struck(_ fault: Int) {
        fates[fault] = .happened
        count(plan.faults[fault].kind)
    }

    /// What was armed has lost its victim to something else: it looks for another one.
    func missed(_ doom: Doom?) { if let doom { missed(doom.fault) } }

    func missed(_ fault: Int) {
        guard fates[fault] == .armed else { return }
        fates[fault] = .waiting
        after(500) { $0.attempt(fault) }
    }

    /// The first fault of the plan that has not happened.
    var pendingFault: PlannedFault? {
        fates.firstIndex { $0 != .happened }.map { plan.faults[$0] }
    }
}
