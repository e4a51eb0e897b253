import Transit
import Units
import Wire

// What comes from the broker. All of it may be from anybody: nothing is believed that is not
// sealed or signed, and nothing is kept that is not bounded.

extension UplinkSession {
    mutating func noteMessage(topic: String, payload: [UInt8], isRetained: Bool, now: Instant) {
        if topic == Topics.command(device: settings.device) {
            noteCommand(payload, isRetained: isRetained, now: now)
        } else if topic == Topics.hello(shard: settings.shard) {
            noteHello(payload, isRetained: isRetained, now: now)
        } else if let lane = Lane.allCases.first(where: {
            topic == Topics.ack(device: settings.device, lane: $0)
        }) {
            noteAcknowledgement(payload, on: lane, isRetained: isRetained, now: now)
        } else {
            counters.messagesUnknown += 1
        }
    }

    /// A hello is no proof of anything: it only says when sending again is worth a try.
    private mutating func noteHello(_ payload: [UInt8], isRetained: Bool, now: Instant) {
        guard let said = try? BridgeHello(decoding: payload) else {
            counters.messagesUnknown += 1
            return
        }
        // What a bridge says last is nothing about another that has taken its place before.
        guard said.guarantee == .kafka || said.session != formerBridge else { return }
        let before = hello
        if let before, before.session != said.session { formerBridge = before.session }
        hello = said
        given = GivenGuarantee(said)
        if said.guarantee == .kafka, !isRetained { hasSubscribers = true }
        // A bridge that has just begun, or could not vouch for anything until now, has nothing of
        // what was sent before. Not more often than the shortest time-out, whoever says hello.
        let isNews =
            said.session != before?.session || before?.guarantee != .kafka || stallTold != nil
        guard said.guarantee == .kafka, isNews else { return }
        guard !isRetained, now - helloAt >= limits.ackTimeoutMin else { return }
        helloAt = now
        for index in lanes.indices where !lanes[index].window.isEmpty {
            lanes[index].goBack()
            lanes[index].resendAt = now
        }
    }

    /// busbard, or whoever should have handed it on, has answered a command.
    mutating func noteCommandAnswered(isTaken: Bool) {
        if isTaken { counters.commandsTaken += 1 } else { counters.commandsRefused += 1 }
    }

    private mutating func noteAcknowledgement(
        _ payload: [UInt8], on lane: Lane, isRetained: Bool, now: Instant
    ) {
        // Only a bridge's word counts, whatever the broker or anybody on it says.
        guard settings.guarantee == .kafka, let key = keys.acknowledgement else { return }
        let sealed: SealedAcknowledgement
        do throws(MessageError) {
            sealed = try SealedAcknowledgement(decoding: payload)
        } catch {
            noteForged("\(error)", lane: lane, now: now)
            return
        }
        let said = sealed.acknowledgement
        guard key.verify(sealed) else {
            forgedSinceProgress += 1
            noteForged("the MAC is not this device's", lane: lane, now: now)
            return
        }
        // A seal that is right, on another device's or lane's topic, was copied there.
        guard said.device == settings.device, said.lane == lane else {
            noteForged("it is for \(said.device), lane \(said.lane.name)", lane: lane, now: now)
            return
        }
        counters.acknowledgements += 1
        let index = Int(lane.rawValue)
        guard said.epoch == lanes[index].epoch else {
            counters.acknowledgementsOfOtherEpochs += 1
            return
        }
        let before = lanes[index].acknowledged
        switch lanes[index].acknowledge(said.upTo, digest: said.digest, now: now) {
        case .moved(let batch):
            if !isRetained { noteGiven(by: said) }
            // What a frozen broker or a slow link held up before its answer is not the bridge's
            // doing, nor is how long this process stood still.
            if let batch, batch.isFirstSending, let publishedAt = batch.publishedAt,
                publishedAt >= patienceFrom
            {
                lanes[index].roundTrip.measured(now - publishedAt)
            }
            noteProgress(index, from: before, now: now)
        case .repeated: break
        case .unmatched: counters.acknowledgementsUnmatched += 1
        case .contradicted:
            counters.acknowledgementsUnmatched += 1
            // In an epoch that has a successor the rollback is known and dealt with.
            guard lanes[index].epochEnd == nil else { return }
            noteRolledBack(said.epoch, lane: lane, told: said.upTo, now: now)
        }
    }

    /// An acknowledgement that came fresh is later than any hello, and is sealed.
    private mutating func noteGiven(by said: Acknowledgement) {
        given = said.isDevelopment ? .development : .kafka
        hasSubscribers = true
    }

    private mutating func noteForged(_ reason: String, lane: Lane, now: Instant) {
        counters.acknowledgementsForged += 1
        report(
            .forgedAcknowledgement,
            "an acknowledgement that no bridge of ours made came for lane \(lane.name) (\(reason)); "
                + "it was ignored: find who may publish to "
                + Topics.ack(device: settings.device, lane: lane)
                + ", or give device and bridge the same key",
            now: now)
    }

    private mutating func noteCommand(_ payload: [UInt8], isRetained: Bool, now: Instant) {
        // Somebody clears the topic of a command that was retained; the broker tells all who
        // listen, and there is nothing in it that could be carried out.
        if isRetained, payload.isEmpty { return }
        let moment = wall.map { wall in
            WallTime(
                unixMilliseconds: wall.unixMilliseconds + (now - wallAt).rawValue,
                quality: wall.quality)
        }
        do throws(CommandRefusal) {
            let command = try commandGate.check(
                payload, isRetained: isRetained, device: settings.device, key: keys.command,
                wall: moment)
            outbox.append(.submit(command))
        } catch {
            counters.commandsRefused += 1
            report(error.kind, error.description, now: now)
        }
    }
}
