/// What is to happen, by virtual time, and at one time in the order in which it was decided. So one
/// seed has one history.
struct Agenda {
    typealias Step = (Chain) -> Void

    private struct Entry {
        var at: Int64
        var order: UInt64
        var step: Step

        func isBefore(_ other: Entry) -> Bool {
            at != other.at ? at < other.at : order < other.order
        }
    }

    /// A binary heap: the next entry is the first.
    private var heap: [Entry] = []
    private var orderCount: UInt64 = 0

    var isEmpty: Bool { heap.isEmpty }
    /// Virtual milliseconds of the next step; nil when nothing is left to do.
    var nextTime: Int64? { heap.first?.at }

    mutating func add(at time: Int64, _ step: @escaping Step) {
        heap.append(Entry(at: time, order: orderCount, step: step))
        orderCount += 1
        var index = heap.count - 1
        while index > 0 {
            let parent = (index - 1) / 2
            guard heap[index].isBefore(heap[parent]) else { break }
            heap.swapAt(index, parent)
            index = parent
        }
    }

    /// - Precondition: it is not empty.
    mutating func removeFirst() -> (at: Int64, step: Step) {
        let first = heap[0]
        let last = heap.removeLast()
        guard !heap.isEmpty else { return (first.at, first.step) }
        heap[0] = last
        var index = 0
        while true {
            var least = index
            for child in [2 * index + 1, 2 * index + 2] where child < heap.count {
                if heap[child].isBefore(heap[least]) { least = child }
            }
            guard least != index else { break }
            heap.swapAt(index, least)
            index = least
        }
        return (first.at, first.step)
    }
}
