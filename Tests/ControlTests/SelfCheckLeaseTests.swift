import Events
import RelayBoard
import Testing
import Units

@testable import Control

/// §7.6, steps 6 to 8.
@Suite("Self-check, lease to sensors")
struct SelfCheckLeaseTests {
    typealias Bench = SelfCheckTests.Bench

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

    @Test("step 7: a monostable that does not retrigger, 300 ms from the first edge, fails")
    func permitIsRetriggered() {
        var bench = Bench(.permit)
        bench.monostable = .active
        bench.run(ticks: 3)
        #expect(!bench.check.wantsEdge)
        bench.monostable = .inactive
        bench.tick()
        #expect(bench.failure == .selfCheck)
    }

    /// Edges at 0, then K2 is seen closed until 300 ms after the last one.
    static func closedUntil300() -> Bench {
        var bench = Bench(.permit)
        while bench.check.wantsEdge { bench.tick() }
        bench.monostable = .active
        bench.run(ticks: 3)
        return bench
    }

    @Test(
        "step 7: K2 that is closed at 400 ms is late, whenever it is looked at",
        arguments: [Int64(100), 150])
    func stillClosed(after: Int64) {
        var bench = Self.closedUntil300()
        bench.tick(after)
        #expect(bench.failure == .selfCheck)
    }

    @Test(
        "step 7: a look that comes after 400 ms proves nothing, and is tried again",
        arguments: [Int64(101), 150, 200, 5_000])
    func lateLook(after: Int64) {
        var bench = Self.closedUntil300()
        bench.monostable = .inactive
        bench.tick(after)
        #expect(bench.failure == nil)
        #expect(bench.check.step == .permit)
        #expect(bench.check.wantsEdge)
        while bench.check.wantsEdge { bench.tick() }
        bench.monostable = .active
        bench.run(ticks: 2)
        bench.monostable = .inactive
        bench.tick()
        #expect(bench.check.step == .sensors)
    }

    @Test("step 7: three looks that come too late are no proof, and no start")
    func alwaysLate() {
        var bench = Self.closedUntil300()
        for look in 1...3 {
            #expect(bench.failure == nil, "failed before look \(look)")
            bench.monostable = .inactive
            bench.tick(101)
            guard look < 3 else { break }
            while bench.check.wantsEdge { bench.tick() }
            bench.monostable = .active
            bench.run(ticks: 3)
        }
        #expect(bench.failure == .selfCheck)
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
