import Transit
import Units
import Wire

// When a device is told, and what.

extension BridgeSession {
    /// Looks at a lane after something in it changed: is there an end to acknowledge, and how soon?
    mutating func settle(_ number: Int, now: Instant) {
        guard let place = lanes.index(forKey: number) else { return }
        settle(at: place, now: now)
    }

    /// - Parameter place: of the lane, for this moment. By its number, a lane that is changed would
    ///   be taken out of the dictionary and put back, for each event.
    mutating func settle(at place: Dictionary<Int, ServedLane>.Index, now: Instant) {
        let number = lanes.keys[place]
        let due = lanes.values[place].settle(now: now, urgentFrom: settings.acknowledgeEvents)
        if due.isOwing { owing.append(number) }
        if due.isUrgent { urgent.append(number) }
    }

    /// The next acknowledgement that is due.
    mutating func acknowledgement(now: Instant) -> Publication? {
        guard isConnected, hasGuarantee else { return nil }
        while let number = urgent.popFirst() {
            if let publication = pay(number) { return publication }
        }
        while let number = owing.first {
            // A lane that was forgotten, or paid because it was urgent.
            if let since = lanes[number]?.owingSince {
                guard stop != nil || since + settings.acknowledgeAfter <= now else { return nil }
            }
            _ = owing.popFirst()
            if let publication = pay(number) { return publication }
        }
        return nil
    }

    private mutating func pay(_ number: Int) -> Publication? {
        guard let lane = lanes[number] else { return nil }
        lanes[number]?.owingSince = nil
        lanes[number]?.isUrgent = false
        guard let end = lane.tracker.payable else { return nil }
        lanes[number]?.tracker.pay(end)
        lanes[number]?.paid = end.number
        counters.acknowledgements += 1
        let place = lane.tracker.place(of: end.number) ?? lane.place
        let acknowledgement = Acknowledgement(
            device: lane.identity.device, epoch: lane.identity.epoch, lane: lane.identity.lane,
            upTo: end.number,
            kafkaTopic: place.isDeadLetter
                ? DeadLetter.topic : SinkRecord.topic(of: lane.identity.lane),
            partition: place.partition, offset: place.offset, digest: end.digest,
            bridge: settings.instance, isDevelopment: isDevelopment)
        return Publication(
            kind: .acknowledgement,
            topic: Topics.ack(device: lane.identity.device, lane: lane.identity.lane),
            payload: lane.key.seal(acknowledgement).encoded(), isRetained: true)
    }
}
