import Control
import Events
import JSON
import Units
import Wire

/// Reads what concerns the people and the records of a site: `$.roles`, `$.routes`, `$.queues` and
/// `$.alarms`.
struct OperationReader {
    static let lanes: KeyValuePairs<String, Lane> = [
        "alarm": .alarm, "event": .event, "telemetry": .telemetry,
    ]
    static let severities: KeyValuePairs<String, Severity> = [
        "info": .info, "warning": .warning, "error": .error, "fatal": .fatal,
    ]

    private let root: ObjectReader

    init(_ root: ObjectReader) { self.root = root }

    func roles() -> Roles {
        guard root.value("roles") != nil else { return Roles() }
        let reader = root.object("roles")
        let roles = Roles(
            viewers: members("viewer", of: reader), cluster: members("cluster", of: reader),
            technicians: members("technician", of: reader), admins: members("admin", of: reader))
        reader.refuseUnknownKeys()
        return roles
    }

    private func members(_ role: String, of reader: ObjectReader) -> Roles.Members {
        let row = reader.object(role)
        let members = Roles.Members(
            users: accounts("users", of: row), groups: accounts("groups", of: row))
        row.refuseUnknownKeys()
        return members
    }

    private func accounts(_ key: String, of reader: ObjectReader) -> [Roles.Account] {
        (reader.array(key, count: 0...64) ?? []).compactMap { path, value in
            if let id = value.int, let id = UInt32(exactly: id), id != .max { return .id(id) }
            if let name = value.string, Self.isAccount(name) { return .name(name) }
            root.defects.add(
                path,
                "found \(ObjectReader.describe(value)); allowed is a name such as technician or a "
                    + "number from 0 to 4294967294")
            return nil
        }
    }

    /// Debian's rule for account names (adduser's NAME_REGEX), at most 32 bytes.
    private static func isAccount(_ name: String) -> Bool {
        guard (1...32).contains(name.utf8.count), let first = name.utf8.first,
            NameRule.isLower(first) || first == UInt8(ascii: "_")
        else { return false }
        return name.utf8.allSatisfy {
            NameRule.isLower($0) || NameRule.isDigit($0) || $0 == UInt8(ascii: "_")
                || $0 == UInt8(ascii: "-")
        }
    }

    func routes() -> RouteTable {
        guard let rows = root.array("routes", count: 1...64) else { return RouteTable.standard }
        return RouteTable(
            rows: rows.compactMap { path, value in
                ObjectReader.make(value, at: path, root.defects).flatMap(route)
            })
    }

    private func route(_ reader: ObjectReader) -> Route? {
        let type = reader.string("type", allowed: "noun.participle, noun.* or *") {
            EventPattern($0) != nil
        }
        var severity: Severity?
        if reader.value("severity") != nil {
            severity = reader.choice("severity", Self.severities)
        }
        let lane = reader.choice("lane", Self.lanes)
        refuseTopics(reader)
        let days = reader.int("retentionDays", 1...3_650, unit: "days", default: 90)
        reader.refuseUnknownKeys()
        guard let pattern = EventPattern(type), let lane else { return nil }
        if severity == .fatal, lane != .alarm {
            reader.defect("lane", "found \"\(lane.name)\"; allowed for fatal is only \"alarm\"")
        }
        return Route(
            pattern: pattern, severity: severity, lane: lane, retentionDays: Int(days))
    }

    /// A route names a lane and nothing further: a batch on the way holds one whole lane, and its
    /// numbers, acknowledgements, dead letters and alerts are all of that lane.
    private func refuseTopics(_ reader: ObjectReader) {
        for (key, goesTo) in [
            ("mqttTopic", "busbar/v1/up/SHARD/DEVICE/LANE"), ("kafkaTopic", "busbar.LANE.v1"),
        ] {
            guard let value = reader.value(key) else { continue }
            reader.defect(
                key,
                "found \(ObjectReader.describe(value)); a route cannot name a topic, for a lane goes "
                    + "to \(goesTo) as a whole: remove it, and choose the lane")
        }
    }

    func queues() -> QueueQuotas {
        let reader = root.object("queues")
        var quotas = QueueQuotas()
        quotas.alarm = bytes("alarm", of: reader, default: quotas.alarm)
        quotas.event = bytes("event", of: reader, default: quotas.event)
        quotas.telemetry = bytes("telemetry", of: reader, default: quotas.telemetry)
        reader.refuseUnknownKeys()
        return quotas
    }

    /// Zero: none.
    func telemetryPeriod() -> Milliseconds {
        let reader = root.object("telemetry")
        // A state reaches the journal once a second at most. An hour between two samples is the
        // most that still tells a day's course; chosen, as is the minute.
        let period = reader.int("periodMs", 0...3_600_000, unit: "ms", default: 60_000)
        reader.refuseUnknownKeys()
        return Milliseconds(period)
    }

    private func bytes(_ lane: String, of reader: ObjectReader, default fallback: Int64) -> Int64 {
        let row = reader.object(lane)
        let bytes = row.int(
            "bytesMax", QueueQuotas.permitted, unit: "bytes", default: fallback)
        row.refuseUnknownKeys()
        return bytes
    }

    /// - Returns: the texts; delays and severities go into the plan.
    func alarms(into plan: inout AlarmPlan) -> [AlarmCode: String] {
        var texts: [AlarmCode: String] = [:]
        let reader = root.object("alarms")
        for member in reader.namedMembers() {
            guard let code = AlarmCode(word: member.key) else {
                reader.defect(member.key, "unknown alarm; allowed are codes such as E301")
                continue
            }
            let row = reader.object(member.key)
            let definition = alarmDefinition(code)
            readSeverity(row, definition, into: &plan)
            readOffDelay(row, definition, into: &plan)
            if row.value("text") != nil {
                texts[code] = row.string("text", allowed: "a sentence of at most 200 characters") {
                    // Scalars, as JSON Schema counts.
                    (1...200).contains($0.unicodeScalars.count)
                }
            }
            row.refuseUnknownKeys()
        }
        return texts
    }

    /// A site may raise a severity, never lower it; a FATAL is thereby fixed.
    private func readSeverity(
        _ row: ObjectReader, _ definition: AlarmDefinition, into plan: inout AlarmPlan
    ) {
        guard row.value("severity") != nil, let wanted = row.choice("severity", Self.severities)
        else { return }
        guard wanted >= definition.severity, definition.severity != .info else {
            let own = Self.severities.first { $0.value == definition.severity }?.key ?? ""
            let rule =
                definition.severity == .info
                ? "this one is a note (info) and stays one" : "allowed is \(own) or above"
            row.defect("severity", "found \"\(wanted)\"; \(rule)")
            return
        }
        plan.severities[Int(definition.code.rawValue)] = wanted
    }

    private func readOffDelay(
        _ row: ObjectReader, _ definition: AlarmDefinition, into plan: inout AlarmPlan
    ) {
        guard row.value("offDelayMs") != nil else { return }
        let delay = row.int("offDelayMs", 0...600_000, unit: "ms", default: nil)
        guard definition.severity == .warning || definition.severity == .error else {
            row.defect("offDelayMs", "only a warning or an error has an off-delay; remove it")
            return
        }
        plan.offDelays[Int(definition.code.rawValue)] = Milliseconds(delay)
    }
}
