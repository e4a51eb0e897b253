import Wire

/// What one session knows of one lane of one epoch of one device: which numbers it has taken, and
/// up to where all of them are safe.
///
/// It takes numbers in order only, from the device's base on without a hole. A number that comes
/// before its predecessors is not taken: they may be lost, and would then be written after it. So
/// the sink never holds number n unless it holds everything from the base to n, which is why two
/// sessions that both own a shard for a moment still cannot bring a lane out of order.
///
/// Forgetting a tracker is always safe: the device is not told anything and sends again.
struct LaneTracker: Sendable {
    /// A number with its event, or a run of numbers that the device declared a gap.
    struct Slot: Hashable, Sendable {
        var numbers: ClosedRange<Int64>
        /// Of the event's line, to know the same event again; nil for a gap.
        var hash: UInt64?
        /// The record whose report decides; nil once it is safe, and for a gap.
        var token: RecordToken?
        /// Dead letters of events that came under this number, which was taken or is a gap, and
        /// have no report yet. The number is not acknowledged before they are kept too.
        var rivals: UInt16 = 0
        /// Where the record went.
        var place: Place?

        var isSafe: Bool { token == nil && rivals == 0 }
    }

    struct Place: Hashable, Sendable {
        var isDeadLetter: Bool
        var partition: Int32
        var offset: Int64
    }

    /// The last number of a batch. Only ends are acknowledged, with the running hash that the
    /// device can compare with its own.
    struct End: Hashable, Sendable {
        var number: Int64
        var digest: RunningDigest
        /// Not acknowledged since the batch came last.
        var isOwed: Bool
    }

    /// What the session knows of a number that comes.
    enum Sight: Hashable {
        /// The next one to be taken.
        case new
        /// Taken, with these bytes; nothing needs to be written.
        case known
        /// Taken, with other bytes: two events claim one identity.
        case rival
        /// Declared a gap before: who said so, has no event of this number, or has none any more.
        case inGap
        /// So long ago acknowledged that its bytes are forgotten.
        case past
        /// Others must come before it.
        case early
    }

    /// Slots below the base that are kept so that a clone's events are told from repetitions. 256:
    /// what one acknowledgement covers at most before it is sent.
    static let slotsBelowBaseMax = 256

    /// The greatest base that the device has stated.
    private(set) var base: Int64
    /// In order, without a hole; the last one ends before `next`.
    private(set) var slots: [Slot] = []
    /// The number to be taken next.
    private(set) var next: Int64
    /// Every number from `base` to here is safe. `base` − 1 when none is.
    private(set) var upTo: Int64
    /// Whether there ever was a rival: most lanes never have one, and are not searched for it.
    private var hasRivals = false
    /// How many slots from the first on end at `upTo` or before.
    private var safeCount = 0
    /// In order of their numbers.
    private(set) var ends: [End] = [] {
        didSet { owedFrom = ends.first { $0.isOwed }?.number }
    }
    /// The lowest end that is owed: until it is safe, which is asked for with each report, none is.
    private var owedFrom: Int64?

    /// - Precondition: `base` is 1 or more.
    init(base: Int64) {
        precondition(base >= 1, "numbers of a lane begin with 1")
        self.base = base
        next = base
        upTo = base - 1
    }

    /// The device states what is acknowledged; a lower base than before is an old message.
    mutating func raise(base: Int64) {
        guard base > self.base else { return }
        self.base = base
        ends.removeAll { $0.number < base }
        upTo = max(upTo, base - 1)
        if next < base {
            // Another session served the device meanwhile; nothing of ours is of use any more.
            slots.removeAll()
            safeCount = 0
            next = base
            return
        }
        advance()
        let belowBase = firstSlot(endingFrom: base)
        let surplus = belowBase - Self.slotsBelowBaseMax
        guard surplus > 0 else { return }
        slots.removeFirst(surplus)
        safeCount -= surplus
    }

    /// A batch came whole: its end is to be acknowledged once everything up to it is safe. It may
    /// be one that was acknowledged before.
    mutating func owe(_ number: Int64, digest: RunningDigest) {
        let end = End(number: number, digest: digest, isOwed: true)
        let index = ends.firstIndex { $0.number >= number } ?? ends.count
        if index < ends.count, ends[index].number == number {
            ends[index] = end
        } else {
            ends.insert(end, at: index)
        }
    }

    /// The greatest end that may be acknowledged and was not yet.
    var payable: End? {
        guard let owedFrom, owedFrom <= upTo else { return nil }
        // Below the base nothing else holds an acknowledgement back, and the device that goes on
        // from an old base has only this chance to be heard.
        let unkept = hasRivals ? slots.prefix(safeCount).first { $0.rivals > 0 } : nil
        let limit = min(upTo, unkept.map { $0.numbers.lowerBound - 1 } ?? upTo)
        return ends.last { $0.isOwed && $0.number <= limit }
    }

    /// The end was acknowledged, and so is what was owed below it.
    mutating func pay(_ end: End) {
        ends = ends.map { other in
            var other = other
            if other.number <= end.number { other.isOwed = false }
            return other
        }
    }

    /// How far the device is ahead of its base, in slots.
    var slotsFromBase: Int { slots.count - firstSlot(endingFrom: base) }

    /// Where the record of a number went; nil for what is not remembered.
    func place(of number: Int64) -> Place? { slot(of: number).flatMap { slots[$0].place } }

    func sight(of number: Int64, hash: UInt64) -> Sight {
        if number == next { return .new }
        if number > next { return .early }
        guard let slot = slot(of: number) else { return .past }
        guard let known = slots[slot].hash else { return .inGap }
        return known == hash ? .known : .rival
    }

    /// Whether one of these is so old that its bytes are forgotten.
    func isPast(_ lines: [BatchLine], _ hashes: [UInt64]) -> Bool {
        lines.indices.contains { sight(of: lines[$0].seq, hash: hashes[$0]) == .past }
    }

    enum Taking: Hashable {
        case taken
        /// It is the next one, and the device is too far ahead of its base.
        case noRoom
        case seen(Sight)
    }

    /// Takes a number if it is the next one.
    mutating func take(
        _ number: Int64, hash: UInt64, token: RecordToken, slotsMax: Int
    ) -> Taking {
        let sight = sight(of: number, hash: hash)
        guard sight == .new else { return .seen(sight) }
        guard slotsFromBase < slotsMax else { return .noRoom }
        take(hash: hash, token: token)
        return .taken
    }

    /// Takes the next number.
    mutating func take(hash: UInt64, token: RecordToken) {
        slots.append(Slot(numbers: next...next, hash: hash, token: token))
        next += 1
    }

    /// Takes a gap as far as it is new; false if numbers before it are missing.
    mutating func take(gap: ClosedRange<Int64>) -> Bool {
        guard gap.lowerBound <= next else { return false }
        guard gap.upperBound >= next else { return true }
        slots.append(Slot(numbers: next...gap.upperBound, hash: nil, token: nil))
        next = gap.upperBound + 1
        advance()
        return true
    }

    /// Another event came under a number that is taken, or any under one that is a gap; its dead
    /// letter is on the way.
    mutating func addRival(to number: Int64) {
        guard let slot = slot(of: number) else { return }
        slots[slot].rivals += 1
        hasRivals = true
        guard number >= base, number <= upTo else { return }
        // Not yet told to the device, perhaps: hold it back until the dead letter is kept.
        upTo = slots[slot].numbers.lowerBound - 1
        safeCount = slot
    }

    /// The record of a number is kept. False when this report decides nothing any more.
    mutating func confirm(_ number: Int64, by token: RecordToken, at place: Place) -> Bool {
        guard let slot = slot(of: number), slots[slot].token == token else { return false }
        slots[slot].token = nil
        slots[slot].place = place
        advance()
        return true
    }

    mutating func confirmRival(of number: Int64) {
        guard let slot = slot(of: number), slots[slot].rivals > 0 else { return }
        slots[slot].rivals -= 1
        advance()
    }

    /// A refused record goes on as a dead letter, and that one's report decides.
    mutating func replace(_ token: RecordToken, of number: Int64, with other: RecordToken) -> Bool {
        guard let slot = slot(of: number), slots[slot].token == token else { return false }
        slots[slot].token = other
        return true
    }

    /// Whether the number still waits for this record's report.
    func awaits(_ token: RecordToken, of number: Int64) -> Bool {
        guard let slot = slot(of: number) else { return false }
        return slots[slot].token == token
    }

    /// Whether a dead letter of another event under this number is still of use.
    func awaitsRival(of number: Int64) -> Bool {
        guard let slot = slot(of: number) else { return false }
        return slots[slot].rivals > 0
    }

    /// The record of a number is not kept: it and all after it are forgotten until the device sends
    /// them again, so that nothing is acknowledged, or written, across it.
    mutating func forget(from number: Int64) {
        guard let slot = slot(of: number) else { return }
        let first = slots[slot].numbers.lowerBound
        // What is at or below `upTo` is safe whatever this report says: all but a rival of it,
        // which comes again when its end is not acknowledged.
        guard first > upTo else {
            guard slots[slot].rivals > 0 else { return }
            slots[slot].rivals -= 1
            ends = ends.map { other in
                var other = other
                if other.number >= first { other.isOwed = false }
                return other
            }
            return
        }
        slots.removeSubrange(slot...)
        ends.removeAll { $0.number >= first }
        next = first
    }

    private mutating func advance() {
        while safeCount < slots.count {
            let slot = slots[safeCount]
            guard slot.isSafe || slot.numbers.upperBound < base else { return }
            upTo = max(upTo, slot.numbers.upperBound)
            safeCount += 1
        }
    }

    private func slot(of number: Int64) -> Int? {
        let index = firstSlot(endingFrom: number)
        guard index < slots.count, slots[index].numbers.contains(number) else { return nil }
        return index
    }

    /// The index of the first slot whose last number is `number` or above.
    private func firstSlot(endingFrom number: Int64) -> Int {
        var low = 0
        var high = slots.count
        // Where no gap is before it, its place is its distance from the first number.
        if let first = slots.first?.numbers.lowerBound, number >= first,
            number - first < Int64(high), slots[Int(number - first)].numbers.lowerBound == number
        {
            return Int(number - first)
        }
        while low < high {
            let middle = (low + high) / 2
            if slots[middle].numbers.upperBound < number { low = middle + 1 } else { high = middle }
        }
        return low
    }
}
