import Testing
import Units

@testable import Control

/// §5: one to three probes, what the job steers by, and who votes.
@Suite("Temperatures")
struct TemperaturesTests {
    /// Probes that have read these values each 200 ms up to t = 0; nil is a probe that says
    /// nothing.
    final class Bench {
        var temperatures: Temperatures
        var time: Int64 = -600

        init(_ values: [Int32?]) {
            temperatures = Temperatures(count: values.count)
            for _ in 0..<3 { feed(values) }
        }

        var image: TemperatureImage { temperatures.image }
        var excluded: Int? { temperatures.excluded }

        /// One round of samples and the vote.
        func feed(_ values: [Int32?]) {
            time += 200
            temperatures.beginTick()
            for (index, value) in values.enumerated() {
                guard let value else { continue }
                let outcome = temperatures.channels[index].take(
                    value, at: at(time), siteLimit: 65_000, jobLimit: 48_000)
                if outcome != .rejected { temperatures.noteSample() }
            }
            temperatures.vote(now: at(time), staleAfter: ms(2_000))
        }

        func feed(_ values: [Int32?], until end: Int64) {
            while time < end { feed(values) }
        }
    }

    struct Choice: CustomTestStringConvertible, Sendable {
        let testDescription: String
        let values: [Int32?]
        let control: Int32?
        var isIncomplete = false
    }

    static let choices: [Choice] = [
        Choice(testDescription: "one is itself", values: [20_000], control: 20_000),
        Choice(testDescription: "two are the higher", values: [20_000, 21_000], control: 21_000),
        Choice(
            testDescription: "three are the median", values: [23_000, 20_000, 21_000],
            control: 21_000),
        Choice(
            testDescription: "two of three are the higher", values: [20_000, nil, 21_000],
            control: 21_000, isIncomplete: true),
        Choice(
            testDescription: "one of three is itself", values: [nil, 20_000, nil],
            control: 20_000, isIncomplete: true),
        Choice(
            testDescription: "one of two is itself", values: [nil, 20_000], control: 20_000,
            isIncomplete: true),
        Choice(testDescription: "none is none", values: [nil, nil, nil], control: nil),
    ]

    @Test("the job steers by", arguments: choices)
    func chooses(row: Choice) {
        let bench = Bench(row.values)
        #expect(bench.image.isValid == (row.control != nil))
        #expect(bench.image.isNew == (row.control != nil))
        if let control = row.control { #expect(bench.image.control == control) }
        #expect(bench.image.isIncomplete == row.isIncomplete)
    }

    @Test("a silent probe is valid for less than holdMs", arguments: [1_800, 2_000])
    func ages(silence: Int64) {
        let bench = Bench([30_000, 20_000])
        bench.feed([nil, 20_000], until: silence)
        #expect(bench.image.control == (silence < 2_000 ? 30_000 : 20_000))
        #expect(bench.image.isIncomplete == (silence >= 2_000))
        #expect(bench.image.age == .zero, "the freshest of them counts")
    }

    struct Vote: CustomTestStringConvertible, Sendable {
        let testDescription: String
        let values: [Int32?]
        let isOverSite: Bool
        let isOverJob: Bool
    }

    static let votes: [Vote] = [
        Vote(
            testDescription: "1oo1 at the limit", values: [65_000], isOverSite: true,
            isOverJob: true),
        Vote(testDescription: "1oo1 below", values: [64_999], isOverSite: false, isOverJob: true),
        Vote(
            testDescription: "1oo1 below both", values: [47_999], isOverSite: false,
            isOverJob: false),
        Vote(
            testDescription: "1oo2 by either", values: [61_000, 65_000], isOverSite: true,
            isOverJob: true),
        Vote(
            testDescription: "1oo2 with a silent one", values: [65_000, nil], isOverSite: true,
            isOverJob: true),
        Vote(
            testDescription: "2oo3 by one is none", values: [65_000, 61_000, 61_000],
            isOverSite: false, isOverJob: true),
        Vote(
            testDescription: "2oo3 by two", values: [65_000, 61_000, 65_000], isOverSite: true,
            isOverJob: true),
        Vote(
            testDescription: "2oo3 with a silent one degrades to 1oo2",
            values: [65_000, nil, 61_000], isOverSite: true, isOverJob: true),
        Vote(
            testDescription: "silent ones alone do not vote", values: [20_000, nil, nil],
            isOverSite: false, isOverJob: false),
        Vote(
            testDescription: "2oo3 for the job's limit by one is none",
            values: [48_000, 44_000, 44_000], isOverSite: false, isOverJob: false),
    ]

    @Test("votes to trip", arguments: votes)
    func countsVotes(row: Vote) {
        let bench = Bench(row.values)
        #expect(bench.image.isOverSite == row.isOverSite)
        #expect(bench.image.isOverJob == row.isOverJob)
    }

    @Test("two samples in a row are a vote, one is not")
    func needsTwo() {
        let bench = Bench([64_000])
        bench.feed([65_000])
        #expect(!bench.image.isOverSite)
        bench.feed([65_000])
        #expect(bench.image.isOverSite)
        #expect(bench.image.hottest == 65_000)
        bench.feed([64_999])
        #expect(!bench.image.isOverSite)
    }

    @Test("rejected samples vote although the probe has had no good one for long")
    func staleChannelVotes() {
        let bench = Bench([20_000])
        // Disconnected for 3 s, then back at a level that no water reaches in that time.
        bench.feed([-127_000], until: 3_000)
        #expect(!bench.image.isValid)
        bench.feed([70_000])
        #expect(!bench.image.isOverSite)
        bench.feed([70_000])
        #expect(bench.image.isOverSite)
    }

    @Test("votes do not outlive a silence")
    func forgetsVotes() {
        let bench = Bench([64_500])
        bench.feed([65_000])
        bench.feed([nil], until: 2_200)
        bench.feed([65_000])
        #expect(!bench.image.isOverSite, "one before and one after are not two in a row")
    }

    @Test("a restarted node's probe is not valid until its third sample")
    func restarts() {
        let bench = Bench([20_000])
        bench.temperatures.channels[0].restart()
        for isValid in [false, false, true] {
            bench.feed([20_000])
            #expect(bench.image.isValid == isValid)
        }
    }

    // MARK: Disagreement

    @Test(
        "two probes disagree when more than 5 K apart for 10 s", arguments: [Int32(5_000), 5_001])
    func disagrees(spread: Int32) {
        let bench = Bench([20_000, 20_000 + spread])
        // Valid, and so compared, from their third sample at t = 0 on.
        bench.feed([20_000, 20_000 + spread], until: 9_800)
        #expect(!bench.image.disagrees)
        bench.feed([20_000, 20_000 + spread])
        #expect(bench.image.disagrees == (spread > 5_000))
        #expect(bench.image.spread == (spread > 5_000 ? spread : 0))
        bench.feed([20_000, 25_000])
        #expect(!bench.image.disagrees)
    }

    @Test("agreement for a moment begins the 10 s anew")
    func disagreementBeginsAnew() {
        let bench = Bench([20_000, 26_000])
        bench.feed([20_000, 26_000], until: 9_600)
        bench.feed([20_500, 25_500])
        bench.feed([20_000, 26_000], until: 19_800)
        #expect(!bench.image.disagrees)
        bench.feed([20_000, 26_000])
        #expect(bench.image.disagrees)
    }

    @Test("of three the outlier is left out after 10 s, and comes back after 10 s of agreement")
    func excludes() {
        let bench = Bench([20_000, 20_500, 26_000])
        bench.feed([20_000, 20_500, 26_000], until: 9_800)
        #expect(bench.excluded == nil)
        bench.feed([20_000, 20_500, 26_000])
        #expect(bench.excluded == 2)
        #expect(bench.image.control == 20_500)
        #expect(bench.image.isIncomplete)
        #expect(!bench.image.disagrees)

        bench.feed([20_000, 20_500, 25_500], until: 20_000)
        #expect(bench.excluded == 2)
        bench.feed([20_000, 20_500, 26_000])
        bench.feed([20_000, 20_500, 25_500], until: 30_200)
        #expect(bench.excluded == 2, "apart once more, so its 10 s began anew")
        bench.feed([20_000, 20_500, 25_500])
        #expect(bench.excluded == nil)
        #expect(!bench.image.isIncomplete)
    }

    @Test("the outlier is the one furthest from the median", arguments: 0..<3)
    func findsOutlier(index: Int) {
        var values: [Int32?] = [20_000, 20_000, 20_000]
        values[index] = 14_000
        let bench = Bench(values)
        bench.feed(values, until: 10_000)
        #expect(bench.excluded == index)
        #expect(bench.image.control == 20_000)
    }

    @Test("with one left out, either of the others trips")
    func excludedDegrades() {
        // The probe that is left out reads low and will never vote.
        let bench = Bench([60_000, 60_000, 50_000])
        bench.feed([60_000, 60_000, 50_000], until: 10_000)
        #expect(bench.excluded == 2)
        bench.feed([60_500, 60_000, 50_000], until: 11_000)
        #expect(!bench.image.isOverSite)
        for value in stride(from: Int32(61_000), through: 65_000, by: 1_000) {
            bench.feed([value, 61_000, 50_000])
        }
        bench.feed([65_000, 61_000, 50_000])
        #expect(bench.image.isOverSite)
    }

    @Test("one high of three does not trip by itself, before or after it is left out (T32)")
    func oneHighDoesNotTrip() {
        let bench = Bench([30_000, 30_000, 70_000])
        bench.feed([30_000, 30_000, 70_000], until: 20_000)
        #expect(bench.excluded == 2)
        #expect(!bench.image.isOverSite)
        #expect(bench.image.control == 30_000)
    }

    @Test("two that are left disagree like a pair")
    func pairOfThreeDisagrees() {
        let bench = Bench([20_000, 26_000, nil])
        bench.feed([20_000, 26_000, nil], until: 10_000)
        #expect(bench.image.disagrees)
        #expect(bench.excluded == nil)
    }
}
