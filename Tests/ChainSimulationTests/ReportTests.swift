import Testing

@testable import ChainSimulation

@Suite("What many seeds are told as")
struct ReportTests {
    @Test("the columns of the faults stand below their names, however long a name is")
    func columns() throws {
        let lines = FleetReport().lines(milliseconds: 1_000)
        let rows = lines.prefix { !$0.isEmpty }
        try #require(rows.count == 1 + FaultCounts().rows.count)
        #expect(Set(rows.map(\.count)).count == 1, "\(rows.joined(separator: "\n"))")
        #expect(rows[0].hasPrefix("  fault "))
        #expect(rows[0].hasSuffix("     times    seeds"))
        let longest = try #require(rows.first { $0.contains("broker restarts with its memory") })
        #expect(longest == "  broker restarts with its memory         0        0")
    }

    @Test(
        "the virtual time is in days below two years",
        arguments: [
            (0, "0 days"), (86_399_999, "0 days"), (86_400_000, "1 day"), (172_800_000, "2 days"),
            (730 * 86_400_000 - 1, "729 days"), (730 * 86_400_000, "2 years"),
        ] as [(Int64, String)])
    func span(milliseconds: Int64, words: String) {
        var report = FleetReport()
        report.virtualMilliseconds = milliseconds
        #expect(
            report.lines(milliseconds: 1_000).contains(
                "0 seeds in 1 s: \(words) of virtual time, 0 steps"))
    }
}
