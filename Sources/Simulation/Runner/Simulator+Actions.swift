import Control
import Events
import HAL
import RelayBoard
import Units

extension Simulator {
    /// Does `action` at the world's present time.
    ///
    /// - Returns: what follows of it by itself later, with its delay in ms.
    mutating func apply(
        _ action: WorldAction, _ recorder: inout Recorder
    ) -> [(afterMs: Int64, WorldAction)] {
        let later: [(Int64, WorldAction)]
        switch action {
        case .command, .shelve, .pressReset, .releaseReset:
            request(action)
            later = []
        case .stopProcess, .kill, .powerCycle, .stepWallClock, .lockoutCopy, .diskFull:
            later = applyToMachine(action, &recorder)
        case .write(let write):
            transfer(write)
            later = []
        default:
            world.apply(action, bus: &loop.bus, board: &loop.board.bus)
            later = []
        }
        settle(&recorder)
        return later
    }

    private mutating func request(_ action: WorldAction) {
        switch action {
        case .command(let command, let requester):
            loop.mail.send(RequestedCommand(command, by: requester))
        case .shelve(let code, let span, let requester):
            let until = Instant(now) + Milliseconds(span)
            loop.mail.send(RequestedCommand(.shelve(code, until: until), by: requester))
        default:
            world.apply(action, bus: &loop.bus, board: &loop.board.bus)
        }
    }

    private mutating func applyToMachine(
        _ action: WorldAction, _ recorder: inout Recorder
    ) -> [(Int64, WorldAction)] {
        switch action {
        case .stopProcess(let span):
            if process == .running { set(process: .stopped(until: now + span)) }
        case .kill(let span):
            if process != .absent { set(process: .dead(until: now + span)) }
        case .powerCycle(let span):
            if process != .absent { set(process: .dead(until: now + span)) }
            loop.board.bus.restart(by: .powerOn, answersAfter: Milliseconds(span))
            world.apply(
                .node(.silent, nil, isOn: true), bus: &loop.bus, board: &loop.board.bus)
            return [(span, .node(.silent, nil, isOn: false)), (span, .restartNode(warmUpMs: 0))]
        case .stepWallClock(let step):
            // The shell of busbard states it; no rule ever sees a wall clock.
            recorder.record(.clockStepped(by: Milliseconds(step)), at: now)
        case .lockoutCopy(let copy, let fault):
            if copy != .second { loop.mail.storage.copyA.apply(fault) }
            if copy != .first { loop.mail.storage.copyB.apply(fault) }
        case .diskFull(let isFull):
            loop.mail.storage.isDiskFull = isFull
        default:
            preconditionFailure("apply sends only these here")
        }
        return []
    }

    /// A transfer by hand. One that the board does not acknowledge is counted.
    private mutating func transfer(_ write: BoardWrite) {
        do throws(RelayBusError) {
            switch write {
            case .control(let heartbeat, let relays, let proof):
                let number = heartbeat ?? loop.board.bus.core.status.lastHeartbeat &+ 1
                let block: InlineArray<3, UInt8> = [
                    number, relays.rawValue, proof ? Register.proof(for: number) : 0,
                ]
                try send(block.span, to: Register.control.rawValue)
            case .configure(let lease):
                let block: InlineArray<4, UInt8> = [
                    BoardProfile.burner.rawValue, UInt8(truncatingIfNeeded: lease),
                    UInt8(lease >> 8), 0,
                ]
                try send(block.span, to: Register.configure.rawValue)
            case .arm:
                let block: InlineArray<2, UInt8> = [Register.armKey.0, Register.armKey.1]
                try send(block.span, to: Register.arm.rawValue)
            case .trip:
                let block: InlineArray<2, UInt8> = [Register.tripKey.0, Register.tripKey.1]
                try send(block.span, to: Register.trip.rawValue)
            case .raw(let register, let bytes):
                try send(bytes.span, to: register)
            }
        } catch {
            noteFailedWrite()
        }
    }

    private mutating func send(
        _ block: Span<UInt8>, to register: UInt8
    ) throws(RelayBusError) {
        try loop.board.bus.write(block, to: register, of: Register.address)
    }
}

extension World {
    /// Does to plant, node, bus and board what `action` says. Actions on the process and its
    /// requests are not the world's; they change nothing here.
    public mutating func apply(
        _ action: WorldAction, bus: inout SimulatedCANBus,
        board: inout some WorldBoard & ~Copyable
    ) {
        switch action {
        case .pressReset, .releaseReset:
            isButtonPressed = action == .pressReset
            board.setLocalReset(active: isButtonPressed)
        case .pressStop, .releaseStop: plant.isStopPressed = action == .pressStop
        case .force, .release, .sample, .set, .offset, .flame:
            applyToSensors(action)
        case .node(let fault, let signal, let isOn):
            node.set(fault, on: node.frames(carrying: signal), isOn)
        case .restoreNode: node.faults = SensorNode.Faults()
        case .restartNode(let warmUp): node.restart(at: now, warmUp: warmUp)
        case .jumpCounter(let count): node.jump(by: count)
        case .bus(let state): bus.state = state
        case .flood(let rate): floodPerSecond = rate
        case .errorFrames(let rate): errorFramesPerSecond = rate
        case .silenceBoard, .delayBoard, .restartBoard, .stickPins, .freePins, .damageTransfers,
            .driftBoard:
            board.suffer(action, at: Instant(now))
        case .weld(let relays, let isWelded):
            plant.welded =
                isWelded ? plant.welded.union(relays) : plant.welded.subtracting(relays)
        case .weldK2(let isWelded): plant.isK2Welded = isWelded
        case .command, .shelve, .stopProcess, .kill, .powerCycle, .stepWallClock, .lockoutCopy,
            .diskFull, .write:
            break
        }
    }

    private mutating func applyToSensors(_ action: WorldAction) {
        switch action {
        case .force(let signal, let from, let to, let over):
            node.force(
                signal,
                SensorNode.Forced(
                    from: from ?? node.value(of: signal), to: to, start: now, end: now + over))
        case .release(let signal): node.release(signal)
        case .sample(let signal, let value): node.sample(signal, value)
        case .set(let quantity, let value): plant.set(quantity, value, at: now)
        case .offset(let channel, let value): node.setOffset(value, channel: channel)
        case .flame(let mode): plant.flameMode = mode
        default: preconditionFailure("apply sends only these here")
        }
    }
}

extension Plant {
    mutating func set(_ quantity: PlantQuantity, _ value: Int32, at now: Int64) {
        switch quantity {
        case .waterTemperature: setTemperature(value, at: now)
        case .heatingRate: heatingRate = Int64(value)
        case .coolingRate: coolingRate = Int64(value)
        case .flow: pumpFlow = value
        case .level: level = value
        case .gas: gas = value
        case .gasReady: gasReady = value
        case .ambientTemperature: ambientTemperature = value
        case .ambientHumidity: ambientHumidity = value
        case .flameDelay: flameDelay = Int64(value)
        case .burnerDelay: burnerDelay = Int64(value)
        case .burnerLockout: burnerLockout = value
        }
    }
}

extension SensorNode {
    mutating func set(_ fault: NodeFault, on frames: UInt8, _ isOn: Bool) {
        func changed(_ mask: UInt8) -> UInt8 { isOn ? mask | frames : mask & ~frames }
        switch fault {
        case .silent: faults.silent = changed(faults.silent)
        case .frozen: faults.frozen = changed(faults.frozen)
        case .corrupt: faults.corrupt = changed(faults.corrupt)
        case .short: faults.short = changed(faults.short)
        }
    }
}
