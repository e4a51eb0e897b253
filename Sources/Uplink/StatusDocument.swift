public import JSON
import Units

/// What busbar-uplink writes each second for busbard and `busbar uplink`: a file, so that nobody
/// waits for anybody.
extension UplinkStatus {
    public static let documentVersion: Int64 = 1

    /// - Parameters:
    ///   - unixMilliseconds: when it is written, by the wall clock.
    ///   - bootMilliseconds: the same by the clock since boot, which all processes share and nobody
    ///     can set; whoever reads the file tells its age by it.
    public func document(
        broker: String, boot: String, unixMilliseconds: Int64, bootMilliseconds: Int64
    ) -> JSONValue {
        [
            "v": JSONValue(Self.documentVersion),
            "written_ms": JSONValue(unixMilliseconds), "boot": .string(boot),
            "written_mono_ms": JSONValue(bootMilliseconds),
            "state": .string(state.rawValue), "guarantee": .string(guarantee.name),
            "development": .bool(isDevelopment), "shard": .string(shard.name),
            "broker": .string(broker), "connected": .bool(isConnected),
            "why": explanation.map(JSONValue.string) ?? .null,
            "ack_round_trip_ms": Self.milliseconds(roundTrip),
            "link": [
                "delay_ms": Self.milliseconds(linkDelay),
                "bytes_per_second": linkRate.map { JSONValue($0) } ?? .null,
                "messages_in_flight": JSONValue(publicationsInFlight),
            ],
            "lanes": .array(lanes.map(\.json)), "counters": counters.json,
            "findings": .array(findings.map(\.json)),
        ]
    }

    fileprivate static func milliseconds(_ span: Milliseconds?) -> JSONValue {
        span.map { JSONValue($0.rawValue) } ?? .null
    }
}

extension UplinkStatus.LaneStatus {
    fileprivate var json: JSONValue {
        [
            "lane": .string(lane.name), "epoch": epoch.map { .string($0.text) } ?? .null,
            "acknowledged": JSONValue(acknowledged), "last": JSONValue(last),
            "unacknowledged": JSONValue(depth), "in_flight": JSONValue(inFlight),
            "oldest_age_ms": UplinkStatus.milliseconds(oldestAge),
            "last_ack_age_ms": UplinkStatus.milliseconds(lastAcknowledgement),
            "lost": JSONValue(lost),
        ]
    }
}

extension UplinkCounters {
    fileprivate var json: JSONValue {
        [
            "batches": JSONValue(batches), "events": JSONValue(events), "bytes": JSONValue(bytes),
            "events_acknowledged": JSONValue(eventsAcknowledged), "resends": JSONValue(resends),
            "events_missing": JSONValue(eventsMissing), "connects": JSONValue(connects),
            "acks": JSONValue(acknowledgements), "acks_forged": JSONValue(acknowledgementsForged),
            "acks_of_other_epochs": JSONValue(acknowledgementsOfOtherEpochs),
            "acks_unmatched": JSONValue(acknowledgementsUnmatched),
            "commands_taken": JSONValue(commandsTaken),
            "commands_refused": JSONValue(commandsRefused),
            "messages_unknown": JSONValue(messagesUnknown),
        ]
    }
}

extension Finding {
    public var json: JSONValue {
        [
            "kind": .string(kind.name), "active": .bool(isActive),
            "security": .bool(kind.isSecurity), "count": JSONValue(count), "text": .string(text),
        ]
    }
}
