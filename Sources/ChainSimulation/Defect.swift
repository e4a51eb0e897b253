/// A deliberate defect, to show that the simulation would see it. Each is put in where the parts
/// meet, never in the parts themselves: the product does not know of it.
public enum Defect: String, Sendable, CaseIterable {
    /// busbard reclaims what was sent, without waiting for the acknowledgement.
    case deleteOnSend = "delete-on-send"
    /// The uplink takes the broker's PUBACK for Kafka's.
    case acknowledgeFromMemory = "ack-from-memory"
    /// Numbers are the rowids of an emptied table: they begin again with 1.
    case rowidAsNumber = "rowid-as-number"
    /// The mark outside of the database is not looked at, so that numbers go back with it.
    case counterRolledBack = "counter-rolled-back"
    /// Bridges share one subscription, and each acknowledges what it got of it.
    case sharedSubscription = "shared-subscription"
    /// The bridge takes the hand-over to the producer for the delivery report.
    case acknowledgeBeforeReport = "ack-before-report"
    /// The device believes every acknowledgement.
    case unsealedAcknowledgement = "mac-not-checked"
    /// Syncs make nothing durable.
    case synchronousWeakened = "synchronous-weakened"
    /// Rows that are missing are declared a gap.
    case gapForLostRows = "gap-for-lost-rows"
}
