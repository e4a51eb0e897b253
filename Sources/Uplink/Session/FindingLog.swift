import Units

/// What was found since the start, by kind, and when it was told last: a stranger who sends a
/// thousand forgeries makes one alarm a minute, with a count.
struct FindingLog: Sendable {
    private struct Entry {
        var finding: Finding
        var toldAt: Instant
        /// Whether its present activity was told; only then is its end.
        var isTold: Bool
    }

    private var entries: [Entry?] = Finding.Kind.allCases.map { _ in nil }

    init() {}

    var all: [Finding] { entries.compactMap { $0?.finding } }

    /// - Returns: what is to be told now, if anything.
    mutating func found(
        _ kind: Finding.Kind, _ text: String, now: Instant, interval: Milliseconds
    ) -> Finding? {
        let before = entries[Int(kind.rawValue)]
        let finding = Finding(
            kind: kind, isActive: true, text: text, count: (before?.finding.count ?? 0) + 1)
        let isDue = before.map { now - $0.toldAt >= interval } ?? true
        entries[Int(kind.rawValue)] = Entry(
            finding: finding, toldAt: isDue ? now : before?.toldAt ?? now,
            isTold: isDue || before?.isTold ?? false)
        return isDue ? finding : nil
    }

    /// - Returns: a lasting finding that stands and was not told for so long, to be told again:
    ///   busbard may have been started anew, and lets go of what it hears nothing of.
    mutating func repeated(now: Instant, interval: Milliseconds) -> Finding? {
        for index in entries.indices {
            guard let entry = entries[index], entry.finding.kind.isLasting,
                entry.finding.isActive, entry.isTold, now - entry.toldAt >= interval
            else { continue }
            entries[index]?.toldAt = now
            return entry.finding
        }
        return nil
    }

    /// - Returns: what is to be told now: that it is over, if it was not.
    mutating func ended(_ kind: Finding.Kind) -> Finding? {
        guard var entry = entries[Int(kind.rawValue)], entry.finding.isActive else { return nil }
        let wasTold = entry.isTold
        entry.finding.isActive = false
        entry.isTold = false
        entries[Int(kind.rawValue)] = entry
        return wasTold ? entry.finding : nil
    }
}

extension UplinkSession {
    mutating func report(_ kind: Finding.Kind, _ text: String, now: Instant) {
        let due = findings.found(kind, text, now: now, interval: limits.findingInterval)
        if let due { outbox.append(.report(due)) }
    }

    mutating func endFinding(_ kind: Finding.Kind, now: Instant) {
        if let over = findings.ended(kind) { outbox.append(.report(over)) }
    }
}
