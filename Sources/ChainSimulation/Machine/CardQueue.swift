import Journal
import Uplink
import Wire

/// The journal's queues on a machine's card, as the uplink's program reads them beside busbard.
struct CardQueue: QueueReader {
    let connection: QueueConnection
    /// By lane, what is taken from each number: zero, save with the defect of numbers that begin
    /// again with 1.
    let shifts: [Int64]

    func state(after known: [Int64]) throws(QueueError) -> QueueState {
        do throws(JournalError) {
            return QueueState(
                lanes: try connection.lanes(after: known).map { lane in
                    let shift = shifts[Int(lane.lane.rawValue)]
                    return QueueState.LaneState(
                        epochs: lane.epochs.map {
                            .init(epoch: $0.epoch, first: max(1, $0.first - shift))
                        },
                        last: max(0, lane.last - shift),
                        oldest: lane.oldest)
                })
        } catch { throw QueueError("\(error)") }
    }

    /// A page out of one that was read before, while nothing has changed on the card.
    static func part(
        of page: QueuePage, from: Int64, maxEvents: Int, maxBytes: Int
    ) -> QueuePage? {
        guard let last = page.records.last else { return from == page.from ? page : nil }
        guard from >= page.from, from <= last.seq else { return nil }
        var bytes = 0
        var records: [EventRecord] = []
        for record in page.records where record.seq >= from {
            bytes += record.data.count
            guard records.isEmpty || (bytes <= maxBytes && records.count < maxEvents) else { break }
            records.append(record)
        }
        let end = records.last?.seq ?? from
        func here(_ ranges: [ClosedRange<Int64>]) -> [ClosedRange<Int64>] {
            ranges.filter { $0.upperBound >= from && $0.lowerBound <= end }
        }
        return QueuePage(
            lane: page.lane, from: from, records: records, gaps: here(page.gaps),
            losses: here(page.losses))
    }

    func page(
        of lane: Lane, from: Int64, maxEvents: Int, maxBytes: Int
    ) throws(QueueError) -> QueuePage {
        let shift = shifts[Int(lane.rawValue)]
        do throws(JournalError) {
            var page = try connection.page(
                of: lane, from: from + shift, maxEvents: maxEvents, maxBytes: maxBytes)
            for index in page.records.indices { page.records[index].seq -= shift }
            func shifted(_ gaps: [StoredGap]) -> [ClosedRange<Int64>] {
                gaps.filter { $0.last > shift }.map { max(1, $0.first - shift)...($0.last - shift) }
            }
            return QueuePage(
                lane: lane, from: from, records: page.records, gaps: shifted(page.gaps),
                losses: shifted(page.gaps.filter(\.reason.isLoss)))
        } catch { throw QueueError("\(error)") }
    }
}
