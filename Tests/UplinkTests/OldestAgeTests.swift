import Testing
import Units
import Wire

@testable import Uplink

@Suite("The age of the oldest event")
struct OldestAgeTests {
    struct Age: CustomTestStringConvertible, Sendable {
        let testDescription: String
        var stamped = ClockQuality.unsynced
        var boot = Identifier128(high: 0, low: 7)
        /// What the clock is while the uplink runs, one second each.
        var qualities = [ClockQuality.unsynced]
        /// In ms: what the clock jumps by before the last of them.
        var step: Int64 = 0
        let isKnown: Bool
    }

    static let day: Int64 = 86_400_000
    static let ages = [
        Age(testDescription: "a clock that is not set, this boot", isKnown: true),
        Age(
            testDescription: "a clock that is not set, another boot",
            boot: Identifier128(high: 0, low: 8), isKnown: false),
        Age(
            testDescription: "stamped before the clock was set", qualities: [.unsynced, .synced],
            step: 7 * day, isKnown: true),
        Age(
            testDescription: "stamped before it was set, and the uplink came later",
            qualities: [.synced], step: 7 * day, isKnown: false),
        Age(
            testDescription: "set by hand meanwhile", qualities: [.unsynced, .unsynced], step: day,
            isKnown: false),
        Age(
            testDescription: "a clock that is set, another boot", stamped: .synced,
            boot: Identifier128(high: 0, low: 8), qualities: [.synced], isKnown: true),
        Age(
            testDescription: "stamped by a clock that was set, now it is not", stamped: .holdover,
            isKnown: false),
    ]

    @Test("the age of the oldest event is told within one boot without a clock", arguments: ages)
    func oldest(_ row: Age) {
        var bench = SessionBench()
        var record = SessionBench.record(1)
        record.boot = row.boot
        record.wall = WallTime(unixMilliseconds: 1_700_000_000_400, quality: row.stamped)
        bench.queue.rows[.event] = [record]
        bench.acceptsConnections = false
        bench.turn()
        for (index, quality) in row.qualities.enumerated() {
            bench.now = bench.now + .seconds(1)
            let step = index == row.qualities.count - 1 ? row.step : 0
            bench.session.note(
                .wall(
                    WallTime(
                        unixMilliseconds: 1_700_000_000_000 + bench.now.rawValue + step,
                        quality: quality)), now: bench.now)
            bench.turn()
        }
        let age = bench.session.status(now: bench.now).lanes[1].oldestAge
        #expect(age?.rawValue == (row.isKnown ? bench.now.rawValue - 400 : nil))
    }
}
