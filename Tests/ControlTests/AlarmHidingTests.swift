import Events
import Testing
import Units

@testable import Control

/// alarms-and-events §1: what may hide an alarm, what may not, and too many of them.
@Suite("Alarm hiding and rates")
struct AlarmHidingTests {
    typealias Bench = AlarmEngineTests.Bench

    static let hour: Int64 = 3_600_000

    @Test(
        "shelving lasts at most 12 h and ends by itself",
        arguments: [
            (Int64(0), false), (1, true), (12 * hour, true), (12 * hour + 1, false),
        ])
    func shelves(row: (length: Int64, isShelved: Bool)) {
        let bench = Bench()
        bench.tick(at: 1_000)
        let shelved = bench.act {
            $0.shelve(
                .trialFailed, until: at(1_000 + row.length), by: .technician,
                events: &$1)
        }
        #expect(shelved == (row.isShelved ? ["E203 shelved"] : []))
        guard row.isShelved else { return }
        let changes = bench.tick(.trialFailed, at: 1_000 + row.length - 1)
        #expect(changes == ["E203 raised"], "what is shelved still runs and is recorded")
        let later = bench.tick(.trialFailed, at: 1_000 + row.length)
        #expect(later == ["E203 unshelved"])
        #expect(bench.engine.views[Int(AlarmCode.trialFailed.rawValue)].shelvedUntil == nil)
    }

    @Test("a FATAL can be neither shelved nor taken out of service", arguments: allCodes)
    func neverHidesFatal(code: AlarmCode) {
        let bench = Bench()
        bench.tick(at: 0)
        let changes = bench.act { engine, events in
            engine.shelve(code, until: at(1_000), by: .admin, events: &events)
            engine.setOutOfService(code, true, by: .admin, events: &events)
        }
        let isFatal = bench.plan.severities[Int(code.rawValue)] == .fatal
        let number = code.number
        #expect(
            changes
                == (isFatal ? [] : ["E\(number) shelved", "E\(number) outOfService"]))
        let view = bench.engine.views[Int(code.rawValue)]
        #expect(view.isOutOfService == !isFatal)
        #expect((view.shelvedUntil == nil) == isFatal)
    }

    @Test("a lost bus hides its consequences, not itself and not a FATAL")
    func suppresses() {
        var plan = AlarmPlan()
        plan.severities[Int(AlarmCode.channelExcluded.rawValue)] = .fatal
        let bench = Bench(plan)
        bench.tick(.signalStale, .channelExcluded)
        let changes = bench.tick(.signalStale, .channelExcluded, .busSilent)
        #expect(changes == ["E501 raised", "E301 suppressed"])
        func isHidden(_ code: AlarmCode) -> Bool {
            bench.engine.views[Int(code.rawValue)].isSuppressed
        }
        #expect(isHidden(.signalStale))
        #expect(!isHidden(.busSilent) && !isHidden(.channelExcluded))
        bench.tick(.signalStale, at: 300)
        let later = bench.tick(.signalStale, at: 5_300)
        #expect(later.contains("E501 returned") && later.contains("E301 unsuppressed"))
    }

    @Test(
        "three in a minute chatter, and the off-delay is then a minute",
        arguments: [
            Int64(60_000), 60_001,
        ])
    func chatters(span: Int64) {
        let bench = Bench()
        bench.tick(.noFlowAtStart, at: 0)
        bench.tick(at: 100)
        bench.tick(.noFlowAtStart, at: 30_000)
        bench.tick(at: 30_100)
        bench.tick(.noFlowAtStart, at: span)
        let isChattering = span <= 60_000
        #expect(bench.facts.contains(.alarmChattering(.noFlowAtStart)) == isChattering)
        let gone = bench.tick(at: 61_000)
        #expect(gone == (isChattering ? [] : ["E208 returned"]))
        #expect(bench.tick(at: 120_900).isEmpty)
        let quiet = bench.tick(at: 121_000)
        #expect(quiet == (isChattering ? ["E208 returned"] : []))
    }

    @Test(
        "the eleventh alarm in 10 min is a flood, told once, with the first-out",
        arguments: [
            Int64(600_000), 600_001,
        ])
    func floods(span: Int64) {
        let bench = Bench()
        bench.engine.firstOut = .gasLeak
        var floods: [Int64] = []
        // Eleven different codes, so that none of them chatters, and one more.
        let codes = allCodes.filter { alarmDefinition($0).severity != .info }.prefix(12)
        let times = (0..<10).map { Int64($0) * 1_000 } + [span, span + 100]
        for (code, time) in zip(codes, times) {
            bench.tick(code, at: time)
            let flood = Fact.alarmFlood(count: 11, firstOut: .gasLeak)
            if bench.facts.contains(flood) { floods.append(time) }
        }
        #expect(floods == (span <= 600_000 ? [600_000] : [600_101]))
    }
}
