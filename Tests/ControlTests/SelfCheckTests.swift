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
            failure = check.advance(findings, plan: plan, events: &events) ?? failure
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

    // MARK: Lease

    @Test(
        "step 6: the lease runs out between its length and 100 ms more",
        arguments: [
            (400, SelfCheck.Failure?.some(.selfCheck)), (500, nil), (600, nil), (700, .selfCheck),
        ])
    func lease(row: (length: Int, failure: SelfCheck.Failure?)) {
        var bench = Bench(.lease)
        bench.status?.isArmed = true
        bench.status?.isLeaseRunning = true
        #expect(bench.check.wantsLease)
        bench.tick()
        #expect(!bench.check.wantsLease, "from here on the heartbeats are withheld")
        bench.run(ticks: row.length / 100 - 1)
        if row.length <= 600 { #expect(bench.failure == nil) }
        bench.expire()
        bench.tick()
        #expect(bench.failure == row.failure)
        #expect(bench.check.step == (row.failure == nil ? .permit : .failed))
    }

    @Test("step 6: a board that cannot be armed fails after 500 ms")
    func cannotArm() {
        var bench = Bench(.lease)
        bench.run(ticks: 4)
        #expect(bench.failure == nil)
        bench.tick()
        #expect(bench.failure == .arm)
    }

    @Test("step 6: a lease that ends without its flag proves nothing")
    func leaseWithoutFlag() {
        var bench = Bench(.lease)
        bench.status?.isArmed = true
        bench.status?.isLeaseRunning = true
        bench.run(ticks: 5)
        bench.status?.isLeaseRunning = false
        bench.tick()
        #expect(bench.failure == .selfCheck)
    }

    // MARK: Permit

    @Test(
        "step 7: K2 drops 200 to 400 ms after the last edge",
        arguments: [
            (100, false), (200, true), (300, true), (400, true), (500, false),
        ])
    func permit(row: (drop: Int, passes: Bool)) {
        var bench = Bench(.permit)
        var edges = 0
        while bench.check.wantsEdge {
            bench.tick()
            edges += 1
        }
        #expect(edges == Int(SelfCheck.permitEdges))
        bench.monostable = .active
        bench.run(ticks: row.drop / 100 - 1)
        bench.monostable = .inactive
        bench.tick()
        #expect(bench.check.step == (row.passes ? .sensors : .failed))
    }

    @Test("step 7: K2 that never closes, or stays closed, fails")
    func permitNeverMoves() {
        var never = Bench(.permit)
        never.run(ticks: 12)
        #expect(never.failure == .selfCheck)
        var always = Bench(.permit)
        always.monostable = .active
        always.run(ticks: 12)
        #expect(always.failure == .selfCheck)
    }

    @Test("step 7: supply behind K1 while only K2 is closed is E404")
    func permitSeesSupply() {
        var bench = Bench(.permit)
        bench.sense = .active
        bench.tick()
        #expect(bench.failure == .sense)
    }

    @Test("step 7 is left out where no feedback is wired")
    func skipsPermit() {
        var bench = Bench(.lease)
        bench.plan.interlock.hasMonostable = false
        bench.runLease()
        #expect(bench.check.step == .done || bench.check.step == .sensors)
        #expect(!bench.check.wantsEdge)
    }

    // MARK: Sensors

    @Test("step 8: sensors that are late inhibit the start and do not fail the check")
    func sensors() {
        var bench = Bench(.permit)
        bench.areSensorsProven = false
        while bench.check.wantsEdge { bench.tick() }
        bench.monostable = .active
        bench.run(ticks: 2)
        bench.monostable = .inactive
        bench.tick()
        #expect(bench.check.step == .sensors)
        let entered = bench.time
        bench.run(ticks: 49)
        #expect(!bench.check.isWaitingForSensors(at(entered + 4_900)))
        #expect(bench.check.isWaitingForSensors(at(entered + 5_000)))
        #expect(!bench.check.isDone)
        bench.areSensorsProven = true
        bench.tick()
        #expect(bench.check.isDone)
        #expect(bench.failure == nil)
        let done = bench.time
        #expect(!bench.check.isStale(at(done + 86_399_900)))
        #expect(bench.check.isStale(at(done + 86_400_000)))
    }
}
