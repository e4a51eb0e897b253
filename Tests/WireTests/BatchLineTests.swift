import Events
import Testing
import Units
import Wire

/// One line of a batch: what is wrong in it must not hold up the others.
@Suite("Line of a batch")
struct BatchLineTests {
    static let good = String(decoding: BatchLine(BatchRig.record(18)).bytes, as: UTF8.self)

    @Test("a poisoned line has its number and its reason, and the others are read")
    func poison() throws {
        var batch = BatchRig.small
        let garbage: [UInt8] = [0xFF, 0x00, UInt8(ascii: "{")]
        batch.lines[1].bytes = garbage
        let decoded = try EventBatch(decoding: batch.encoded())
        #expect(decoded.lines[1] == BatchLine(seq: 19, bytes: garbage))
        #expect(try decoded.event(at: 0).seq == 18)
        #expect(try decoded.event(at: 2).seq == 20)
        do throws(BatchError) {
            _ = try decoded.event(at: 1)
            Issue.record("the garbage was taken for an event")
        } catch {
            #expect(error.line == 3)
            #expect(
                error.description
                    == "batch, line 3: event 19: column 1: found ??{; expected is {\"seq\":")
        }
    }

    static let rows: [(String, String, String)] = [
        ("18,", "018,", "column 8: found 018,\"type\":\"alarm.ra; expected is an integer"),
        ("18,", "-0,", "column 8: found -0,\"type\":\"alarm.rai; expected is an integer"),
        ("18,", "\"18\",", "column 8: found \"18\",\"type\":\"alarm.r; expected is an integer"),
        (
            "18,", "9223372036854775808,",
            "column 8: found 9223372036854775808,; expected is an integer of 64 bits"
        ),
        (
            "alarm.raised.v1", "alarm.raised",
            "found the type \"alarm.raised\"; expected is <noun>.<participle>.v<N>"
        ),
        (
            "alarm.raised.v1", "alarm.raised.v0",
            "found the type \"alarm.raised.v0\"; expected is <noun>.<participle>.v<N>"
        ),
        (
            "alarm.raised.v1", "alarm.raised.v10000",
            "found the type \"alarm.raised.v10000\"; expected is <noun>.<participle>.v<N>"
        ),
        (
            "alarm.raised.v1", #"alarm\u002eraised.v1"#,
            #"column 18: found "alarm\u002eraised.v; expected is a word of at most 64 plain "#
                + "characters in quotes"
        ),
        (#""alarm/E103""#, #""""#, "the subject has 0 bytes; 1 to 256 are expected"),
        (
            #""alarm/E103""#, #""a\q""#,
            "the subject is not JSON: this escape is unknown"
        ),
        (
            #""clock":"synced""#, #""clock":"set""#,
            "found the clock \"set\"; expected is synced, holdover or unsynced"
        ),
        (
            #""severity":"fatal""#, #""severity":"FATAL""#,
            "found the severity \"FATAL\"; expected is info, warning, error or fatal"
        ),
        (
            #""tick":5012"#, #""tick":-1"#,
            "column 102: found -1,\"mono\":501200,\"se; expected is an integer"
        ),
        (
            #","mono":501200"#, "",
            "column 106: found ,\"severity\":\"fatal\",; expected is ,\"mono\":"
        ),
        (
            #","mono""#, #", "mono""#,
            "column 106: found , \"mono\":501200,\"sev; expected is ,\"mono\":"
        ),
        (
            #","data""#, #","extra":1,"data""#,
            "column 156: found ,\"extra\":1,\"data\":{\"; expected is ,\"data\":"
        ),
        (#"{"code":"E103"}"#, "[]", "the data is not a JSON object"),
        (#"{"code":"E103"}"#, "7", "the data is not a JSON object"),
        (
            #"{"code":"E103"}"#, #"{"code":}"#,
            "the data is not JSON: column 9: found '}' where a value was expected"
        ),
        (
            #"{"code":"E103"}"#, #"{"a":1,"a":2}"#,
            "the data is not JSON: column 8: the key \"a\" stands twice in one object"
        ),
        (
            #"{"code":"E103"}"#, #"{"a":1},"b":{"c":2}"#,
            "the data is not JSON: column 8: found ',' after the end of the document"
        ),
        ("}}", "}", "the data is not a JSON object"),
        (#"{"code":"E103"}}"#, "", "column 164: found the end of the line; expected is }"),
    ]

    @Test("a line is refused for what is wrong in it", arguments: rows)
    func defects(old: String, new: String, reason: String) throws {
        let parts = Self.good.split(separator: old, maxSplits: 1, omittingEmptySubsequences: false)
        try #require(parts.count == 2, "the line has no \(old)")
        let verdict = BatchRig.verdict(line: parts.joined(separator: new))
        #expect(verdict == "batch, line 2: event 18: \(reason)")
    }

    @Test("the untouched line is taken")
    func goodLine() { #expect(BatchRig.verdict(line: Self.good) == "taken") }

    @Test("data of 64 KiB and 32 levels is sent as it is, more is damage")
    func dataLimits() throws {
        func nested(_ depth: Int) -> String {
            String(repeating: "{\"a\":", count: depth - 1) + "{}"
                + String(repeating: "}", count: depth - 1)
        }
        func sized(_ count: Int) -> String {
            "{\"a\":\"\(String(repeating: "x", count: count - 8))\"}"
        }
        for (data, isSound) in [
            (nested(32), true), (nested(33), false), (sized(65_536), true),
            (sized(65_537), false), ("{}", true), ("", false), ("null", false), (" {}", false),
            ("{\n}", false), ("{\t}", true), ("{", false), ("{} ", false),
        ] {
            #expect(EventData.isSound(Array(data.utf8)) == isSound, "\(data.prefix(40))")
            let batch = EventBatch(
                header: BatchRig.header(base: 18, first: 18, last: 18),
                lines: [BatchLine(BatchRig.record(18, data: data))])
            let event = try EventBatch(decoding: batch.encoded()).event(at: 0)
            switch event.data {
            case .json(let bytes):
                #expect(isSound)
                #expect(Array(bytes) == Array(data.utf8))
            case .damaged(let kept, let count):
                #expect(!isSound)
                #expect(kept == Array(data.utf8.prefix(49_152)))
                #expect(count == data.utf8.count)
            }
        }
    }

    @Test("a row that the card damaged makes a line that is read")
    func damagedRows() throws {
        var record = BatchRig.record(18)
        record.data = [0xFF, 0xFE, 0x0A, 0x00]
        record.subject = String(repeating: "é", count: 129)
        record.type = String(repeating: "x", count: 65)
        let line = BatchLine(record)
        #expect(
            String(decoding: line.bytes, as: UTF8.self).hasSuffix(
                #""correlation":77,"damaged":4,"data_base64":"//4KAA=="}"#))
        let batch = EventBatch(
            header: BatchRig.header(base: 18, first: 18, last: 18), lines: [line])
        let decoded = try EventBatch(decoding: batch.encoded())
        // The type can be no type any more, so the line is poison, and says so; its number holds.
        #expect(throws: BatchError.self) { try decoded.event(at: 0) }
        record.type = "alarm.raised.v1"
        let event = try EventBatch(
            decoding: EventBatch(header: batch.header, lines: [BatchLine(record)]).encoded()
        ).event(at: 0)
        #expect(event.subject == String(repeating: "é", count: 128))
        #expect(event.data == .damaged(kept: [0xFF, 0xFE, 0x0A, 0x00], rowBytes: 4))
    }

    @Test("the longest line that a record can make is one that is read")
    func longestLine() throws {
        var record = BatchRig.record(BatchHeader.numberMax)
        record.subject = String(repeating: "\u{1}", count: 300)
        record.type =
            String(repeating: "a", count: 30) + "." + String(repeating: "b", count: 30)
            + ".v1"
        record.data = [UInt8](repeating: 0, count: 100_000)
        record.tick = Tick(.max)
        record.correlation = Correlation(.max)
        record.at = Instant(.min)
        record.wall.unixMilliseconds = .min
        let line = BatchLine(record)
        #expect(line.bytes.count <= BatchLimits.line)
        let top = BatchHeader.numberMax
        let batch = EventBatch(
            header: BatchRig.header(base: top, first: top, last: top), lines: [line])
        let event = try EventBatch(decoding: batch.encoded()).event(at: 0)
        #expect(event.subject == String(repeating: "\u{1}", count: 256))
        #expect(
            event.data
                == .damaged(kept: [UInt8](repeating: 0, count: 49_152), rowBytes: 100_000))
        #expect(
            BatchRig.refusal(
                EventBatch(
                    header: batch.header,
                    lines: [
                        BatchLine(
                            seq: top, bytes: [UInt8](repeating: 0x20, count: BatchLimits.line + 1))
                    ]
                ).encoded()) == "batch, line 2: it has 68097 bytes; at most 68096 are read")
    }

    static let damageRows: [(String, Bool)] = [
        (#""damaged":4,"data_base64":"//4KAA==""#, true),
        (#""damaged":5,"data_base64":"//4KAA==""#, false),
        (#""damaged":4,"data_base64":"//4KAA=""#, false),
        (#""damaged":4,"data_base64":"//4KAB==""#, false),
        (#""damaged":4,"data_base64":"//4K\u0041A==""#, false),
        (#""damaged":0,"data_base64":"""#, true),
        (#""damaged":-1,"data_base64":"""#, false),
        (#""data_base64":"//4KAA==""#, false),
        (#""damaged":4,"data_base64":"//4KAA==","data":{}"#, false),
    ]

    @Test("damaged data is exactly what it says it is", arguments: damageRows)
    func damagedData(members: String, isTaken: Bool) {
        let line = Self.good.replacing(#""data":{"code":"E103"}"#, with: members)
        #expect((BatchRig.verdict(line: line) == "taken") == isTaken)
    }
}
