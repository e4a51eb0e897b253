import Events
import RelayBoard
import Testing
import Units

@testable import Control

/// §7.6, steps 3 to 8: each step's pass and fail at its boundary.
@Suite("Self-check")
struct SelfCheckTests {
    /// A check whose board and lines the test states tick by tick.
    struct Bench {
        var check = SelfCheck()
        var plan = sitePlan()
        var time: Int64 = 0
        var status: BoardStatus? = BoardStatus()
        var identity: BoardIdentity? = SelfCheckTests.goodIdentity
        var sense = LineState.inactive
        var monostable = LineState.inactive
        var areSensorsProven = true
        /// The board's clock runs at this many µs for each ms of ours.
        var microseconds: Int64 = 1_000
        private(set) var failure: SelfCheck.Failure?

        init(_ step: SelfCheckStep) {
            var events = EventBuffer()
            check.start(now: at(0), events: &events)
            if step == .identity { return }
            tick(0)
            if step == .outputs { return }
            tick()
            if step == .clock { return }
            for _ in 0...10 { tick() }
            if step == .lease { return }
            runLease()
            precondition(check.step == .permit, "a good board gets to the permit step")
        }

        mutating func runLease() {
            status?.isArmed = true
            status?.isLeaseRunning = true
            tick()
            for _ in 0..<4 { tick() }
            expire()
            tick()
        }

        mutating func expire() {
            status?.isArmed = false
            status?.isLeaseRunning = false
            status?.hasExpired = true
        }

        mutating func tick(_ step: Int64 = 100) {
            time += step
            status?.clockMicroseconds = UInt32(truncatingIfNeeded: time * microseconds)
            var answer = BoardAnswer()
            answer.status = status
            answer.identity = check.wantsIdentity ? identity : nil
            let findings = SelfCheck.Findings(
                now: at(time), answer: answer, wasLeased: check.wantsLease,
                wasEdge: check.wantsEdge, sense: sense, monostable: monostable,
                areSensorsProven: areSensorsProven)
            var events = EventBuffer()
            failure = check.advance(findings, settings: Settings(plan), events: &events) ?? failure
        }

        mutating func run(ticks: Int) {
            for _ in 0..<ticks { tick() }
        }
    }

    static let goodIdentity: BoardIdentity = {
        var identity = BoardIdentity()
        identity.magic = Register.magic
        identity.mapVersion = Register.mapVersion
        identity.firmwareMajor = RelayBoardCore.firmwareMajor
        identity.selfTest = BoardIdentity.selfTestPassed
        return identity
    }()

    // MARK: Identity

    struct Identity: CustomTestStringConvertible, Sendable {
        let testDescription: String
        let change: @Sendable (inout BoardIdentity) -> Void
        let passes: Bool
    }

    static let identities: [Identity] = [
        Identity(testDescription: "as it should be", change: { _ in }, passes: true),
        Identity(testDescription: "another device", change: { $0.magic ^= 1 }, passes: false),
        Identity(testDescription: "another map", change: { $0.mapVersion += 1 }, passes: false),
        Identity(
            testDescription: "another firmware", change: { $0.firmwareMajor += 1 }, passes: false),
        Identity(
            testDescription: "a newer firmware of the same kind",
            change: { $0.firmwareMinor += 1 }, passes: true),
        Identity(testDescription: "a bad image", change: { $0.selfTest = 0b110 }, passes: false),
        Identity(testDescription: "bad memory", change: { $0.selfTest = 0b101 }, passes: false),
        Identity(testDescription: "a bad clock", change: { $0.selfTest = 0b011 }, passes: false),
    ]

    @Test("step 3: the board's identity", arguments: identities)
    func identity(row: Identity) {
        var bench = Bench(.identity)
        if var identity = bench.identity {
            row.change(&identity)
            bench.identity = identity
        }
        bench.tick()
        #expect(bench.check.step == (row.passes ? .outputs : .failed))
        #expect(bench.failure == (row.passes ? nil : .selfCheck))
    }

    @Test("step 3: a board that is not there is waited for, one that hides its identity is not")
    func missingIdentity() {
        var bench = Bench(.identity)
        bench.identity = nil
        bench.status = nil
        bench.run(ticks: 100)
        #expect(bench.check.step == .identity)
        bench.status = BoardStatus()
        bench.run(ticks: 14)
        #expect(bench.check.step == .identity)
        bench.tick()
        #expect(bench.failure == .selfCheck)
    }

    // MARK: Outputs

    @Test(
        "step 4: relays off and no supply, within what a killed run's lease may take",
        arguments: [
            (RelayMask.none, LineState.inactive, SelfCheck.Failure?.none),
            (.none, .notFitted, nil),
            (.pump, .inactive, .readBack),
            (.none, .active, .sense),
            (.pump, .active, .readBack),
        ])
    func outputs(row: (actual: RelayMask, sense: LineState, failure: SelfCheck.Failure?)) {
        var bench = Bench(.outputs)
        bench.status?.actual = row.actual
        bench.sense = row.sense
        bench.run(ticks: 14)
        #expect(bench.failure == nil)
        bench.tick()
        #expect(bench.failure == row.failure)
    }

    @Test("step 4: what falls in time passes")
    func outputsFall() {
        var bench = Bench(.outputs)
        bench.status?.actual = .pump
        bench.run(ticks: 10)
        bench.status?.actual = .none
        bench.tick()
        #expect(bench.check.step == .clock)
    }

    // MARK: Clock

    @Test(
        "step 5: the board's clock over 1 000 ms, within 2 %",
        arguments: [
            (Int64(979), false), (980, true), (1_000, true), (1_020, true), (1_021, false),
        ])
    func clock(row: (microseconds: Int64, passes: Bool)) {
        var bench = Bench(.clock)
        bench.microseconds = row.microseconds
        bench.run(ticks: 10)
        #expect(bench.check.step == .clock)
        bench.tick()
        #expect(bench.check.step == (row.passes ? .lease : .failed))
    }

    @Test("step 5: the board's counter may wrap meanwhile")
    func clockWraps() {
        var bench = Bench(.clock)
        bench.time = Int64(UInt32.max / 1_000) - 500
        bench.run(ticks: 11)
        #expect(bench.check.step == .lease)
    }
}
