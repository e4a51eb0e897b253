public import JSON
import Journal
public import Wire

/// The journal's queues, read from its file beside the process that writes it.
///
/// The file stays open from one question to the next, for as long as it has its name and can be
/// read: to open it costs as much as thirty rows.
public struct JournalQueue: QueueReader {
    private let reader: JournalReader
    private var connection: QueueConnection?

    public init(directory: String) { reader = JournalReader(directory: directory) }

    /// The state of the device as it was kept last; nil when there is none that can be read.
    public func image() -> JSONValue? {
        guard let text = (try? reader.state())?["device"] else { return nil }
        return try? JSONValue.parse(Array(text.utf8))
    }

    public mutating func state(after known: [Int64]) throws(QueueError) -> QueueState {
        try asking { (connection) throws(JournalError) in
            QueueState(
                lanes: try connection.lanes(after: known).map { lane in
                    QueueState.LaneState(
                        epochs: lane.epochs.map {
                            QueueState.EpochStart(epoch: $0.epoch, first: $0.first)
                        }, last: lane.last,
                        oldest: lane.oldest, gaps: lane.gaps.map(\.numbers))
                })
        }
    }

    public mutating func page(
        of lane: Lane, from: Int64, maxEvents: Int, maxBytes: Int
    ) throws(QueueError) -> QueuePage {
        try asking { (connection) throws(JournalError) in
            let page = try connection.page(
                of: lane, from: from, maxEvents: maxEvents, maxBytes: maxBytes)
            return QueuePage(
                lane: lane, from: from, records: page.records, gaps: page.gaps.map(\.numbers),
                losses: page.gaps.filter(\.reason.isLoss).map(\.numbers))
        }
    }

    private mutating func asking<Answer>(
        _ question: (QueueConnection) throws(JournalError) -> Answer
    ) throws(QueueError) -> Answer {
        do throws(JournalError) {
            if let connection, connection.isCurrent { return try question(connection) }
            let opened = try QueueConnection(reader)
            connection = opened
            return try question(opened)
        } catch {
            // After an error the file is opened anew: what failed may lie in what is known of it.
            connection = nil
            throw QueueError("\(error)")
        }
    }
}
