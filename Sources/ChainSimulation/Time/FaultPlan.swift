/// One thing that will go wrong, and when. What it needs beyond that is drawn when it happens.
struct PlannedFault {
    var at: Int64
    var kind: FaultKind
}

/// The faults of one run, from the seed alone.
struct FaultPlan {
    var faults: [PlannedFault]

    /// What a plan may hold; the other kinds follow from these.
    static let kinds = FaultKind.allCases.filter {
        $0.rawValue <= FaultKind.damagedCursors.rawValue
    }

    init(_ dice: inout Dice, knobs: Knobs) {
        faults = []
        // Few kinds a run, so that a run of a few minutes sees each of them in depth, and what
        // follows from one is not hidden by the next.
        let count = dice.number(2...12)
        let chosen = (0..<dice.number(1...5)).map { _ in dice.pick(Self.kinds) }
        for _ in 0..<count {
            var kind = dice.pick(chosen)
            // Weeks come once, below, and only where weeks are simulated.
            if kind == .weeksOffline { kind = .linkStalls }
            faults.append(PlannedFault(at: dice.number(1_000...knobs.faultTime), kind: kind))
        }
        if knobs.isWeeksLong {
            faults.append(PlannedFault(at: dice.number(1_000...60_000), kind: .weeksOffline))
        }
        // A card has one clone at the most, and is put back once.
        for once in [FaultKind.clonedCards, .restoredCards] {
            while faults.count(where: { $0.kind == once }) > 1 {
                faults.remove(at: faults.lastIndex { $0.kind == once }!)
            }
        }
        faults.sort { $0.at < $1.at }
    }
}
