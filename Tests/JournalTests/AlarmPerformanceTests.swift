import Events
import Testing
import Units
import Wire

@testable import Journal

/// The measures of ISA-18.2 clause 16, each at its boundary.
@Suite("Alarm performance")
struct AlarmPerformanceTests {
    private static let hour: Int64 = 3_600_000

    /// One run of `length` ms in which `codes` are raised at these times, each gone again at once.
    private func run(
        _ raises: [(Int64, AlarmCode)], from: Int64 = 0, length: Int64
    ) -> AlarmPerformance {
        var performance = AlarmPerformance()
        performance.beginRun(from: from)
        for (at, code) in raises {
            performance.add(change(at, code, .raised, .unacknowledged))
            performance.add(change(at + 1, code, .returned, .returned))
        }
        performance.endRun(at: length)
        performance.finish()
        return performance
    }

    /// One tick a millisecond: nothing here is raised twice in one tick unless a test says so.
    private func change(
        _ at: Int64, _ code: AlarmCode, _ change: AlarmChange, _ state: AlarmState,
        severity: Severity = .warning
    ) -> AlarmPerformance.Change {
        AlarmPerformance.Change(
            tick: at, at: at, code: code, severity: severity, change: change, state: state)
    }

    private func alarm(_ code: AlarmCode, of performance: AlarmPerformance)
        -> AlarmPerformance.Alarm
    {
        performance.alarms[Int(code.rawValue)]
    }

    struct FloodRow: CustomTestStringConvertible, Sendable {
        let testDescription: String
        let times: [Int64]
        var periodsInFlood = 0
        var floods = 0
        var floodTime: Int64 = 0
        var peak = 0
    }

    static let floodRows = [
        FloodRow(
            testDescription: "10 in 10 minutes are no flood",
            times: (0..<10).map { $0 * 1_000 }, peak: 10),
        FloodRow(
            testDescription: "11 are, from the 11th until the first is 10 minutes old",
            times: (0..<11).map { $0 * 1_000 }, periodsInFlood: 1, floods: 1,
            floodTime: 590_000, peak: 11),
        FloodRow(
            testDescription: "the 11th in the last millisecond of the period counts",
            times: (0..<10).map { $0 * 1_000 } + [599_999], periodsInFlood: 1, floods: 1,
            floodTime: 1, peak: 11),
        FloodRow(
            testDescription: "the 11th exactly 10 minutes later floods for no time, next period",
            times: (0..<10).map { $0 * 1_000 } + [600_000], floods: 1, peak: 10),
        FloodRow(
            testDescription: "1 ms later it is none",
            times: (0..<10).map { $0 * 1_000 } + [600_001], peak: 10),
        FloodRow(
            testDescription: "11 across two periods flood, though neither has 11",
            times: (0..<11).map { 595_000 + $0 * 1_000 }, floods: 1, floodTime: 590_000, peak: 6),
        FloodRow(
            testDescription: "a flood that goes on is one",
            times: (0..<22).map { $0 * 1_000 }, periodsInFlood: 1, floods: 1,
            floodTime: 601_000, peak: 22),
        FloodRow(
            testDescription: "a flood that the span ends in counts up to its end",
            times: (0..<11).map { 3_500_000 + $0 * 1_000 }, periodsInFlood: 1, floods: 1,
            floodTime: 90_000, peak: 11),
    ]

    @Test("A flood is more than 10 in 10 minutes", arguments: floodRows)
    func flood(row: FloodRow) {
        // Different codes, so that nothing chatters in between.
        let codes = (0..<UInt8(AlarmCode.count)).compactMap { AlarmCode(rawValue: $0) }
        let raises = row.times.enumerated().map { ($0.element, codes[$0.offset]) }
        let performance = run(raises, length: Self.hour)
        #expect(performance.annunciated == row.times.count)
        #expect(performance.periods == 6)
        #expect(performance.periodsInFlood == row.periodsInFlood)
        #expect(performance.floods == row.floods)
        #expect(performance.floodTime == row.floodTime)
        #expect(performance.peakInPeriod == row.peak)
        #expect(performance.peakInDay == row.times.count)
    }

    struct ChatterRow: CustomTestStringConvertible, Sendable {
        let testDescription: String
        let times: [Int64]
        let chatterings: Int
    }

    static let chatterRows = [
        ChatterRow(
            testDescription: "3 in 60.0 s chatter", times: [0, 30_000, 60_000], chatterings: 1),
        ChatterRow(
            testDescription: "3 in 60.1 s do not", times: [0, 30_000, 60_100], chatterings: 0),
        ChatterRow(testDescription: "2 in a second do not", times: [0, 1_000], chatterings: 0),
        ChatterRow(
            testDescription: "what goes on chattering does so once",
            times: [0, 20_000, 40_000, 60_000, 80_000], chatterings: 1),
        ChatterRow(
            testDescription: "and after a pause once more",
            times: [0, 20_000, 40_000, 200_000, 210_000, 220_000], chatterings: 2),
    ]

    @Test("Chattering is 3 of one alarm in a minute", arguments: chatterRows)
    func chatter(row: ChatterRow) {
        let performance = run(row.times.map { ($0, .ambientLost) }, length: Self.hour)
        #expect(alarm(.ambientLost, of: performance).chatterings == row.chatterings)
        #expect(alarm(.ambientLost, of: performance).count == row.times.count)
        let two = run(
            row.times.enumerated().map { ($0.element, $0.offset == 1 ? .gasLeak : .ambientLost) },
            length: Self.hour)
        if row.times.count == 3 { #expect(alarm(.ambientLost, of: two).chatterings == 0) }
    }

    @Test("an alarm counts in the span from its first millisecond, and in its day")
    func spanAndDay() {
        let day: Int64 = 86_400_000
        let performance = run(
            [
                (999, .gasLeak), (1_000, .gasLeak), (1_000 + day - 1, .ambientLost),
                (1_000 + day, .ambientLost),
            ], from: 1_000, length: 1_000 + 2 * day)
        #expect(performance.annunciated == 3)
        #expect(performance.observed == 2 * day)
        #expect(performance.peakInDay == 2)
        #expect(performance.periods == 288)
    }

    @Test("what is hidden when it is raised calls for nobody, nor does an INFO")
    func hidden() {
        var performance = AlarmPerformance()
        performance.beginRun()
        func add(
            _ at: Int64, _ code: AlarmCode, _ what: AlarmChange, _ state: AlarmState,
            _ severity: Severity = .warning
        ) {
            performance.add(change(at, code, what, state, severity: severity))
        }
        add(0, .ambientLost, .shelved, .normal)
        add(1, .ambientLost, .raised, .unacknowledged)
        add(2, .ambientLost, .unshelved, .unacknowledged)
        add(3, .ambientLost, .returned, .returned)
        add(4, .ambientLost, .raised, .unacknowledged)
        // Suppressed in the tick that raises it, by the cause of both.
        add(5, .busSilent, .raised, .unacknowledged, .error)
        add(5, .signalStale, .raised, .unacknowledged)
        add(5, .signalStale, .suppressed, .unacknowledged)
        add(6, .requestOutOfRange, .raised, .normal, .info)
        performance.endRun(at: 1_000)
        performance.finish()
        #expect(performance.annunciated == 2)
        #expect(performance.hidden == 2)
        #expect(performance.bySeverity == [1, 1, 1, 0])
    }

    struct StandingRow: CustomTestStringConvertible, Sendable {
        let testDescription: String
        let state: AlarmState
        let length: Int64
        let age: Int64?
        let isStale: Bool
    }

    static let standingRows = [
        StandingRow(
            testDescription: "24 h are not stale", state: .acknowledged, length: 24 * hour + 100,
            age: 24 * hour, isStale: false),
        StandingRow(
            testDescription: "1 ms more is", state: .acknowledged, length: 24 * hour + 101,
            age: 24 * hour + 1, isStale: true),
        StandingRow(
            testDescription: "latched stands", state: .latched, length: 200, age: 100,
            isStale: false),
        StandingRow(
            testDescription: "returned does not", state: .returned, length: 200, age: nil,
            isStale: false),
        StandingRow(
            testDescription: "nor does what was reset", state: .normal, length: 200, age: nil,
            isStale: false),
    ]

    @Test(
        "Standing is what is active at the end, stale what is so for more than a day",
        arguments: standingRows)
    func standing(row: StandingRow) {
        var performance = AlarmPerformance()
        performance.beginRun()
        performance.add(change(100, .gasLeak, .raised, .unacknowledged))
        performance.add(change(150, .gasLeak, .acknowledged, row.state))
        performance.endRun(at: row.length)
        performance.finish()
        #expect(performance.standing.map(\.age) == (row.age.map { [$0] } ?? []))
        #expect(
            performance.standing.contains { AlarmPerformance.isStale(age: $0.age) } == row.isStale)
    }

    @Test(
        "an alarm that is back within 10 minutes of a restart never went away",
        arguments: [(at: Int64(600_000), age: 5_000 + 700_000), (at: 600_001, age: 99_999)])
    func restart(row: (at: Int64, age: Int64)) {
        var performance = AlarmPerformance()
        performance.beginRun()
        performance.add(change(1_000, .gasLeak, .raised, .unacknowledged))
        performance.endRun(at: 6_000)
        performance.beginRun()
        performance.add(change(row.at, .gasLeak, .latched, .latched))
        performance.endRun(at: 700_000)
        performance.finish()
        #expect(performance.standing.map(\.age) == [row.age])
        #expect(performance.observed == 706_000)
        #expect(performance.annunciated == 1, "what is latched at a start was annunciated before")
    }
}

/// From a journal's file: which rows belong to the span.
@Suite("Alarm performance of a journal")
struct AlarmPerformanceReadingTests {
    private static let now: Int64 = 1_800_000_000_000
    private static let hour: Int64 = 3_600_000

    /// A run in the file: its alarms' times on its own clock, and what the wall clock said.
    private struct Past {
        var raises: [Int64]
        /// Of the run's ms 0; what the wall clock says beside it is this and the ms.
        var wall: Int64
        var quality = ClockQuality.synced
        /// The last trace of the run.
        var end: Int64
    }

    /// Writes runs, the last of them the present one, and asks for the last `span`.
    private func measure(
        _ past: [Past], span: Int64, wall: ClockQuality = .synced
    ) throws -> AlarmPerformance {
        let device = Device()
        try device.open().farewell(now: Instant(0))
        let connection = try Connection(
            to: StateDirectory(path: device.path, storage: LinuxStorage()), mode: .readWrite)
        try connection.execute(
            "DELETE FROM runs; DELETE FROM alarm_history; DELETE FROM event_lane")
        for (index, run) in past.enumerated() {
            let (n, q) = (index + 1, run.quality.rawValue)
            let name = String(repeating: "0", count: 31) + "\(n)"
            try connection.execute(
                "INSERT INTO runs VALUES(\(n), x'\(name)', x'\(name)', \(run.wall), \(q), NULL)")
            for at in run.raises {
                try connection.execute(
                    """
                    INSERT INTO alarm_history VALUES(NULL, \(n), \(at / 100), \(at),
                    \(run.wall + at), \(q), 103, 3, 0, 1, 0, 0, 0, 0, NULL, NULL, NULL, NULL)
                    """)
            }
            try connection.execute(
                """
                INSERT INTO event_lane VALUES(\(n), \(n), 0, \(run.end), \(run.wall + run.end),
                \(q), 0, 0, 't', 's', x'7b7d', NULL)
                """)
        }
        let last = try #require(past.last)
        let present = PresentMoment(
            run: Identifier128(text: String(repeating: "0", count: 31) + "\(past.count)"),
            at: Instant(last.end),
            wall: WallTime(unixMilliseconds: Self.now, quality: wall))
        return try device.reader.alarmPerformance(over: Milliseconds(span), at: present)
    }

    @Test("the span begins within this run by its own clock, whatever the wall clock did")
    func withinRun() throws {
        // The wall clock was years off, and was never set.
        let run = Past(
            raises: [0, Self.hour - 1, Self.hour, 2 * Self.hour], wall: 5, quality: .unsynced,
            end: 2 * Self.hour)
        let performance = try measure([run], span: Self.hour, wall: .unsynced)
        #expect(performance.annunciated == 2)
        #expect(performance.observed == Self.hour)
        #expect(performance.unplacedRuns == 0)
    }

    @Test("an earlier run is placed by its set clock, and time between runs is not counted")
    func earlierRuns() throws {
        let present = Past(raises: [10], wall: Self.now - Self.hour, end: Self.hour)
        // Half of it lies in the span of three hours.
        let earlier = Past(
            raises: [0, Self.hour - 1, Self.hour, Self.hour + 5],
            wall: Self.now - 4 * Self.hour, end: 2 * Self.hour)
        let performance = try measure([earlier, present], span: 3 * Self.hour)
        #expect(performance.annunciated == 3)
        #expect(performance.runs == 2)
        #expect(performance.observed == 2 * Self.hour)
    }

    @Test("a run without a set clock is placed between two that have one, or left out and said")
    func unset() throws {
        let present = Past(raises: [10], wall: Self.now - Self.hour, end: Self.hour)
        let unset = Past(raises: [1, 2, 3], wall: 7, quality: .unsynced, end: Self.hour)
        let within = Past(
            raises: [4], wall: Self.now - 3 * Self.hour, end: Self.hour)
        let before = Past(
            raises: [4], wall: Self.now - 9 * Self.hour, end: Self.hour)

        let between = try measure([within, unset, present], span: 4 * Self.hour)
        #expect(between.annunciated == 5)
        #expect(between.unplacedRuns == 0)

        let doubtful = try measure([before, unset, present], span: 4 * Self.hour)
        #expect(doubtful.annunciated == 1)
        #expect([doubtful.unplacedRuns, doubtful.unplacedRows] == [1, 3])

        let never = try measure([before, unset, present], span: 4 * Self.hour, wall: .unsynced)
        #expect(never.annunciated == 1, "the present run's own rows have a set clock")
    }

    @Test("a wall clock that was set back moves nothing")
    func clockStep() throws {
        let earlier = Past(
            raises: [1, 2], wall: Self.now - 90 * 24 * Self.hour, quality: .unsynced, end: 100)
        let present = Past(raises: [1, 2, 3], wall: Self.now - 100, end: 100)
        let performance = try measure([earlier, present], span: 24 * Self.hour)
        #expect(performance.annunciated == 3)
        #expect([performance.unplacedRuns, performance.unplacedRows] == [1, 2])
    }

    @Test("damaged rows are counted as such, whatever stands in them")
    func damaged() throws {
        let device = Device()
        try device.open().farewell(now: Instant(0))
        let connection = try Connection(
            to: StateDirectory(path: device.path, storage: LinuxStorage()), mode: .readWrite)
        let run = try #require(try connection.integer("SELECT max(n) FROM runs"))
        let worst = Int64.max
        for (at, wall, code, change) in [
            (worst, worst, 103, 0), (-1, -worst, 103, 0), (5, 0, 70_000, 0), (5, 0, 103, 300),
            (5, worst, 103, 0),
        ] {
            try connection.execute(
                """
                INSERT INTO alarm_history VALUES(NULL, \(run), 7, \(at), \(wall), 0, \(code), 3,
                \(change), 1, 0, 0, 0, 0, NULL, NULL, NULL, NULL)
                """)
        }
        let present = PresentMoment(
            run: nil, at: Instant(0), wall: Device.wall)
        let performance = try device.reader.alarmPerformance(
            over: Milliseconds(8_640_000_000_000_000), at: present)
        #expect(performance.unknownRows == 4)
        #expect(performance.annunciated == 1)
    }

    @Test("half a million rows are read one by one, and each is counted")
    func large() throws {
        let device = Device()
        try device.open().farewell(now: Instant(0))
        let connection = try Connection(
            to: StateDirectory(path: device.path, storage: LinuxStorage()), mode: .readWrite)
        let run = try #require(try connection.integer("SELECT max(n) FROM runs"))
        try connection.execute(
            """
            INSERT INTO alarm_history WITH RECURSIVE k(i) AS (
            SELECT 0 UNION ALL SELECT i + 1 FROM k WHERE i < 499999)
            SELECT NULL, \(run), i, i * 1000, 0, 2, CASE i % 4 WHEN 3 THEN 9999 ELSE 103 END,
            3, CASE i % 4 WHEN 0 THEN 0 ELSE 2 END, 1, 0, 0, 0, 0, NULL, NULL, NULL, NULL FROM k
            """)
        let present = PresentMoment(
            run: nil, at: Instant(0), wall: WallTime(unixMilliseconds: 0, quality: .unsynced))
        // Nobody asks from within a run, and no clock was ever set: nothing can be placed.
        let lost = try device.reader.alarmPerformance(over: Milliseconds(1), at: present)
        #expect(lost.annunciated == 0)
        let name = try #require(
            try connection.text("SELECT lower(hex(run)) FROM runs WHERE n = \(run)"))
        let inRun = PresentMoment(
            run: Identifier128(text: name), at: Instant(500_000_000),
            wall: WallTime(unixMilliseconds: 0, quality: .unsynced))
        let all = try device.reader.alarmPerformance(over: Milliseconds(1_000_000_000), at: inRun)
        #expect(all.annunciated == 125_000)
        #expect(all.unknownRows == 125_000)
        #expect(all.observed == 500_000_000)
        #expect(all.peakInPeriod == 150)
        #expect(all.periodsInFlood == 834)
        #expect(all.floodTime == 500_000_000 - 40_000)
    }
}
