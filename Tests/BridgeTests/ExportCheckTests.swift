import Bridge
import Testing
import Transit
import Wire

@Suite("A file of exported events")
struct ExportCheckTests {
    private static func line(_ number: Int64) -> String {
        String(
            decoding: CloudEvent(event(number), site: "house", device: "heater-1").structuredJSON,
            as: UTF8.self)
    }

    private static func end(of lines: [String]) -> String {
        let hash = ExportHash()
        for line in lines { hash.add(Array(line.utf8)) }
        return String(decoding: hash.end.encoded(), as: UTF8.self)
    }

    static let events = (1...3).map { line($0) }
    static let whole = events + [end(of: events)]

    struct Row: CustomTestStringConvertible, Sendable {
        let testDescription: String
        var lines: [String]
        var isTerminated = true
        /// "line N: " where a line is refused; nil where the file is taken.
        var fault: String?
        /// The same where a file without its end is taken: what of it is, and the fault.
        var incomplete: (events: Int64, fault: String?)
    }

    private static let advice = "Copy it or export it again"
    private static let noEnd =
        " without the line that says how many there are: it was cut, or an older busbar wrote it. "
        + advice + "; where neither can be, --incomplete takes what is there"
    private static let joined =
        "the export ended with line 4, and more follows: ingest each of two files by itself, not "
        + "both in one"

    static let rows: [Row] = [
        Row(testDescription: "a whole one", lines: whole, fault: nil, incomplete: (3, nil)),
        Row(
            testDescription: "one without events", lines: [end(of: [])], fault: nil,
            incomplete: (0, nil)),
        Row(
            testDescription: "without its end", lines: events,
            fault: "it ends after 3 events" + noEnd, incomplete: (3, nil)),
        Row(
            testDescription: "cut at the end of its first line", lines: [events[0]],
            fault: "it ends after 1 event" + noEnd, incomplete: (1, nil)),
        Row(
            testDescription: "empty", lines: [], fault: "it ends after 0 events" + noEnd,
            incomplete: (0, nil)),
        Row(
            testDescription: "cut within a line", lines: [events[0], "{\"specver"],
            isTerminated: false,
            fault: "line 2: the file was cut in the middle of this line. " + advice
                + "; where neither can be, --incomplete takes the lines before",
            incomplete: (1, nil)),
        Row(
            testDescription: "with only its last line feed cut off", lines: whole,
            isTerminated: false,
            fault: "line 4: the file was cut in the middle of this line. " + advice
                + "; where neither can be, --incomplete takes the lines before",
            incomplete: (3, nil)),
        Row(
            testDescription: "with a line less in the middle",
            lines: [whole[0], whole[2], whole[3]],
            fault: "its last line says 3 events, and 2 are there: lines are missing. " + advice,
            incomplete: (
                2,
                "its last line says 3 events, and 2 are there: lines are missing. "
                    + advice
            )),
        Row(
            testDescription: "with a line twice", lines: [whole[0]] + whole,
            fault: "its last line says 3 events, and 4 are there: lines were added. " + advice,
            incomplete: (
                4,
                "its last line says 3 events, and 4 are there: lines were added. "
                    + advice
            )),
        Row(
            testDescription: "of two", lines: whole + whole, fault: "line 5: " + joined,
            incomplete: (3, "line 5: " + joined)),
        Row(
            testDescription: "with an end that is none",
            lines: events + ["{\"v\":2,\"events\":3,\"sha256\":\"\"}"],
            fault: "line 4: end of the export: the member \"v\" is 2; expected is 1. " + advice,
            incomplete: (
                3, "line 4: end of the export: the member \"v\" is 2; expected is 1. " + advice
            )),
    ]

    /// What becomes of a file, as the program goes through it.
    private func read(_ row: Row, isIncompleteTaken: Bool) -> (Int64, isWhole: Bool?, String?) {
        var check = ExportCheck(isIncompleteTaken: isIncompleteTaken)
        var taken: [String] = []
        for (index, line) in row.lines.enumerated() {
            let isTerminated = row.isTerminated || index + 1 < row.lines.count
            do throws(ExportError) {
                let event = try check.take(Array(line.utf8), isTerminated: isTerminated)
                if let event { taken.append(event.id) }
            } catch {
                return (check.events, nil, "line \(index + 1): \(error)")
            }
        }
        #expect(Int64(taken.count) == check.events)
        do throws(ExportError) {
            return (check.events, try check.finish(), nil)
        } catch {
            return (check.events, nil, "\(error)")
        }
    }

    @Test("is taken only as it was written, and otherwise says what is wrong", arguments: rows)
    func file(row: Row) {
        let found = read(row, isIncompleteTaken: false)
        #expect(found.2 == row.fault)
        #expect(found.isWhole == (row.fault == nil ? true : nil))
    }

    @Test("may be without its end where that is said, and without nothing else", arguments: rows)
    func incomplete(row: Row) {
        let found = read(row, isIncompleteTaken: true)
        #expect(found.0 == row.incomplete.events)
        #expect(found.2 == row.incomplete.fault)
        if row.incomplete.fault == nil { #expect(found.isWhole == (row.fault == nil)) }
    }

    @Test("in which a byte of an event was altered is refused with both hashes")
    func altered() throws {
        let changed = Self.events[1].replacing("job/2", with: "job/3")
        try #require(changed != Self.events[1])
        let lines = [Self.events[0], changed, Self.events[2]]
        func hash(_ lines: [String]) -> String {
            let hash = ExportHash()
            for line in lines { hash.add(Array(line.utf8)) }
            return hash.end.hash.hexadecimal
        }
        let row = Row(
            testDescription: "", lines: lines + [Self.whole[3]], fault: nil, incomplete: (3, nil))
        let fault =
            "its lines have the SHA-256 \(hash(lines)), and its last line says "
            + "\(hash(Self.events)): something in it was altered. \(Self.advice)"
        #expect(read(row, isIncompleteTaken: false).2 == fault)
        #expect(read(row, isIncompleteTaken: true).2 == fault)
    }
}
