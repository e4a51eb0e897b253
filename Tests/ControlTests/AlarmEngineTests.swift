import Events
import Testing
import Units

@testable import Control

/// alarms-and-events §1: the life of an alarm, row by row, and what may hide it.
@Suite("Alarm engine")
struct AlarmEngineTests {
    final class Bench {
        var engine: AlarmEngine
        let plan: AlarmPlan
        var time: Int64 = -100
        /// Of the latest tick or act.
        private(set) var facts: [Fact] = []

        init(_ plan: AlarmPlan = AlarmPlan()) {
            self.plan = plan
            engine = AlarmEngine(plan: plan)
        }

        /// Does something to the engine between two ticks; what it changed.
        @discardableResult
        func act(_ body: (inout AlarmEngine, inout EventBuffer) -> Void) -> [String] {
            var events = EventBuffer()
            events.begin(tick: Tick(UInt64(max(time, 0) / 100)), at: at(time))
            body(&engine, &events)
            facts = events.facts
            return events.changes
        }

        /// A tick in which these conditions hold; what changed in it.
        @discardableResult
        func tick(_ codes: AlarmCode..., at next: Int64? = nil) -> [String] {
            time = next ?? time + 100
            let now = Instant(time)
            return act { engine, events in
                engine.beginTick()
                for code in codes { engine.find(code) }
                engine.step(now: now, events: &events)
            }
        }

        func acknowledge(_ code: AlarmCode) -> [String] {
            act { $0.acknowledge(code, by: .technician, events: &$1) }
        }

        func reset() -> [String] { act { $0.resetFatals(events: &$1) } }

        func state(_ code: AlarmCode) -> AlarmState { engine.views[Int(code.rawValue)].state }
    }

    enum Act: Sendable { case hold, gone, acknowledge, reset }

    struct Row: CustomTestStringConvertible, Sendable {
        let testDescription: String
        let code: AlarmCode
        let acts: [Act]
        let state: AlarmState
        /// What the last act changed.
        let changes: [String]
    }

    // E208 is an ERROR, E103 a FATAL; both return with their condition.
    static let rows: [Row] = [
        Row(
            testDescription: "normal, absent", code: .noFlowAtStart, acts: [.gone], state: .normal,
            changes: []),
        Row(
            testDescription: "normal, acknowledged", code: .noFlowAtStart, acts: [.acknowledge],
            state: .normal, changes: []),
        Row(
            testDescription: "normal, condition holds", code: .noFlowAtStart, acts: [.hold],
            state: .unacknowledged, changes: ["E208 raised"]),
        Row(
            testDescription: "unacknowledged, holds on", code: .noFlowAtStart,
            acts: [.hold, .hold], state: .unacknowledged, changes: []),
        Row(
            testDescription: "unacknowledged, acknowledged", code: .noFlowAtStart,
            acts: [.hold, .acknowledge], state: .acknowledged, changes: ["E208 acknowledged"]),
        Row(
            testDescription: "unacknowledged, gone", code: .noFlowAtStart, acts: [.hold, .gone],
            state: .returned, changes: ["E208 returned"]),
        Row(
            testDescription: "acknowledged twice", code: .noFlowAtStart,
            acts: [.hold, .acknowledge, .acknowledge], state: .acknowledged, changes: []),
        Row(
            testDescription: "acknowledged, gone, not latched", code: .noFlowAtStart,
            acts: [.hold, .acknowledge, .gone], state: .normal, changes: ["E208 cleared"]),
        Row(
            testDescription: "acknowledged, gone, latched", code: .gasLeak,
            acts: [.hold, .acknowledge, .gone], state: .latched, changes: ["E103 latched"]),
        Row(
            testDescription: "returned, acknowledged, not latched", code: .noFlowAtStart,
            acts: [.hold, .gone, .acknowledge], state: .normal,
            changes: ["E208 acknowledged", "E208 cleared"]),
        Row(
            testDescription: "returned, acknowledged, latched", code: .gasLeak,
            acts: [.hold, .gone, .acknowledge], state: .latched,
            changes: ["E103 acknowledged", "E103 latched"]),
        Row(
            testDescription: "returned, comes again", code: .gasLeak, acts: [.hold, .gone, .hold],
            state: .unacknowledged, changes: ["E103 raised"]),
        Row(
            testDescription: "latched, comes again", code: .gasLeak,
            acts: [.hold, .acknowledge, .gone, .hold], state: .unacknowledged,
            changes: ["E103 raised"]),
        Row(
            testDescription: "latched, acknowledged", code: .gasLeak,
            acts: [.hold, .acknowledge, .gone, .acknowledge], state: .latched, changes: []),
        Row(
            testDescription: "latched, reset", code: .gasLeak,
            acts: [.hold, .acknowledge, .gone, .reset], state: .normal, changes: ["E103 reset"]),
        Row(
            testDescription: "returned FATAL, reset", code: .gasLeak, acts: [.hold, .gone, .reset],
            state: .normal, changes: ["E103 reset"]),
        Row(
            testDescription: "a reset is for FATALs only", code: .noFlowAtStart,
            acts: [.hold, .reset], state: .unacknowledged, changes: []),
        Row(
            testDescription: "an INFO is recorded and has no life", code: .jobStarted,
            acts: [.hold], state: .normal, changes: ["E1 raised"]),
    ]

    @Test("an alarm lives", arguments: rows)
    func lives(row: Row) {
        let bench = Bench()
        var changes: [String] = []
        for act in row.acts {
            switch act {
            case .hold: changes = bench.tick(row.code)
            case .gone: changes = bench.tick()
            case .acknowledge: changes = bench.acknowledge(row.code)
            case .reset: changes = bench.reset()
            }
        }
        #expect(bench.state(row.code) == row.state)
        #expect(changes == row.changes)
    }

    @Test("a WARNING returns 5 000 ms after its condition went, and a return of that begins anew")
    func offDelay() {
        let bench = Bench()
        bench.tick(.trialFailed, at: 0)
        bench.tick(at: 100)
        #expect(bench.tick(.trialFailed, at: 4_000).isEmpty)
        bench.tick(at: 4_100)
        #expect(bench.tick(at: 9_000).isEmpty)
        #expect(bench.tick(at: 9_100) == ["E203 returned"])
    }

    @Test("a FATAL restored from the record is latched, and only the reset ends it")
    func restores() {
        let bench = Bench()
        bench.act { $0.restore(LockoutRecordTests.entry(.gasLeak), events: &$1) }
        #expect(bench.state(.gasLeak) == .latched)
        #expect(!bench.engine.active.contains(.gasLeak), "it was not seen in this run")
        for _ in 0..<100 { bench.tick() }
        #expect(bench.state(.gasLeak) == .latched)
        #expect(bench.reset() == ["E103 reset"])
    }

    @Test("FATALs are listed in the order of their finding, each once while it holds")
    func listsFatals() {
        var engine = AlarmEngine(plan: AlarmPlan())
        var events = EventBuffer()
        let order: [AlarmCode] = [.boardLost, .gasLeak, .overTemperatureJob]
        for tick in 0..<3 {
            engine.beginTick()
            for code in order { engine.find(code, as: .fatal) }
            engine.find(.gasLeak, as: .fatal)
            let listed = (0..<engine.fatalCount).map { engine.fatal($0) }
            #expect(listed == (tick == 0 ? order : []))
            engine.step(now: at(Int64(tick) * 100), events: &events)
        }
    }

    @Test("more FATALs in a tick than the list holds do not overrun it")
    func listsAtMostSixteen() {
        var engine = AlarmEngine(plan: AlarmPlan())
        engine.beginTick()
        for code in allCodes { engine.find(code, as: .fatal) }
        #expect(engine.fatalCount == 16)
    }

    @Test("what gets worse while it holds, or within a tick, is found anew at its new severity")
    func escalates() {
        var engine = AlarmEngine(plan: AlarmPlan())
        var events = EventBuffer()
        engine.beginTick()
        engine.find(.boardLost, as: .error)
        engine.step(now: at(0), events: &events)
        events.removeAll()
        engine.beginTick()
        engine.find(.boardLost, as: .error)
        engine.find(.boardLost, as: .fatal)
        #expect(engine.fatalCount == 1)
        engine.step(now: at(100), events: &events)
        #expect(events.transitions.map(\.severity) == [.fatal])
    }

    @Test("a latched FATAL that comes again milder stays FATAL until the site resets it")
    func staysFatal() {
        var engine = AlarmEngine(plan: AlarmPlan())
        var events = EventBuffer()
        engine.beginTick()
        engine.find(.boardLost, as: .fatal)
        engine.step(now: at(0), events: &events)
        engine.beginTick()
        engine.step(now: at(100), events: &events)
        engine.beginTick()
        engine.find(.boardLost, as: .error)
        engine.step(now: at(200), events: &events)
        let row = Int(AlarmCode.boardLost.rawValue)
        #expect(engine.views[row].severity == .fatal)
        engine.resetFatals(events: &events)
        #expect(engine.views[row].state == .normal)
        engine.beginTick()
        engine.find(.boardLost, as: .error)
        #expect(engine.fatalCount == 0, "after the reset it is what it is")
    }

    @Test("an ERROR is told for as long as it holds, also while it is active")
    func tellsErrors() {
        let bench = Bench()
        for _ in 0..<3 {
            bench.tick(.tankEmptyIdle)
            #expect(bench.engine.errors.contains(.tankEmptyIdle))
        }
        bench.tick()
        #expect(bench.engine.errors.isEmpty)
    }
}
