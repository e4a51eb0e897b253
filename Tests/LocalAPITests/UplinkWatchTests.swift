import Control
import Events
import JSON
import Testing
import Units
import Wire

@testable import LocalAPI

/// An uplink that tells nothing any more is the one fault that it cannot report.
@Suite("A silent uplink", .serialized)
struct UplinkWatchTests {
    struct Row: CustomTestStringConvertible, Sendable {
        let testDescription: String
        /// Null, or the file's age at the look, in ms.
        var age: Int64?
        var problem: String? = "mend it"
        /// When it is looked at; the first look is at 0, with the same answer.
        var at: Int64 = 0
        let silence: String?
    }

    static let rows = [
        Row(testDescription: "writes", age: 9_000, problem: nil, silence: nil),
        Row(
            testDescription: "writes, by a clock that nobody has", age: 900_000, problem: nil,
            silence: nil),
        Row(testDescription: "not for 5 min", age: 300_000, silence: nil),
        Row(testDescription: "a millisecond longer", age: 300_001, silence: "mend it"),
        Row(testDescription: "never, 5 min after the first look", at: 300_000, silence: nil),
        Row(testDescription: "a millisecond later", at: 300_001, silence: "mend it"),
    ]

    @Test("is told once it has lasted for more than five minutes", arguments: rows)
    func lasts(row: Row) {
        let answer: JSONValue = [
            "age_ms": row.age.map { JSONValue($0) } ?? .null,
            "problem": row.problem.map { .string($0) } ?? .null,
        ]
        var watch = UplinkWatch()
        watch.note(answer, now: Instant(0))
        watch.note(answer, now: Instant(row.at))
        #expect(watch.silence(now: Instant(row.at)) == row.silence)
    }

    @Test("it is looked for every ten seconds, not in each turn")
    func pace() {
        var watch = UplinkWatch()
        var looks: [Int64] = []
        for now in [Int64(0), 9_999, 10_000] where watch.isDue(now: Instant(now)) {
            looks.append(now)
        }
        #expect(looks == [0, 10_000])
    }

    @Test("silence holds E803 up, and what was found before goes on until it can be told anew")
    func board() {
        var board = FindingBoard()
        _ = board.note(FindingTests.finding(.noBridge), now: Instant(1))
        #expect(board.note(silence: nil) == nil)
        #expect(board.note(silence: "mend it") == "uplink: mend it (E803)")
        #expect(board.note(silence: "mend it at once") == nil, "once")
        board.keep(now: Instant(900_000))
        #expect(board.letEnd(now: Instant(900_001)) == false, "nobody said that it is over")
        #expect(
            board.sentences(of: .uplinkStalled) == ["mend it at once.", "Found once: number 1."])
        #expect(board.sentences(of: .clusterDisagrees) == [])
        _ = board.note(FindingTests.finding(.noBridge, isActive: false), now: Instant(900_002))
        #expect(board.stands(.uplinkStalled), "the silence is a cause of its own")
        #expect(!board.stands(.clusterDisagrees))
        #expect(board.note(silence: nil) == "uplink: over: mend it at once (E803)")
        #expect(!board.stands(.uplinkStalled))
        #expect(board.sentences(of: .uplinkStalled).first == "This is over: mend it at once.")
    }

    /// The server's next look is at most 20 ms away.
    private func wait(_ condition: () -> Bool) async throws {
        for _ in 0..<250 where !condition() { try await Task.sleep(for: .milliseconds(20)) }
    }

    @Test("the daemon raises E803 and says so in its status; without an uplink it never does")
    func served() async throws {
        for expectsUplink in [true, false] {
            let device = FakeDevice()
            device.expectsUplink = expectsUplink
            device.uplinkFile = Array(UplinkReportTests.written(at: 99_999).utf8)
            let served = try ServedDevice(device)
            defer { served.stop() }
            // A client of its own each time: over the minutes that pass here one would be put out.
            func silence() throws -> JSONValue? {
                try RawClient(served.path).call("status")["result"]?["device"]?["uplink_silence"]
            }
            #expect(try silence()?.isNull == true)
            device.uplinkFile = nil
            device.lead.add(320_000, ordering: .relaxed)
            try await wait { device.held[.uplinkStalled] == true || !expectsUplink }
            guard expectsUplink else {
                try await Task.sleep(for: .milliseconds(100))
                #expect(device.held.isEmpty && device.findingLines.isEmpty)
                #expect(try silence()?.isNull == true)
                continue
            }
            let text =
                "uplink/status.json is not there: busbar-uplink has never run, or has another "
                + "--status-dir: systemctl status busbar-uplink"
            #expect(device.held == [.uplinkStalled: true])
            #expect(device.findingLines == ["uplink: \(text) (E803)"])
            #expect(try silence()?.string == text)
            device.uplinkFile = Array(UplinkReportTests.written(at: 99_999).utf8)
            device.lead.add(10_000, ordering: .relaxed)
            try await wait { device.held[.uplinkStalled] == false }
            #expect(device.held == [.uplinkStalled: false])
            #expect(device.findingLines.last == "uplink: over: \(text) (E803)")
        }
    }
}
