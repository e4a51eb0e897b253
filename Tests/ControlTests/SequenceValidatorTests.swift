import Events
import RelayBoard
import Testing
import Units

@testable import Control

/// V1 to V8 of §7.2: a good sequence with exactly one thing broken is refused, by that rule and
/// step.
@Suite("Sequence validator")
struct SequenceValidatorTests {
    /// A sequence that a test can take apart.
    struct Draft {
        var steps: [Step]

        init(_ profile: HeatingProfile, _ parameters: HeatingParameters = HeatingParameters()) {
            let sequence = builtInSequence(for: profile, parameters)
            steps = (0..<sequence.count).map { sequence[$0] }
        }

        var sequence: Control.Sequence {
            var sequence = Control.Sequence()
            for step in steps {
                let fits = sequence.append(step)
                precondition(fits, "a draft has at most sixteen steps")
            }
            return sequence
        }

        /// Puts `change` in the place of the guards of `step` on `condition`; nil leaves them out.
        mutating func change(_ step: Int, _ condition: Condition, to change: Guard?) {
            let old = steps[step]
            var new = Step(
                old.kind, set: old.set, clear: old.clear, minimum: old.minimum,
                maximum: old.maximum, until: old.until, onPass: old.onPass,
                onTimeout: old.onTimeout, spark: old.spark)
            for index in 0..<Int(old.guards.count) {
                let isIt = old.guards[index].condition == condition
                guard let kept = isIt ? change : old.guards[index] else { continue }
                _ = new.add(kept)
            }
            steps[step] = new
        }
    }

    struct Row: CustomTestStringConvertible, Sendable {
        let testDescription: String
        var profile = HeatingProfile.gas
        let rule: SequenceDefect.Rule
        let step: UInt8
        let damage: @Sendable (inout Draft) -> Void
    }

    // Gas: 0 check, 1 circulate, 2 purge, 3 ignite, 4 stabilise, 5 heat, 6 close, 7 hold, 8 retry,
    // 9 circulate. Electric: 0 check, 1 circulate, 2 heat, 3 close, 4 hold, 5 retry, 6 circulate.
    static let structureRows: [Row] = [
        Row(testDescription: "no steps", rule: .structure, step: 0) { $0.steps = [] },
        Row(testDescription: "no check", rule: .structure, step: 0) { $0.steps[0].kind = .wait },
        Row(testDescription: "no close", rule: .structure, step: 0) { $0.steps[6].kind = .wait },
        Row(testDescription: "no hold", rule: .structure, step: 0) { $0.steps[7].kind = .wait },
        Row(testDescription: "no retry", rule: .structure, step: 0) { $0.steps[8].kind = .wait },
        Row(testDescription: "no heat", profile: .electric, rule: .structure, step: 0) {
            $0.steps[2].kind = .wait
        },
        Row(testDescription: "no end", rule: .structure, step: 1) { $0.steps[1].maximum = .zero },
        Row(testDescription: "longer than a day", rule: .structure, step: 1) {
            $0.steps[1].maximum = ms(86_400_001)
        },
        Row(testDescription: "minimum above maximum", rule: .structure, step: 2) {
            $0.steps[2].minimum = $0.steps[2].maximum + ms(1)
        },
        Row(testDescription: "set and clear at once", rule: .structure, step: 1) {
            $0.steps[1].clear = .pump
        },
        Row(testDescription: "power is not the job's", rule: .structure, step: 1) {
            $0.steps[1].set = RelayMask.pump.union(.power)
        },
        Row(testDescription: "a jump to nowhere", rule: .structure, step: 6) {
            $0.steps[6].onPass = .go(10)
        },
        Row(testDescription: "a guard's jump to nowhere", rule: .structure, step: 1) {
            $0.change(1, .demandGone, to: Guard(.demandGone, .go(99)))
        },
    ]

    static let ruleRows: [Row] = [
        Row(testDescription: "V1 spark in purge", rule: .v1, step: 2) { $0.steps[2].set = .spark },
        Row(testDescription: "V1 spark time in heat", rule: .v1, step: 5) {
            $0.steps[5].spark = ms(1)
        },
        Row(testDescription: "V1 spark longer than the trial", rule: .v1, step: 3) {
            $0.steps[3].spark = ms(3_001)
        },
        Row(testDescription: "V1 a trial longer than the safety time", rule: .v1, step: 3) {
            $0.steps[3].maximum = ms(3_001)
        },
        Row(testDescription: "V2 valve in purge", rule: .v2, step: 2) { $0.steps[2].set = .valve },
        Row(testDescription: "V2 element in circulate", profile: .electric, rule: .v2, step: 1) {
            $0.steps[1].set = RelayMask.pump.union(.element)
        },
        Row(testDescription: "V2 close leaves the valve open", rule: .v2, step: 6) {
            $0.steps[6].clear = .spark
        },
        Row(testDescription: "V2 hold leaves the valve open", rule: .v2, step: 7) {
            $0.steps[7].clear = .none
        },
        Row(testDescription: "V2 retry leaves the valve open", rule: .v2, step: 8) {
            $0.steps[8].clear = .none
        },
        Row(testDescription: "V2 heat jumps past close", rule: .v2, step: 5) {
            $0.steps[5].onPass = .go(9)
        },
        Row(testDescription: "V2 heat times out past close", rule: .v2, step: 5) {
            $0.steps[5].onTimeout = .finish
        },
        Row(testDescription: "V2 a guard of heat goes past close", rule: .v2, step: 5) {
            $0.change(5, .flowLow, to: Guard(.flowLow, .abandon(.flowLost)))
        },
        Row(
            testDescription: "V2 heat is followed by circulation", profile: .electric, rule: .v2,
            step: 2
        ) {
            $0.steps.swapAt(3, 6)
        },
        Row(testDescription: "V3 ignition goes on without a flame", rule: .v3, step: 3) {
            $0.steps[3].until = .always
        },
        Row(testDescription: "V3 ignition times out into stabilise", rule: .v3, step: 3) {
            $0.steps[3].onTimeout = .next
        },
        Row(testDescription: "V3 ignition without stale guard", rule: .v3, step: 3) {
            $0.change(3, .flameStale, to: nil)
        },
        Row(testDescription: "V3 stabilise without flame guard", rule: .v3, step: 4) {
            $0.change(4, .flameOff, to: nil)
        },
        Row(testDescription: "V3 heat without flame guard", rule: .v3, step: 5) {
            $0.change(5, .flameOff, to: nil)
        },
        Row(testDescription: "V3 a flame guard that waits", rule: .v3, step: 5) {
            $0.change(
                5, .flameOff,
                to: Guard(.flameOff, after: ms(100), .recycle(.flameLostRecycle, .flameLostAgain)))
        },
        Row(testDescription: "V3 heat without no-rise guard", rule: .v3, step: 5) {
            $0.change(5, .noRise, to: nil)
        },
        Row(testDescription: "V3 a no-rise guard that only fails", rule: .v3, step: 5) {
            $0.change(5, .noRise, to: Guard(.noRise, .fail(.noTemperatureRise)))
        },
        Row(testDescription: "V3 heat without stale guard", rule: .v3, step: 5) {
            $0.change(5, .signalsStale, to: nil)
        },
        Row(testDescription: "V3 heat without flow guard", rule: .v3, step: 5) {
            $0.change(5, .flowLow, to: nil)
        },
        Row(testDescription: "V3 heat without end of demand", rule: .v3, step: 5) {
            $0.change(5, .demandGone, to: nil)
        },
        Row(testDescription: "V3 heat longer than maxRun", rule: .v3, step: 5) {
            $0.steps[5].maximum = ms(7_200_001)
        },
        Row(
            testDescription: "V3 a good guard behind a bad one on the same condition",
            profile: .electric, rule: .v3, step: 2
        ) {
            $0.change(2, .noRise, to: Guard(.noRise, .stop))
            _ = $0.steps[2].add(Guard(.noRise, .fatal(.noTemperatureRise)))
        },
        Row(testDescription: "V4 the check proves nothing", rule: .v4, step: 3) {
            $0.steps[0].until = .always
        },
        Row(testDescription: "V4 the check times out into the job", rule: .v4, step: 3) {
            $0.steps[0].onTimeout = .next
        },
        Row(testDescription: "V4 a jump around the check", profile: .electric, rule: .v4, step: 2) {
            $0.steps.swapAt(0, 1)
            $0.steps[0].onPass = .go(2)
        },
        Row(testDescription: "V5 a short purge", rule: .v5, step: 3) {
            $0.steps[2].minimum = ms(14_999)
        },
        Row(testDescription: "V5 no purge", rule: .v5, step: 3) { $0.steps[2].kind = .circulate },
        Row(testDescription: "V5 a jump around the purge", rule: .v5, step: 3) {
            $0.steps[1].onPass = .go(3)
        },
        Row(testDescription: "V5 a valve that is opened unlit", rule: .v5, step: 3) {
            $0.steps[3].kind = .stabilise
            $0.steps[3].set = .valve
            $0.steps[3].spark = .zero
            $0.change(3, .flameStale, to: Guard(.flameStale, .hold(.signalStale)))
            _ = $0.steps[3].add(Guard(.flameOff, .fatal(.ignitionFailed)))
        },
        Row(testDescription: "V6 a short pause", rule: .v6, step: 8) {
            $0.steps[8].minimum = ms(29_999)
        },
        Row(testDescription: "V6 electric: a short pause", profile: .electric, rule: .v6, step: 5) {
            $0.steps[5].minimum = ms(9_999)
        },
        Row(testDescription: "V6 close leads back to ignition", rule: .v6, step: 6) {
            $0.steps[6].onPass = .go(3)
        },
        Row(testDescription: "V6 close leads back to the purge, uncounted", rule: .v6, step: 2) {
            $0.steps[6].onPass = .go(2)
        },
        Row(testDescription: "V6 hold goes straight back", rule: .v6, step: 7) {
            $0.steps[7].onPass = .go(3)
        },
        Row(testDescription: "V6 a retry that is not counted", rule: .v6, step: 6) {
            $0.steps[6].onTimeout = .go(8)
        },
        Row(testDescription: "V6 heat resumes for ever", rule: .v6, step: 5) {
            $0.steps[5].onTimeout = .resume
        },
        Row(testDescription: "V6 a hold that waits for nothing", rule: .v6, step: 5) {
            $0.steps[5].onTimeout = .hold(.signalStale)
        },
        Row(testDescription: "V6 heat repeats itself", profile: .electric, rule: .v6, step: 2) {
            $0.steps[2].onTimeout = .go(2)
        },
        Row(testDescription: "V7 no pump", profile: .electric, rule: .v7, step: 2) {
            $0.steps[1].set = .none
        },
        Row(testDescription: "V7 the pump goes off before the ignition", rule: .v7, step: 3) {
            $0.steps[2].clear = .pump
        },
        Row(
            testDescription: "V7 the pump stays off after a retry", profile: .electric, rule: .v7,
            step: 2
        ) {
            $0.steps[5].clear = RelayMask.heat.union(.pump)
        },
        Row(testDescription: "V8 the last step does not finish", rule: .v8, step: 9) {
            $0.steps[9].onPass = .abandon(.signalStale)
        },
        Row(testDescription: "V8 the last step does not time out into the end", rule: .v8, step: 9)
        {
            $0.steps[9].onTimeout = .fatal(.signalStaleFatal)
        },
        Row(testDescription: "V8 the last step energises", rule: .v8, step: 9) {
            $0.steps[9].set = .fan
        },
    ]

    @Test("one thing broken is found", arguments: structureRows + ruleRows)
    func finds(row: Row) {
        var draft = Draft(row.profile)
        row.damage(&draft)
        let found = defect(in: draft.sequence, profile: row.profile, HeatingParameters())
        #expect(found == SequenceDefect(row.rule, step: row.step))
    }

    @Test("every rule has rows, and the reason of each says which rule it is")
    func coversRules() {
        let rules: [SequenceDefect.Rule] = [.v1, .v2, .v3, .v4, .v5, .v6, .v7, .v8]
        for rule in rules {
            #expect(Self.ruleRows.contains { $0.rule == rule })
            let reason = "\(SequenceDefect(rule, step: 0).reason)"
            #expect(reason.hasPrefix("V\(rule.rawValue): "))
        }
    }

    @Test("a static tank needs neither pump nor flow")
    func staticTank() {
        var parameters = HeatingParameters()
        parameters.isStaticTank = true
        var draft = Draft(.electric, parameters)
        draft.steps[1].set = .none
        draft.change(2, .flowLow, to: nil)
        #expect(defect(in: draft.sequence, profile: .electric, parameters) == nil)
    }

    @Test("a step between the purge and the ignition is allowed, for the purge is done")
    func stepAfterPurge() {
        var draft = Draft(.gas)
        draft.steps.insert(
            Step(.actuate, set: .fan, maximum: ms(1_000), until: .always, onTimeout: .next), at: 3)
        draft.steps[7].onPass = .go(10)
        draft.steps[9].onPass = .go(4)
        draft.steps[9].onTimeout = .go(4)
        #expect(defect(in: draft.sequence, profile: .gas, HeatingParameters()) == nil)
    }
}
