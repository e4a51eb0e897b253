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

    public func state() throws(QueueError) -> QueueState {
        do throws(JournalError) {
            var lanes: [QueueState.LaneState] = []
            for lane in Lane.allCases { lanes.append(try state(of: lane)) }
            return QueueState(lanes: lanes)
        } catch {
            throw QueueError("\(error)")
        }
    }

    private func state(of lane: Lane) throws(JournalError) -> QueueState.LaneState {
        let oldest = try reader.events(lane: lane, limit: 1).first
        let newest = try reader.latestEvents(lane: lane, limit: 1).first
        guard let oldest, let newest else {
            return QueueState.LaneState(epochs: [], last: 0, oldestUnixMilliseconds: nil)
        }
        return QueueState.LaneState(
            epochs: try epochs(of: lane, from: oldest, to: newest), last: newest.seq,
            oldestUnixMilliseconds: oldest.wall.unixMilliseconds)
    }

    /// Where one epoch ends and the next begins, by halving: numbers go upwards through all of them.
    private func epochs(
        of lane: Lane, from oldest: EventRecord, to newest: EventRecord
    ) throws(JournalError) -> [QueueState.EpochStart] {
        var starts = [QueueState.EpochStart(epoch: oldest.epoch, first: oldest.seq)]
        var known = oldest.seq
        while let current = starts.last, current.epoch != newest.epoch {
            // `known` is of this epoch, `other` of a later one.
            var other = newest.seq
            while other - known > 1 {
                let middle = known + (other - known) / 2
                let row = try reader.events(lane: lane, after: middle - 1, limit: 1).first
                if let row, row.epoch == current.epoch {
                    known = row.seq
                } else {
                    other = middle
                }
            }
            guard let next = try reader.events(lane: lane, after: known, limit: 1).first else {
                break
            }
            starts.append(QueueState.EpochStart(epoch: next.epoch, first: next.seq))
            known = next.seq
        }
        return starts
    }

    public func page(
        of lane: Lane, from: Int64, maxEvents: Int, maxBytes: Int
    ) throws(QueueError) -> QueuePage {
        do throws(JournalError) {
            let rows = try reader.events(lane: lane, after: from - 1, limit: maxEvents)
            var bytes = 0
            var records: [EventRecord] = []
            for row in rows {
                guard let first = rows.first, row.epoch == first.epoch, row.run == first.run else {
                    break
                }
                bytes += row.data.count
                if !records.isEmpty, bytes > maxBytes { break }
                records.append(row)
            }
            let last = records.last?.seq ?? from - 1
            let gaps = try reader.gaps(lane: lane)
                .filter { $0.last >= from && $0.first <= last }
                .map { max($0.first, from)...min($0.last, last) }
            return QueuePage(lane: lane, from: from, records: records, gaps: gaps)
        } catch {
            throw QueueError("\(error)")
        }
    }
}
