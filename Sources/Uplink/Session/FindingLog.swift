import Units
import Wire

/// What was found since the start, by kind, and when it was told last: a stranger who sends a
/// thousand forgeries makes one alarm a minute, with a count.
struct FindingLog: Sendable {
    private struct Entry {
        var finding: Finding
        var toldAt: Instant
        /// Whether its present activity was told; only then is its end.
        var isTold: Bool
    }

    /// Between two tellings of a lasting finding that comes and goes: a broker that takes one lane
    /// and refuses the other would else make hundreds a second. Chosen.
    static let changeInterval = Milliseconds.seconds(5)

    private var entries: [Entry?] = Finding.Kind.allCases.map { _ in nil }

    init() {}

    var all: [Finding] { entries.compactMap { $0?.finding } }

    /// The first that was told to be there and not to be over.
    var standing: Finding? { all.first { $0.kind.hasEnd && $0.isActive } }

    /// - Returns: what is to be told now, if anything.
    mutating func found(
        _ kind: Finding.Kind, _ text: String, now: Instant, interval: Milliseconds
    ) -> Finding? {
        let before = entries[Int(kind.rawValue)]
        // One that was over and is there again is news, whenever the last one was.
        let isAgain = kind.isLasting && before?.finding.isActive == false
        let goesOn = kind.hasEnd && before?.finding.isActive == true
        let finding = Finding(
            kind: kind, isActive: true, text: text, count: (before?.finding.count ?? 0) + 1,
            at: goesOn ? before?.finding.at ?? now : now)
        let wait = isAgain ? min(Self.changeInterval, interval) : interval
        let isDue = before.map { now - $0.toldAt >= wait } ?? true
        entries[Int(kind.rawValue)] = Entry(
            finding: finding, toldAt: isDue ? now : before?.toldAt ?? now,
            isTold: isDue || before?.isTold ?? false)
        return isDue ? finding : nil
    }

    /// - Returns: a lasting finding that stands and was not told for so long, to be told again:
    ///   busbard may have been started anew, and lets go of what it hears nothing of. Or one that
    ///   came back too soon to be told at once.
    mutating func repeated(now: Instant, interval: Milliseconds) -> Finding? {
        for index in entries.indices {
            guard let entry = entries[index], entry.finding.kind.isLasting,
                entry.finding.isActive,
                now - entry.toldAt >= (entry.isTold ? interval : Self.changeInterval)
            else { continue }
            entries[index]?.toldAt = now
            entries[index]?.isTold = true
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

    /// The words change with the days that are left, so each day is told once. A clock that is not
    /// set judges no certificate.
    mutating func noteCertificates(_ terms: [CertificateTerm], now: Instant) {
        certificates = terms
        guard let unixMilliseconds = trustedWall(now: now) else { return }
        let warnings = terms.compactMap { $0.warning(unixMilliseconds: unixMilliseconds) }
        let text = warnings.isEmpty ? nil : warnings.joined(separator: "; ")
        guard text != certificatesSaid else { return }
        certificatesSaid = text
        if let text {
            report(.certificateEnding, text, now: now)
        } else {
            endFinding(.certificateEnding, now: now)
        }
    }

    /// In milliseconds since 1970; nil while the clock is not set.
    func trustedWall(now: Instant) -> Int64? {
        guard let wall, wall.quality != .unsynced else { return nil }
        return wall.unixMilliseconds + (now - wallAt).rawValue
    }
}
