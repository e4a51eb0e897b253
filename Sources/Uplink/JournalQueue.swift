public import JSON
import Journal
public import Wire

/// The journal's queues, read from its file beside the process that writes it.
public struct JournalQueue: QueueReader, Sendable {
    private let reader: JournalReader

    public init(directory: String) { reader = JournalReader(directory: directory) }

    /// The state of the device as it was kept last; nil when there is none that can be read.
    public func image() -> JSONValue? {
        guard let text = (try? reader.state())?["device"] else { return nil }
        return try? JSONValue.parse(Array(text.utf8))
    }

    public func state(after known: [Int64]) throws(QueueError) -> QueueState {
        do throws(JournalError) {
            return QueueState(
                lanes: try reader.lanes(after: known).map { lane in
                    QueueState.LaneState(
                        epochs: lane.epochs.map {
                            QueueState.EpochStart(epoch: $0.epoch, first: $0.first)
                        }, last: lane.last,
                        oldest: lane.oldest, gaps: lane.gaps.map(\.numbers))
                })
        } catch {
            throw QueueError("\(error)")
        }
    }

    public func page(
        of lane: Lane, from: Int64, maxEvents: Int, maxBytes: Int
    ) throws(QueueError) -> QueuePage {
        do throws(JournalError) {
            let page = try reader.page(
                of: lane, from: from, maxEvents: maxEvents, maxBytes: maxBytes)
            return QueuePage(
                lane: lane, from: from, records: page.records, gaps: page.gaps.map(\.numbers),
                losses: page.gaps.filter(\.reason.isLoss).map(\.numbers))
        } catch {
            throw QueueError("\(error)")
        }
    }
}
