import Events
import Testing
import Wire

@Suite("Lanes as data")
struct LaneTableTests {
    static func row(_ text: String, _ lane: Lane, _ severity: Severity? = nil) throws
        -> LaneTable.Row
    {
        LaneTable.Row(try #require(EventPattern(text)), severity: severity, lane)
    }

    struct Case: CustomTestStringConvertible, Sendable {
        let testDescription: String
        let kind: EventKind
        let severity: Severity
        let lane: Lane
    }

    static let cases = [
        Case(
            testDescription: "the first row that matches", kind: .relayCommanded, severity: .info,
            lane: .telemetry),
        Case(
            testDescription: "a severity of its own", kind: .alarmRaised, severity: .warning,
            lane: .telemetry),
        Case(
            testDescription: "another severity goes on to the next row", kind: .alarmRaised,
            severity: .error, lane: .event),
        Case(
            testDescription: "a FATAL in no other lane", kind: .alarmRaised, severity: .fatal,
            lane: .alarm),
        Case(
            testDescription: "a loss in no other lane", kind: .queueDropped, severity: .warning,
            lane: .alarm),
        Case(
            testDescription: "numbers without an event neither", kind: .queueSkipped,
            severity: .info, lane: .alarm),
        Case(
            testDescription: "the ring's loss neither", kind: .eventLost, severity: .error,
            lane: .alarm),
        Case(
            testDescription: "what opens a queue is no loss", kind: .queueOpened, severity: .info,
            lane: .telemetry),
        Case(
            testDescription: "what no row matches is an event", kind: .nodeRestarted,
            severity: .info, lane: .event),
    ]

    @Test("The lane of an event", arguments: cases)
    func lane(row: Case) throws {
        let table = LaneTable([
            try Self.row("relay.commanded", .telemetry), try Self.row("relay.*", .alarm),
            try Self.row("alarm.*", .telemetry, .warning), try Self.row("alarm.*", .event),
            try Self.row("queue.*", .telemetry), try Self.row("event.*", .telemetry),
        ])
        #expect(table.lane(of: row.kind, row.severity) == row.lane)
    }

    @Test("without a site, what somebody must learn of first is in the alarm lane")
    func standard() {
        let critical: Set<String> = [
            "alarm", "disaster", "power", "cut", "interlock", "reset", "command",
        ]
        for kind in EventKind.allCases {
            let noun = String(kind.name.prefix { $0 != "." })
            let isCritical = critical.contains(noun) || kind.tellsOfLoss
            for severity in [Severity.info, .warning, .error, .fatal] {
                let lane = LaneTable.standard.lane(of: kind, severity)
                let isAlarm = isCritical || severity == .fatal || kind == .reserveReleased
                let other: Lane = kind == .sampleTaken ? .telemetry : .event
                #expect(lane == (isAlarm ? .alarm : other), "\(kind.name) \(severity)")
            }
        }
    }

    @Test("what is no pattern", arguments: ["", "alarm", "alarm.", ".*", "*.raised", "Alarm.*"])
    func noPattern(text: String) {
        #expect(EventPattern(text) == nil)
    }
}
