import Testing
import Wire

@testable import Bridge

/// The tracker by itself: it decides which numbers a device may let go of.
@Suite("What a bridge knows of a lane")
struct LaneTrackerTests {
    private static let place = LaneTracker.Place(isDeadLetter: false, partition: 1, offset: 7)

    private static func token(_ number: Int64) -> RecordToken { RecordToken(UInt64(number)) }
    private static func hash(_ number: Int64) -> UInt64 { UInt64(1_000 + number) }
    private static func digest(_ number: Int64) -> RunningDigest {
        RunningDigest(Identifier128(high: 0, low: UInt64(number)))
    }

    /// A tracker that has taken these numbers as one batch, none of them confirmed.
    private static func taken(_ numbers: ClosedRange<Int64>) -> LaneTracker {
        var tracker = LaneTracker(base: numbers.lowerBound)
        take(numbers, &tracker)
        return tracker
    }

    private static func take(_ numbers: ClosedRange<Int64>, _ tracker: inout LaneTracker) {
        for number in numbers { tracker.take(hash: hash(number), token: token(number)) }
        tracker.owe(numbers.upperBound, digest: digest(numbers.upperBound))
    }

    private static func confirm(_ numbers: some Sequence<Int64>, _ tracker: inout LaneTracker) {
        for number in numbers {
            let isAwaited = tracker.confirm(number, by: token(number), at: place)
            #expect(isAwaited, "\(number)")
        }
    }

    // MARK: Which numbers are taken

    @Test("a new one expects its base, and nothing is safe")
    func fresh() {
        let tracker = LaneTracker(base: 5)
        #expect(tracker.next == 5)
        #expect(tracker.upTo == 4)
        #expect(tracker.payable == nil)
        #expect(tracker.sight(of: 4, hash: 0) == .past)
        #expect(tracker.sight(of: 5, hash: 0) == .new)
        #expect(tracker.sight(of: 6, hash: 0) == .early)
    }

    @Test("a number that was taken is known by its bytes")
    func sights() {
        let tracker = Self.taken(5...6)
        #expect(tracker.sight(of: 5, hash: Self.hash(5)) == .known)
        #expect(tracker.sight(of: 5, hash: Self.hash(6)) == .rival)
        #expect(tracker.sight(of: 6, hash: Self.hash(6)) == .known)
        #expect(tracker.sight(of: 7, hash: Self.hash(7)) == .new)
        #expect(tracker.sight(of: 8, hash: Self.hash(8)) == .early)
    }

    struct Gap: CustomTestStringConvertible, Sendable {
        let testDescription: String
        let gap: ClosedRange<Int64>
        let isTaken: Bool
        let next: Int64
    }

    static let gaps = [
        Gap(testDescription: "right after the last number", gap: 8...9, isTaken: true, next: 10),
        Gap(testDescription: "over numbers that were taken", gap: 6...9, isTaken: true, next: 10),
        Gap(testDescription: "of one new number", gap: 7...8, isTaken: true, next: 9),
        Gap(testDescription: "of taken numbers alone", gap: 5...7, isTaken: true, next: 8),
        Gap(testDescription: "one number too far", gap: 9...9, isTaken: false, next: 8),
    ]

    @Test("a gap is taken as far as it is new, and never across a hole", arguments: gaps)
    func gap(row: Gap) {
        var tracker = Self.taken(5...7)
        let isTaken = tracker.take(gap: row.gap)
        #expect(isTaken == row.isTaken)
        #expect(tracker.next == row.next)
        #expect(tracker.sight(of: 7, hash: Self.hash(7)) == .known, "an event stays an event")
        for number in 8..<row.next {
            #expect(tracker.sight(of: number, hash: 0) == .inGap, "\(number)")
        }
    }

    // MARK: Up to where all is safe

    @Test("reports count from the base on without a hole, in whatever order they come")
    func order() {
        var tracker = Self.taken(5...8)
        var seen: [Int64] = []
        for number: Int64 in [7, 8, 5, 6] {
            Self.confirm([number], &tracker)
            seen.append(tracker.upTo)
        }
        #expect(seen == [4, 4, 5, 8])
        #expect(tracker.payable?.number == 8)
    }

    @Test("a gap is safe with what stands before it, and not sooner")
    func gapIsSafe() {
        var tracker = Self.taken(5...6)
        _ = tracker.take(gap: 7...9)
        Self.confirm([6], &tracker)
        #expect(tracker.upTo == 4)
        Self.confirm([5], &tracker)
        #expect(tracker.upTo == 9)
    }

    @Test("only a report of the record that is waited for decides")
    func otherReport() {
        var tracker = Self.taken(5...5)
        let letter = Self.token(99)
        var outcomes = [tracker.confirm(5, by: letter, at: Self.place)]
        outcomes.append(tracker.confirm(6, by: Self.token(6), at: Self.place))
        outcomes.append(tracker.replace(letter, of: 5, with: Self.token(98)))
        #expect(outcomes == [false, false, false])
        let isReplaced = tracker.replace(Self.token(5), of: 5, with: letter)
        #expect(isReplaced)
        #expect(!tracker.awaits(Self.token(5), of: 5))
        let isOldConfirmed = tracker.confirm(5, by: Self.token(5), at: Self.place)
        #expect(!isOldConfirmed)
        #expect(tracker.upTo == 4)
        let isConfirmed = tracker.confirm(5, by: letter, at: Self.place)
        #expect(isConfirmed)
        #expect(tracker.upTo == 5)
        #expect(tracker.place(of: 5) == Self.place)
    }

    // MARK: Ends

    @Test("only ends are paid, the greatest that is safe, each once until it is owed again")
    func ends() {
        var tracker = Self.taken(1...2)
        Self.take(3...4, &tracker)
        Self.take(5...6, &tracker)
        Self.confirm(1...1, &tracker)
        #expect(tracker.payable == nil, "1 is the end of no batch")
        Self.confirm(2...5, &tracker)
        #expect(tracker.payable?.number == 4)
        #expect(tracker.payable?.digest == Self.digest(4))
        tracker.pay(tracker.payable!)
        #expect(tracker.payable == nil, "what is owed below an end is paid with it")
        tracker.owe(2, digest: Self.digest(99))
        #expect(tracker.payable?.number == 2, "a repeated batch has lost its acknowledgement")
        #expect(tracker.payable?.digest == Self.digest(99), "with the hash as it came last")
    }

    // MARK: The base

    @Test("a lower base is an old message; a higher one makes all below it safe")
    func raise() {
        var tracker = Self.taken(5...8)
        tracker.raise(base: 4)
        #expect(tracker.base == 5)
        tracker.raise(base: 5)
        #expect(tracker.upTo == 4)
        tracker.raise(base: 7)
        #expect(tracker.base == 7)
        #expect(tracker.upTo == 6)
        #expect(tracker.slotsFromBase == 2)
        #expect(tracker.sight(of: 5, hash: Self.hash(5)) == .known, "kept, to tell a clone")
        Self.confirm([7, 8], &tracker)
        #expect(tracker.upTo == 8)
    }

    @Test("a base at the next number keeps what was taken, one above it forgets it")
    func raiseBeyond() {
        var tracker = Self.taken(5...6)
        tracker.raise(base: 7)
        #expect(tracker.next == 7)
        #expect(tracker.slots.count == 2)
        tracker.raise(base: 8)
        #expect(tracker.next == 8)
        #expect(tracker.upTo == 7)
        #expect(tracker.slots.isEmpty)
        #expect(tracker.sight(of: 7, hash: 0) == .past)
        Self.take(8...8, &tracker)
        Self.confirm([8], &tracker)
        #expect(tracker.payable?.number == 8)
    }

    @Test("an end below the base is no debt any more, one at it is")
    func endsBelowBase() {
        var tracker = Self.taken(1...2)
        Self.take(3...3, &tracker)
        Self.confirm(1...3, &tracker)
        tracker.raise(base: 3)
        #expect(tracker.ends.map(\.number) == [3])
        tracker.raise(base: 4)
        #expect(tracker.ends.isEmpty)
    }

    @Test("256 slots below the base are kept, the one before them is not")
    func slotsBelowBase() {
        var tracker = Self.taken(1...300)
        Self.confirm(1...300, &tracker)
        tracker.raise(base: 257)
        #expect(tracker.slots.count == 300)
        #expect(tracker.sight(of: 1, hash: Self.hash(1)) == .known)
        tracker.raise(base: 258)
        #expect(tracker.slots.count == 299)
        #expect(tracker.sight(of: 1, hash: Self.hash(1)) == .past)
        #expect(tracker.sight(of: 2, hash: Self.hash(2)) == .known)
        #expect(tracker.slotsFromBase == 43)
        #expect(tracker.payable?.number == 300)
    }

    // MARK: Failures

    @Test("what is not kept is forgotten with all that follows, and taken again")
    func forget() {
        var tracker = Self.taken(1...2)
        Self.take(3...4, &tracker)
        Self.confirm([1, 2, 4], &tracker)
        tracker.forget(from: 3)
        #expect(tracker.next == 3)
        #expect(tracker.upTo == 2)
        #expect(tracker.ends.map(\.number) == [2])
        #expect(tracker.sight(of: 4, hash: Self.hash(4)) == .early)
        #expect(!tracker.awaits(Self.token(3), of: 3))
    }

    @Test("a failure of what is safe already takes nothing away", arguments: [2, 3] as [Int64])
    func forgetBorder(number: Int64) {
        var tracker = Self.taken(1...4)
        Self.confirm(1...2, &tracker)
        tracker.forget(from: number)
        #expect(tracker.upTo == 2)
        #expect(tracker.next == (number == 2 ? 5 : 3))
    }

    @Test("a failure in the midst of a gap forgets the whole gap")
    func forgetGap() {
        var tracker = Self.taken(1...1)
        _ = tracker.take(gap: 2...4)
        tracker.forget(from: 3)
        #expect(tracker.next == 2)
    }

    // MARK: Rivals

    @Test("a rival above the base holds back until its dead letter is kept")
    func rival() {
        var tracker = Self.taken(1...3)
        Self.confirm(1...3, &tracker)
        tracker.addRival(to: 2)
        #expect(tracker.upTo == 1)
        #expect(tracker.payable == nil)
        #expect(tracker.awaitsRival(of: 2))
        tracker.addRival(to: 2)
        tracker.confirmRival(of: 2)
        #expect(tracker.upTo == 1, "there were two")
        tracker.confirmRival(of: 2)
        #expect(tracker.upTo == 3)
        #expect(tracker.payable?.number == 3)
        #expect(!tracker.awaitsRival(of: 2))
    }

    @Test("a rival in a gap holds back as well")
    func rivalInGap() {
        var tracker = Self.taken(1...1)
        _ = tracker.take(gap: 2...4)
        Self.take(5...5, &tracker)
        Self.confirm([1, 5], &tracker)
        tracker.addRival(to: 3)
        #expect(tracker.upTo == 1)
        tracker.confirmRival(of: 3)
        #expect(tracker.upTo == 5)
    }

    /// The device of a restored card goes on from an old base; this session serves a newer one.
    private static func rivalBelowBase() -> LaneTracker {
        var tracker = taken(1...6)
        confirm(1...6, &tracker)
        tracker.pay(tracker.payable!)
        tracker.raise(base: 5)
        tracker.addRival(to: 3)
        tracker.owe(2, digest: digest(2))
        tracker.owe(3, digest: digest(33))
        return tracker
    }

    @Test("a rival below the base holds back ends from it on, and none before it")
    func rivalHoldsBackBelow() {
        var tracker = Self.rivalBelowBase()
        #expect(tracker.upTo == 6, "the base says that the rest is safe")
        #expect(tracker.payable?.number == 2)
        tracker.pay(tracker.payable!)
        tracker.confirmRival(of: 3)
        #expect(tracker.payable?.number == 3)
        #expect(tracker.payable?.digest == Self.digest(33))
    }

    @Test("a rival below the base that fails takes the debt of its end with it")
    func failedRivalTakesDebt() {
        var tracker = Self.rivalBelowBase()
        tracker.forget(from: 3)
        #expect(!tracker.awaitsRival(of: 3))
        #expect(tracker.payable?.number == 2, "what ends before it is still owed")
        tracker.pay(tracker.payable!)
        #expect(tracker.payable == nil, "its device has to send it again")
        #expect(tracker.next == 7, "what was kept stays")
        tracker.addRival(to: 3)
        tracker.owe(3, digest: Self.digest(33))
        tracker.confirmRival(of: 3)
        #expect(tracker.payable?.number == 3)
    }

    @Test("a rival of what is not known any more, and a report of none, change nothing")
    func unknownRival() {
        var tracker = Self.taken(5...6)
        let before = tracker.slots
        tracker.addRival(to: 4)
        tracker.addRival(to: 7)
        tracker.confirmRival(of: 5)
        tracker.confirmRival(of: 4)
        #expect(tracker.slots == before)
        #expect(!tracker.awaitsRival(of: 5))
    }
}
