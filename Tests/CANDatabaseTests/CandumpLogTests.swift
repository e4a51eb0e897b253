import CANDatabase
import Testing
import Units

@Suite("CandumpLog")
struct CandumpLogTests {
    static func parse(_ text: String) throws -> CandumpEntry? {
        try CandumpLog.parse(line: Array(text.utf8)[...], number: 7, file: "log")
    }

    static let time: Int64 = 1_700_000_000_123_456

    static func record(_ id: UInt32, _ length: UInt8, _ payload: UInt64) -> CandumpEntry {
        .frame(
            CandumpRecord(
                microseconds: time, interface: "can0",
                frame: CANFrame(id: id, length: length, payload: payload)))
    }

    static func notData(_ what: CandumpEntry.NotData) -> CandumpEntry {
        .notData(what, microseconds: time, interface: "can0")
    }

    static let frames: [(String, CandumpEntry)] = [
        ("356#7A13F2FE6B01", record(0x356, 6, 0x016B_FEF2_137A)),
        ("000#", record(0, 0, 0)),
        ("7FF#ffFFffFFffFFffFF", record(0x7FF, 8, .max)),
        ("00000356#01", record(0x8000_0356, 1, 1)),
        ("1FFFFFFF#01", record(0x9FFF_FFFF, 1, 1)),
        ("123#01 R", record(0x123, 1, 1)),
        ("123#01 T  ", record(0x123, 1, 1)),
        ("123#01\r", record(0x123, 1, 1)),
        ("123#0102030405060708_F", record(0x123, 8, 0x0807_0605_0403_0201)),
        ("123#R", notData(.remoteRequest(id: 0x123))),
        ("123#R8", notData(.remoteRequest(id: 0x123))),
        ("00000123#R T", notData(.remoteRequest(id: 0x8000_0123))),
        ("20000004#0004000000000000", notData(.errorFrame(class: 4))),
        ("123##1", notData(.flexibleDataRate(id: 0x123))),
        (
            "1ABCDEF0##5" + String(repeating: "AB", count: 64),
            notData(.flexibleDataRate(id: 0x9ABC_DEF0))
        ),
    ]

    @Test("a line becomes a frame, or says why it carries no data", arguments: frames)
    func reads(text: String, expected: CandumpEntry) throws {
        #expect(try Self.parse("(1700000000.123456) can0 " + text) == expected)
    }

    @Test("times keep their microseconds")
    func times() throws {
        func time(_ text: String) throws -> Int64? {
            guard case .frame(let record) = try Self.parse("(\(text)) vcan-1.x 001#00") else {
                return nil
            }
            #expect(record.interface == "vcan-1.x")
            return record.microseconds
        }
        #expect(try time("0.000000") == 0)
        #expect(try time("001.000001") == 1_000_001)
        #expect(try time("1700000000.123456789") == 1_700_000_000_123_456)
        #expect(try time("999999999999.999999") == 999_999_999_999_999_999)
        #expect(CandumpLog.text(ofTime: 1_000_001) == "1.000001")
    }

    @Test("a blank line is nothing")
    func blank() throws {
        #expect(try Self.parse("") == nil)
        #expect(try Self.parse(" \t\r") == nil)
    }

    static let bad: [(String, String)] = [
        (
            "  can0  356   [6]  7A 13 F2 FE 6B 01",
            "expected a time such as (1700000000.123456), found 'can0  356   [6]  7A 13 F2 FE 6B 01'; "
                + "record with candump -L"
        ),
        (
            "# comment",
            "expected a time such as (1700000000.123456), found '# comment'; record with candump -L"
        ),
        (
            "(1.5) can0 1#",
            "expected a time such as (1700000000.123456), found '(1.5) can0 1#'; record with candump -L"
        ),
        (
            "(1234567890123.000000) can0 001#",
            "expected a time such as (1700000000.123456), found '(1234567890123.000000) can0 001#'; "
                + "record with candump -L"
        ),
        ("(1.000000)", "expected an interface such as can0, found the end of the line"),
        (
            "(1.000000) abcdefghijklmnop 001#",
            "expected an interface such as can0, found 'abcdefghijklmnop 001#'"
        ),
        (
            "(1.000000) can0 35#00",
            "expected an identifier of 3 or 8 hexadecimal digits and '#', found '35#00'"
        ),
        (
            "(1.000000) can0 356",
            "expected an identifier of 3 or 8 hexadecimal digits and '#', found '356'"
        ),
        ("(1.000000) can0 800#00", "the identifier 800 has more than 11 bits"),
        ("(1.000000) can0 40000000#00", "the identifier 40000000 has more than 29 bits"),
        ("(1.000000) can0 123#0", "the payload '0' has half a byte at its end"),
        (
            "(1.000000) can0 123#010203040506070809",
            "the payload '010203040506070809' has more than 8 bytes"
        ),
        ("(1.000000) can0 123#01G2", "expected the end of the line after the frame, found 'G2'"),
        ("(1.000000) can0 123#01R", "expected the end of the line after the frame, found 'R'"),
        (
            "(1.000000) can0 123#0102030405060708_8",
            "expected a raw length code of 9 to F after '_', found the end of the line"
        ),
        ("(1.000000) can0 123#R9", "a remote request asks for 0 to 8 bytes"),
        (
            "(1.000000) can0 123##",
            "expected the flags of a CAN FD frame after '##', found the end of "
                + "the line"
        ),
        (
            "(1.000000) can0 123##1ABC",
            "a CAN FD frame carries 0 to 64 bytes, found 3 hexadecimal "
                + "digits"
        ),
        (
            "\u{1B}[2J",
            "expected a time such as (1700000000.123456), found '?[2J'; record with "
                + "candump -L"
        ),
    ]

    @Test("a line that is none is refused with what was found", arguments: bad)
    func refuses(text: String, reason: String) {
        #expect {
            _ = try Self.parse(text)
        } throws: { error in
            if "\(error)" != "log:7: " + reason { Issue.record("found: \(error)") }
            return "\(error)" == "log:7: " + reason
        }
    }

    @Test(
        "a reader gives the same entries however the bytes are cut",
        arguments: [1, 2, 7, 50, 9_999])
    func chunks(size: Int) throws {
        let lines = [
            "(1.000001) can0 001#01", "", "(1.000002) can0 002#02\r", "(1.000003) can0 003#R",
            "(1.000004) can0 004#04",
        ]
        let bytes = Array(lines.joined(separator: "\n").utf8)
        var reader = CandumpReader(file: "log")
        var entries: [CandumpEntry] = []
        var start = 0
        while start < bytes.count {
            reader.append(bytes[start..<min(start + size, bytes.count)])
            start += size
            while let entry = try reader.next() { entries.append(entry) }
        }
        #expect(entries.count == 3, "the last line has no line feed yet")
        reader.finish()
        while let entry = try reader.next() { entries.append(entry) }
        #expect(entries.count == 4)
        #expect(
            entries == (try lines.compactMap { try Self.parse($0) }))
    }

    @Test("a reader goes on behind a bad line and counts on")
    func goesOn() throws {
        var reader = CandumpReader(file: "log")
        reader.append(Array("junk\n(1.000001) can0 001#01\nmore\n".utf8))
        reader.finish()
        #expect(throws: CandumpError.self) { _ = try reader.next() }
        #expect(try reader.next() != nil)
        #expect {
            _ = try reader.next()
        } throws: {
            "\($0)".hasPrefix("log:3: ")
        }
        #expect(try reader.next() == nil)
    }

    @Test("a line without an end is refused once, and the reader holds no more than it")
    func endlessLine() throws {
        var reader = CandumpReader(file: "log")
        var errors: [String] = []
        for _ in 0..<100 {
            reader.append([UInt8](repeating: 0x41, count: 5_000))
            do {
                #expect(try reader.next() == nil)
            } catch {
                errors.append("\(error)")
            }
        }
        #expect(errors == ["log:1: the line is longer than 8192 bytes; this is no candump log"])
        reader.append(Array("\n(1.000001) can0 001#01\n".utf8))
        #expect(try reader.next() != nil)
        #expect(try reader.next() == nil)
    }

    @Test("random damage to a log never traps", arguments: UInt64(1)...20)
    func damage(seed: UInt64) throws {
        var random = SplitMix64(seed: seed)
        let original = Self.frames.map { "(1700000000.123456) can0 " + $0.0 }
        var frames = 0
        var refused = 0
        for _ in 0..<200 {
            var bytes = Array(original.joined(separator: "\n").utf8)
            for _ in 0..<Int.random(in: 1...20, using: &random) {
                let place = Int.random(in: 0..<bytes.count, using: &random)
                bytes[place] = UInt8.random(in: 0...255, using: &random)
            }
            var reader = CandumpReader(file: "log")
            reader.append(bytes)
            reader.finish()
            var isDone = false
            while !isDone {
                do {
                    if try reader.next() == nil { isDone = true } else { frames += 1 }
                } catch {
                    #expect(error.line >= 1 && error.line <= 256, "seed \(seed)")
                    refused += 1
                }
            }
        }
        #expect(frames > 0 && refused > 0, "seed \(seed): the damage did nothing")
    }
}
