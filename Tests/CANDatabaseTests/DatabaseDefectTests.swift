import CANDatabase
import Testing

/// What is refused, in which words, and what is left where a defect is accepted.
@Suite("Bad DBC files")
struct DatabaseDefectTests {
    struct Defect: CustomTestStringConvertible, Sendable {
        let testDescription: String
        let text: String
        /// The whole description of the error, without `test.dbc:`.
        let reason: String
        /// What the accepted file decodes: message and signals. nil if it is refused all the same.
        let accepted: String?

        init(_ testDescription: String, _ text: String, _ reason: String, accepted: String?) {
            self.testDescription = testDescription
            self.text = text
            self.reason = reason
            self.accepted = accepted
        }
    }

    static let good = "BO_ 1 A: 8 N\n SG_ X : 0|8@1+ (1,0) [0|0] \"\" N\n"

    static func signal(_ rest: String) -> String { good + " SG_ " + rest + "\n" }

    static let defects: [Defect] = [
        Defect(
            "VAL_ for a missing message", good + "VAL_ 2 X 0 \"a\" ;",
            "3: VAL_ names the message 2, which the file does not have", accepted: "A X"),
        Defect(
            "VAL_ for a missing signal", good + "\nVAL_ 1 Y 0 \"a\" ;",
            "4: VAL_ names the signal Y, which the message A does not have", accepted: "A X"),
        Defect(
            "CM_ for a missing message", good + "CM_ BO_ 2 \"a\nb\";",
            "3: CM_ names the message 2, which the file does not have", accepted: "A X"),
        Defect(
            "CM_ for a missing signal", good + "CM_ SG_ 1 Y \"a\";",
            "3: CM_ names the signal Y, which the message A does not have", accepted: "A X"),
        Defect(
            "BA_ for a missing message", good + "BA_ \"GenMsgCycleTime\" BO_ 2 5;",
            "3: BA_ names the message 2, which the file does not have", accepted: "A X"),
        Defect(
            "SIG_VALTYPE_ for a missing signal", good + "SIG_VALTYPE_ 1 Y : 1;",
            "3: SIG_VALTYPE_ names the signal Y, which the message A does not have",
            accepted: "A X"),
        Defect(
            "a float", good + "SIG_VALTYPE_ 1 X : 1;\nBO_ 2 B: 8 N\n",
            "3: the signal X of the message A is a floating-point number; only integers are decoded",
            accepted: "B"),
        Defect(
            "a signal name with a digit first", signal("12V : 8|8@1+ (1,0) [0|0] \"\" N"),
            "3: the signal's name is '12V'; a name must not begin with a digit",
            accepted: "A X 12V"),
        Defect(
            "a message name with a digit first", "BO_ 1 1A: 8 N\n",
            "1: the message's name is '1A'; a name must not begin with a digit", accepted: "1A"),
        Defect(
            "two messages of one id", good + "BO_ 1 B: 8 N\nBO_ 2 C: 8 N\n",
            "3: the id 1 of the message B is taken by the one on line 1", accepted: "C"),
        Defect(
            "two messages of one name", good + "BO_ 2 A: 8 N\n",
            "3: the message A is already on line 1", accepted: "A X, A"),
        Defect(
            "two signals of one name", signal("X : 8|8@1+ (1,0) [0|0] \"\" N") + "BO_ 2 B: 8 N\n",
            "3: the message A already has a signal X", accepted: "B"),
        Defect(
            "overlapping signals", signal("Y : 7|8@1+ (1,0) [0|0] \"\" N"),
            "3: the signals X and Y of the message A overlap", accepted: "A X Y"),
        Defect(
            "a Motorola signal over an Intel one",
            signal("Y : 8|2@0+ (1,0) [0|0] \"\" N")
                + " SG_ Z : 23|3@0+ (1,0) [0|0] \"\" N\n",
            "4: the signals Y and Z of the message A overlap", accepted: "A X Y Z"),
        Defect(
            "a plain signal over a multiplexed one before it",
            "BO_ 1 A: 8 N\n SG_ M M : 0|8@1+ (1,0) [0|0] \"\" N\n"
                + " SG_ Y m1 : 8|8@1+ (1,0) [0|0] \"\" N\n SG_ Z m2 : 8|8@1+ (1,0) [0|0] \"\" N\n"
                + " SG_ W : 15|2@1+ (1,0) [0|0] \"\" N\n",
            "5: the signals Y and W of the message A overlap", accepted: "A M Y Z W"),
        Defect(
            "a signal past its message", "BO_ 1 A: 2 N\n SG_ X : 8|9@1+ (1,0) [0|0] \"\" N\n",
            "2: the signal X ends at bit 17 of the payload, but the message A has 2 bytes (16 bits)",
            accepted: "A X"),
        Defect(
            "a Motorola signal past its message",
            "BO_ 1 A: 2 N\n SG_ X : 8|2@0+ (1,0) [0|0] \"\" N\n",
            "2: the signal X ends at bit 17 of the payload, but the message A has 2 bytes (16 bits)",
            accepted: "A X"),
        Defect(
            "a signal past 64 bits", signal("Y : 60|5@1+ (1,0) [0|0] \"\" N"),
            "3: the signal Y ends at bit 65 of the payload, but the message A has 8 bytes (64 bits)",
            accepted: "A X"),
        Defect(
            "a start bit that no frame has", signal("Y : 600|1@1+ (1,0) [0|0] \"\" N"),
            "3: the signal Y ends at bit 601 of the payload, but the message A has 8 bytes (64 bits)",
            accepted: "A X"),
        Defect(
            "factor 0", signal("Y : 8|8@1+ (0,0) [0|0] \"\" N"),
            "3: the signal Y has the factor 0", accepted: "A X"),
        Defect(
            "a signal of no bits", signal("Y : 8|0@1+ (1,0) [0|0] \"\" N"),
            "3: the signal Y is 0 bits long", accepted: "A X"),
        Defect(
            "a message of no bytes", "BO_ 1 A: 0 N\n",
            "1: the message A is 0 bytes long; 1 to 64 are allowed", accepted: "A"),
        Defect(
            "a message of 65 bytes", good + "BO_ 2 B: 65 N\n SG_ X : 512|8@1+ (1,0) [0|0] \"\"\n",
            "3: the message B is 65 bytes long; 1 to 64 are allowed", accepted: "A X"),
        Defect(
            "a message longer than a number of bits can say",
            good + "BO_ 2 B: 9223372036854775807 N\n SG_ X : 512|8@1+ (1,0) [0|0] \"\"\n",
            "3: the message B is 9223372036854775807 bytes long; 1 to 64 are allowed",
            accepted: "A X"),
        Defect(
            "a standard id of 12 bits", good + "BO_ 2048 B: 8 N\n",
            "3: the id 2048 of the message B has more than 11 bits; add 2147483648 for an extended "
                + "identifier", accepted: "A X"),
        Defect(
            "an extended id of 30 bits", good + "BO_ 2684354560 B: 8 N\n",
            "3: the id 2684354560 of the message B has more than 29 bits", accepted: "A X"),
        Defect(
            "multiplexed without a multiplexer", signal("Y m1 : 8|8@1+ (1,0) [0|0] \"\" N"),
            "3: the signal Y is multiplexed, but the message A has no multiplexer", accepted: "A X"),
        Defect(
            "two multiplexers",
            signal("Y M : 8|8@1+ (1,0) [0|0] \"\" N") + " SG_ Z M : 16|8@1+ (1,0) [0|0] \"\" N\n"
                + "BO_ 2 B: 8 N\n",
            "4: the message A has two multiplexers, Y and Z; one is supported", accepted: "B"),
        Defect(
            "extended multiplexing", signal("Y m1M : 8|8@1+ (1,0) [0|0] \"\" N") + "BO_ 2 B: 8 N\n",
            "3: the signal Y is multiplexed and a multiplexer (extended multiplexing), which is not "
                + "supported", accepted: "B"),
        Defect(
            "several multiplexer ranges",
            signal("Y M : 8|8@1+ (1,0) [0|0] \"\" N") + " SG_ Z m1 : 16|8@1+ (1,0) [0|0] \"\" N\n"
                + "SG_MUL_VAL_ 1 Z Y 1-1, 3-4;\nBO_ 2 B: 8 N\n",
            "5: the signal Z is selected by Y 1-1, 3-4 (extended multiplexing), which is not supported",
            accepted: "B"),
        Defect(
            "two texts for a value", good + "VAL_ 1 X 0 \"a\"\n 0 \"b\" ;",
            "4: the value 0 of the signal X has two texts", accepted: "A X"),
        Defect(
            "a text for half a value", good + "VAL_ 1 X 0.5 \"a\" ;",
            "3: the value 0.5 of the signal X is no whole number of 64 bits", accepted: "A X"),
        Defect(
            "a cycle time below 0", good + "BA_ \"GenMsgCycleTime\" BO_ 1 -5;",
            "3: GenMsgCycleTime is -5; whole milliseconds are allowed", accepted: "A X"),

        Defect(
            "an empty file", "",
            "1: the file describes no message that can be decoded; BO_ and SG_ lines do",
            accepted: nil),
        Defect(
            "text that is no DBC", "hello\nworld\n",
            "1: no ';' closes the section hello before the end of the file", accepted: nil),
        Defect(
            "a character that begins nothing", good + "/ comment",
            "3: expected a section such as BO_, found '/'", accepted: nil),
        Defect(
            "a byte that begins nothing", good + "\u{1}",
            "3: expected a section such as BO_, found the byte 0x01", accepted: nil),
        Defect(
            "a signal without a message", "\nSG_ X : 0|8@1+ (1,0) [0|0] \"\" N",
            "2: a signal without a message; SG_ lines follow a BO_ line", accepted: nil),
        Defect(
            "a string without an end", good + "CM_ \"never\n\nclosed;\n",
            "3: the comment begins here and no double quote closes it before the end of the file",
            accepted: nil),
        Defect(
            "a section without an end", "EV_ a b\n c\n" + good,
            "1: no ';' closes the section EV_ before BO_ begins on line 3", accepted: nil),
        Defect(
            "a comment without an end", good + "CM_ \"a\"\nCM_ \"b\";",
            "4: expected ';' after the comment, found 'CM_'", accepted: nil),
        Defect(
            "a byte order that is none", signal("Y : 8|8@2+ (1,0) [0|0] \"\" N"),
            "3: expected a byte order, 1 (Intel) or 0 (Motorola), found '2'", accepted: nil),
        Defect(
            "a sign that is none", signal("Y : 8|8@1* (1,0) [0|0] \"\" N"),
            "3: expected a sign, + or -, found '*'", accepted: nil),
        Defect(
            "a factor that is none", signal("Y : 8|8@1+ (one,0) [0|0] \"\" N"),
            "3: the factor is 'one', which is no decimal number of 18 digits or fewer",
            accepted: nil),
        Defect(
            "a factor with a comma", signal("Y : 8|8@1+ (0,1,0) [0|0] \"\" N"),
            "3: expected ')' after the offset, found ','", accepted: nil),
        Defect(
            "no unit", signal("Y : 8|8@1+ (1,0) [0|0] N"),
            "3: expected the unit in double quotes, found 'N'", accepted: nil),
        Defect(
            "a name with a dot", signal("Y.1 : 8|8@1+ (1,0) [0|0] \"\" N"),
            "3: expected ':' after the signal's name, found '.'", accepted: nil),
        Defect(
            "a multiplexer mark that is none", signal("Y n1 : 8|8@1+ (1,0) [0|0] \"\" N"),
            "3: expected ':', M or m with a number after the signal's name, found 'n1'",
            accepted: nil),
        Defect(
            "half an id", "BO_ 1.5 A: 8 N\n",
            "1: a message's id is 1.5, which is no whole number of 64 bits", accepted: nil),
        Defect(
            "an id of 33 bits", "BO_ 4294967296 A: 8 N\n",
            "1: the message's id is 4294967296; 0 to 4294967295 are allowed", accepted: nil),
        Defect(
            "no transmitter", "BO_ 1 A: 8\n SG_ X : 0|8@1+ (1,0) [0|0] \"\" N\n",
            "2: expected the message's transmitter, found the keyword SG_", accepted: nil),
        Defect(
            "cut off in a signal", "BO_ 1 A: 8 N\n SG_ X : 0|8@1+ (1,",
            "2: expected the offset, found the end of the file", accepted: nil),
        Defect(
            "a number that would fill the screen", "BO_ 1e400 A: 8 N",
            "1: a message's id is 1E400, which is no whole number of 64 bits", accepted: nil),
    ]

    @Test("is refused with file, line and reason", arguments: defects)
    func refused(defect: Defect) {
        #expect {
            _ = try parse(defect.text)
        } throws: { error in
            let found = "\(error)"
            if found != "test.dbc:" + defect.reason { Issue.record("found: \(found)") }
            return found == "test.dbc:" + defect.reason
        }
    }

    @Test("is accepted as far as nothing can be decoded wrongly", arguments: defects)
    func accepted(defect: Defect) throws {
        guard let accepted = defect.accepted else {
            #expect(throws: DatabaseError.self) {
                _ = try parse(defect.text, acceptingDefects: true)
            }
            return
        }
        let database = try parse(defect.text, acceptingDefects: true)
        let found = database.messages.map { message in
            ([message.name] + message.signals.map(\.name)).joined(separator: " ")
        }
        #expect(found.joined(separator: ", ") == accepted)
        #expect(database.warnings.first?.description == "test.dbc:" + defect.reason)
    }

    @Test("sections about what was left out are no further defects")
    func consequences() throws {
        let text = """
            BO_ 1 A: 8 N
             SG_ X : 0|8@1+ (0,0) [0|0] "" N
            BO_ 2 B: 65 N
             SG_ Y : 0|8@1+ (1,0) [0|0] "" N
            CM_ SG_ 1 X "x";
            CM_ SG_ 2 Y "y";
            VAL_ 2 Y 0 "a" ;
            """
        let database = try parse(text, acceptingDefects: true)
        #expect(database.warnings.map(\.line) == [2, 3])
        #expect(database.messages[0].omittedSignals == ["X"])
    }

    @Test("more than a thousand defects are too many to accept")
    func tooManyDefects() {
        let text = Self.good + String(repeating: "CM_ BO_ 9 \"\";\n", count: 1_001)
        #expect {
            _ = try parse(text, acceptingDefects: true)
        } throws: {
            "\($0)" == "test.dbc:1003: more than 1000 defects; the file is refused as a whole"
        }
    }

    @Test("a file that is too long, or UTF-16, is refused before it is read")
    func wrongFiles() {
        let long = [UInt8](repeating: 0x20, count: 16 << 20 + 1)
        #expect {
            _ = try Database(parsing: long, file: "f")
        } throws: {
            "\($0)" == "f:1: the file has 16777217 bytes; 16777216 are the most allowed"
        }
        #expect {
            _ = try Database(parsing: [0xFF, 0xFE, 0x42, 0x00], file: "f")
        } throws: {
            "\($0)" == "f:1: the file is UTF-16; save it as UTF-8 or Latin-1"
        }
    }

    @Test("names and signals have limits")
    func limits() {
        let name = String(repeating: "a", count: 257)
        #expect {
            _ = try parse("BO_ 1 \(name): 8 N\n")
        } throws: {
            "\($0)" == "test.dbc:1: a name of 257 characters; 256 are allowed"
        }
        var text = "BO_ 1 A: 8 N\n SG_ M M : 0|16@1+ (1,0) [0|0] \"\"\n"
        for number in 1...4_096 {
            text += " SG_ S\(number) m\(number) : 16|8@1+ (1,0) [0|0] \"\"\n"
        }
        #expect {
            _ = try parse(text)
        } throws: {
            "\($0)" == "test.dbc:4098: the message A has more than 4096 signals"
        }
    }
}
