import Uplink
import Wire

/// Numbers of a lane that are in no record, as their device has declared it in one.
struct Declaration {
    /// Of the record.
    var epoch: Identifier128
    var lane: Lane
    var numbers: ClosedRange<Int64>
    /// Events were there.
    var isDrop: Bool
}

extension Oracle {
    /// Every number of an epoch, from its first one to the highest that Kafka knows of, is in Kafka
    /// or declared there: a consumer cannot tell a number that nobody has used from an event that
    /// is lost.
    ///
    /// Numbers go on upwards through the epochs of one file, and a start that begins an epoch may
    /// have to declare numbers of the one before, so a declaration counts for its own epoch and for
    /// those before it. What an older copy was written over has taken its last declarations with
    /// it: nobody can account for its numbers above those of the file that went on, nor for an
    /// epoch that only it had.
    ///
    /// - Parameter state: of the file that went on, when everything in it is in Kafka.
    mutating func judgeNumbers(of device: String, _ state: QueueState, now: Int64) {
        var numbers: [EventStream: [Int64]] = [:]
        for identity in kept.keys { numbers[identity.stream, default: []].append(identity.seq) }
        for (lane, place) in zip(Lane.allCases, state.lanes) {
            for (index, start) in place.epochs.enumerated() {
                let later = Set(place.epochs[index...].map(\.epoch))
                let declared = declarations.filter { $0.lane == lane && later.contains($0.epoch) }
                let end =
                    index + 1 < place.epochs.count
                    ? place.epochs[index + 1].first - 1 : place.last
                let stream = EventStream(device: device, epoch: start.epoch, lane: lane)
                guard
                    let missing = firstMissing(
                        numbers[stream] ?? [], declared, epoch: start.epoch,
                        from: start.first, upTo: end)
                else { continue }
                return fail(
                    .numbersKnown,
                    expected: "\(stream.text) \(missing.lowerBound)-\(missing.upperBound) in "
                        + "Kafka, or in a queue.skipped or queue.dropped there",
                    found: "neither", now: now)
            }
        }
    }

    private func firstMissing(
        _ numbers: [Int64], _ declared: [Declaration], epoch: Identifier128, from first: Int64,
        upTo end: Int64
    ) -> ClosedRange<Int64>? {
        let known = numbers + declared.filter { $0.epoch == epoch }.map(\.numbers.upperBound)
        guard let highest = known.max() else { return nil }
        let last = min(highest, end)
        let ranges = numbers.map { $0...$0 } + declared.map(\.numbers)
        var next = first
        for range in ranges.sorted(by: { $0.lowerBound < $1.lowerBound }) where next <= last {
            if range.lowerBound > next { return next...min(range.lowerBound - 1, last) }
            next = max(next, range.upperBound + 1)
        }
        return next <= last ? next...last : nil
    }
}
