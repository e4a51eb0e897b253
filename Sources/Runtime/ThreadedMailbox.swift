public import Control
public import Events
public import Units

/// The control thread's end of the rings to the journal thread and the API thread.
///
/// Nothing here waits or allocates. What finds no room is dealt with by kind:
/// - events are counted, like those that the tick itself had no room for; an event with the count
///   follows when there is room, and the `eventsLost` condition raises E604;
/// - of lockout records and run markers only the latest matters, so it is kept and offered again in
///   each tick until it is taken: neither is ever lost.
public struct ThreadedMailbox: ~Copyable, Mailbox {
    public let post: Postbox
    private var unsentLockout: LockoutRecord?
    private var unsentMarker: Bool?
    /// Events refused by the ring and not yet stated by an event of their own.
    private var unstatedLosses: UInt32 = 0
    private var lostInThisTick = false
    /// The API's command of this tick, and what the controller has said to it.
    private var pending: PendingCommand?

    public init(_ post: Postbox) { self.post = post }

    /// Drops what has expired, and takes at most one command of the API in a tick: then every fact
    /// that the tick states about a request is about this one, and its answer needs no guessing.
    /// Ten a second are more than people can type.
    public mutating func takeCommands(into batch: inout CommandBatch, at now: Instant) {
        finishTick()
        // Ends after 64 at most: the API thread gives up long before it could refill the ring.
        while !batch.isFull, let ticketed = post.commands.pop() {
            guard now > ticketed.expiry else {
                batch.append(ticketed.request)
                pending = PendingCommand(ticketed)
                return
            }
            // Where there is no room for the answer, the API thread's own time-out is one.
            _ = post.outcomes.push(CommandOutcome(ticket: ticketed.ticket, result: .expired))
        }
    }

    public var conditions: ShellConditions {
        var conditions = post.standing
        conditions.insert(
            ShellConditions(rawValue: post.passingConditions.exchange(0, ordering: .relaxed)))
        if lostInThisTick || unstatedLosses > 0 { conditions.insert(.eventsLost) }
        return conditions
    }

    public mutating func post(_ event: Event) {
        pending?.note(event.fact)
        if unstatedLosses > 0 {
            var loss = event
            loss.fact = .eventsLost(count: unstatedLosses)
            if post.events.push(loss) { unstatedLosses = 0 }
        }
        guard unstatedLosses == 0, post.events.push(event) else {
            unstatedLosses &+= 1
            lostInThisTick = true
            post.eventsLost.wrappingAdd(1, ordering: .relaxed)
            return
        }
        post.hasNews.store(true, ordering: .releasing)
    }

    public mutating func noteLost(_ count: UInt32) {
        unstatedLosses &+= count
        post.eventsLost.wrappingAdd(UInt64(count), ordering: .relaxed)
    }

    public mutating func post(_ record: LockoutRecord) {
        unsentLockout = record
        sendLatest()
    }

    /// A second trip within the journal thread's 20 ms would find room too; a third cannot come
    /// before a reset. What finds none would only have told more of the story.
    public mutating func post(_ samples: PreTripSamples) {
        if post.preTrips.push(samples) { post.hasNews.store(true, ordering: .releasing) }
    }

    public mutating func post(runMarker: Bool) {
        unsentMarker = runMarker
        sendLatest()
    }

    /// Ends a tick: answers its command and offers again what found no room. `takeCommands` does it
    /// too, so forgetting it only makes the answer one tick later.
    public mutating func finishTick() {
        sendLatest()
        lostInThisTick = false
        guard let done = pending else { return }
        // A full ring of answers means that the API thread is gone; then nobody waits for one.
        if post.outcomes.push(done.outcome) { pending = nil }
    }

    private mutating func sendLatest() {
        if let record = unsentLockout, post.lockouts.push(record) {
            unsentLockout = nil
            post.hasNews.store(true, ordering: .releasing)
        }
        if let marker = unsentMarker, post.markers.push(marker) {
            unsentMarker = nil
            post.hasNews.store(true, ordering: .releasing)
        }
    }
}
