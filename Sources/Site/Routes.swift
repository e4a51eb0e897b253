public import Events
public import Wire

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

/// Where events of a kind go and how long they are kept.
public struct Route: Hashable, Sendable {
    public let pattern: EventPattern
    /// Only for events of this severity; nil for all, and for events that have none.
    public let severity: Severity?
    public let lane: Lane
    /// Not kept to yet: the journal lets go of what is acknowledged and of what is over its quota.
    /// FATAL is kept for ever, whatever stands here.
    public let retentionDays: Int
}

/// The routes of a site, first match wins.
public struct RouteTable: Hashable, Sendable {
    public let rows: [Route]

    /// Where a site file says nothing: the lanes that hold without a site, kept for 90 days, which
    /// is chosen.
    public static let standard = RouteTable(
        rows: LaneTable.standard.rows.map { row in
            Route(
                pattern: row.pattern, severity: row.severity, lane: row.lane, retentionDays: 90)
        })

    /// The route of an event, by its noun and participle (`alarm.raised`); nil if no row matches.
    public func route(for name: String, severity: Severity? = nil) -> Route? {
        rows.first { row in
            row.pattern.matches(name) && (row.severity == nil || row.severity == severity)
        }
    }

    /// What the journal needs of them.
    public var lanes: LaneTable {
        LaneTable(rows.map { LaneTable.Row($0.pattern, severity: $0.severity, $0.lane) })
    }
}
