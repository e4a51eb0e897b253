import Control
import Events
import Units
import Wire

/// What busbar-uplink says that it found, read strictly.
struct UplinkFinding {
    let kind: FindingKind
    /// False: a lasting one is over.
    let isActive: Bool
    /// How many there were since the uplink's start.
    let count: Int64
    /// What was found, where, and what to do.
    let text: String

    init(kind: FindingKind, isActive: Bool, count: Int64, text: String) {
        self.kind = kind
        self.isActive = isActive
        self.count = count
        self.text = text
    }

    /// - Throws: `invalidParameters`.
    init(_ request: RPCRequest) throws(RPCError) {
        let known = ["kind", "active", "security", "count", "text"]
        let parameters = try Parameters(request, of: .uplinkFinding, known: known)
        let name = try parameters.string("kind")
        guard let kind = FindingKind(name: name) else {
            let kinds = FindingKind.allCases.map(\.name).joined(separator: ", ")
            throw RPCError(
                .invalidParameters,
                "there is no finding \"\(name.prefix(60))\": kinds are \(kinds); are busbard and "
                    + "busbar-uplink of one version?")
        }
        guard try parameters.bool("security") == kind.isSecurity else {
            throw RPCError(
                .invalidParameters,
                "uplink.finding: \"security\" of \(kind.name) must be \(kind.isSecurity)")
        }
        self.kind = kind
        isActive = try parameters.bool("active")
        count = try parameters.integer("count", in: 1...Int64(Int32.max))
        let text = try parameters.string("text", max: Limits.findingBytes)
        guard text.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7F }) else {
            throw RPCError(
                .invalidParameters,
                "uplink.finding: \"text\" must be one line without control characters")
        }
        self.text = text
    }
}

/// The latest of each kind. Whoever floods it with findings makes one line of the log in each
/// period, with a count, and one alarm.
struct FindingBoard {
    private struct Entry {
        var finding: UplinkFinding
        var heardAt: Instant
        var toldAt: Instant
        /// Since the last line.
        var untold = 0
    }

    private var entries: [FindingKind: Entry] = [:]
    /// What is wrong with busbar-uplink itself, which then cannot tell; nil while it was never
    /// silent for too long.
    private var silence: (text: String, isActive: Bool)?

    /// Takes note of a finding.
    /// - Returns: the line for the log; nil if this kind has had its line for this period.
    mutating func note(_ finding: UplinkFinding, now: Instant) -> String? {
        let before = entries[finding.kind]
        let hasChanged = before.map { $0.finding.isActive != finding.isActive } ?? true
        let isDue = before.map { now - $0.toldAt >= Limits.findingPeriod } ?? true
        var entry = Entry(
            finding: finding, heardAt: now, toldAt: now, untold: before?.untold ?? 0)
        // A change that goes to and fro is no reason for a flood of lines either.
        guard isDue || (hasChanged && entry.untold == 0) else {
            entry.toldAt = before?.toldAt ?? now
            entry.untold += 1
            entries[finding.kind] = entry
            return nil
        }
        let left = entry.untold
        entry.untold = 0
        entries[finding.kind] = entry
        let alarm = finding.kind.alarm.map { " (\($0.name))" } ?? ""
        return "uplink: \(finding.isActive ? "" : "over: ")\(finding.text)\(alarm)"
            + (left > 0 ? "; \(left) more were only counted" : "")
    }

    /// Takes note of whether the uplink is silent, and what is wrong then.
    /// - Returns: the line for the log when it begins and when it is over.
    mutating func note(silence text: String?) -> String? {
        let wasSilent = silence?.isActive == true
        if let text {
            silence = (text, true)
            return wasSilent ? nil : "uplink: \(text) (E803)"
        }
        silence?.isActive = false
        return wasSilent ? silence.map { "uplink: over: \($0.text) (E803)" } : nil
    }

    /// Why nothing is heard of the uplink; nil while it writes.
    var uplinkSilence: String? { silence?.isActive == true ? silence?.text : nil }

    /// Lasting findings keep their time while nobody is there who could tell them again: it is no
    /// sign that their cause is gone.
    mutating func keep(now: Instant) {
        for kind in entries.keys where kind.isLasting { entries[kind]?.heardAt = now }
    }

    func count(of kind: FindingKind) -> Int64 { entries[kind]?.finding.count ?? 0 }

    /// Whether a lasting finding, or the uplink's silence, stands that shows as this condition.
    func stands(_ condition: ShellConditions) -> Bool {
        if condition == .uplinkStalled, uplinkSilence != nil { return true }
        return entries.values.contains {
            $0.finding.isActive && $0.finding.kind.isLasting
                && $0.finding.kind.condition == condition
        }
    }

    /// Ends what its finder has not told again for too long: it has been stopped meanwhile.
    /// - Returns: whether anything ended.
    mutating func letEnd(now: Instant) -> Bool {
        var hasEnded = false
        for (kind, entry) in entries
        where kind.isLasting && entry.finding.isActive
            && now - entry.heardAt >= Limits.findingLife
        {
            entries[kind]?.finding = UplinkFinding(
                kind: kind, isActive: false, count: entry.finding.count,
                text: entry.finding.text)
            hasEnded = true
        }
        return hasEnded
    }

    /// What `why` tells of an alarm that findings have raised, in the order of their kinds.
    func sentences(of code: AlarmCode) -> [String] {
        let own = code == .uplinkStalled ? silence : nil
        let silent = own.map { $0.isActive ? "\($0.text)." : "This is over: \($0.text)." }
        return [silent].compactMap { $0 } + told(of: code)
    }

    private func told(of code: AlarmCode) -> [String] {
        FindingKind.allCases.filter { $0.alarm == code }.compactMap { kind in
            guard let finding = entries[kind]?.finding else { return nil }
            let times = finding.count == 1 ? "once" : "\(finding.count) times"
            let end = kind.isLasting && !finding.isActive ? "This is over" : "Found \(times)"
            return "\(end): \(finding.text)."
        }
    }
}

extension FindingKind {
    /// What it is to the controller; nil for what is only recorded.
    var condition: ShellConditions? {
        switch self {
        case .forgedAcknowledgement, .commandBadSignature, .commandOtherDevice,
            .commandUnreadable, .commandTooLarge, .commandRetained, .clientTakenOver:
            .clusterForgery
        case .commandRepeated, .commandExpired, .commandNotYetValid, .commandClockNotSet,
            .commandNoKey, .commandsTooMany, .messagesRefused, .certificateEnding:
            nil
        case .noBridge, .eventsRefused: .uplinkStalled
        case .rolledBack, .numbersMissing, .journalUnreadable: .clusterDisagrees
        }
    }

    var alarm: AlarmCode? {
        switch condition {
        case .clusterForgery: .clusterForgery
        case .uplinkStalled: .uplinkStalled
        case .clusterDisagrees: .clusterDisagrees
        default: nil
        }
    }
}

extension LocalServer {
    func note(_ finding: UplinkFinding, now: Instant) {
        if let line = findings.note(finding, now: now) { backend.noteFinding(line) }
        guard let condition = finding.kind.condition else { return }
        if finding.kind.isLasting {
            backend.hold(condition, findings.stands(condition))
        } else if finding.isActive {
            backend.pulse(condition)
        }
    }

    /// Something that this process has found itself, in a command that the uplink let through.
    func note(_ kind: FindingKind, _ text: String, now: Instant) {
        let count = findings.count(of: kind) + 1
        note(UplinkFinding(kind: kind, isActive: true, count: count, text: text), now: now)
    }

    func letFindingsEnd(now: Instant) {
        guard findings.letEnd(now: now) else { return }
        for condition in [ShellConditions.uplinkStalled, .clusterDisagrees] {
            backend.hold(condition, findings.stands(condition))
        }
    }
}
