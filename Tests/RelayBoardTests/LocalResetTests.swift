import RelayBoard
import Testing

@Suite("The local reset")
struct LocalResetTests {
    /// Looks at a button each ms; `presses` are the ms at which it is down, ends excluded.
    private func counts(
        at moments: [Int], presses: [Range<Int>], clock: UInt32 = 0, consumedAt: Int? = nil
    ) -> [Bool] {
        var reset = LocalReset()
        var seen: [Bool] = []
        for time in 0...(moments.max() ?? 0) {
            let isActive = presses.contains { $0.contains(time) }
            reset.sample(isActive: isActive, at: clock &+ UInt32(time) &* 1_000)
            if time == consumedAt { reset.consume() }
            if moments.contains(time) { seen.append(reset.counts) }
        }
        return seen
    }

    struct Row: CustomTestStringConvertible, Sendable {
        let name: String
        let presses: [Range<Int>]
        /// At these ms, whether the reset counts.
        let expected: [(at: Int, counts: Bool)]
        var testDescription: String { name }
    }

    static let rows = [
        Row(
            name: "counts from 1 000 ms of the press",
            presses: [500..<5_000], expected: [(1_499, false), (1_500, true)]),
        Row(
            name: "counts until 10 000 ms of the press",
            presses: [500..<60_000], expected: [(10_500, true), (10_501, false), (59_999, false)]),
        Row(
            name: "counts for 10 000 ms after a press of 1 000 ms",
            presses: [500..<1_500], expected: [(1_500, true), (11_500, true), (11_501, false)]),
        Row(
            name: "does not count after a press of 999 ms",
            presses: [500..<1_499], expected: [(1_498, false), (1_499, false), (1_600, false)]),
        Row(
            name: "counts after a press of 5 000 ms",
            presses: [500..<5_500], expected: [(5_500, true), (15_500, true), (15_501, false)]),
        Row(
            name: "does not count after a press of 5 001 ms",
            presses: [500..<5_501], expected: [(5_500, true), (5_501, false)]),
        Row(
            name: "does not count when held at boot, and does after a fresh press",
            presses: [0..<3_000, 3_200..<4_200],
            expected: [
                (1_000, false), (2_999, false), (3_000, false), (4_199, false), (4_200, true),
            ]
        ),
        Row(
            name: "a release of 199 ms after boot is a bounce of the held button",
            presses: [0..<3_000, 3_199..<5_199], expected: [(4_199, false), (5_199, false)]),
        Row(
            name: "a stuck button that flickers each 2 s is still a stuck button",
            presses: (0..<30).map { 500 + $0 * 2_000..<2_499 + $0 * 2_000 },
            expected: [(10_501, false), (12_498, false), (12_499, false), (40_000, false)]),
        Row(
            name: "a flicker within the window takes the window away",
            presses: [500..<2_500, 2_600..<8_000],
            expected: [(2_500, true), (2_600, true), (8_000, false), (9_000, false)]),
        Row(
            name: "a button that was stuck works again after its release",
            presses: [500..<20_000, 20_200..<21_700],
            expected: [(20_000, false), (21_199, false), (21_200, true), (21_700, true)]),
    ]

    @Test("The button", arguments: rows)
    func row(row: Row) {
        let moments = row.expected.map { $0.at }
        for clock in clocksAtBoot {
            let seen = counts(at: moments, presses: row.presses, clock: clock)
            #expect(seen == row.expected.map { $0.counts }, "clock at boot \(clock)")
        }
    }

    @Test("One press serves one reset, held or released")
    func consumed() {
        #expect(
            counts(at: [3_000, 3_001], presses: [500..<2_500], consumedAt: 3_000) == [
                false, false,
            ])
        #expect(
            counts(at: [1_999, 2_001, 3_000], presses: [500..<2_500], consumedAt: 2_000) == [
                true, false, false,
            ])
    }

    @Test("A stuck button does not let a looping host clear trip after trip")
    func loopingHost() {
        var bench = Bench()
        bench.run(to: 300)
        bench.localReset = true
        var cleared = 0
        for time in stride(from: 400, to: 60_000, by: 100) {
            bench.run(to: time)
            bench.trip()
            bench.arm()
            if bench.status.isArmed { cleared += 1 }
        }
        #expect(cleared == 1)
    }
}
