import Events
import RelayBoard
import Testing
import Units

@testable import Control

/// E401 to E403, E405 and E406: what the relay board's answers say.
@Suite("Board link")
struct BoardLinkTests {
    final class Bench {
        var link = BoardLink()
        var alarms = AlarmEngine(plan: AlarmPlan())
        let settings = Settings(ControlPlan())
        var isPowerClosed = true
        var isTripped = false
        /// What the board answers, unless the tick says otherwise.
        var status: BoardStatus = {
            var status = BoardStatus()
            status.isArmed = true
            status.isLeaseRunning = true
            status.leaseMilliseconds = 500
            status.bootCount = 7
            return status
        }()
        private(set) var outputs = Outputs()
        private(set) var facts: [Fact] = []

        /// A tick: `relays` asked, and the answer to it. The board takes each heartbeat and
        /// follows.
        @discardableResult
        func tick(
            _ relays: RelayMask = .none, isLeased: Bool = true,
            _ change: (inout BoardAnswer) -> Void = { _ in }
        ) -> [String] {
            alarms.beginTick()
            outputs = Outputs()
            outputs.relays = relays
            link.prepare(&outputs, isLeased: isLeased, settings: settings)
            var answer = BoardAnswer()
            answer.writes = outputs.heartbeat == nil ? .notTried : .done
            if let beat = outputs.heartbeat { status.lastHeartbeat = beat }
            status.wanted = relays
            status.actual = relays
            answer.status = status
            change(&answer)
            var events = EventBuffer()
            events.begin(tick: Tick(0), at: at(0))
            link.take(
                answer, outputs: outputs, isPowerClosed: isPowerClosed, isTripped: isTripped,
                alarms: &alarms, events: &events)
            facts = events.facts
            let fatals = (0..<alarms.fatalCount).map { "E\(alarms.fatal($0).number)" }
            alarms.step(now: at(0), events: &events)
            let errors = events.transitions
                .filter { $0.severity == .error && $0.change == .raised }
            return fatals + errors.map { "E\($0.code.number) error" }
        }
    }

    struct Failure: CustomTestStringConvertible, Sendable {
        let testDescription: String
        let change: @Sendable (inout BoardAnswer) -> Void
        let isFailure: Bool
    }

    static let failures: [Failure] = [
        Failure(
            testDescription: "a write failed", change: { $0.writes = .failed }, isFailure: true),
        Failure(testDescription: "TRIP failed", change: { $0.trip = .failed }, isFailure: true),
        Failure(
            testDescription: "the status could not be read", change: { $0.status = nil },
            isFailure: true),
        Failure(
            testDescription: "nothing was written", change: { $0.writes = .notTried },
            isFailure: false),
    ]

    @Test("E401 after exactly three ticks in a row with a failure", arguments: failures)
    func findsLostBoard(row: Failure) {
        let bench = Bench()
        bench.tick()
        #expect(bench.tick(.none, row.change).isEmpty)
        #expect(bench.tick(.none, row.change).isEmpty)
        #expect(bench.tick(.none, row.change) == (row.isFailure ? ["E401"] : []))
    }

    @Test("one good tick begins the count anew")
    func countsInARow() {
        let bench = Bench()
        for _ in 0..<5 {
            for _ in 0..<2 { #expect(bench.tick { $0.status = nil }.isEmpty) }
            #expect(bench.tick().isEmpty)
        }
    }

    @Test("E401 is an ERROR while the power is open, and FATAL from when it is closed")
    func lostBoardSeverity() {
        let bench = Bench()
        bench.isPowerClosed = false
        for _ in 0..<2 { bench.tick { $0.status = nil } }
        #expect(bench.tick { $0.status = nil } == ["E401 error"])
        bench.isPowerClosed = true
        #expect(bench.tick { $0.status = nil } == ["E401"])
    }

    @Test("a heartbeat that is withheld is no failure")
    func withholds() {
        let bench = Bench()
        for _ in 0..<10 { #expect(bench.tick(isLeased: false).isEmpty) }
        #expect(bench.outputs.heartbeat == nil)
        #expect(!bench.outputs.arms)
    }

    @Test("heartbeats continue from the board's number, by one, and wrap")
    func numbersHeartbeats() {
        let bench = Bench()
        bench.status.lastHeartbeat = 253
        bench.tick(isLeased: false)
        var numbers: [UInt8?] = []
        for _ in 0..<4 {
            bench.tick()
            numbers.append(bench.outputs.heartbeat)
        }
        #expect(numbers == [254, 255, 0, 1])
    }

    @Test("a heartbeat that the board did not take is sent again")
    func repeatsRefusedHeartbeat() {
        let bench = Bench()
        bench.status.lastHeartbeat = 10
        bench.tick(isLeased: false)
        bench.tick { $0.status?.lastHeartbeat = 10 }
        bench.status.lastHeartbeat = 10
        bench.tick()
        #expect(bench.outputs.heartbeat == 11)
    }

    @Test("ARM is written only to a board that answers and is not armed")
    func arms() {
        let bench = Bench()
        bench.isPowerClosed = false
        bench.tick()
        #expect(!bench.outputs.arms, "before its first answer nothing is known of it")
        bench.tick()
        #expect(!bench.outputs.arms)
        bench.status.isArmed = false
        bench.tick()
        bench.tick()
        #expect(bench.outputs.arms)
        bench.tick { $0.status = nil }
        bench.tick()
        #expect(!bench.outputs.arms)
    }

    @Test("a TRIP goes alone")
    func tripsAlone() {
        var link = BoardLink()
        var outputs = Outputs()
        outputs.trips = true
        outputs.relays = .pump
        link.prepare(&outputs, isLeased: true, settings: Settings(ControlPlan()))
        #expect(outputs.heartbeat == nil)
        #expect(!outputs.arms)
    }

    @Test("another lease than the site's is configured")
    func configures() {
        let bench = Bench()
        bench.status.leaseMilliseconds = 400
        bench.tick()
        bench.tick()
        #expect(bench.outputs.configures)
        bench.status.leaseMilliseconds = 500
        bench.tick()
        bench.tick()
        #expect(!bench.outputs.configures)
    }

    struct Change: CustomTestStringConvertible, Sendable {
        let testDescription: String
        let change: @Sendable (inout BoardStatus) -> Void
        let whenClosed: [String]
        let whenOpen: [String]
    }

    static func tripped(_ cause: TripCause) -> @Sendable (inout BoardStatus) -> Void {
        {
            $0.tripCause = cause
            $0.isTripped = true
            $0.isArmed = false
        }
    }

    static let changes: [Change] = [
        Change(testDescription: "nothing", change: { _ in }, whenClosed: [], whenOpen: []),
        Change(
            testDescription: "lease with heat on", change: tripped(.leaseWithHeat),
            whenClosed: ["E402"], whenOpen: ["E402"]),
        Change(
            testDescription: "lease without heat",
            change: {
                $0.hasExpired = true
                $0.isArmed = false
            }, whenClosed: ["E402"], whenOpen: []),
        Change(
            testDescription: "another boot count", change: { $0.bootCount = 8 },
            whenClosed: ["E403"], whenOpen: []),
        Change(
            testDescription: "disarmed for no reason given", change: { $0.isArmed = false },
            whenClosed: ["E403"], whenOpen: []),
        Change(
            testDescription: "its own read-back", change: tripped(.readBack),
            whenClosed: ["E405"], whenOpen: ["E405"]),
        Change(
            testDescription: "unproven heat", change: tripped(.unproven), whenClosed: ["E406"],
            whenOpen: ["E406"]),
        Change(
            testDescription: "heat too long", change: tripped(.heatTooLong), whenClosed: ["E406"],
            whenOpen: ["E406"]),
        Change(
            testDescription: "its watchdog", change: tripped(.watchdog), whenClosed: ["E406"],
            whenOpen: ["E406"]),
        Change(
            testDescription: "its self-test", change: tripped(.selfTest), whenClosed: ["E406"],
            whenOpen: ["E406"]),
        Change(
            testDescription: "a TRIP that this run did not write", change: tripped(.host),
            whenClosed: ["E406"], whenOpen: ["E406"]),
    ]

    @Test("what changed on the board gets its code", arguments: changes)
    func maps(row: Change) {
        for isPowerClosed in [true, false] {
            let bench = Bench()
            bench.isPowerClosed = isPowerClosed
            for _ in 0..<2 { bench.tick() }
            var status = bench.status
            row.change(&status)
            bench.status = status
            #expect(bench.tick() == (isPowerClosed ? row.whenClosed : row.whenOpen))
        }
    }

    @Test("while the controller is tripped, what the board says is no new FATAL")
    func judgesNothingWhenTripped() {
        let bench = Bench()
        for _ in 0..<2 { bench.tick() }
        bench.isTripped = true
        Self.tripped(.host)(&bench.status)
        #expect(bench.tick(isLeased: false).isEmpty)
    }

    @Test("T27: pins other than written, in two ticks in a row, are E405")
    func findsMismatch() {
        let bench = Bench()
        bench.tick(.pump)
        let pinStuck = bench.tick(.pump) { $0.status?.actual = RelayMask.pump.union(.valve) }
        #expect(pinStuck.isEmpty)
        #expect(bench.facts == [.relaysDisagreed(commanded: 2, actual: 6)])
        #expect(bench.tick(.pump).isEmpty)
        let first = bench.tick(.pump) { $0.status?.actual = .none }
        #expect(first.isEmpty)
        let second = bench.tick(.pump) { $0.status?.actual = .none }
        #expect(second == ["E405"])
    }

    @Test("pins are not judged by a write that did not get there")
    func judgesOnlyAnsweredWrites() {
        let bench = Bench()
        bench.tick(.pump)
        for _ in 0..<2 {
            let found = bench.tick(.none) {
                $0.writes = .failed
                $0.status?.actual = .pump
            }
            #expect(found.isEmpty)
        }
    }
}
