import Testing
import Units

@testable import Control

/// §5: two samples that agree are believed, in between the former belief is held.
@Suite("Binary signal")
struct BinarySignalTests {
    struct Row: CustomTestStringConvertible, Sendable {
        let testDescription: String
        /// One sample each 200 ms from t = 0.
        let samples: [Bool]
        var isOn = false
        var isOff = false
        var isSingle = false
        var changedAt: Int64?
    }

    static let rows: [Row] = [
        Row(testDescription: "nothing seen is neither on nor off", samples: []),
        Row(testDescription: "one true is a hint and no belief", samples: [true], isSingle: true),
        Row(testDescription: "one false is no belief", samples: [false]),
        Row(testDescription: "two true are on", samples: [true, true], isOn: true, changedAt: 200),
        Row(
            testDescription: "two false are off", samples: [false, false], isOff: true,
            changedAt: 200),
        Row(
            testDescription: "off is held over one true", samples: [false, false, true],
            isOff: true,
            isSingle: true, changedAt: 200),
        Row(
            testDescription: "on is held over one false", samples: [true, true, false], isOn: true,
            changedAt: 200),
        Row(
            testDescription: "true, false, true is not two in a row", samples: [true, false, true],
            isSingle: true),
        Row(
            testDescription: "on changes at its second true", samples: [false, false, true, true],
            isOn: true, changedAt: 600),
        Row(
            testDescription: "a third true changes nothing", samples: [true, true, true],
            isOn: true, changedAt: 200),
        Row(
            testDescription: "a blip does not begin a new on",
            samples: [true, true, false, true, true],
            isOn: true, changedAt: 200),
    ]

    @Test("samples lead to belief", arguments: rows)
    func believes(row: Row) {
        var signal = BinarySignal()
        for (index, sample) in row.samples.enumerated() {
            signal.take(sample, at: at(Int64(index) * 200), gapMaximum: ms(1_000))
        }
        #expect(signal.isOn == row.isOn)
        #expect(signal.isOff == row.isOff)
        #expect(signal.isSingle == row.isSingle)
        #expect(signal.changedAt == row.changedAt.map(at) ?? .never)
    }

    @Test(
        "two samples with a gap between them are not two in a row", arguments: [999, 1_000, 1_001])
    func forgetsOverGap(gap: Int64) {
        var signal = BinarySignal()
        signal.take(true, at: at(0), gapMaximum: ms(1_000))
        signal.take(true, at: at(gap), gapMaximum: ms(1_000))
        #expect(signal.isOn == (gap < 1_000))
        #expect(signal.isSingle == (gap >= 1_000))
    }

    @Test("bad news is not forgotten over a gap, good news is")
    func remembersBadNews() {
        var gas = BinarySignal()
        gas.take(true, at: at(0), gapMaximum: ms(1_000), isAlarming: true)
        gas.take(true, at: at(60_000), gapMaximum: ms(1_000), isAlarming: true)
        #expect(gas.isOn, "two samples of gas are two however far apart they came")
        gas.take(false, at: at(120_000), gapMaximum: ms(1_000), isAlarming: true)
        #expect(!gas.isOff, "one good sample ends nothing")
        gas.take(false, at: at(180_000), gapMaximum: ms(1_000), isAlarming: true)
        #expect(!gas.isOff, "and two with a gap between them do not either")
        gas.take(false, at: at(180_200), gapMaximum: ms(1_000), isAlarming: true)
        #expect(gas.isOff && !gas.isOn)
    }

    @Test("a restart ends the belief")
    func forgetsAtRestart() {
        var signal = BinarySignal()
        signal.take(true, at: at(0), gapMaximum: ms(1_000))
        signal.take(true, at: at(200), gapMaximum: ms(1_000))
        signal.restart()
        #expect(!signal.isOn && !signal.isOff && !signal.latest)
        signal.take(false, at: at(400), gapMaximum: ms(1_000))
        #expect(!signal.isOff)
    }

    @Test("a signal is trusted, and its age counts, from the third good sample on")
    func provesItself() {
        var freshness = Freshness()
        for index in 0..<3 {
            #expect(!freshness.isTrusted)
            #expect(freshness.isStale(at(400), after: ms(2_000)))
            #expect(freshness.goodAt == .never)
            freshness.take(at: at(Int64(index) * 200))
        }
        #expect(freshness.isTrusted && freshness.isProven)
        #expect(freshness.goodAt == at(400))
        #expect(!freshness.isStale(at(2_399), after: ms(2_000)))
        #expect(freshness.isStale(at(2_400), after: ms(2_000)))
    }

    @Test("a restarted node is stale at once, for three samples, and its age goes on")
    func restarts() {
        var freshness = Freshness()
        for index in 0..<3 { freshness.take(at: at(Int64(index) * 200)) }
        freshness.restart()
        for index in 3..<6 {
            #expect(freshness.isStale(at(1_000), after: ms(2_000)))
            #expect(freshness.age(at(1_000)) == ms(600), "sample \(index) may not refresh it")
            freshness.take(at: at(Int64(index) * 200))
        }
        #expect(!freshness.isStale(at(1_000), after: ms(2_000)))
        #expect(freshness.age(at(1_000)) == .zero)
    }

    @Test("three good samples after a mark are a proof, two are not")
    func countsFromMark() {
        var freshness = Freshness()
        for index in 0..<300 { freshness.take(at: at(Int64(index))) }
        freshness.mark()
        #expect(!freshness.isProven)
        freshness.take(at: at(300))
        freshness.take(at: at(301))
        #expect(!freshness.isProven)
        freshness.take(at: at(302))
        #expect(freshness.isProven)
    }
}
