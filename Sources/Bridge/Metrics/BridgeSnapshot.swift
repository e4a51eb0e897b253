public import Units
public import Wire

/// How a bridge stands at one moment: what its health and its metrics are told from.
public struct BridgeSnapshot: Sendable {
    public var instance: String
    public var counters: BridgeCounters
    /// Records sent or to be sent without a report, and the bytes of their values.
    public var recordsHeld: Int
    public var bytesHeld: Int
    public var lanes: Int
    public var oldestAge: Milliseconds
    public var isConnected: Bool
    /// "kafka", "development" or "none".
    public var guarantee: String
    /// Why it is not ready; nil when it is.
    public var unreadiness: String?
    /// Until when the certificates of the MQTT connection hold, in whole days; negative once one
    /// has ended. None without TLS, and of the broker's none before the first connection.
    public var certificateDays: [(role: CertificateTerm.Role, days: Int64)] = []
    /// When it was taken: the loop's progress.
    public var at: Instant
}

extension BridgeSession {
    public func snapshot(now: Instant) -> BridgeSnapshot {
        BridgeSnapshot(
            instance: settings.instance, counters: counters,
            recordsHeld: outbox.count + unreported.count, bytesHeld: bytesHeld,
            lanes: lanes.count, oldestAge: oldestAge(now: now) ?? .zero,
            isConnected: isConnected,
            guarantee: !hasGuarantee ? "none" : isDevelopment ? "development" : "kafka",
            unreadiness: unreadiness(now: now), at: now)
    }
}

extension BridgeSnapshot {
    /// All metrics of a bridge in Prometheus' text format 0.0.4.
    public var metrics: String {
        (messageFamilies + eventFamilies + recordFamilies + stateFamilies).map(\.text).joined()
    }

    private var messageFamilies: [MetricFamily] {
        var refused = MetricFamily(
            "busbar_bridge_messages_refused_total", .counter,
            "MQTT messages of events that were not taken, by reason")
        refused.add([("reason", "retained")], counters.retained)
        refused.add([("reason", "unreadable")], counters.unreadable)
        refused.add([("reason", "unauthorised")], counters.unauthorised)
        refused.add([("reason", "no_guarantee")], counters.noGuarantee)
        return [
            MetricFamily(
                "busbar_bridge_messages_total", .counter,
                "MQTT messages of events that came", value: counters.messages),
            MetricFamily(
                "busbar_bridge_message_bytes_total", .counter,
                "Bytes of these messages as they came, compressed or not",
                value: counters.messageBytes),
            refused,
        ]
    }

    private var eventFamilies: [MetricFamily] {
        var left = MetricFamily(
            "busbar_bridge_events_left_total", .counter,
            "Events not taken, which their devices send again, by reason")
        left.add([("reason", "early")], counters.early)
        left.add([("reason", "no_room")], counters.noRoom)
        var refused = MetricFamily(
            "busbar_bridge_publications_refused_total", .counter,
            "What the broker did not take from the bridge, by kind")
        refused.add([("kind", "hello")], counters.hellosRefused)
        refused.add([("kind", "acknowledgement")], counters.acknowledgementsRefused)
        return [
            MetricFamily(
                "busbar_bridge_events_total", .counter, "Events taken, each once",
                value: counters.events),
            MetricFamily(
                "busbar_bridge_events_repeated_total", .counter,
                "Events that had been taken before, with the same bytes",
                value: counters.repeated),
            left,
            MetricFamily(
                "busbar_bridge_collisions_total", .counter,
                "Events that claim the identity of another one: a cloned device, or an old card",
                value: counters.collisions),
            MetricFamily(
                "busbar_bridge_events_in_gaps_total", .counter,
                "Events whose number was declared a gap before they came",
                value: counters.inGaps),
            MetricFamily(
                "busbar_bridge_forks_total", .counter,
                "Batches whose running hash does not go on from the one before",
                value: counters.forks),
            MetricFamily(
                "busbar_bridge_acknowledgements_total", .counter,
                "Acknowledgements published", value: counters.acknowledgements),
            refused,
        ]
    }

    private var recordFamilies: [MetricFamily] {
        var stored = MetricFamily(
            "busbar_bridge_records_stored_total", .counter,
            "Records that the cluster reports as kept by all in-sync replicas, by lane")
        for lane in Lane.allCases {
            stored.add([("lane", lane.name)], counters.stored[Int(lane.rawValue)])
        }
        var letters = MetricFamily(
            "busbar_bridge_dead_letters_total", .counter,
            "Dead letters handed to the cluster, by class")
        for kind in DeadLetter.Class.allCases {
            letters.add([("class", kind.name)], counters.deadLetters[Int(kind.rawValue)])
        }
        return [
            stored,
            MetricFamily(
                "busbar_bridge_records_refused_total", .counter,
                "Records that the cluster refused for good", value: counters.refused),
            MetricFamily(
                "busbar_bridge_records_failed_total", .counter,
                "Records that could not be written; their devices send them again",
                value: counters.failed),
            letters,
            MetricFamily(
                "busbar_bridge_dead_letters_lost_total", .counter,
                "Dead letters that could not be kept; nothing was acknowledged for them",
                value: counters.deadLettersLost),
            MetricFamily(
                "busbar_bridge_records_held", .gauge,
                "Records in the bridge without a report from the cluster",
                value: UInt64(recordsHeld)),
            MetricFamily(
                "busbar_bridge_held_bytes", .gauge, "Bytes of the values of these records",
                value: UInt64(bytesHeld)),
        ]
    }

    private var stateFamilies: [MetricFamily] {
        var age = MetricFamily(
            "busbar_bridge_oldest_record_age_seconds", .gauge,
            "Seconds since the oldest record without a report was sent, 0 when there is none")
        age.samples.append(MetricFamily.Sample(labels: [], thousandths: oldestAge.rawValue))
        var guarantees = MetricFamily(
            "busbar_bridge_guarantee", .gauge,
            "1 for what an acknowledgement means now: kafka, development, or none is given")
        for name in ["kafka", "development", "none"] {
            guarantees.add([("guarantee", name)], guarantee == name ? 1 : 0)
        }
        var certificates = MetricFamily(
            "busbar_bridge_certificate_days_left", .gauge,
            "Whole days until a certificate of the MQTT connection ends, negative once it has")
        for (role, days) in certificateDays {
            certificates.samples.append(
                MetricFamily.Sample(
                    labels: [("certificate", role.rawValue)], thousandths: days * 1_000))
        }
        var info = MetricFamily("busbar_bridge_info", .gauge, "Always 1; who this is")
        info.add([("instance", instance)], 1)
        return [
            MetricFamily(
                "busbar_bridge_lanes", .gauge, "Lanes of devices that are remembered",
                value: UInt64(lanes)),
            MetricFamily(
                "busbar_bridge_lanes_forgotten_total", .counter,
                "Lanes forgotten to make room for others", value: counters.lanesForgotten),
            age,
            MetricFamily(
                "busbar_bridge_ready", .gauge, "1 when events are taken and acknowledged",
                value: unreadiness == nil ? 1 : 0),
            MetricFamily(
                "busbar_bridge_mqtt_connected", .gauge, "1 while the MQTT connection stands",
                value: isConnected ? 1 : 0),
            guarantees, certificates, info,
        ]
    }
}
