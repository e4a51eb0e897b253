import Events
import Foundation
import Testing
import Units
import Wire

/// One row for each fact: what it is called, where it goes, and its exact data. These bytes are
/// what the cluster's schemas will be written against.
@Suite("Wire")
struct WireTests {
    struct Row: CustomTestStringConvertible, Sendable {
        let fact: Fact
        let type: String
        let subject: String
        let lane: Lane
        let severity: Severity
        let data: String

        init(
            _ fact: Fact, _ type: String, _ subject: String, _ lane: Lane, _ severity: Severity,
            _ data: String
        ) {
            self.fact = fact
            self.type = type
            self.subject = subject
            self.lane = lane
            self.severity = severity
            self.data = data
        }

        var testDescription: String { type }
    }

    static let encoder = EventEncoder(stepNames: ["PRECHECK", "RUN"])

    static func alarm(
        _ change: AlarmChange, _ severity: Severity = .fatal, _ state: AlarmState = .unacknowledged
    ) -> Fact {
        .alarm(
            AlarmTransition(
                code: .gasLeak, severity: severity, change: change, state: state, value: 1,
                limit: -2, requester: .site))
    }

    static func alarmData(_ severity: String, _ state: String) -> String {
        """
        {"code":"E103","severity":"\(severity)","state":"\(state)","value":1,"limit":-2,"by":"site"}
        """
    }

    static let alarmRows: [Row] = [
        Row(
            alarm(.raised), "io.busbar.alarm.raised.v1", "alarm/E103", .alarm, .fatal,
            alarmData("fatal", "unacknowledged")),
        Row(
            alarm(.acknowledged, .warning, .acknowledged), "io.busbar.alarm.acknowledged.v1",
            "alarm/E103", .alarm, .warning, alarmData("warning", "acknowledged")),
        Row(
            alarm(.returned, .info, .returned), "io.busbar.alarm.returned.v1", "alarm/E103",
            .alarm, .info, alarmData("info", "returned")),
        Row(
            alarm(.cleared, .error, .normal), "io.busbar.alarm.cleared.v1", "alarm/E103", .alarm,
            .error, alarmData("error", "normal")),
        Row(
            alarm(.latched, .fatal, .latched), "io.busbar.alarm.latched.v1", "alarm/E103", .alarm,
            .fatal, alarmData("fatal", "latched")),
        Row(
            alarm(.reset, .fatal, .normal), "io.busbar.alarm.reset.v1", "alarm/E103", .alarm,
            .fatal, alarmData("fatal", "normal")),
        Row(
            alarm(.shelved), "io.busbar.alarm.shelved.v1", "alarm/E103", .alarm, .fatal,
            alarmData("fatal", "unacknowledged")),
        Row(
            alarm(.unshelved), "io.busbar.alarm.unshelved.v1", "alarm/E103", .alarm, .fatal,
            alarmData("fatal", "unacknowledged")),
        Row(
            alarm(.suppressed), "io.busbar.alarm.suppressed.v1", "alarm/E103", .alarm, .fatal,
            alarmData("fatal", "unacknowledged")),
        Row(
            alarm(.unsuppressed), "io.busbar.alarm.unsuppressed.v1", "alarm/E103", .alarm, .fatal,
            alarmData("fatal", "unacknowledged")),
        Row(
            alarm(.outOfService), "io.busbar.alarm.withdrawn.v1", "alarm/E103", .alarm, .fatal,
            alarmData("fatal", "unacknowledged")),
        Row(
            alarm(.inService), "io.busbar.alarm.restored.v1", "alarm/E103", .alarm, .fatal,
            alarmData("fatal", "unacknowledged")),
        Row(
            .alarmFlood(count: 11, firstOut: .gasLeak), "io.busbar.alarm.flooded.v1",
            "alarm/flood", .alarm, .warning, #"{"count":11,"first_out":"E103"}"#),
        Row(
            .alarmFlood(count: 11, firstOut: nil), "io.busbar.alarm.flooded.v1", "alarm/flood",
            .alarm, .warning, #"{"count":11,"first_out":null}"#),
        Row(
            .alarmChattering(.jobStarted), "io.busbar.alarm.chattered.v1", "alarm/E001", .alarm,
            .warning, #"{"code":"E001"}"#),
        Row(
            .disasterDetected(.d03, .gasLeak), "io.busbar.disaster.detected.v1", "disaster/D-03",
            .alarm, .fatal, #"{"rule":"D-03","code":"E103"}"#),
        Row(
            .disasterDetected(.d11, .boardLost), "io.busbar.disaster.detected.v1",
            "disaster/D-11", .alarm, .fatal, #"{"rule":"D-11","code":"E401"}"#),
        Row(
            .disasterDetected(.d04, .tankEmptyIdle), "io.busbar.disaster.detected.v1",
            "disaster/D-04", .alarm, .error, #"{"rule":"D-04","code":"E306"}"#),
    ]

    static let powerRows: [Row] = [
        Row(
            .relaysCommanded(from: 0b0000_0001, to: 0b1000_0111), "io.busbar.relay.commanded.v1",
            "relay/mask", .event, .info,
            #"{"from":["power"],"to":["power","pump","valve","relay7"]}"#),
        Row(
            .relaysConfirmed(mask: 0), "io.busbar.relay.confirmed.v1", "relay/mask", .event, .info,
            #"{"energised":[]}"#),
        Row(
            .relaysDisagreed(commanded: 0b0101_1000, actual: 0b0010_0000),
            "io.busbar.relay.disagreed.v1", "relay/mask", .event, .warning,
            #"{"commanded":["spark","element","fan"],"actual":["demand"]}"#),
        Row(.powerOn, "io.busbar.power.closed.v1", "power/site", .alarm, .info, "{}"),
        Row(
            .powerCut(.leaseExpired), "io.busbar.power.cut.v1", "power/site", .alarm, .fatal,
            #"{"code":"E402"}"#),
        Row(.powerCutVerified, "io.busbar.cut.verified.v1", "power/site", .alarm, .info, "{}"),
        Row(
            .interlockEntered(.tripped), "io.busbar.interlock.entered.v1", "interlock/power",
            .alarm, .fatal, #"{"state":"TRIPPED"}"#),
        Row(
            .interlockEntered(.closing), "io.busbar.interlock.entered.v1", "interlock/power",
            .alarm, .info, #"{"state":"CLOSING"}"#),
        Row(
            .resetAccepted, "io.busbar.reset.accepted.v1", "interlock/reset", .alarm, .info, "{}"),
        Row(
            .resetRefused(.conditionHolds), "io.busbar.reset.refused.v1", "interlock/reset",
            .alarm, .warning, #"{"reason":"condition_holds"}"#),
    ]

    static let heatingRows: [Row] = [
        Row(
            .heatingRequested(.schedule), "io.busbar.heating.requested.v1", "heating/water",
            .event, .info, #"{"by":"schedule"}"#),
        Row(
            .heatingRefused(.gasSensorNotReady, .cluster), "io.busbar.heating.refused.v1",
            "heating/water", .event, .warning,
            #"{"reason":"gas_sensor_not_ready","by":"cluster"}"#),
        Row(
            .heatingStarted(job: 12), "io.busbar.heating.started.v1", "job/12", .event, .info,
            #"{"job":12}"#),
        Row(
            .heatingStepEntered(.step(1)), "io.busbar.heating.entered.v1", "heating/water",
            .event, .info, #"{"state":"RUN"}"#),
        Row(
            .heatingStepEntered(.step(2)), "io.busbar.heating.entered.v1", "heating/water",
            .event, .info, #"{"state":"STEP2"}"#),
        Row(
            .heatingStepEntered(.lockout), "io.busbar.heating.entered.v1", "heating/water",
            .event, .info, #"{"state":"LOCKOUT"}"#),
        Row(
            .heatingFinished(job: 12, .completed), "io.busbar.heating.finished.v1", "job/12",
            .event, .info, #"{"job":12,"outcome":"completed"}"#),
        Row(
            .heatingFinished(job: 12, .stopped), "io.busbar.heating.finished.v1", "job/12",
            .event, .info, #"{"job":12,"outcome":"stopped"}"#),
        Row(
            .heatingFinished(job: 12, .failed), "io.busbar.heating.failed.v1", "job/12", .event,
            .error, #"{"job":12,"outcome":"failed"}"#),
        Row(
            .heatingFinished(job: 12, .lockedOut), "io.busbar.heating.failed.v1", "job/12",
            .alarm, .fatal, #"{"job":12,"outcome":"locked_out"}"#),
        Row(
            .targetChanged(from: MilliCelsius(38_000), to: MilliCelsius(-1), .admin),
            "io.busbar.target.changed.v1", "heating/water", .event, .info,
            #"{"from_millicelsius":38000,"to_millicelsius":-1,"by":"admin"}"#),
    ]

    static let deviceRows: [Row] = [
        Row(
            .signalLost(.temperature1, .powerOn), "io.busbar.signal.lost.v1",
            "signal/temperature1", .event, .warning,
            #"{"signal":"temperature1","quality":"power_on"}"#),
        Row(
            .signalRegained(.gasReady), "io.busbar.signal.regained.v1", "signal/gas_ready",
            .event, .info, #"{"signal":"gas_ready"}"#),
        Row(
            .nodeRestarted(boot: 255), "io.busbar.node.restarted.v1", "node/sensors", .event,
            .info, #"{"boot":255}"#),
        Row(
            .selfCheckEntered(.lease), "io.busbar.selfcheck.entered.v1", "device/selfcheck",
            .event, .info, #"{"step":"lease"}"#),
        Row(
            .selfCheckEntered(.failed), "io.busbar.selfcheck.entered.v1", "device/selfcheck",
            .alarm, .fatal, #"{"step":"failed"}"#),
        Row(
            .deviceStarted(isClean: false), "io.busbar.device.started.v1", "device/controller",
            .event, .warning, #"{"clean":false}"#),
        Row(
            .deviceStopped, "io.busbar.device.stopped.v1", "device/controller", .event, .info,
            "{}"),
        Row(
            .ticksMissed(gap: Milliseconds(3_000), missed: .max), "io.busbar.tick.missed.v1",
            "device/tick", .event, .warning, #"{"gap_ms":3000,"missed":4294967295}"#),
        Row(
            .clockStepped(by: Milliseconds(.min)), "io.busbar.clock.stepped.v1", "device/clock",
            .event, .info, #"{"by_ms":-9223372036854775808}"#),
        Row(
            .eventsLost(count: 7), "io.busbar.event.lost.v1", "device/ring", .alarm, .error,
            #"{"count":7}"#),
        Row(
            .notRealTime(errno: 1), "io.busbar.realtime.refused.v1", "device/scheduler", .event,
            .warning, #"{"errno":1}"#),
    ]

    static let rows = alarmRows + powerRows + heatingRows + deviceRows

    @Test("a fact has its name, its place and its exact data", arguments: rows)
    func encodes(row: Row) {
        #expect(row.fact.kind.type == row.type)
        #expect(Self.encoder.subject(of: row.fact) == row.subject)
        #expect(LaneTable.standard.lane(of: row.fact.kind, row.fact.severity) == row.lane)
        #expect(row.fact.severity == row.severity)
        #expect(String(decoding: Self.encoder.data(of: row.fact), as: UTF8.self) == row.data)
    }

    @Test("every kind of event that the controller states has a row here")
    func rowsAreComplete() {
        let journals: [EventKind] = [
            .queueOpened, .queueQuarantined, .queueDropped, .queueSkipped, .queueLost,
            .reserveReleased, .reserveRestored, .sampleTaken,
            .transactionOpened, .transactionCheckpointed, .transactionClosed,
            .transactionInterrupted, .configurationApplied, .configurationConfirmed,
            .configurationReverted, .configurationRefused, .commandAnswered,
        ]
        let covered = Set(Self.rows.map(\.fact.kind)).union(journals)
        let missing = EventKind.allCases.filter { !covered.contains($0) }
        #expect(missing.isEmpty, "no row for \(missing.map(\.name)): add one")
    }

    @Test("a name is two lower-case words, used once, and read back as its kind")
    func namesHaveOneForm() {
        var seen: Set<String> = []
        for kind in EventKind.allCases {
            let words = kind.name.split(separator: ".", omittingEmptySubsequences: false)
            #expect(words.count == 2, "\(kind.name): <noun>.<past participle>")
            let isPlain = kind.name.utf8.allSatisfy {
                (UInt8(ascii: "a")...UInt8(ascii: "z")).contains($0) || $0 == UInt8(ascii: ".")
            }
            #expect(isPlain, "\(kind.name): letters only, topics and routes are made of it")
            #expect(seen.insert(kind.name).inserted, "\(kind.name) names two kinds")
            #expect(EventKind(name: kind.name) == kind)
        }
        #expect(EventKind(name: "alarm.eaten") == nil)
    }

    static let journalRows: [(JournalFact, String, String, Lane, String)] = [
        (
            .queueOpened(epoch: Identifier128(high: 1, low: 0xABC), reason: .rollback),
            "io.busbar.queue.opened.v1", "queue/journal", .event,
            #"{"epoch":"00000000000000010000000000000abc","reason":"rollback"}"#
        ),
        (
            .queueQuarantined(file: "quarantine/journal-1.sqlite3", reason: "a \"b\"\n\\\u{1}ä"),
            "io.busbar.queue.quarantined.v1", "queue/journal", .alarm,
            #"{"file":"quarantine/journal-1.sqlite3","reason":"a \"b\"\u000a\\\u0001ä"}"#
        ),
        (
            .queueDropped(
                Drop(
                    lane: .telemetry, first: 5, last: 9, count: 4, bytes: 400, oldest: 10,
                    newest: 20)),
            "io.busbar.queue.dropped.v1", "queue/telemetry", .alarm,
            #"{"lane":"telemetry","from":5,"to":9,"count":4,"bytes":400,"reason":"quota","#
                + #""oldest_unix_ms":10,"newest_unix_ms":20}"#
        ),
        (
            .queueDropped(
                Drop(
                    lane: .event, first: 1, last: 1, count: 1, bytes: 90, oldest: 1, newest: 1,
                    reason: .disk)),
            "io.busbar.queue.dropped.v1", "queue/event", .alarm,
            #"{"lane":"event","from":1,"to":1,"count":1,"bytes":90,"reason":"disk","#
                + #""oldest_unix_ms":1,"newest_unix_ms":1}"#
        ),
        (
            .reserveReleased(bytes: 4_194_304), "io.busbar.reserve.released.v1",
            "queue/journal", .alarm, #"{"bytes":4194304}"#
        ),
        (
            .reserveRestored(bytes: 4_194_304), "io.busbar.reserve.restored.v1",
            "queue/journal", .event, #"{"bytes":4194304}"#
        ),
        (
            .sampleTaken(Array(#"{"heating":"RUN"}"#.utf8)), "io.busbar.sample.taken.v1",
            "device/plant", .telemetry, #"{"heating":"RUN"}"#
        ),
        (
            .queueSkipped(.event, first: 8, last: 1_000), "io.busbar.queue.skipped.v1",
            "queue/event", .alarm, #"{"lane":"event","from":8,"to":1000}"#
        ),
        (
            .transactionClosed(
                TransactionFact(
                    id: 3, kind: "heating", job: 12,
                    counters: TransactionCounter.object(of: [
                        TransactionCounter("heat_ms", 360_200),
                        TransactionCounter("start_millicelsius", -5),
                    ])), outcome: "completed"),
            "io.busbar.transaction.closed.v1", "transaction/3", .event,
            #"{"kind":"heating","job":12,"counters":{"heat_ms":360200,"start_millicelsius":-5},"#
                + #""outcome":"completed"}"#
        ),
        (
            .configuration(.refused, version: 4, digest: "ab"),
            "io.busbar.configuration.refused.v1", "configuration/4", .event,
            #"{"version":4,"digest":"ab"}"#
        ),
        (
            .commandAnswered(
                CommandAnswer(
                    ticket: 41, method: "alarms.shelve", userID: 1_000, user: "anna",
                    role: "technician", parameters: Array(#"{"code":"E303","minutes":60}"#.utf8),
                    result: .done)),
            "io.busbar.command.answered.v1", "command/41", .alarm,
            #"{"method":"alarms.shelve","result":"done","refusal":null,"user":"anna","uid":1000,"#
                + #""role":"technician","parameters":{"code":"E303","minutes":60},"unrecorded":0,"#
                + #""command":null,"by":null}"#
        ),
        (
            .commandAnswered(
                CommandAnswer(
                    ticket: 42, method: "heating.setTarget", userID: 0, user: "root",
                    role: "admin", parameters: Array("{}".utf8), result: .outOfRange,
                    refusal: "out_of_range", unrecorded: 7)),
            "io.busbar.command.answered.v1", "command/42", .alarm,
            #"{"method":"heating.setTarget","result":"out_of_range","refusal":"out_of_range","#
                + #""user":"root","uid":0,"role":"admin","parameters":{},"unrecorded":7,"#
                + #""command":null,"by":null}"#
        ),
    ]

    @Test("a fact of the journal has its name, its place and its exact data")
    func encodesJournalFacts() {
        for (fact, type, subject, lane, data) in Self.journalRows {
            #expect(fact.kind.type == type)
            #expect(fact.subject == subject)
            #expect(LaneTable.standard.lane(of: fact.kind, fact.severity) == lane)
            #expect(String(decoding: fact.data(), as: UTF8.self) == data)
        }
    }

    @Test("what is written is JSON to another reader too")
    func isJSON() throws {
        for row in Self.rows {
            let data = Data(Self.encoder.data(of: row.fact))
            #expect(try JSONSerialization.jsonObject(with: data) is [String: Any])
        }
        for row in Self.journalRows {
            let parsed = try JSONSerialization.jsonObject(with: Data(row.0.data()))
            #expect(parsed is [String: Any])
        }
    }

    @Test("an alarm code is read back from its name, and only from that form")
    func alarmCodeNames() {
        var row: UInt8 = 0
        while let code = AlarmCode(rawValue: row) {
            #expect(AlarmCode(name: code.name) == code)
            row += 1
        }
        #expect(AlarmCode.jobStarted.name == "E001")
        for name in ["E1", "e103", "103", "E0103", "E999", "", "E", "E103 "] {
            #expect(AlarmCode(name: name) == nil, "\(name)")
        }
    }

    @Test("an identifier keeps all its bits through text and bytes")
    func identifiers() {
        for seed in UInt64(1)...50 {
            let value = Identifier128(
                high: seed &* 0x9E37_79B9_7F4A_7C15, low: ~seed &* 0xBF58_476D_1CE4_E5B9)
            #expect(Identifier128(text: value.text) == value)
            #expect(Identifier128(bytes: value.bytes) == value)
        }
        let boot = "2d4c8a31-0000-4000-8000-00000000000f"
        #expect(Identifier128(text: boot)?.text == "2d4c8a31000040008000" + "00000000000f")
        let wrong = [
            "", "2d4c", String(repeating: "g", count: 32), "+" + String(repeating: "0", count: 31),
        ]
        for text in wrong {
            #expect(Identifier128(text: text) == nil, "\(text)")
        }
        #expect(Identifier128(bytes: [1, 2, 3]) == nil)
    }
}
