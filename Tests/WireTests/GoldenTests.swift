import Events
import Foundation
import JSON
import Testing
import Units
import Wire

/// The bytes that the world outside gets, for each type of event and each message, kept in
/// `schemas/golden`: whoever changes them changes a released format. They are made by the way that
/// events go, through a batch. `UPDATE_GOLDEN=1` writes them anew.
///
/// To add a kind of event: a fact here (or a row in `WireTests`), `schemas/events/<type>.json`, and
/// a run with `UPDATE_GOLDEN=1`. `check_events.py` holds the files against the schemas.
@Suite("Golden events and messages")
struct GoldenTests {
    static let schemas = TopicsTests.root.appendingPathComponent("schemas")
    static let golden = schemas.appendingPathComponent("golden")

    /// One event of each type, as it is kept in its lane.
    struct Sample {
        let kind: EventKind
        let subject: String
        let severity: Severity
        let data: [UInt8]

        init(_ fact: Fact) {
            kind = fact.kind
            subject = WireTests.encoder.subject(of: fact)
            severity = fact.severity
            data = WireTests.encoder.data(of: fact)
        }

        init(_ fact: JournalFact) {
            kind = fact.kind
            subject = fact.subject
            severity = fact.severity
            data = fact.data()
        }

        /// Routes are a site's business, so here a lane is only a lane.
        var lane: Lane { severity >= .warning ? .alarm : .event }

        /// "alarm.raised.v1"
        var type: String { "\(kind.name).v\(kind.version)" }
    }

    static let transaction = TransactionFact(
        id: 3, kind: "heating", job: 12,
        counters: TransactionCounter.object(of: [
            TransactionCounter("heat_ms", 360_200), TransactionCounter("start_millicelsius", -5),
        ]))

    static let journalFacts: [JournalFact] = [
        .queueOpened(epoch: BatchRig.epoch, reason: .new),
        .queueQuarantined(file: "quarantine/journal-1.sqlite3", reason: "not a database"),
        .queueDropped(
            Drop(
                lane: .telemetry, first: 5, last: 9, count: 4, bytes: 400,
                oldest: 1_700_000_000_000, newest: 1_700_000_060_000)),
        .queueSkipped(.event, first: 8, last: 1_000),
        .queueLost(lost), .transactionOpened(transaction), .transactionCheckpointed(transaction),
        .transactionClosed(transaction, outcome: "completed"),
        .transactionInterrupted(transaction),
        .configuration(.applied, version: 4, digest: "ab12"),
        .configuration(.confirmed, version: 4, digest: "ab12"),
        .configuration(.reverted, version: 4, digest: "ab12"),
        .configuration(.refused, version: 4, digest: "ab12"),
        .reserveReleased(bytes: 4_194_304), .reserveRestored(bytes: 4_194_304),
        .commandAnswered(answer), .sampleTaken(Array(sample.utf8)),
    ]

    static let answer = CommandAnswer(
        ticket: 9, method: "alarms.shelve", userID: 990, user: "busbar-uplink", role: "cluster",
        parameters: Array(#"{"code":"E401","minutes":30,"reason":"sensor ordered"}"#.utf8),
        name: "ines", reason: "sensor ordered", result: .refused, refusal: "not_standing",
        origin: CommandOrigin(
            id: Identifier128(high: 0xC0, low: 0xFFEE), by: "ines", isAdmitted: true))

    /// As busbard makes it of a snapshot: one signal that is read, and one that never was.
    static let sample = """
        {"tick":5012,"heating":"STANDBY","interlock":"OPEN","heat_on":false,\
        "target_millicelsius":60000,"temperature_millicelsius":41250,"commanded":0,"actual":null,\
        "signals":{"temperature1":{"value":41250,"quality":"ok"},\
        "gas":{"value":null,"quality":"absent"}}}
        """

    static let lost: LostCounts = {
        var counts = LostCounts()
        counts.alarm = 1
        counts.telemetry = .max
        return counts
    }()

    /// The first of each kind.
    static let samples: [Sample] = {
        var seen: Set<EventKind> = []
        let all = WireTests.rows.map { Sample($0.fact) } + journalFacts.map { Sample($0) }
        return all.filter { seen.insert($0.kind).inserted }
    }()

    static func record(_ sample: Sample) -> EventRecord {
        EventRecord(
            lane: sample.lane, epoch: BatchRig.epoch, seq: 42, tick: Tick(5_012),
            at: Instant(501_200),
            wall: WallTime(unixMilliseconds: 1_700_000_000_123, quality: .synced),
            severity: sample.severity, correlation: Correlation(1_283_072), type: sample.type,
            subject: sample.subject, data: sample.data, run: BatchRig.run, boot: BatchRig.boot)
    }

    /// Every file there should be, by its name.
    static func files() throws -> [String: [UInt8]] {
        var files: [String: [UInt8]] = [:]
        for sample in samples {
            files[sample.type + ".json"] =
                try CloudEventTests.event(record(sample)).structuredJSON
        }
        files["damaged.v1.json"] =
            try CloudEventTests.event(BatchRig.record(18, data: "{\"code\":")).structuredJSON
        files["batch.v1.jsonl"] = batch.encoded().dropLast()
        files["acknowledgement.v1.json"] = MessageTests.acknowledgement.encoded()
        files["export-end.v1.json"] = MessageTests.exportEnd.encoded()
        files["hello.v1.json"] = MessageTests.hello.encoded()
        files["status.v1.json"] = MessageTests.status.encoded()
        files["command.v1.json"] = try MessageTests.signed().encoded()
        files["command.v1.signed.txt"] = Array(try MessageTests.command().signedText.utf8)
        return files.mapValues { $0 + [UInt8(ascii: "\n")] }
    }

    /// Three events of which the second was damaged.
    static let batch = EventBatch(
        header: BatchRig.small.header,
        lines: [18, 19, 20].map { seq in
            BatchLine(BatchRig.record(seq, data: seq == 19 ? "{" : #"{"code":"E103"}"#))
        })

    @Test("the bytes are the ones that were released")
    func bytes() throws {
        let files = try Self.files()
        if ProcessInfo.processInfo.environment["UPDATE_GOLDEN"] == "1" {
            try FileManager.default.createDirectory(
                at: Self.golden, withIntermediateDirectories: true)
            for (name, bytes) in files {
                try Data(bytes).write(to: Self.golden.appendingPathComponent(name))
            }
        }
        for (name, bytes) in files.sorted(by: { $0.key < $1.key }) {
            let file = Self.golden.appendingPathComponent(name)
            let kept = try? String(contentsOf: file, encoding: .utf8)
            #expect(
                kept == String(decoding: bytes, as: UTF8.self),
                "schemas/golden/\(name): a released format changed, or UPDATE_GOLDEN=1 is due")
        }
    }

    @Test("every kind of event has its schema and its golden bytes, and nothing is left over")
    func complete() throws {
        let types = EventKind.allCases.map { "\($0.name).v\($0.version)" }
        let samples = Set(Self.samples.map(\.type))
        let unsampled = types.filter { !samples.contains($0) }
        #expect(unsampled.isEmpty, "no sample in GoldenTests for \(unsampled)")
        let schemas = try Self.names(in: "events")
        let missing = types.filter { !schemas.contains("\($0).json") }
        #expect(missing.isEmpty, "no file in schemas/events for \(missing)")
        // A schema of an older version stays for ever; one of a kind that there is not is a slip.
        let kinds = Set(EventKind.allCases.map(\.name))
        let orphans = schemas.filter { name in
            let words = name.split(separator: ".")
            return words.count != 4 || !kinds.contains("\(words[0]).\(words[1])")
        }
        #expect(orphans.isEmpty, "schemas/events holds what no event is: \(orphans)")
        let golden = Set(try Self.names(in: "golden"))
        #expect(golden == Set(try Self.files().keys), "schemas/golden and GoldenTests.files differ")
    }

    private static func names(in folder: String) throws -> [String] {
        try FileManager.default.contentsOfDirectory(
            atPath: schemas.appendingPathComponent(folder).path)
    }

    /// The words of an enumeration whose raw values begin at 0 or 1.
    static func words<Word: RawRepresentable>(
        _: Word.Type, _ name: (Word) -> String
    ) -> [String] where Word.RawValue == UInt8 {
        (UInt8(0)...63).compactMap { Word(rawValue: $0) }.map(name)
    }

    static let vocabularies: [(String, String, [String])] = [
        ("alarm.raised", "severity", words(Severity.self, \.name)),
        ("alarm.raised", "state", words(AlarmState.self, \.name)),
        ("alarm.raised", "by", words(Requester.self, \.name)),
        ("disaster.detected", "rule", words(DisasterRule.self, \.name)),
        ("interlock.entered", "state", words(InterlockState.self, \.name)),
        ("heating.refused", "reason", words(HeatingRefusal.self, \.name)),
        ("signal.lost", "signal", words(SignalID.self, \.name)),
        ("signal.lost", "quality", words(SignalQuality.self, \.name)),
        ("signal.regained", "signal", words(SignalID.self, \.name)),
        ("selfcheck.entered", "step", words(SelfCheckStep.self, \.name)),
        ("reset.refused", "reason", words(ResetRefusal.self, \.name)),
        ("command.answered", "result", words(CommandAnswer.Result.self, \.name)),
        ("queue.opened", "reason", words(EpochReason.self, \.name)),
        ("queue.dropped", "lane", words(Lane.self, \.name)),
        ("queue.dropped", "reason", DropReason.allCases.map(\.rawValue)),
        ("queue.skipped", "lane", words(Lane.self, \.name)),
        ("command.answered", "result", words(CommandAnswer.Result.self, \.name)),
        ("sample.taken", "interlock", words(InterlockState.self, \.name)),
    ]

    @Test("a schema lists exactly the words that the code has", arguments: vocabularies)
    func vocabulary(kind: String, member: String, words: [String]) throws {
        let file = Self.schemas.appendingPathComponent("events/\(kind).v1.json")
        let schema = try JSONValue.parse(Array(Data(contentsOf: file)))
        let listed = schema["properties"]?[member]?["enum"]?.array?.compactMap(\.string)
        #expect(listed == words)
    }
}
