import Units
import Wire

/// How far one lane has got: what is acknowledged, what is under way, and what comes next.
///
/// Everything below `base` is safe. From `base` up to `next` stand the batches of the window, whose
/// bytes are not kept: to send again is to read the journal again. From `next` on nothing was sent.
/// One epoch at a time: the next begins when all of this one is acknowledged.
struct LaneProgress: Sendable {
    /// A batch under way.
    struct Sent: Hashable, Sendable {
        var token: UInt64
        var first: Int64
        var last: Int64
        var events: Int
        /// On the wire.
        var bytes: Int
        /// The running hash after `last`.
        var digest: RunningDigest
        /// Of its first event.
        var oldest: EventMoment?
        /// When the broker answered.
        var publishedAt: Instant?
        /// Whether it said that it has it, and somebody who wants it.
        var isTaken = false
        /// False when an earlier sending of the same numbers may be answered in its place.
        var isFirstSending: Bool
    }

    /// What the broker said to a batch.
    enum BrokerAnswer: Hashable {
        case taken
        /// Nobody subscribes to it, so it was thrown away.
        case nobody
        case refused
    }

    /// Numbers that are neither rows nor declared gaps.
    struct Missing: Hashable, Sendable {
        var numbers: ClosedRange<Int64>
        var since: Instant
    }

    /// More ends than a window has, those before a step back included.
    static let digestsMax = 1_024

    let lane: Lane
    /// Nil until the journal was read once.
    private(set) var epoch: Identifier128?
    /// The last number of `epoch` that can exist; nil for the newest epoch.
    private(set) var epochEnd: Int64?
    /// The last number that is acknowledged.
    private(set) var acknowledged: Int64 = 0
    /// The running hash after it; nil when it begins anew.
    private(set) var acknowledgedDigest: RunningDigest?
    /// The greatest number of `epoch` that was sent in this process.
    private(set) var sentMax: Int64 = 0
    private(set) var window: [Sent] = []
    private(set) var next: Int64 = 1
    private(set) var nextDigest: RunningDigest?
    /// Declared gaps from `base` to `next`, in order, merged where they touch.
    private(set) var gaps: [ClosedRange<Int64>] = []
    /// What is read and not yet sent, the next row first.
    private(set) var page: QueuePage?
    private(set) var missing: Missing?
    /// Missing numbers above the base that were gone across, so that they are told once.
    private var crossed: [ClosedRange<Int64>] = []
    /// The journal's last number.
    private(set) var last: Int64 = 0
    /// The journal said that there is nothing from `next` on, when its last number was this.
    private var emptyWhenLast: Int64?
    /// When to ask all the same: a damaged journal may say of a last number that it stands still
    /// while events come in.
    private var askAgainAt = Instant.never
    /// The journal has no more rows of this epoch, and never will have.
    private var isExhausted = false
    /// What the running hash is after each batch that was sent and is not acknowledged, those
    /// before a step back too: an acknowledgement of the first sending may still come.
    private var digests: [(last: Int64, digest: RunningDigest)] = []
    /// Whether there is only one running hash that an end can have: it has been carried from the
    /// first number of the epoch, over rows alone. After the loss of a cursor it begins anew, and a
    /// gap may have been rows that were sent before they were dropped; then an older
    /// acknowledgement has another hash rightly.
    private(set) var isChainWhole = true
    /// Whether the place came from a cursor, so that every number from `next` on must be there.
    private var isPlaceKnown = false
    /// Once somebody has waited for a declaration, later holes of the same damage are not waited
    /// for.
    private var wasMissingDeclared = false
    /// What a cursor said that this journal has never had: it is an older copy.
    private(set) var cursorAhead: Int64?

    var roundTrip = RoundTrip()
    /// No batch before this; for waits after damage and time-outs.
    var resendAt: Instant?
    /// No reading before this: after damage, which busbard may be about to declare.
    var readAt: Instant?
    var acknowledgedAt: Instant?
    /// Since when, on this connection, the broker has had events of this lane without a word from
    /// any bridge. Sending them again does not begin it anew.
    private(set) var unansweredSince: Instant?
    /// On top of the time-out, so that many devices do not send again in one moment.
    var timeoutJitter = Milliseconds.zero
    /// Numbers that went as gaps in which events were: dropped, damaged, or missing.
    private(set) var numbersDropped: Int64 = 0
    /// Unpacked bytes for each byte on the wire, times 16: what to read for what the link takes.
    var packing: Int = 64

    /// What the journal said last of the numbers that were not acknowledged then.
    private var storedGaps: [ClosedRange<Int64>] = []
    private var oldestStored: EventMoment?

    init(lane: Lane) { self.lane = lane }

    var base: Int64 { acknowledged + 1 }
    var bytesInWindow: Int { window.reduce(0) { $0 + $1.bytes } }
    var eventsInWindow: Int { window.reduce(0) { $0 + $1.events } }
    /// Events without an acknowledgement: each number is one, or lies in a gap.
    var depth: Int64 {
        let missing = storedGaps.reduce(Int64(0)) { sum, gap in
            sum + max(0, min(gap.upperBound, last) - max(gap.lowerBound, acknowledged + 1) + 1)
        }
        return max(0, last - acknowledged - missing)
    }
    var hasReady: Bool { !(page?.records.isEmpty ?? true) }
    /// Of the first event that is not acknowledged; nil when there is none.
    var oldest: EventMoment? {
        guard depth > 0 else { return nil }
        return window.first?.oldest ?? page?.records.first?.moment ?? oldestStored
    }
    /// Whether reading would find something.
    var wantsPage: Bool {
        epoch != nil && !hasReady && !isExhausted && next <= min(last, epochEnd ?? .max)
            && emptyWhenLast != last
    }
    /// Whether to read now: where something is to be found, and else now and then.
    func mayRead(now: Instant) -> Bool {
        guard now >= readAt ?? .never else { return false }
        let isDue = now >= askAgainAt && next <= epochEnd ?? .max
        return wantsPage || (isDue && epoch != nil && !hasReady && !isExhausted)
    }
    /// Everything of an epoch that has a successor is acknowledged; `note` goes on to the next.
    private var isEpochDone: Bool {
        guard let epochEnd else { return false }
        return window.isEmpty && !hasReady && (isExhausted || next > epochEnd)
    }

    /// Where the cursor and the journal agree to go on; the first time, and when the journal has
    /// begun another epoch.
    mutating func note(_ state: QueueState.LaneState, cursor: UplinkCursor.Place?) {
        last = state.last
        storedGaps = state.gaps
        oldestStored = state.oldest
        guard let oldest = state.epochs.first else { return }
        guard let epoch, let index = state.epochs.firstIndex(where: { $0.epoch == epoch }) else {
            begin(state.epochs, cursor: cursor, oldest: oldest)
            return
        }
        epochEnd = Self.end(of: index, in: state.epochs)
        if isEpochDone, index + 1 < state.epochs.count { enter(state.epochs, index + 1) }
    }

    private mutating func begin(
        _ epochs: [QueueState.EpochStart], cursor: UplinkCursor.Place?,
        oldest: QueueState.EpochStart
    ) {
        let known = epochs.firstIndex { $0.epoch == cursor?.epoch }
        guard let known, let cursor else {
            enter(epochs, 0)
            return
        }
        enter(epochs, known)
        // A place beyond the end is an old copy of the journal: all that it has of the epoch is
        // sent again.
        let end = Self.end(of: known, in: epochs) ?? last
        if cursor.upTo > end, epochEnd == nil { cursorAhead = cursor.upTo }
        guard cursor.upTo <= end, cursor.upTo >= acknowledged else { return }
        acknowledged = cursor.upTo
        acknowledgedDigest = cursor.digest
        isPlaceKnown = true
        isChainWhole = cursor.digest != nil
        goBack()
    }

    private mutating func enter(_ epochs: [QueueState.EpochStart], _ index: Int) {
        epoch = epochs[index].epoch
        epochEnd = Self.end(of: index, in: epochs)
        acknowledged = epochs[index].first - 1
        sentMax = acknowledged
        acknowledgedDigest = .start(of: epochs[index].epoch)
        isChainWhole = true
        isPlaceKnown = false
        cursorAhead = nil
        digests = []
        crossed = []
        wasMissingDeclared = false
        roundTrip.progressed()
        unansweredSince = nil
        goBack()
    }

    private static func end(of index: Int, in epochs: [QueueState.EpochStart]) -> Int64? {
        index + 1 < epochs.count ? epochs[index + 1].first - 1 : nil
    }

    /// Begins again at `base`: after a reconnect, a time-out, or damage.
    mutating func goBack() {
        window = []
        gaps = []
        page = nil
        missing = nil
        emptyWhenLast = nil
        isExhausted = false
        readAt = nil
        next = acknowledged + 1
        nextDigest = acknowledgedDigest
    }

    /// A bridge has spoken of this lane, if not to acknowledge what we sent.
    mutating func answered() { unansweredSince = nil }

    mutating func connected() {
        roundTrip.progressed()
        resendAt = nil
        unansweredSince = nil
        goBack()
    }

    // MARK: - Reading

    enum PageOutcome: Hashable {
        case taken
        /// Not what was asked for, or what is there contradicts itself.
        case refused(String)
        /// These numbers have no row and are no gap. After the wait they are gone across.
        case missing(ClosedRange<Int64>, isCrossed: Bool)
    }

    /// Takes what the journal has from `next` on.
    mutating func note(_ page: QueuePage, now: Instant, limits: UplinkLimits) -> PageOutcome {
        guard page.lane == lane, page.from == next, !hasReady else {
            return .refused("a page from \(page.from) came where \(next) was asked for")
        }
        askAgainAt = now + limits.askAgainAfter
        guard let first = page.records.first, first.epoch == epoch else {
            // Nothing of this epoch from here on. What stands at its end without a row is a gap
            // that needs no declaring: no later number of this epoch waits for it.
            if epochEnd != nil { isExhausted = true }
            emptyWhenLast = last
            return .taken
        }
        var page = page
        let sound = page.records.prefix(while: { $0.epoch == first.epoch && $0.run == first.run })
        guard sound.count == page.records.count, isAscending(page.records) else {
            return .refused("rows from \(page.from) are not in order, or of several runs")
        }
        if !isPlaceKnown, window.isEmpty, next == acknowledged + 1, first.seq > next {
            // Nobody knows of an acknowledgement in this epoch, and its first rows are gone:
            // busbard let them go because they were acknowledged, or dropped them and declared it.
            leap(to: first.seq, declared: page.gaps)
        }
        isPlaceKnown = true
        if !crossed.isEmpty { page.gaps = Self.merged(page.gaps + crossed) }
        let hole = firstHole(in: page)
        guard let hole else {
            self.page = page
            missing = nil
            return .taken
        }
        let before = page.records.prefix { $0.seq < hole.lowerBound }
        if !before.isEmpty {
            page.records = Array(before)
            self.page = page
            return .taken
        }
        let since = missing?.since ?? now
        missing = Missing(numbers: hole, since: since)
        guard wasMissingDeclared || now - since >= limits.missingWait else {
            return .missing(hole, isCrossed: false)
        }
        wasMissingDeclared = true
        missing = nil
        crossed.append(hole)
        page.gaps = Self.merged(page.gaps + [hole])
        // Later holes of this page are met when their turn comes.
        let end = firstHole(in: page)?.lowerBound ?? .max
        page.records = Array(page.records.prefix { $0.seq < end })
        self.page = page
        return .missing(hole, isCrossed: true)
    }

    private func isAscending(_ records: [EventRecord]) -> Bool {
        var before = next - 1
        for record in records {
            guard record.seq > before, record.lane == lane, record.seq <= epochEnd ?? .max else {
                return false
            }
            before = record.seq
        }
        return true
    }

    private mutating func leap(to first: Int64, declared: [ClosedRange<Int64>]) {
        if let gap = Self.merged(declared).first(where: { $0.contains(first - 1) }),
            gap.lowerBound <= next
        {
            return
        }
        acknowledged = first - 1
        acknowledgedDigest = nil
        isChainWhole = false
        next = first
        nextDigest = nil
    }

    /// The first numbers between `next` and the last row that are neither row nor gap.
    private func firstHole(in page: QueuePage) -> ClosedRange<Int64>? {
        var expected = next
        var declared = page.gaps[...]
        for record in page.records {
            while expected < record.seq {
                while let gap = declared.first, gap.upperBound < expected {
                    declared.removeFirst()
                }
                guard let gap = declared.first, gap.lowerBound <= expected else {
                    let end = min(record.seq - 1, (declared.first?.lowerBound ?? .max) - 1)
                    return expected...end
                }
                expected = gap.upperBound + 1
            }
            expected = record.seq + 1
        }
        return nil
    }

    // MARK: - Sending

    /// The rows of the next batch, at least one; their gaps are those that the header must name.
    ///
    /// - Precondition: `hasReady`.
    func nextRows(maxEvents: Int, maxGaps: Int) -> (count: Int, gaps: [ClosedRange<Int64>]) {
        guard let page, !page.records.isEmpty else { preconditionFailure("no row is ready") }
        var count = 0
        var named = gaps
        for record in page.records.prefix(maxEvents) {
            var longer = named
            let from = count == 0 ? next : page.records[count - 1].seq + 1
            if from < record.seq { longer = Self.merged(longer + [from...(record.seq - 1)]) }
            if count > 0, longer.count > maxGaps { break }
            named = longer
            count += 1
        }
        return (count, named)
    }

    /// The batch is on its way.
    mutating func sent(_ batch: Sent, gaps named: [ClosedRange<Int64>]) {
        window.append(batch)
        gaps = named
        if batch.first > sentMax {
            numbersDropped += losses(in: max(sentMax, next - 1) + 1...batch.last)
        }
        sentMax = max(sentMax, batch.last)
        next = batch.last + 1
        nextDigest = batch.digest
        if !named.isEmpty { isChainWhole = false }
        // Every one that was sent: the answer to each may still come.
        if !digests.contains(where: { $0 == (batch.last, batch.digest) }) {
            digests.append((batch.last, batch.digest))
        }
        if digests.count > Self.digestsMax { digests.removeFirst() }
        page?.records.removeFirst(batch.events)
        if let page, page.records.isEmpty { self.page = nil }
    }

    private func losses(in numbers: ClosedRange<Int64>) -> Int64 {
        Self.merged((page?.losses ?? []) + crossed).filter { $0.overlaps(numbers) }
            .reduce(0) { $0 + Int64($1.clamped(to: numbers).count) }
    }

    mutating func published(token: UInt64, _ answer: BrokerAnswer, now: Instant) {
        guard let index = window.firstIndex(where: { $0.token == token }) else { return }
        window[index].publishedAt = now
        window[index].isTaken = answer == .taken
        // What the broker refuses, no bridge can answer.
        unansweredSince = answer == .refused ? nil : unansweredSince ?? now
    }

    // MARK: - Acknowledging

    enum AcknowledgeOutcome: Hashable {
        /// The place moved. The batch is the newest of the window that is covered.
        case moved(Sent?)
        /// Known already.
        case repeated
        /// No batch that this process sent ends there, so it proves nothing: an acknowledgement for
        /// an earlier run of the uplink. What it speaks of is sent again, and does no harm.
        case unmatched
        /// The cluster has another event under a number that we sent, or has numbers that this
        /// journal never had.
        case contradicted
    }

    /// What an acknowledgement of this epoch means. Only the end of a batch that was sent, with the
    /// running hash of that sending, moves the place: whatever else a number says, it does not say
    /// that the cluster has these events.
    mutating func acknowledge(
        _ upTo: Int64, digest: RunningDigest, now: Instant
    ) -> AcknowledgeOutcome {
        if upTo == acknowledged, digest == acknowledgedDigest { return .repeated }
        if digests.contains(where: { $0 == (upTo, digest) }) {
            return .moved(move(to: upTo, digest: digest, now: now))
        }
        if digests.contains(where: { $0.last == upTo }) {
            return isChainWhole ? .contradicted : .unmatched
        }
        if upTo < acknowledged { return .repeated }
        return upTo > min(last, epochEnd ?? .max) ? .contradicted : .unmatched
    }

    /// The broker took the batches of the window up to the first that it has not confirmed: all
    /// that counts where no bridge of ours is.
    mutating func acknowledgePublished(now: Instant) -> Bool {
        guard let end = window.prefix(while: { $0.isTaken }).last else { return false }
        _ = move(to: end.last, digest: end.digest, now: now)
        return true
    }

    private mutating func move(to end: Int64, digest: RunningDigest, now: Instant) -> Sent? {
        let covered = window.prefix { $0.last <= end }
        window.removeFirst(covered.count)
        digests.removeAll { $0.last <= end }
        crossed.removeAll { $0.upperBound <= end }
        acknowledged = end
        acknowledgedDigest = digest
        gaps = gaps.compactMap { gap in
            gap.upperBound <= end ? nil : max(gap.lowerBound, end + 1)...gap.upperBound
        }
        acknowledgedAt = now
        roundTrip.progressed()
        resendAt = nil
        // After a step back the acknowledgement of the first sending may come: what it covers need
        // not be sent again. A batch that lies across the end is no longer whole.
        if next <= end || window.first.map({ $0.first <= end }) ?? false { goBack() }
        unansweredSince = window.contains { $0.publishedAt != nil } ? now : nil
        return covered.last
    }

    /// Ranges in order, those that touch made one.
    static func merged(_ ranges: [ClosedRange<Int64>]) -> [ClosedRange<Int64>] {
        var result: [ClosedRange<Int64>] = []
        for range in ranges.sorted(by: { $0.lowerBound < $1.lowerBound }) {
            if let before = result.last, range.lowerBound <= before.upperBound + 1 {
                result[result.count - 1] =
                    before.lowerBound...max(before.upperBound, range.upperBound)
            } else {
                result.append(range)
            }
        }
        return result
    }
}
