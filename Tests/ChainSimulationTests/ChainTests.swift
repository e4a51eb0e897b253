@testable import ChainSimulation
import CrashDisk
import Testing
import Wire

/// Goal: no order of faults loses, doubles or reorders an event that the device has promised to
/// keep. Method: each seed is a world with its own faults; the oracle judges it. `make test` runs
/// ten thousand in a release build; these few show in a debug build that the judging works.
@Suite("The whole chain in simulation")
struct ChainTests {
    @Test("every rule holds", arguments: UInt64(1)...40)
    func rulesHold(seed: UInt64) {
        let report = simulateChain(seed: seed)
        #expect(report.violation == nil, "seed \(seed): \(report.violation?.text ?? "")")
        #expect(report.effects > 0, "seed \(seed): nothing came through at all")
    }

    /// The last moment of the faults is not the last moment of the device.
    @Test(
        "what waits for its commit when the faults end comes through too", arguments: Lane.allCases)
    func lastMoment(lane: Lane) throws {
        let chain = Chain(seed: 1)
        let machine = Machine(number: 0, disk: CrashDisk(seed: 1))
        chain.machines = [machine]
        chain.startBridge()
        machine.powerOn(chain)
        chain.run(until: 60_000)
        chain.isCalm = true
        let id = try #require(machine.state(in: lane, chain))
        #expect(machine.hasCommitted == (lane == .alarm))
        chain.settle(of: machine)
        #expect(chain.oracle.firstViolation == nil)
        #expect(chain.oracle.events.map(\.isMet) == [true, true], "it, and the fresh alarm")
        #expect(chain.oracle.events[id].lane == lane)
        #expect(machine.isDrained)
        chain.breakCycles()
    }

    @Test("a story says what is over, and ends when everything has come through")
    func storyEnds() {
        let report = simulateChain(seed: 7, isTold: true)
        #expect(report.story.contains { $0.contains("device    uplink: over: ") })
        #expect(report.story.last?.contains("is killed") == false, "\(report.story.last ?? "")")
        #expect(report.fates.inKafka == report.fates.stated, "\(report.fates.text)")
    }

    @Test("one seed has one story", arguments: [3, 8, 21] as [UInt64])
    func sameSeedSameStory(seed: UInt64) {
        let first = simulateChain(seed: seed, isTold: true)
        let second = simulateChain(seed: seed, isTold: true)
        #expect(first.story == second.story)
        #expect(first.story.count > 20)
    }

    @Test("a story that is not told is the same one")
    func untold() {
        let told = simulateChain(seed: 5, isTold: true)
        let untold = simulateChain(seed: 5)
        #expect(untold.story.isEmpty)
        #expect(told.faults == untold.faults)
        #expect(told.steps == untold.steps)
    }

    /// `make teeth` shows it of all, each within its count of seeds; some need hundreds.
    @Test(
        "a defect breaks a rule",
        arguments: [
            Defect.acknowledgeFromMemory, .acknowledgeBeforeReport, .gapForLostRows,
        ])
    func defectsAreSeen(defect: Defect) throws {
        let report = try simulateChains(seeds: 1...300, defect: defect, threads: 2)
        #expect(report.broken != nil, "\(defect.rawValue) was not seen in 300 seeds")
    }

    /// Ten thousand seeds in one process: what each left behind, 1.5 MB, came to 15 GB.
    @Test(
        "nothing of a chain is left after its run",
        arguments: UInt64(1)...20, [nil, Defect.acknowledgeFromMemory])
    func nothingLeft(seed: UInt64, defect: Defect?) {
        weak var left: Chain?
        do {
            let chain = Chain(seed: seed, defect: defect)
            chain.runAll()
            left = chain
        }
        #expect(left == nil, "seed \(seed): something still holds the chain")
    }

    @Test("threads share the seeds, and change nothing")
    func threads() throws {
        let one = try simulateChains(seeds: 1...12, threads: 1)
        let two = try simulateChains(seeds: 1...12, threads: 2)
        #expect(one.seeds == 12 && two.seeds == 12)
        #expect(one.faults == two.faults)
        #expect(one.steps == two.steps)
    }
}

/// A run that meant well proves nothing: each fault of its plan must have found something to hit.
@Suite("What was planned happens")
struct FaultFateTests {
    @Test("every fault of a plan has happened, and is counted", arguments: UInt64(41)...60)
    func allHappen(seed: UInt64) {
        let chain = Chain(seed: seed)
        chain.runAll()
        #expect(chain.oracle.firstViolation == nil)
        #expect(chain.pendingFault == nil)
        for kind in Set(chain.plan.faults.map(\.kind)) {
            let planned = chain.plan.faults.count { $0.kind == kind }
            #expect(chain.faults[kind] >= planned, "\(kind.name)")
        }
    }

    @Test("one that finds nothing to hit waits, and happens when there is something")
    func waits() {
        let chain = Chain(seed: 1)
        let fault = chain.plan.faults.startIndex
        chain.broker.start(with: .whole)
        // Nobody is connected, and no acknowledgement was heard.
        for kind in [FaultKind.linkResets, .repeatedAcknowledgements, .bridgeKills] {
            #expect(chain.apply(kind, fault) == .waiting, "\(kind.name)")
        }
        chain.startBridge()
        #expect(chain.apply(.bridgeKills, fault) != .waiting)
    }

    @Test("one that is armed has not happened before it strikes; without its victim it waits again")
    func armed() {
        let chain = Chain(seed: 1)
        chain.fates[0] = .armed
        #expect(chain.pendingFault != nil)
        let before = chain.faults[chain.plan.faults[0].kind]
        chain.missed(Doom(stepsLeft: 3, fault: 0))
        #expect(chain.fates[0] == .waiting)
        #expect(chain.faults[chain.plan.faults[0].kind] == before)
        chain.fates[0] = .armed
        chain.struck(0)
        #expect(chain.fates[0] == .happened)
        #expect(chain.faults[chain.plan.faults[0].kind] == before + 1)
        chain.missed(0)
        #expect(chain.fates[0] == .happened, "what has happened stays so")
    }
}

@Suite("Virtual time")
struct AgendaTests {
    @Test("steps come by time, and at one time in the order in which they were planned")
    func order() {
        let chain = Chain(seed: 1)
        var done: [Int] = []
        var dice = Dice(seed: 9)
        var planned: [(at: Int64, number: Int)] = []
        for number in 0..<200 {
            let at = dice.number(Int64(0)...20)
            planned.append((at, number))
            chain.at(at) { _ in done.append(number) }
        }
        chain.run(until: 20)
        let expected = planned.sorted { ($0.at, $0.number) < ($1.at, $1.number) }.map(\.number)
        #expect(done == expected)
        #expect(chain.now == 20)
    }

    @Test("a die that was split off goes its own way")
    func split() {
        var one = Dice(seed: 4)
        var other = Dice(seed: 4)
        var half = one.split()
        var sameHalf = other.split()
        _ = one.next()
        #expect(half.next() == sameHalf.next())
    }

    @Test(
        "times are written with days where there are any",
        arguments: [
            (0, "00:00:00.000"), (86_399_999, "23:59:59.999"), (86_400_000, "1d 00:00:00.000"),
        ] as [(Int64, String)])
    func times(milliseconds: Int64, text: String) {
        #expect(Story.time(milliseconds) == text)
    }
}
