import CrashDisk
import Transit
import Wire

// What each fault of the plan does to the chain, if it finds something to hit.

extension Chain {
    /// - Parameter fault: its place in the plan.
    func apply(_ kind: FaultKind, _ fault: Int) -> FaultFate {
        switch kind {
        case .powerLosses, .daemonKills, .uplinkKills, .fullDisks, .clockSteps, .weeksOffline,
            .lostCursors, .oldCursors, .damagedCursors:
            applyToMachine(kind, fault)
        case .restoredDatabases, .restoredCards, .clonedCards:
            applyToCard(kind)
        case .brokerRestarts, .brokerAmnesias, .brokerRelapses, .linkResets, .linkStalls,
            .halfOpenLinks:
            applyToBroker(kind)
        case .bridgeKills, .sharedShards, .kafkaOutages, .kafkaFailings:
            applyToCluster(kind, fault)
        case .lostAcknowledgements, .forgedAcknowledgements, .repeatedAcknowledgements,
            .oldAcknowledgements, .foreignAcknowledgements, .forgottenAcknowledgements:
            applyToAcknowledgements(kind, fault)
        default:
            preconditionFailure("\(kind.name) follows from others, and is never planned")
        }
    }

    // MARK: The device

    private func applyToMachine(_ kind: FaultKind, _ fault: Int) -> FaultFate {
        let machine = faultDice.pick(machines)
        guard machine.isPowered else { return .waiting }
        switch kind {
        case .powerLosses: return losePower(machine, fault)
        case .daemonKills:
            guard machine.journal != nil else { return .waiting }
            tell(machine.name, "busbard is killed")
            machine.killDaemon(self)
        case .uplinkKills:
            guard let uplink = machine.uplink, uplink.doom == nil else { return .waiting }
            if faultDice.chance(50) {
                uplink.doom = Doom(stepsLeft: faultDice.number(1...20), fault: fault)
                return .armed
            }
            tell(machine.name, "busbar-uplink is killed")
            machine.killUplink(self)
        case .fullDisks:
            guard machine.disk.capacity == nil else { return .waiting }
            tell(machine.name, "the disk is full")
            machine.wasDiskFull = true
            machine.disk.capacity =
                machine.disk.used + Int64(4_096) * faultDice.number(Int64(0)...3)
            machine.fullDisk = (fault, machine.disk.refusals)
            return .armed
        case .clockSteps:
            let step: Int64 = faultDice.pick([-86_400_000, 315_360_000_000, -3_600_000])
            tell(machine.name, "the clock steps by \(step / 3_600_000) h")
            machine.clockError += step
        case .weeksOffline:
            guard !machine.isCutOff else { return .waiting }
            cutOff(machine, for: faultDice.number(Int64(14)...35) * 86_400_000)
        default: return spoilCursor(kind, of: machine)
        }
        return .happened
    }

    private func losePower(_ machine: Machine, _ fault: Int) -> FaultFate {
        guard !machine.isPowerArmed else { return .waiting }
        if faultDice.chance(50) {
            // In the midst of whatever the card does n calls from now.
            machine.armPower(fault, at: faultDice.number(1...60))
            tell(machine.name, "the power will go in the middle of a write")
            return .armed
        }
        tell(machine.name, "the power is cut")
        machine.losePower(self)
        powerLater(machine)
        return .happened
    }

    private func powerLater(_ machine: Machine) {
        after(faultDice.number(Int64(1_000)...60_000)) { chain in
            if !machine.isPowered, !machine.isRetired { machine.powerOn(chain) }
        }
    }

    private func cutOff(_ machine: Machine, for milliseconds: Int64) {
        tell(machine.name, "no road to the broker for \(milliseconds / 86_400_000) days")
        machine.isCutOff = true
        for link in broker.openLinks where link.client.clientID == machine.clientID {
            link.fallSilent(self)
        }
        after(milliseconds) { chain in
            machine.isCutOff = false
            chain.wakeBridges()
        }
    }

    func wakeBridges() { for bridge in bridges { bridge.turn(self) } }

    private func spoilCursor(_ kind: FaultKind, of machine: Machine) -> FaultFate {
        let path = Machine.uplinkDirectory + "/" + Machine.cursorName
        guard machine.uplink != nil,
            case .bytes(let bytes) = machine.disk.read(path, limit: 4_096), !bytes.isEmpty
        else { return .waiting }
        switch kind {
        case .lostCursors:
            try? machine.disk.remove(path)
        case .oldCursors:
            guard let old = machine.oldCursor, old != bytes else { return .waiting }
            try? machine.disk.overwrite(path, with: old)
        default:
            try? machine.disk.flip(bit: faultDice.number(0...(bytes.count * 8 - 1)), of: path)
        }
        tell(machine.name, "\(kind.name): the uplink's cursor file, while it starts anew")
        machine.killUplink(self)
        return .happened
    }

    // MARK: Cards

    private func applyToCard(_ kind: FaultKind) -> FaultFate {
        guard let machine = machines.first, machine.isPowered, let image = machine.images.first
        else { return .waiting }
        if kind == .clonedCards {
            tell("device", "a copy of its card starts in another machine")
            let clone = Machine(number: 1, disk: image.disk.copy(seed: faultDice.next()))
            machines.append(clone)
            clone.powerOn(self)
            return .happened
        }
        tell(
            "device",
            "\(kind == .restoredCards ? "the card" : "the database") is put back from a copy")
        if kind == .restoredCards {
            machine.restoreCard(image, self)
        } else {
            machine.restoreDatabase(image, self)
        }
        // A disk that is to be full is so with an older and smaller content too.
        if machine.fullDisk != nil { machine.disk.capacity = machine.disk.used }
        powerLater(machine)
        return .happened
    }

    // MARK: The broker and the roads

    private func applyToBroker(_ kind: FaultKind) -> FaultFate {
        let memory: Broker.Memory
        switch kind {
        case .brokerRestarts: memory = .whole
        case .brokerRelapses: memory = .sinceLastSave
        case .brokerAmnesias: memory = .none
        default: return applyToLink(kind)
        }
        guard broker.isUp else { return .waiting }
        tell("broker", "stops")
        broker.stop(self)
        after(faultDice.number(Int64(100)...30_000)) { chain in
            // Somebody may have started it meanwhile.
            guard !chain.broker.isUp else { return }
            chain.tell("broker", "starts; memory: \(memory)")
            chain.broker.start(with: memory)
        }
        return .happened
    }

    private func applyToLink(_ kind: FaultKind) -> FaultFate {
        let links = broker.openLinks.filter { !$0.isDead }
        guard !links.isEmpty else { return .waiting }
        let link = faultDice.pick(links)
        tell("road", "\(kind.name): \(link.client.clientID)")
        switch kind {
        case .linkResets: link.reset(self)
        case .linkStalls: link.stall(for: faultDice.number(Int64(100)...30_000), self)
        default: link.fallSilent(self)
        }
        return .happened
    }

    // MARK: The cluster

    private func applyToCluster(_ kind: FaultKind, _ fault: Int) -> FaultFate {
        switch kind {
        case .bridgeKills:
            guard let bridge = bridges.filter({ $0.doom == nil }).randomElement(using: &faultDice)
            else { return .waiting }
            if faultDice.chance(50) {
                bridge.doom = Doom(stepsLeft: faultDice.number(1...30), fault: fault)
                return .armed
            }
            killBridge(bridge)
        case .sharedShards:
            guard bridges.count == 1, bridgesWanted == 1 else { return .waiting }
            tell("cluster", "a second bridge takes the same shard")
            bridgesWanted = 2
            startBridge()
            after(faultDice.number(Int64(5_000)...60_000)) { chain in
                chain.bridgesWanted = 1
                guard chain.bridges.count > 1 else { return }
                let leaving = chain.faultDice.pick(chain.bridges)
                leaving.kill(chain)
                chain.bridges.removeAll { $0 === leaving }
            }
        case .kafkaOutages:
            guard kafka.isUp else { return .waiting }
            tell("kafka", "all brokers are down")
            kafka.stop()
            after(faultDice.number(Int64(1_000)...180_000)) { chain in
                chain.tell("kafka", "the brokers are back")
                chain.kafka.start()
            }
        default:
            (kafka.failurePercent, kafka.lostReportPercent) =
                faultDice.pick([(10, 0), (0, 10), (10, 10), (50, 0), (0, 50), (50, 50)])
            tell("kafka", "begins to fail now and then")
            after(faultDice.number(Int64(5_000)...60_000)) { $0.kafka.endFailing() }
        }
        return .happened
    }

    // MARK: Acknowledgements

    private func applyToAcknowledgements(_ kind: FaultKind, _ fault: Int) -> FaultFate {
        switch kind {
        case .lostAcknowledgements:
            acknowledgementLosses.append(
                (fault, now + faultDice.number(Int64(1_000)...30_000)))
            return .armed
        case .forgottenAcknowledgements:
            let topics = Lane.allCases.map { Topics.ack(device: Machine.device, lane: $0) }
                .filter { broker.retainedMessage($0) != nil }
            for topic in topics {
                tell("broker", "somebody takes away \(topic)")
                broker.forgetRetained(topic)
            }
            return topics.isEmpty ? .waiting : .happened
        case .repeatedAcknowledgements, .oldAcknowledgements:
            guard broker.isUp, !heard.isEmpty else { return .waiting }
            var message = faultDice.pick(heard)
            message.isRetained = kind == .oldAcknowledgements
            tell("attacker", "repeats \(describe(message))")
            broker.publish(message, self)
            return .happened
        default:
            return forge(kind)
        }
    }

    /// An acknowledgement of everything that the device has, by somebody who has no key for it.
    private func forge(_ kind: FaultKind) -> FaultFate {
        guard broker.isUp, let machine = machines.first(where: \.isPowered),
            let journal = machine.journal
        else { return .waiting }
        let lane = faultDice.pick(Lane.allCases)
        // Of a batch that is under way, if there is one: with the right digest, which anybody who
        // can read the broker knows.
        let batch = machine.uplink?.latestBatch(of: lane)
        var acknowledgement = Acknowledgement(
            device: Machine.device, epoch: batch?.header.epoch ?? journal.epoch, lane: lane,
            upTo: batch?.header.last ?? faultDice.number(Int64(1)...2_000),
            kafkaTopic: "busbar.\(lane.name).v1", partition: 0, offset: 0,
            digest: batch?.digest ?? .start(of: journal.epoch), bridge: "bridge-0",
            isDevelopment: false)
        if kind == .foreignAcknowledgements { acknowledgement.device = "heater-2" }
        // The key of another device, or of nobody.
        let secret = kind == .foreignAcknowledgements ? bridgeSecret : Self.secret("66")
        let key = AcknowledgementKey.derived(
            fromBridgeSecret: secret, device: acknowledgement.device)
        let message = Message(
            topic: Topics.ack(device: Machine.device, lane: lane),
            payload: key.seal(acknowledgement).encoded(), isRetained: faultDice.chance(30),
            quality: 1)
        tell(
            "attacker",
            kind == .foreignAcknowledgements
                ? "sends, sealed for another device, \(describe(message))"
                : "forges \(describe(message))")
        broker.publish(message, self)
        return .happened
    }
}
