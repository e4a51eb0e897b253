import Events
import Testing
import Units
import Wire

@Suite("Batch of events")
struct BatchTests {
    @Test("a batch is these bytes, and they are read back as the same")
    func bytes() throws {
        let batch = EventBatch(
            header: BatchHeader(
                site: "house", device: "heater-1", lane: .alarm, epoch: BatchRig.epoch,
                run: BatchRig.run, boot: BatchRig.boot, base: 17, first: 18, last: 18,
                gaps: [17...17], before: RunningDigest.start(of: BatchRig.epoch)),
            lines: [BatchLine(BatchRig.record(18))])
        let text = """
            {"v":1,"site":"house","device":"heater-1","lane":"alarm",\
            "epoch":"00000000000000010000000000000abc","run":"11112222333344445555666677778888",\
            "boot":"00000000000000020000000000000003","base":17,"first":18,"last":18,\
            "gaps":[[17,17]],"before":"00000000000000010000000000000abc"}
            {"seq":18,"type":"alarm.raised.v1","subject":"alarm/E103","ms":1700000000123,\
            "clock":"synced","tick":5012,"mono":501200,"severity":"fatal","correlation":77,\
            "data":{"code":"E103"}}

            """
        #expect(String(decoding: batch.encoded(), as: UTF8.self) == text)
        let decoded = try EventBatch(decoding: batch.encoded())
        #expect(decoded == batch)
        let event = try decoded.event(at: 0)
        #expect(event.seq == 18)
        #expect(event.type == "alarm.raised.v1")
        #expect(event.subject == "alarm/E103")
        #expect(event.wall == WallTime(unixMilliseconds: 1_700_000_000_123, quality: .synced))
        #expect(event.tick == Tick(5_012))
        #expect(event.at == Instant(501_200))
        #expect(event.severity == .fatal)
        #expect(event.correlation == Correlation(77))
        #expect(event.data == .json(Array(#"{"code":"E103"}"#.utf8)[...]))
    }

    @Test("whatever is encoded is decoded as the same", arguments: UInt64(1)...40)
    func roundTrip(seed: UInt64) throws {
        var random = SplitMix64(state: seed)
        let batch = Self.randomBatch(&random)
        let decoded = try EventBatch(decoding: batch.encoded())
        #expect(decoded == batch)
        #expect(decoded.encoded() == batch.encoded())
        for index in decoded.lines.indices {
            let record = Self.records(seed: seed)[index]
            let event = try decoded.event(at: index)
            #expect(event.seq == record.seq)
            #expect(event.subject == record.subject)
            #expect(event.wall == record.wall)
            #expect(event.tick == record.tick)
            #expect(event.at == record.at)
            #expect(event.severity == record.severity)
            #expect(event.correlation == record.correlation)
            switch event.data {
            case .json(let bytes): #expect(Array(bytes) == record.data)
            case .damaged(let kept, let count):
                #expect(kept == record.data)
                #expect(count == record.data.count)
            }
        }
    }

    /// The records that `randomBatch` makes of this seed.
    private static func records(seed: UInt64) -> [EventRecord] {
        var random = SplitMix64(state: seed)
        return randomRecords(&random).records
    }

    private static func randomBatch(_ random: inout SplitMix64) -> EventBatch {
        let (records, gaps) = randomRecords(&random)
        var header = BatchRig.header(
            base: 1, first: records[0].seq, last: records[records.count - 1].seq, gaps: gaps)
        if Bool.random(using: &random) {
            header.before = RunningDigest(
                Identifier128(high: random.next(), low: random.next()))
        }
        return EventBatch(header: header, lines: records.map { BatchLine($0) })
    }

    private static func randomRecords(
        _ random: inout SplitMix64
    ) -> (records: [EventRecord], gaps: [ClosedRange<Int64>]) {
        let subjects = [
            "alarm/E103", "a \"b\"\n\\\u{1}ä", "🔥/x", String(repeating: "é", count: 128),
        ]
        let datas = ["{}", #"{"a":[1,-2.5e3,null,true,"\u00e4\\"]}"#, #"{"ä":{"b":{}}}"#, "", "{]"]
        var seq = Int64.random(in: 1...50, using: &random)
        var records: [EventRecord] = []
        var gaps: [ClosedRange<Int64>] = []
        for _ in 0..<Int.random(in: 1...30, using: &random) {
            if !records.isEmpty, Int.random(in: 0..<4, using: &random) == 0 {
                let length = Int64.random(in: 1...9, using: &random)
                gaps.append(seq...(seq + length - 1))
                seq += length
            }
            var record = BatchRig.record(
                seq, subject: subjects.randomElement(using: &random) ?? "x",
                data: datas.randomElement(using: &random) ?? "{}")
            record.tick = Tick(random.next())
            record.at = Instant(Int64(bitPattern: random.next()))
            record.wall.unixMilliseconds = Int64(bitPattern: random.next())
            record.wall.quality = ClockQuality(rawValue: UInt8(random.next() % 3)) ?? .synced
            record.severity = Severity(rawValue: UInt8(random.next() % 4)) ?? .fatal
            record.correlation = Correlation(random.next())
            records.append(record)
            seq += 1
        }
        return (records, gaps)
    }

    // MARK: What makes a batch unusable

    static let headerRows: [(String, String, String)] = [
        (#""v":1,"#, #""v":2,"#, #"the member "v" is 2; expected is 1"#),
        (#""v":1,"#, "", #"the member "v" is missing"#),
        (#","before":null"#, "", #"the member "before" is missing"#),
        (
            #""v":1,"#, #""v":1,"w":1,"#,
            #"the member "w" is unknown; known are v, site, device, lane, epoch, run, boot, base, "#
                + "first, last, gaps, before"
        ),
        (
            #""v":1,"#, #""v":1,"v":1,"#,
            #"not JSON: line 1, column 8: the key "v" stands twice in one object"#
        ),
        (
            #""house""#, #""House""#,
            #"the member "site" is "House"; expected is a name of 1 to 63 small letters, digits "#
                + "and inner hyphens"
        ),
        (
            #""heater-1""#, #"7"#,
            #"the member "device" is 7; expected is a name of 1 to 63 small letters, digits "#
                + "and inner hyphens"
        ),
        (
            #""alarm""#, #""alarms""#,
            #"the member "lane" is "alarms"; expected is "alarm", "event" or "telemetry""#
        ),
        (
            "0abc", "0ABC",
            #"the member "epoch" is "00000000000000010000000000000ABC"; expected is 32 "#
                + "hexadecimal digits in lower case"
        ),
        (
            #""base":17"#, #""base":0"#,
            #"the member "base" is 0; expected is an integer from 1 to 72057594037927935"#
        ),
        (
            #""base":17"#, #""base":17.5"#,
            #"the member "base" is 17.5; expected is an integer from 1 to 72057594037927935"#
        ),
        (
            #""first":18"#, #""first":16"#,
            #"the member "first" is 16; expected is an integer from 17 to 72057594037927935"#
        ),
        (
            #""last":20"#, #""last":17"#,
            #"the member "last" is 17; expected is an integer from 18 to 72057594037927935"#
        ),
        (
            #""last":20"#, #""last":72057594037927936"#,
            #"the member "last" is 72057594037927936; expected is an integer from 18 to "#
                + "72057594037927935"
        ),
        ("[[17,17]]", "[[16,17]]", "the gap [16,17] is not within 17...20"),
        ("[[17,17]]", "[[17,17],[21,21]]", "the gap [21,21] is not within 17...20"),
        ("[[17,17]]", "[[17,18]]", "the gap [17,18] holds event 18, which the batch has"),
        ("[[17,17]]", "[[17,17],[20,20]]", "the gap [20,20] holds event 20, which the batch has"),
        ("[[17,17]]", "[[19,19],[17,17]]", "the gap [17,17] does not come after [19,19]"),
        ("[[17,17]]", "[[17,17],[17,17]]", "the gap [17,17] does not come after [17,17]"),
        ("[[17,17]]", "[[17,16]]", "the gap [17,16] is not [from, to] in this order"),
        ("[[17,17]]", "[17]", "the gap 17 is not [from, to] in this order"),
        ("[[17,17]]", "{}", #"the member "gaps" is an object; expected is a list of at most 64"#),
        (
            #""before":null"#, #""before":"x""#,
            #"the member "before" is "x"; expected is 32 hexadecimal digits in lower case"#
        ),
    ]

    @Test("a header is refused for what is wrong in it", arguments: headerRows)
    func headerDefects(old: String, new: String, reason: String) {
        let bytes = BatchRig.smallHeader(old, new)
        #expect(BatchRig.refusal(bytes) == "batch, line 1: header: \(reason)")
    }

    @Test("lines and numbers that do not fit the header make the whole batch unusable")
    func structureDefects() {
        let bytes = BatchRig.small.encoded()
        let text = String(decoding: bytes, as: UTF8.self)
        let lines = text.split(separator: "\n").map(String.init)
        func joined(_ places: [Int]) -> [UInt8] {
            Array(places.map { lines[$0] + "\n" }.joined().utf8)
        }
        #expect(BatchRig.refusal(joined([0, 1, 2, 3])) == "taken")
        #expect(
            BatchRig.refusal(joined([0, 1, 2]))
                == "batch: found 2 events; the header announces 3")
        #expect(BatchRig.refusal(joined([0])) == "batch: found 0 events; the header announces 3")
        #expect(
            BatchRig.refusal(joined([0, 1, 2, 3, 3]))
                == "batch, line 5: found a line more than the 3 that the header announces")
        #expect(
            BatchRig.refusal(joined([0, 2, 1, 3]))
                == "batch, line 2: found event 19; expected is event 18")
        #expect(
            BatchRig.refusal(joined([0, 1, 1, 3]))
                == "batch, line 3: found event 18; expected is event 19")
        #expect(
            BatchRig.refusal(bytes.dropLast())
                == "batch: its last line has no line feed; it may be cut short")
        #expect(
            BatchRig.refusal([]) == "batch: its last line has no line feed; it may be cut short")
        #expect(
            BatchRig.refusal([0x0A])
                == "batch, line 1: header: not JSON: line 1, column 1: found the end of the text "
                + "where a value was expected")
        #expect(
            BatchRig.refusal(Array("[]\n".utf8))
                == "batch, line 1: header: it is an array; an object is expected")
        #expect(
            BatchRig.refusal(BatchRig.smallHeader("[[17,17]]", "[[17,17],[19,19]]"))
                == "batch, line 3: found event 19; expected is event 20")
    }

    @Test("numbers below first may be sent before, numbers from first on may not be missing")
    func gapsBelowFirst() throws {
        var batch = BatchRig.small
        batch.header.base = 1
        batch.header.gaps = [3...4, 17...17]
        #expect(try EventBatch(decoding: batch.encoded()) == batch)
        batch.header.gaps = []
        #expect(try EventBatch(decoding: batch.encoded()) == batch)
        batch.lines.remove(at: 1)
        #expect(
            BatchRig.refusal(batch.encoded())
                == "batch, line 3: found event 20; expected is event 19")
        batch.header.gaps = [19...19]
        #expect(try EventBatch(decoding: batch.encoded()) == batch)
    }

    @Test("a thousand events and 64 gaps are read, and not one more")
    func countLimits() throws {
        func batch(events: Int64) -> EventBatch {
            EventBatch(
                header: BatchRig.header(base: 1, first: 1, last: events),
                lines: (1...events).map { BatchLine(BatchRig.record($0)) })
        }
        #expect(try EventBatch(decoding: batch(events: 1_000).encoded()).lines.count == 1_000)
        #expect(
            BatchRig.refusal(batch(events: 1_001).encoded())
                == "batch, line 1: it announces 1001 events; at most 1000 are read")
        func gaps(_ count: Int64) -> EventBatch {
            EventBatch(
                header: BatchRig.header(
                    base: 1, first: 1_000, last: 1_000, gaps: (1...count).map { 2 * $0...2 * $0 }),
                lines: [BatchLine(BatchRig.record(1_000))])
        }
        #expect(try EventBatch(decoding: gaps(64).encoded()).header.gaps.count == 64)
        #expect(
            BatchRig.refusal(gaps(65).encoded())
                == "batch, line 1: header: the member \"gaps\" is an array; expected is a list "
                + "of at most 64")
        // The widest span there can be is counted without overflow.
        let top = BatchHeader.numberMax
        #expect(
            BatchRig.refusal(
                EventBatch(
                    header: BatchRig.header(base: 1, first: 1, last: top),
                    lines: [BatchLine(BatchRig.record(1))]
                ).encoded())
                == "batch, line 1: it announces 72057594037927935 events; at most 1000 are read")
        let wide = EventBatch(
            header: BatchRig.header(base: 1, first: 1, last: top, gaps: [2...(top - 1)]),
            lines: [BatchLine(BatchRig.record(1)), BatchLine(BatchRig.record(top))])
        #expect(try EventBatch(decoding: wide.encoded()) == wide)
    }

    @Test("a mebibyte is read, and not one byte more")
    func sizeLimit() throws {
        // Seventeen events whose data fill the batch, the last one by the byte.
        func batch(last: Int) -> EventBatch {
            let lines = (Int64(1)...17).map { seq in
                let filler = String(repeating: "x", count: seq == 17 ? last : 65_000)
                return BatchLine(BatchRig.record(seq, data: "{\"x\":\"\(filler)\"}"))
            }
            return EventBatch(
                header: BatchRig.header(base: 1, first: 1, last: 17), lines: lines)
        }
        let rest = (1 << 20) - batch(last: 0).encoded().count
        let fullBatch = batch(last: rest)
        #expect(fullBatch.encoded().count == 1 << 20)
        #expect(try EventBatch(decoding: fullBatch.encoded()) == fullBatch)
        #expect(
            BatchRig.refusal(batch(last: rest + 1).encoded())
                == "batch: it has 1048577 bytes; at most 1048576 are read")
    }
}
