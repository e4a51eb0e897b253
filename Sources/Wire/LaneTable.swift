public import Events

/// Which events a row is for: the noun and the participle of `io.busbar.<noun>.<participle>.v1`,
/// either or both left open with a star.
public struct EventPattern: Hashable, Sendable {
    private let noun: String?
    private let participle: String?

    /// - Parameter text: `*`, `alarm.*` or `alarm.raised`. nil for anything else.
    public init?(_ text: String) {
        if text == "*" {
            noun = nil
            participle = nil
            return
        }
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 2, Self.isWord(parts[0]), parts[1] == "*" || Self.isWord(parts[1])
        else { return nil }
        noun = String(parts[0])
        participle = parts[1] == "*" ? nil : String(parts[1])
    }

    /// - Parameter name: noun and participle, such as `alarm.raised`.
    public func matches(_ name: String) -> Bool {
        let parts = name.split(separator: ".", maxSplits: 1)
        guard parts.count == 2 else { return noun == nil }
        return (noun.map { $0 == parts[0] } ?? true)
            && (participle.map { $0 == parts[1] } ?? true)
    }

    private static func isWord(_ text: Substring) -> Bool {
        func isLower(_ byte: UInt8) -> Bool { (UInt8(ascii: "a")...UInt8(ascii: "z")) ~= byte }
        guard let first = text.utf8.first, isLower(first) else { return false }
        return text.utf8.allSatisfy { byte in
            isLower(byte) || (UInt8(ascii: "0")...UInt8(ascii: "9")) ~= byte
                || byte == UInt8(ascii: "-") || byte == UInt8(ascii: "_")
        }
    }
}

/// Which lane each event goes to, as data: the first row that matches decides.
///
/// Two things no row can change: a FATAL, and what tells of a loss, are in the alarm lane, which is
/// never dropped. A loss that could itself be dropped would be silent.
public struct LaneTable: Hashable, Sendable {
    public struct Row: Hashable, Sendable {
        public var pattern: EventPattern
        /// Only for events of this severity; nil for all.
        public var severity: Severity?
        public var lane: Lane

        public init(_ pattern: EventPattern, severity: Severity? = nil, _ lane: Lane) {
            self.pattern = pattern
            self.severity = severity
            self.lane = lane
        }
    }

    public let rows: [Row]
    /// By kind, and by severity within it, so that no event costs a search.
    private let lanes: [Lane]

    /// Where a site file says nothing: alarms, what happens to the power, and what somebody asked
    /// for are never dropped, samples may be, and everything else is an event.
    public static let standard = LaneTable([
        row("alarm.*", .alarm), row("disaster.*", .alarm), row("power.*", .alarm),
        row("cut.*", .alarm), row("interlock.*", .alarm), row("reset.*", .alarm),
        row("command.*", .alarm), row("reserve.released", .alarm), row("sample.*", .telemetry),
        row("*", .event),
    ])

    private static func row(_ text: String, _ lane: Lane) -> Row {
        guard let pattern = EventPattern(text) else {
            preconditionFailure("\(text) is no pattern")
        }
        return Row(pattern, lane)
    }

    public init(_ rows: [Row]) {
        self.rows = rows
        lanes = EventKind.allCases.flatMap { kind in
            Self.severities.map { severity in
                if severity == .fatal || kind.tellsOfLoss { return .alarm }
                return Self.first(in: rows, kind.name, severity)?.lane ?? .event
            }
        }
    }

    private static let severities: [Severity] = [.info, .warning, .error, .fatal]

    /// The lane of an event of this kind and severity; what no row matches is an event.
    public func lane(of kind: EventKind, _ severity: Severity) -> Lane {
        lanes[Int(kind.rawValue) * Self.severities.count + Int(severity.rawValue)]
    }

    private static func first(in rows: [Row], _ name: String, _ severity: Severity) -> Row? {
        rows.first { row in
            row.pattern.matches(name) && (row.severity == nil || row.severity == severity)
        }
    }
}

extension EventKind {
    /// Whether the event says that others are gone, or why numbers stand for none: without it those
    /// are taken for events that are gone.
    public var tellsOfLoss: Bool {
        switch self {
        case .eventLost, .queueQuarantined, .queueDropped, .queueSkipped, .queueLost: true
        default: false
        }
    }
}
