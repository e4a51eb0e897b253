import Events
import RelayBoard
import Testing
import Units

@testable import Control

@Suite("Built-in sequences")
struct BuiltInSequencesTests {
    static let profiles: [HeatingProfile] = [.gas, .electric, .external]

    /// §5's permitted ranges, both ends. `siteLimit` and others that no step holds stay as they
    /// are.
    static func extremes(isHigh: Bool) -> HeatingParameters {
        var p = HeatingParameters()
        p.maxRun = ms(isHigh ? 86_400_000 : 60_000)
        p.stabilise = ms(isHigh ? 15_000 : 1_000)
        p.postcirculate = ms(isHigh ? 600_000 : 0)
        p.hold = ms(isHigh ? 5_000 : 500)
        p.staleFatal = ms(isHigh ? 30_000 : 500)
        p.precheck = ms(isHigh ? 10_000 : 1_000)
        p.precirculate = ms(isHigh ? 120_000 : 0)
        p.flowProve = ms(isHigh ? 30_000 : 1_000)
        p.prepurge = ms(isHigh ? 300_000 : 5_000)
        p.interPurge = ms(isHigh ? 600_000 : 5_000)
        p.safetyTime = ms(isHigh ? 4_500 : 1_000)
        p.spark = ms(isHigh ? 4_500 : 100)
        p.trials = isHigh ? 3 : 1
        p.recycles = isHigh ? 1 : 0
        return p
    }

    @Test("they pass the validator with default and extreme parameters", arguments: profiles)
    func pass(profile: HeatingProfile) {
        for parameters in [
            HeatingParameters(), Self.extremes(isHigh: true), Self.extremes(isHigh: false),
        ] {
            let sequence = builtInSequence(for: profile, parameters)
            #expect(defect(in: sequence, profile: profile, parameters) == nil)
        }
    }

    @Test(
        "each heats with its own relay and no other",
        arguments: zip(
            profiles,
            [
                RelayMask.valve, .element, .demand,
            ]))
    func heatsWithItsOwn(profile: HeatingProfile, relay: RelayMask) {
        let sequence = builtInSequence(for: profile, HeatingParameters())
        var set = RelayMask.none
        for index in 0..<sequence.count { set = set.union(sequence[index].set) }
        #expect(set.intersection(.heat) == relay)
        #expect(set.contains(.spark) == (profile == .gas))
    }

    @Test("the defaults are those of §5")
    func defaults() {
        let p = HeatingParameters()
        let temperatures = [p.target, p.overTarget, p.siteLimit, p.noRiseGain].map(\.rawValue)
        #expect(temperatures == [38_000, 10_000, 65_000, 1_000])
        let times = [
            p.noRiseWindow, p.maxRun, p.spark, p.stabilise, p.flameOut, p.postcirculate, p.hold,
            p.staleFatal, p.flameStale, p.precheck, p.precirculate, p.flowProve, p.prepurge,
            p.interPurge, p.safetyTime, InterlockPlan().lease,
        ].map(\.rawValue)
        #expect(
            times == [
                180_000, 7_200_000, 2_000, 3_000, 2_000, 30_000, 2_000, 10_000, 1_000, 1_000,
                10_000, 5_000, 15_000, 30_000, 3_000, 500,
            ])
        #expect(p.minFlow.rawValue == 1_000 && p.levelMin.rawValue == 50)
        #expect(p.trials == 2 && p.recycles == 1)
        #expect(p.targetMinimum.rawValue == 5_000 && p.targetMaximum.rawValue == 60_000)
    }
}
