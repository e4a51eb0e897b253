import JSON
import Testing

@testable import LocalAPI

@Suite("The uplink's report")
struct UplinkReportTests {
    struct Row: CustomTestStringConvertible, Sendable {
        let testDescription: String
        var directory: String? = "up"
        var file: String?
        let problem: String?
    }

    static func written(
        at: Int64, boot: String = "b", state: String = "idle", period: Int64 = 0
    ) -> String {
        "{\"v\":1,\"boot\":\"\(boot)\",\"written_mono_ms\":\(at),\"state\":\"\(state)\","
            + "\"period_ms\":\(period)}"
    }

    static let stale =
        "busbar-uplink has not written for 10 s: is it running? systemctl status busbar-uplink"
    static let restarted =
        "busbar-uplink has not written since the device was started: is it running? systemctl "
        + "status busbar-uplink"
    static let unreadable =
        "up/status.json is not what this busbard reads: install busbard and busbar-uplink of one "
        + "version"

    static let rows = [
        Row(testDescription: "fresh", file: written(at: 99_999), problem: nil),
        Row(testDescription: "10 s old", file: written(at: 90_000), problem: nil),
        Row(testDescription: "one millisecond older", file: written(at: 89_999), problem: stale),
        Row(
            testDescription: "a minute and 10 s old, from a card",
            file: written(at: 30_000, period: 60_000), problem: nil),
        Row(
            testDescription: "one millisecond older, from a card",
            file: written(at: 29_999, period: 60_000),
            problem:
                "busbar-uplink has not written for 70 s: is it running? systemctl status "
                + "busbar-uplink"),
        Row(
            testDescription: "with a period of days", file: written(at: 29_999, period: 1 << 40),
            problem:
                "busbar-uplink has not written for 70 s: is it running? systemctl status "
                + "busbar-uplink"),
        Row(
            testDescription: "of another boot", file: written(at: 99_999, boot: "a"),
            problem: restarted),
        Row(testDescription: "from the future", file: written(at: 100_001), problem: restarted),
        Row(
            testDescription: "stopped", file: written(at: 99_999, state: "stopped"),
            problem: "busbar-uplink was stopped: systemctl start busbar-uplink"),
        Row(
            testDescription: "not there",
            problem: "up/status.json is not there: busbar-uplink has never run, or has another "
                + "--status-dir: systemctl status busbar-uplink"),
        Row(testDescription: "cut short", file: "{\"v\":1,", problem: unreadable),
        Row(
            testDescription: "of a later version", file: "{\"v\":2,\"written_mono_ms\":99999}",
            problem: unreadable),
        Row(
            testDescription: "nested too deep", file: String(repeating: "[", count: 99),
            problem: unreadable),
        Row(
            testDescription: "no directory", directory: nil, file: written(at: 99_999),
            problem:
                "busbard was not told of an uplink: start it with --uplink-dir, or the site has "
                + "none"),
    ]

    @Test("says what is wrong with the program, and what to do", arguments: rows)
    func judges(_ row: Row) {
        let answer = UplinkReport(
            directory: row.directory, bytes: row.file.map { Array($0.utf8) }, boot: "b",
            monotonicMs: 100_000
        ).answer
        #expect(answer["problem"]?.string == row.problem)
    }

    @Test("hands the uplink's own words on, with their age")
    func handsOn() {
        let answer = UplinkReport(
            directory: "up", bytes: Array(Self.written(at: 98_500).utf8), boot: "b",
            monotonicMs: 100_000
        ).answer
        #expect(answer["age_ms"]?.int == 1_500)
        #expect(answer["status"]?["state"]?.string == "idle")
    }
}
