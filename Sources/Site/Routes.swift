public import Events

/// A queue of events with its own numbers, quota and policy when full.
public enum Lane: String, Sendable {
    /// Never dropped.
    case alarm
    case event
    /// The oldest dropped first.
    case telemetry
}

/// How many bytes of the journal each lane may take before its policy acts.
public struct QueueQuotas: Hashable, Sendable {
    /// 64 KiB holds a hundred events; 4 GiB is more than a small SD card has to spare. Chosen.
    public static let permitted: ClosedRange<Int64> = 65_536...4_294_967_296

    /// Chosen for a 16 GB card: with 500 bytes an event, a quarter of a million facts and twice as
    /// much telemetry, and less than a twentieth of the card.
    public var alarm: Int64 = 64 << 20
    public var event: Int64 = 128 << 20
    public var telemetry: Int64 = 256 << 20

    public init() {}

    public subscript(lane: Lane) -> Int64 {
        switch lane {
        case .alarm: alarm
        case .event: event
        case .telemetry: telemetry
        }
    }
}

/// Which events a route is for: the noun and the participle of `io.busbar.<noun>.<participle>.v1`,
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
        guard let first = text.utf8.first, NameRule.isLower(first) else { return false }
        return text.utf8.allSatisfy {
            NameRule.isLower($0) || NameRule.isDigit($0) || $0 == UInt8(ascii: "-")
                || $0 == UInt8(ascii: "_")
        }
    }
}

/// Where events of a kind go and how long they are kept.
public struct Route: Hashable, Sendable {
    public let pattern: EventPattern
    /// Only for events of this severity; nil for all, and for events that have none.
    public let severity: Severity?
    public let lane: Lane
    /// In place of the uplink's own topic for the lane.
    public let mqttTopic: String?
    public let kafkaTopic: String?
    /// FATAL is kept for ever, whatever stands here.
    public let retentionDays: Int
}

/// The routes of a site, first match wins.
public struct RouteTable: Hashable, Sendable {
    public let rows: [Route]

    /// Where a site file says nothing: alarms and what happens to the power are never dropped,
    /// samples may be, and everything else is an event. 90 days is chosen.
    public static let standard = RouteTable(
        rows: [
            row("alarm.*", .alarm), row("disaster.*", .alarm), row("power.*", .alarm),
            row("interlock.*", .alarm), row("reset.*", .alarm), row("sample.*", .telemetry),
            row("*", .event),
        ])

    private static func row(_ pattern: String, _ lane: Lane) -> Route {
        Route(
            pattern: EventPattern(pattern)!, severity: nil, lane: lane, mqttTopic: nil,
            kafkaTopic: nil, retentionDays: 90)
    }

    /// The route of an event, by its noun and participle (`alarm.raised`); nil if no row matches.
    public func route(for name: String, severity: Severity? = nil) -> Route? {
        rows.first { row in
            row.pattern.matches(name) && (row.severity == nil || row.severity == severity)
        }
    }

    /// The lane of an event. A FATAL is in the alarm lane whatever the table says, so that no site
    /// file can make one droppable; what no row matches is an event.
    public func lane(for name: String, severity: Severity? = nil) -> Lane {
        severity == .fatal ? .alarm : route(for: name, severity: severity)?.lane ?? .event
    }
}
