import CrashDisk
import Uplink
import Wire

/// What came of one seed.
public struct ChainReport: Sendable {
    public var seed: UInt64
    public var violation: Violation?
    public var story: [String]
    public var faults: FaultCounts
    /// Of what the control loops have stated.
    public var fates: EventFates
    /// Applied by the consumer, the journal's own too.
    public var effects: Int
    /// Of these, by the lane's raw value.
    public var effectsByLane: [Int]
    public var duplicates: Int
    public var virtualMilliseconds: Int64
    public var steps: Int
}

/// Runs one seed from beginning to end: faults and events for a while, then calm, then the
/// judgement.
///
/// - Parameter isTold: whether the report has a story; without it a run is faster.
public func simulateChain(
    seed: UInt64, defect: Defect? = nil, isTold: Bool = false
) -> ChainReport {
    let chain = Chain(seed: seed, defect: defect, isTold: isTold)
    chain.runAll()
    return ChainReport(
        seed: seed, violation: chain.oracle.firstViolation, story: chain.story.lines,
        faults: chain.faults, fates: chain.oracle.fates,
        effects: chain.oracle.effectCount, effectsByLane: chain.oracle.effectCounts,
        duplicates: chain.oracle.duplicateCount,
        virtualMilliseconds: chain.now, steps: chain.stepCount)
}

extension Chain {
    /// How long the chain may take to deliver everything once nothing goes wrong any more: the
    /// longest wait of the uplink (after takeovers) twice, and time for the work.
    private static let calmLimit: Int64 = 3 * 3_600_000
    /// And a fresh alarm then: the longest round of keep-alives, and time for the way.
    private static let freshLimit: Int64 = 300_000

    func runAll() {
        let machine = Machine(number: 0, disk: CrashDisk(seed: machineDice.next()))
        if defect == .synchronousWeakened { machine.disk.ignoreSyncs(true) }
        machines = [machine]
        startBridge()
        machine.powerOn(self)
        saveNowAndThen()
        stateNowAndThen()
        planImages(of: machine)
        for (index, fault) in plan.faults.enumerated() { at(fault.at) { $0.attempt(index) } }
        run(until: knobs.faultTime)
        awaitFaults()
        calmDown()
        settle(of: machine)
        if machines.count > 1 { settleClone() }
        // What comes now is no part of the history.
        endStory()
        breakCycles()
    }

    /// Goes on until everything that was planned has happened: what looks for something to hit
    /// finds it sooner or later.
    private func awaitFaults() {
        // Weeks: as long as the line may be cut.
        let (limit, step): (Int64, Int64) =
            knobs.isWeeksLong ? (40 * 86_400_000, 3_600_000) : (3_600_000, 1_000)
        let end = now + limit
        while now < end, oracle.firstViolation == nil, pendingFault != nil {
            run(until: now + step)
        }
        guard oracle.firstViolation == nil, let fault = pendingFault else { return }
        fail(
            .faultsHappen,
            expected: "\(fault.kind.name), planned for \(Story.time(fault.at))",
            found: "nothing that it could hit by \(Story.time(now))")
    }

    private func saveNowAndThen() {
        after(knobs.brokerSavePause) { chain in
            guard !chain.isCalm else { return }
            if chain.broker.isUp { chain.broker.save() }
            chain.saveNowAndThen()
        }
    }

    private func stateNowAndThen() {
        after(machineDice.number(Int64(1)...knobs.eventPauseMax * 2)) { chain in
            guard !chain.isCalm else { return }
            for machine in chain.machines where machine.isPowered {
                for _ in 0..<chain.machineDice.number(1...chain.knobs.eventBurstMax) {
                    _ = machine.state(in: chain.drawLane(), chain)
                }
            }
            chain.stateNowAndThen()
        }
    }

    /// Somebody copies the card and the cursor in good times; a fault of the plan puts it back.
    private func drawLane() -> Lane {
        if machineDice.chance(knobs.alarmPercent) { return .alarm }
        return machineDice.chance(knobs.samplePercent) ? .telemetry : .event
    }

    private func planImages(of machine: Machine) {
        for fault in plan.faults {
            switch fault.kind {
            case .restoredDatabases, .restoredCards, .clonedCards:
                at(faultDice.number(Int64(500)...fault.at - 1)) { $0.copyCard(of: machine) }
            case .oldCursors:
                at(faultDice.number(Int64(500)...fault.at - 1)) { $0.copyCursor(of: machine) }
            default: break
            }
        }
    }

    private func copyCard(of machine: Machine) {
        guard machine.isPowered else { return after(1_000) { $0.copyCard(of: machine) } }
        machine.images = [machine.takeImage(self)]
        tell("device", "somebody copies its card")
    }

    private func copyCursor(of machine: Machine) {
        guard !isCalm, !machine.keepOldCursor() else { return }
        after(5_000) { $0.copyCursor(of: machine) }
    }

    /// Everything that is broken is repaired, as it is sooner or later.
    private func calmDown() {
        guard oracle.firstViolation == nil else { return }
        isCalm = true
        tell("world", "from here on nothing goes wrong")
        acknowledgementLosses = []
        if !broker.isUp { broker.start(with: .whole) }
        kafka.start()
        kafka.endFailing()
        for machine in machines {
            machine.isCutOff = false
            machine.disk.capacity = nil
            machine.fullDisk = nil
            machine.disarm(self)
        }
        for clone in machines.dropFirst() { clone.retire(self) }
        if !machines[0].isPowered { machines[0].powerOn(self) }
        bridgesWanted = 1
        while bridges.count > 1 { bridges.removeLast().kill(self) }
        for bridge in bridges { bridge.doom = nil }
        for machine in machines { machine.uplink?.doom = nil }
        if bridges.isEmpty { startBridge() }
        wakeBridges()
    }

    /// Runs until all promises of one machine are kept, and a fresh alarm has come through with all
    /// that follows from it.
    func settle(of machine: Machine) {
        awaitDelivery(from: machine)
        guard oracle.firstViolation == nil else { return }
        sendFreshAlarm(from: machine)
        awaitDelivery(from: machine)
        guard oracle.firstViolation == nil else { return }
        do throws(QueueError) {
            oracle.judgeNumbers(of: Machine.device, try machine.queueState(), now: now)
        } catch {
            fail(
                .numbersKnown, expected: "the \(machine.name)'s queues to be readable",
                found: "\(error)")
        }
    }

    private func awaitDelivery(from machine: Machine) {
        let limit = now + Self.calmLimit
        // What waits for its commit is not yet promised, and does not yet stand in the queues.
        while now < limit, oracle.firstViolation == nil,
            !machine.hasCommitted || !oracle.unmet(of: machine.number).isEmpty
                || !machine.isDrained
        {
            run(until: now + 1_000)
        }
        guard oracle.firstViolation == nil else { return }
        guard machine.hasCommitted else {
            return fail(
                .obligationMet, expected: "the \(machine.name)'s journal to have committed all",
                found: "some of it waiting \(Story.time(Self.calmLimit)) after the last fault")
        }
        if let id = oracle.unmet(of: machine.number).first {
            let event = oracle.events[id]
            return fail(
                .obligationMet,
                expected: "event \(id) (\(event.lane.name) lane, promised by the \(machine.name)) "
                    + "in Kafka",
                found: "nothing of it \(Story.time(Self.calmLimit)) after the "
                    + "last fault; it was stated at \(Story.time(event.issuedAt))")
        }
        guard machine.isDrained else {
            return fail(
                .acknowledged, expected: "the \(machine.name)'s cursor at the end of each lane",
                found: "\(machine.lag), \(Story.time(Self.calmLimit)) after the last fault")
        }
    }

    private func sendFreshAlarm(from machine: Machine) {
        guard let id = machine.state(in: .alarm, self) else {
            return fail(.freshAlarm, expected: "busbard to run", found: "no journal")
        }
        // Where weeks are simulated, the uplink looks at the journal and for the broker each half
        // hour only.
        let limit = now + Self.freshLimit + (knobs.isWeeksLong ? 3_600_000 : 0)
        while now < limit, oracle.firstViolation == nil, !oracle.events[id].isMet {
            run(until: now + 1_000)
        }
        guard oracle.firstViolation == nil, !oracle.events[id].isMet else { return }
        fail(
            .freshAlarm,
            expected: "the fresh alarm \(id) in Kafka within "
                + Story.time(Self.freshLimit), found: "nothing of it")
    }

    /// The clone has promised things as well. It gets its turn when the other machine is off: two
    /// machines with one name keep taking each other's connection.
    private func settleClone() {
        guard oracle.firstViolation == nil else { return }
        machines[0].retire(self)
        tell("world", "now the clone alone")
        machines[1].powerOn(self)
        settle(of: machines[1])
    }

    /// Steps that are planned hold the chain, and the chain holds them.
    func breakCycles() {
        for bridge in bridges { bridge.kill(self) }
        for machine in machines { machine.retire(self) }
        forgetAgenda()
    }
}
