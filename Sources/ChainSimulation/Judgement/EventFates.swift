/// What became of the events that the control loops stated: each is counted once.
public struct EventFates: Hashable, Sendable {
    /// As an event or in a dead letter.
    public internal(set) var inKafka = 0
    /// Of these, on how many a consumer acted.
    public internal(set) var effects = 0
    /// Dropped by a quota or on a full disk, and Kafka was told so.
    public internal(set) var dropped = 0
    /// Lost with the process or the power before the journal had said that they are stored.
    public internal(set) var uncommitted = 0
    /// Their only copy was on a card or in a database that an older copy was written over.
    public internal(set) var overwritten = 0
    /// Promised, and not there: only where a broken rule has ended the run.
    public internal(set) var promised = 0

    public var stated: Int { inKafka + dropped + uncommitted + overwritten + promised }

    static func += (left: inout EventFates, right: EventFates) {
        left.inKafka += right.inKafka
        left.effects += right.effects
        left.dropped += right.dropped
        left.uncommitted += right.uncommitted
        left.overwritten += right.overwritten
        left.promised += right.promised
    }

    /// "112 events stated: 110 in Kafka, 2 never committed", without what there was none of.
    var text: String {
        let parts = [
            (inKafka, "in Kafka"), (dropped, "dropped and declared"),
            (uncommitted, "never committed"), (overwritten, "overwritten by an older copy"),
            (promised, "promised and not there"),
        ]
        let found = parts.filter { $0.0 > 0 }.map { "\($0.0) \($0.1)" }
        return "\(stated) events stated"
            + (found.isEmpty ? "" : ": " + found.joined(separator: ", "))
    }
}
