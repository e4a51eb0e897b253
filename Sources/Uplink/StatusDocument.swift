public import JSON
import Units
import Wire

/// What is to be said of the program around the session.
public struct UplinkProcess: Sendable {
    /// At the most this long passes between two writings of the status.
    public var period: Milliseconds
    /// Since the kernel's start; with the boot it names the process.
    public var startedAt: Instant
    /// What it has had written to disks, as the kernel counts it; nil where that is not known.
    public var writtenBytes: Int64?
    /// What is wrong with the way to busbard.
    public var localProblem: String?
    public var localWaiting: Int
    /// Calls to busbard that were given up.
    public var localDropped: Int

    public init(
        period: Milliseconds, startedAt: Instant, writtenBytes: Int64?, localProblem: String?,
        localWaiting: Int, localDropped: Int
    ) {
        self.period = period
        self.startedAt = startedAt
        self.writtenBytes = writtenBytes
        self.localProblem = localProblem
        self.localWaiting = localWaiting
        self.localDropped = localDropped
    }
}

/// What busbar-uplink writes for busbard and `busbar uplink`: a file, so that nobody waits for
/// anybody.
extension UplinkStatus {
    public static let documentVersion: Int64 = 1

    /// - Parameters:
    ///   - unixMilliseconds: when it is written, by the wall clock.
    ///   - process: who writes it.
    ///   - bootMilliseconds: the same by the clock since boot, which all processes share and nobody
    ///     can set; whoever reads the file tells its age by it.
    public func document(
        broker: String, boot: String, process: UplinkProcess, unixMilliseconds: Int64,
        bootMilliseconds: Int64
    ) -> JSONValue {
        [
            "v": JSONValue(Self.documentVersion),
            "written_ms": JSONValue(unixMilliseconds), "boot": .string(boot),
            "written_mono_ms": JSONValue(bootMilliseconds),
            "period_ms": JSONValue(process.period.rawValue),
            "started_mono_ms": JSONValue(process.startedAt.rawValue),
            "written_bytes": process.writtenBytes.map { JSONValue($0) } ?? .null,
            "state": .string(state.rawValue), "guarantee": .string(guarantee.name),
            "given": given.map { .string($0.rawValue) } ?? .null, "shard": .string(shard.name),
            "broker": .string(broker), "connected": .bool(isConnected),
            "why": explanation.map(JSONValue.string) ?? .null,
            "next_try_mono_ms": nextTry.map { JSONValue($0.rawValue) } ?? .null,
            "local": [
                "problem": process.localProblem.map(JSONValue.string) ?? .null,
                "waiting": JSONValue(process.localWaiting),
                "dropped": JSONValue(process.localDropped),
            ],
            "ack_round_trip_ms": Self.milliseconds(roundTrip),
            "link": [
                "delay_ms": Self.milliseconds(linkDelay),
                "bytes_per_second": linkRate.map { JSONValue($0) } ?? .null,
                "messages_unconfirmed": JSONValue(messagesUnconfirmed),
            ],
            "lanes": .array(lanes.map(\.json)), "counters": counters.json,
            "findings": .array(findings.map(\.statusJSON)),
            "certificates": .array(
                certificates.map { term in
                    [
                        "role": .string(term.role.rawValue), "name": .string(term.name),
                        "ends_ms": JSONValue(term.endsAt),
                        "days_left": trustedWall.map {
                            JSONValue(term.daysLeft(unixMilliseconds: $0))
                        } ?? .null,
                    ]
                }),
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
            "dropped": JSONValue(dropped),
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

    /// The same with its time, by the clock since boot.
    fileprivate var statusJSON: JSONValue {
        var members = json.object ?? JSONObject()
        members.append("has_end", .bool(kind.hasEnd))
        members.append("at_mono_ms", JSONValue(at.rawValue))
        return .object(members)
    }
}
