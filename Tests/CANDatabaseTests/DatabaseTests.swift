import CANDatabase
import Testing
import Units

/// Files that are in order, with all that the format allows.
@Suite("Database")
struct DatabaseTests {
    @Test("a file with CRLF, Latin-1, strings over lines and sections nobody needs is read whole")
    func traps() throws {
        let database = try Fixtures.database("traps.dbc")
        #expect(database.messages.map(\.name) == ["IVT_I", "CELLS", "VEP1"])
        #expect(database.nodes == ["IVT", "FOX", "ODD"])
        #expect(database.warnings == [])

        let current = try #require(database.message(named: "IVT_I"))
        #expect(current.transmitter == "IVT")
        #expect(current.length == 6)
        #expect(current.cycleTime == 10)
        #expect(
            current.signal(named: "I")?.comment
                == "Positive charges.\nBO_ 77 NOT_A_MESSAGE: 8 X")
        let cells = try #require(database.message(id: 0x250))
        #expect(cells.comment == "Multiplexed cell voltages.")
        #expect(cells.cycleTime == 100, "the file's default")
        #expect(cells.multiplexer?.name == "Group")
        #expect(
            cells.signal(named: "Group")?.values
                == [0: "cells 0; to 3", 1: "cells 4 to 7", -1: "never"])
        #expect(cells.signal(named: "Temp4")?.unit == "°C", "the byte 0xB0 is Latin-1")
    }

    @Test("the same file with line feeds only, and with a byte order mark, reads the same")
    func lineEnds() throws {
        let bytes = try Fixtures.bytes("traps.dbc")
        let unix = bytes.filter { $0 != UInt8(ascii: "\r") }
        for variant in [unix, [0xEF, 0xBB, 0xBF] + bytes] {
            let database = try Database(parsing: variant, file: "traps.dbc")
            #expect(database.messages.map(\.name) == ["IVT_I", "CELLS", "VEP1"])
            #expect(
                database.message(named: "IVT_I")?.signal(named: "I")?.comment
                    == "Positive charges.\nBO_ 77 NOT_A_MESSAGE: 8 X")
        }
    }

    struct Row: CustomTestStringConvertible, Sendable {
        let testDescription: String
        let message: String
        let signal: String
        let frame: String
        /// nil if the signal is not in the frame.
        let raw: Int64?
        let value: String?

        init(
            _ testDescription: String, _ message: String, _ signal: String, _ frame: String,
            raw: Int64?, value: String?
        ) {
            self.testDescription = testDescription
            self.message = message
            self.signal = signal
            self.frame = frame
            self.raw = raw
            self.value = value
        }
    }

    static let rows: [Row] = [
        Row(
            "Motorola, 32 bits signed at byte 2, negative", "IVT_I", "I", "521#0005FFFFFF85",
            raw: -123, value: "-0.123"),
        Row("Motorola, positive", "IVT_I", "I", "521#00050001E240", raw: 123_456, value: "123.456"),
        Row("Motorola, one byte short", "IVT_I", "I", "521#000500012E", raw: nil, value: nil),
        Row("the nibble of the counter", "IVT_I", "Counter", "521#0095", raw: 5, value: "5"),
        Row("the nibble of the errors", "IVT_I", "Errors", "521#0095", raw: 9, value: "9"),
        Row(
            "multiplexed and selected", "CELLS", "Cell0", "250#000CCD0000000000",
            raw: 3_277, value: "3277"),
        Row(
            "multiplexed, another one selected", "CELLS", "Cell0", "250#010CCD0000000000",
            raw: nil, value: nil),
        Row(
            "the same bits under the other value", "CELLS", "Cell4", "250#010CCD0000000000",
            raw: 3_277, value: "3277"),
        Row(
            "across two bytes, negative, with offset", "CELLS", "Temp4", "250#01000000 00FF8000",
            raw: -2, value: "-41"),
        Row("too short for the multiplexer", "CELLS", "Cell0", "250#", raw: nil, value: nil),
        Row(
            "extended identifier, factor and offset", "VEP1", "Power", "18FEF100#7D7DFF0000000000",
            raw: 32_125, value: "0.25"),
        Row(
            "factor with an exponent", "VEP1", "Share", "18FEF100#0000810000000000",
            raw: -127, value: "1.8095"),
        Row(
            "the last bits of the payload", "VEP1", "Far", "18FEF100#00000000000000A0",
            raw: 5, value: "5"),
    ]

    @Test("a signal is where the file says", arguments: rows)
    func decodes(row: Row) throws {
        let database = try Fixtures.database("traps.dbc")
        let frame = try frame(row.frame.filter { $0 != " " })
        let message = try #require(database.message(id: frame.id))
        #expect(message.name == row.message)
        let signal = try #require(message.signal(named: row.signal))
        #expect(signal.raw(in: frame) == row.raw)
        #expect(signal.value(in: frame)?.description == row.value)
    }

    @Test("an extended identifier does not name the standard one of the same number")
    func extendedIdentifiers() throws {
        let database = try Fixtures.database("traps.dbc")
        #expect(database.message(id: 0x98FE_F100)?.name == "VEP1")
        #expect(database.message(id: 0x18FE_F100) == nil)
        #expect(database.message(id: 0x8000_0250) == nil)
    }

    @Test("a CAN FD message keeps what stands in its first 8 bytes and names the rest")
    func flexibleDataRate() throws {
        let database = try parse(
            """
            BO_ 5 FD: 64 N
             SG_ Near : 56|8@1+ (1,0) [0|0] "" N
             SG_ Across : 60|8@1+ (1,0) [0|0] "" N
             SG_ Last : 504|8@1+ (1,0) [0|0] "" N
             SG_ LastMotorola : 511|8@0+ (1,0) [0|0] "" N
             SG_ Page M : 64|8@1+ (1,0) [0|0] "" N
             SG_ Paged m1 : 0|8@1+ (1,0) [0|0] "" N
            """)
        let message = try #require(database.message(named: "FD"))
        #expect(message.length == 64)
        #expect(message.signals.map(\.name) == ["Near"])
        #expect(message.omittedSignals == ["Across", "Last", "LastMotorola", "Page", "Paged"])
        let record = CandumpRecord(
            microseconds: 0, interface: "can0", frame: try frame("005#0000000000000007"))
        let decoded = decodedLines(record, with: database)
        #expect(decoded.signals.map(\.value) == [ExactDecimal(7)])
        #expect(decoded.missing.map(\.reason) == Array(repeating: .notDecodable, count: 5))
    }

    @Test("an unsigned signal of 64 bits decodes as far as Int64 goes, and its range is put aside")
    func sixtyFourBits() throws {
        let database = try parse(
            """
            BO_ 5 WIDE: 8 N
             SG_ All : 0|64@1+ (1,0) [0|18446744073709551615] "" N
            """)
        let signal = try #require(database.messages[0].signal(named: "All"))
        #expect(signal.maximum == .zero)
        #expect(
            database.warnings.map(\.description) == [
                "test.dbc:2: the maximum has more digits than 64 bits hold; the range of the signal "
                    + "is not used"
            ])
        #expect(try signal.raw(in: frame("005#FFFFFFFFFFFFFF7F")) == .max)
        #expect(try signal.raw(in: frame("005#0000000000000080")) == nil)
        let record = CandumpRecord(
            microseconds: 0, interface: "can0", frame: try frame("005#0000000000000080"))
        #expect(decodedLines(record, with: database).missing.map(\.reason) == [.tooLarge])
    }

    @Test("a value that does not fit its decimal is missing, never rounded")
    func overflow() throws {
        let database = try parse(
            """
            BO_ 5 WIDE: 8 N
             SG_ All : 0|64@1- (1.234567,0) [0|0] "" N
            """)
        let signal = try #require(database.messages[0].signal(named: "All"))
        #expect(try signal.raw(in: frame("005#FFFFFFFFFFFFFF7F")) == .max)
        #expect(try signal.value(in: frame("005#FFFFFFFFFFFFFF7F")) == nil)
        #expect(try signal.value(in: frame("005#FFFFFFFFFFFFFFFF"))?.description == "-1.234567")
    }

    @Test("an unknown section is skipped and noted")
    func unknownSection() throws {
        let database = try parse(
            """
            BO_ 5 A: 8 N
             SG_ X : 0|8@1+ (1,0) [0|0] "" N
            NEW_THING_ 5 "a ; in a string" 7 ;
            CM_ BO_ 5 "read";
            """)
        #expect(
            database.warnings.map(\.description)
                == ["test.dbc:3: the section NEW_THING_ is unknown and was skipped"])
        #expect(database.messages[0].comment == "read")
    }

    @Test("receivers, multiplexer marks and numbers are read as tools of all kinds write them")
    func spelling() throws {
        let database = try parse(
            """
            // not in the format, but in files
            VERSION "x" NS_: BS_: 500 : 1 , 2
            BU_ : // BO_ 1 no message
            BO_ 5 A :8 Vector__XXX
            SG_ W M:0|8@1+(1,0)[0|0]"" N,
              O
              SG_ X m0 : 8 | 8 @ 1 - ( 1E+000 , -0.0 ) [ -1.7976931348623157E+308 | .5 ] "a b" N O
            SG_ Y m10: 8|8@1+ (+2,1) [0|0] "" // no receiver
            SG_ Z m255 :8|8@1+ (2,1) [0|0] "" N,O

            BO_ 6 B: 8 N
            BA_DEF_DEF_ "GenMsgCycleTime" "";
            CM_ BO_ 6 "see http://example.org";
            """)
        let message = try #require(database.message(named: "A"))
        #expect(
            message.signals.map(\.multiplexing) == [
                .multiplexer, .selected(by: 0), .selected(by: 10), .selected(by: 255),
            ])
        #expect(message.signals[1].bits.isSigned)
        #expect(message.signals[1].unit == "a b")
        #expect(message.signals[1].offset == .zero)
        #expect(database.message(id: 6)?.signals.count == 0)
        #expect(database.message(id: 6)?.comment == "see http://example.org")
    }
}

func parse(_ text: String, acceptingDefects: Bool = false) throws -> Database {
    try Database(parsing: Array(text.utf8), file: "test.dbc", acceptingDefects: acceptingDefects)
}
