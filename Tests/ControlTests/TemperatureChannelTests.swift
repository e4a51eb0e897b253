import Events
import Testing
import Units

@testable import Control

/// Every quality of §5, at its boundary.
@Suite("Temperature channel")
struct TemperatureChannelTests {
    static let siteLimit: Int32 = 65_000
    static let jobLimit: Int32 = 48_000

    /// A channel that has read `value` three times, the last one at t = 0.
    static func settled(at value: Int32) -> TemperatureChannel {
        var channel = TemperatureChannel()
        for time in [-400, -200, 0] { _ = take(&channel, value, Int64(time)) }
        return channel
    }

    @discardableResult
    static func take(
        _ channel: inout TemperatureChannel, _ value: Int32, _ time: Int64
    ) -> TemperatureChannel.Outcome {
        channel.take(value, at: at(time), siteLimit: siteLimit, jobLimit: jobLimit)
    }

    struct Row: CustomTestStringConvertible, Sendable {
        let testDescription: String
        /// Last OK sample, at t = 0; nil if there was none.
        var before: Int32? = 20_000
        let sample: Int32
        var time: Int64 = 200
        var ratio: Int32?
        let quality: SignalQuality
    }

    static let rows: [Row] = [
        Row(testDescription: "disconnected", sample: -127_000, quality: .open),
        Row(
            testDescription: "next to disconnected is out of range", sample: -126_999,
            quality: .range),
        Row(testDescription: "ADC at 98.5 %", sample: 20_000, ratio: 985, quality: .open),
        Row(testDescription: "ADC at 98.4 %", sample: 20_000, ratio: 984, quality: .ok),
        Row(testDescription: "ADC at 1.5 %", sample: 20_000, ratio: 15, quality: .short),
        Row(testDescription: "ADC at 1.6 %", sample: 20_000, ratio: 16, quality: .ok),
        Row(
            testDescription: "lowest", before: -9_000, sample: -10_000, time: 60_000, quality: .ok),
        Row(
            testDescription: "below lowest", before: -9_000, sample: -10_001, time: 60_000,
            quality: .range),
        Row(
            testDescription: "highest", before: 109_000, sample: 110_000, time: 60_000,
            quality: .ok),
        Row(
            testDescription: "above highest", before: 109_000, sample: 110_001, time: 60_000,
            quality: .range),
        Row(testDescription: "up 5 K/s", sample: 21_000, quality: .ok),
        Row(testDescription: "up faster than 5 K/s", sample: 21_001, quality: .rate),
        Row(testDescription: "down 5 K/s", sample: 19_000, quality: .ok),
        Row(testDescription: "down faster than 5 K/s", sample: 18_999, quality: .rate),
        Row(testDescription: "5 K after a second", sample: 25_000, time: 1_000, quality: .ok),
        Row(
            testDescription: "more than 5 K after a second", sample: 25_001, time: 1_000,
            quality: .rate),
        Row(testDescription: "two samples at one time", sample: 20_001, time: 0, quality: .rate),
        Row(
            testDescription: "after a minute any level within the range", before: -10_000,
            sample: 110_000, time: 60_000, quality: .ok),
        Row(
            testDescription: "power-on content as first sample", before: nil, sample: 85_000,
            quality: .powerOn),
        Row(
            testDescription: "85.000 with a jump of 10 K", before: 75_000, sample: 85_000,
            time: 10_000, quality: .powerOn),
        Row(
            testDescription: "85.000 with a jump of less is real", before: 75_001, sample: 85_000,
            time: 10_000, quality: .ok),
        Row(
            testDescription: "85.000 from above", before: 95_000, sample: 85_000, time: 10_000,
            quality: .powerOn),
        Row(
            testDescription: "84.999 is no power-on content", before: 75_000, sample: 84_999,
            time: 10_000, quality: .ok),
        Row(
            testDescription: "all ones, truncated, with a jump", before: 9_938, sample: -62,
            time: 10_000, quality: .bus),
        Row(
            testDescription: "all ones, rounded, with a jump", before: 9_937, sample: -63,
            time: 10_000, quality: .bus),
        Row(
            testDescription: "-0.062 °C without a jump is cold water", before: 9_937, sample: -62,
            time: 10_000, quality: .ok),
        Row(
            testDescription: "-0.061 °C is no bus fault", before: 9_940, sample: -61, time: 10_000,
            quality: .ok),
        Row(
            testDescription: "-0.064 °C is no bus fault", before: 9_940, sample: -64, time: 10_000,
            quality: .ok),
        Row(testDescription: "a first plausible sample", before: nil, sample: 20_000, quality: .ok),
    ]

    @Test("a sample gets its quality", arguments: rows)
    func judges(row: Row) {
        var channel = row.before.map(Self.settled) ?? TemperatureChannel()
        if let ratio = row.ratio { channel.takeRatio(ratio) }
        let outcome = Self.take(&channel, row.sample, row.time)
        #expect(channel.quality == row.quality)
        #expect((outcome == .used) == (row.quality == .ok))
        #expect(channel.value == (row.quality == .ok ? row.sample : row.before ?? 0))
        if row.quality != .ok, row.before != nil {
            #expect(channel.freshness.age(at(row.time)) == ms(row.time), "it only ages the signal")
        }
    }

    @Test("85.000 °C as the first sample after the node's start is not believed, the second is")
    func judgesPowerOnAfterRestart() {
        var channel = Self.settled(at: 84_000)
        channel.restart()
        Self.take(&channel, 85_000, 200)
        #expect(channel.quality == .powerOn)
        Self.take(&channel, 85_000, 400)
        #expect(channel.quality == .ok)
    }

    @Test("a fault of the ADC's place ends when the place is good again")
    func recoversFromRatio() {
        var channel = Self.settled(at: 20_000)
        channel.takeRatio(1_000)
        Self.take(&channel, 20_000, 200)
        #expect(channel.quality == .open)
        channel.takeRatio(500)
        Self.take(&channel, 20_000, 400)
        #expect(channel.quality == .ok)
    }

    // MARK: Adoption

    @Test("the fifth of five samples that agree is adopted")
    func adopts() {
        var channel = Self.settled(at: 20_000)
        for (index, value) in [Int32(40_000), 42_000, 41_000, 40_500].enumerated() {
            let outcome = Self.take(&channel, value, Int64(index + 1) * 200)
            #expect(outcome == .rejected)
            #expect(channel.value == 20_000)
        }
        #expect(Self.take(&channel, 41_500, 1_000) == .adopted)
        #expect(channel.value == 41_500)
        #expect(channel.quality == .ok)
        #expect(channel.freshness.age(at(1_000)) == .zero)
    }

    struct Adoption: CustomTestStringConvertible, Sendable {
        let testDescription: String
        let samples: [Int32]
        let isAdopted: Bool
    }

    static let adoptions: [Adoption] = [
        Adoption(
            testDescription: "2 000 apart agree",
            samples: [40_000, 42_000, 40_000, 42_000, 40_000],
            isAdopted: true),
        Adoption(
            testDescription: "2 001 apart do not",
            samples: [40_000, 42_001, 40_000, 42_001, 40_000],
            isAdopted: false),
        Adoption(
            testDescription: "each near the one before is not each near each other",
            samples: [40_000, 41_000, 42_000, 43_000, 44_000], isAdopted: false),
        Adoption(
            testDescription: "an open probe between ends the count",
            samples: [40_000, 40_000, -127_000, 40_000, 40_000], isAdopted: false),
        Adoption(
            testDescription: "a good sample between ends the count",
            samples: [40_000, 40_000, 20_000, 40_000, 40_000], isAdopted: false),
        Adoption(
            testDescription: "four are too few", samples: [40_000, 40_000, 40_000, 40_000],
            isAdopted: false),
    ]

    @Test(
        "only five consecutive samples that agree with each other are adopted", arguments: adoptions
    )
    func adoptsOnlyConsistent(row: Adoption) {
        var channel = Self.settled(at: 20_000)
        var isAdopted = false
        for (index, value) in row.samples.enumerated() {
            if Self.take(&channel, value, Int64(index + 1) * 200) == .adopted { isAdopted = true }
        }
        #expect(isAdopted == row.isAdopted)
    }

    // MARK: Rejected is not harmless

    struct Vote: CustomTestStringConvertible, Sendable {
        let testDescription: String
        let samples: [Int32]
        let site: UInt8
        let job: UInt8
    }

    static let votes: [Vote] = [
        Vote(testDescription: "one at the site limit", samples: [65_000], site: 1, job: 1),
        Vote(testDescription: "two at the site limit", samples: [65_000, 65_000], site: 2, job: 2),
        Vote(testDescription: "just below it", samples: [64_999, 64_999], site: 0, job: 2),
        Vote(testDescription: "below the job's limit", samples: [47_999, 47_999], site: 0, job: 0),
        Vote(
            testDescription: "a cooler one ends the row", samples: [65_000, 64_500, 65_000],
            site: 1, job: 3),
        Vote(
            testDescription: "an open probe neither votes nor ends the row",
            samples: [65_000, -127_000, 65_000], site: 2, job: 2),
        Vote(
            testDescription: "above the range is hot", samples: [120_000, 120_000], site: 2,
            job: 0),
        Vote(
            testDescription: "power-on content does not vote", samples: [85_000, 85_000], site: 0,
            job: 0),
    ]

    @Test("samples are counted towards the trips", arguments: votes)
    func countsVotes(row: Vote) {
        var channel = TemperatureChannel()
        for (index, value) in row.samples.enumerated() {
            Self.take(&channel, value, Int64(index) * 1_000)
        }
        #expect(channel.siteCount == row.site)
        #expect(channel.jobCount == row.job)
    }

    @Test("samples too fast to be believed still vote for the site limit, not for the job's")
    func rejectedVotes() {
        var channel = Self.settled(at: 20_000)
        Self.take(&channel, 70_000, 200)
        Self.take(&channel, 70_000, 400)
        #expect(channel.quality == .rate)
        #expect(channel.siteCount == 2)
        #expect(channel.jobCount == 0)
        #expect(channel.latest == 70_000)
    }
}
