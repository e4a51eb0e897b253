import Testing
import Units

@testable import Control

@Suite("Scalar signal")
struct ScalarSignalTests {
    static func take(_ signal: inout ScalarSignal, _ value: Int32, at time: Int64) {
        signal.take(
            value, at: at(time), isLow: value < 1_000, lowest: 0, highest: 200_000,
            gapMaximum: ms(2_000))
    }

    @Test(
        "outside its range a sample is no measurement and only ages the signal",
        arguments: [(Int32(-1), false), (0, true), (200_000, true), (200_001, false)])
    func judgesRange(row: (value: Int32, isGood: Bool)) {
        var signal = ScalarSignal()
        for time in [0, 200, 400] { Self.take(&signal, 3_000, at: Int64(time)) }
        Self.take(&signal, row.value, at: 600)
        #expect(signal.quality == (row.isGood ? .ok : .range))
        #expect(signal.value == (row.isGood ? row.value : 3_000))
        #expect(signal.freshness.age(at(600)) == ms(row.isGood ? 0 : 200))
    }

    @Test("samples in a row below and above the limit are counted, and the first low one is timed")
    func countsRows() {
        var signal = ScalarSignal()
        let samples: [(Int32, UInt8, UInt8)] = [
            (1_000, 0, 1), (999, 1, 0), (500, 2, 0), (0, 3, 0), (1_001, 0, 1), (999, 1, 0),
        ]
        for (index, sample) in samples.enumerated() {
            Self.take(&signal, sample.0, at: Int64(index) * 200)
            #expect(signal.lowCount == sample.1, "sample \(index)")
            #expect(signal.highCount == sample.2, "sample \(index)")
            if index == 3 { #expect(signal.lowSince == at(200)) }
        }
        #expect(signal.lowSince == at(1_000))
    }

    @Test("a rejected sample neither counts nor ends a row")
    func skipsRejected() {
        var signal = ScalarSignal()
        Self.take(&signal, 0, at: 0)
        Self.take(&signal, -5, at: 200)
        Self.take(&signal, 0, at: 400)
        #expect(signal.lowCount == 2)
        #expect(signal.lowSince == at(0))
    }

    @Test("a gap ends a row of good samples, not one of low ones", arguments: [1_999, 2_000])
    func forgetsOverGap(gap: Int64) {
        var low = ScalarSignal()
        Self.take(&low, 0, at: 0)
        Self.take(&low, 0, at: gap)
        #expect(low.lowCount == 2)
        #expect(low.lowSince == at(0))
        var high = ScalarSignal()
        Self.take(&high, 5_000, at: 0)
        Self.take(&high, 5_000, at: gap)
        #expect(high.highCount == (gap < 2_000 ? 2 : 1))
    }

    @Test("counts stop at 255 instead of beginning again")
    func saturates() {
        var low = ScalarSignal()
        var high = ScalarSignal()
        for index in 0..<300 {
            Self.take(&low, 0, at: Int64(index) * 200)
            Self.take(&high, 5_000, at: Int64(index) * 200)
        }
        #expect(low.lowCount == 255)
        #expect(high.highCount == 255)
    }

    @Test("a restart ends rows and trust")
    func restarts() {
        var signal = ScalarSignal()
        for time in [0, 200, 400] { Self.take(&signal, 0, at: Int64(time)) }
        signal.restart()
        #expect(signal.lowCount == 0 && signal.highCount == 0)
        #expect(signal.quality == .absent)
        #expect(!signal.freshness.isTrusted)
    }
}
