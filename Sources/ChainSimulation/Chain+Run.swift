import CrashDisk

/// What came of one seed.
public struct ChainReport: Sendable {
    public var seed: UInt64
    public var violation: Violation?
    public var story: [String]
    public var faults: FaultCounts
    /// Issued by the control loop.
    public var events: Int
    /// Applied by the consumer, the journal's own too.
    public var effects: Int
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
        faults: chain.faults, events: chain.oracle.events.count,
        effects: chain.oracle.effectCount, duplicates: chain.oracle.duplicateCount,
        virtualMilliseconds: chain.now, steps: chain.stepCount)
}

extension Chain {
    /// How long the chain may take to deliver everything once nothing goes wrong any more: the
    /// longest wait of the uplink (after takeovers) twice, and time for the work.
    private static let calmLimit: Int64 = 3 * 3_600_000
    /// And a fresh alarm then: the longest round of keep-alives, and time for the way.
    private static let freshLimit: Int64 = 300_000

    func runAll() {
        let plan = FaultPlan(&faultDice, knobs: knobs)
        let machine = Machine(number: 0, disk: CrashDisk(seed: machineDice.next()))
        if defect == .synchronousWeakened { machine.disk.ignoreSyncs(true) }
        machines = [machine]
        startBridge()
        machine.powerOn(self)
        saveNowAndThen()
        stateNowAndThen()
        planImages(plan, of: machine)
        for fault in plan.faults { at(fault.at) { $0.apply(fault.kind) } }
        run(until: knobs.faultTime)
        calmDown()
        settle(of: machine)
        if machines.count > 1 { settleClone() }
        breakCycles()
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
                    let isAlarm = chain.machineDice.chance(chain.knobs.alarmPercent)
                    _ = machine.state(isAlarm: isAlarm, chain)
                }
            }
            chain.stateNowAndThen()
        }
    }

    /// Somebody copies the card and the cursor in good times; a fault of the plan puts it back.
    private func planImages(_ plan: FaultPlan, of machine: Machine) {
        for fault in plan.faults {
            switch fault.kind {
            case .restoredDatabases, .restoredCards, .clonedCards:
                at(faultDice.number(Int64(500)...fault.at - 1)) { chain in
                    guard machine.isPowered else { return }
                    machine.images = [machine.takeImage(chain)]
                    chain.tell("device", "somebody copies its card")
                }
            case .oldCursors:
                at(faultDice.number(Int64(500)...fault.at - 1)) { _ in machine.keepOldCursor() }
            default: break
            }
        }
    }

    /// Everything that is broken is repaired, as it is sooner or later.
    private func calmDown() {
        guard oracle.firstViolation == nil else { return }
        isCalm = true
        tell("world", "from here on nothing goes wrong")
        acknowledgementsLostUntil = now
        if !broker.isUp { broker.start(with: .whole) }
        kafka.start()
        kafka.endFailing()
        for machine in machines {
            machine.isCutOff = false
            machine.disk.capacity = nil
            machine.disk.disarm()
        }
        for clone in machines.dropFirst() { clone.retire(self) }
        if !machines[0].isPowered { machines[0].powerOn(self) }
        while bridges.count > 1 { bridges.removeLast().kill(self) }
        for bridge in bridges { bridge.actionsLeft = nil }
        if bridges.isEmpty { startBridge() }
        wakeBridges()
    }

    /// Runs until all promises of one machine are kept, and a fresh alarm has come through.
    private func settle(of machine: Machine) {
        let limit = now + Self.calmLimit
        while now < limit, oracle.firstViolation == nil,
            machine.journal == nil || !oracle.unmet(of: machine.number).isEmpty
                || !machine.isDrained
        {
            run(until: now + 1_000)
        }
        guard oracle.firstViolation == nil else { return }
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
        sendFreshAlarm(from: machine)
    }

    private func sendFreshAlarm(from machine: Machine) {
        guard let id = machine.state(isAlarm: true, self) else {
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
    private func breakCycles() {
        for bridge in bridges { bridge.kill(self) }
        for machine in machines { machine.retire(self) }
        forgetAgenda()
    }
}
