import Control
import Events
import Runtime
import Testing
import Units

@Suite("The mailbox between the threads")
struct ThreadedMailboxTests {
    let post = Postbox()

    static func event(_ fact: Fact, tick: UInt64 = 7) -> Event {
        Event(fact, tick: Tick(tick), at: Instant(700), correlation: Correlation(1))
    }

    static func transition(_ code: AlarmCode, _ change: AlarmChange) -> Fact {
        .alarm(
            AlarmTransition(
                code: code, severity: .warning, change: change, state: .acknowledged, value: 0,
                limit: 0, requester: .technician))
    }

    static let now = Instant(700)

    static func command(
        _ ticket: UInt32, _ request: RequestedCommand, expiry: Instant = now
    ) -> TicketedCommand {
        TicketedCommand(ticket: ticket, request: request, expiry: expiry)
    }

    func drain() -> [Event] {
        var events: [Event] = []
        while let event = post.events.pop() { events.append(event) }
        return events
    }

    @Test("a full ring counts, tells the next tick, and later says how many were lost")
    func fullRing() {
        var mail = ThreadedMailbox(post)
        for _ in 0..<Postbox.eventCapacity { mail.post(Self.event(.powerOn)) }
        #expect(!mail.conditions.contains(.eventsLost))
        for _ in 0..<3 { mail.post(Self.event(.powerCutVerified)) }
        #expect(mail.conditions.contains(.eventsLost))
        #expect(post.eventsLost.load(ordering: .relaxed) == 3)

        #expect(drain().count == Postbox.eventCapacity)
        mail.post(Self.event(.deviceStopped))
        #expect(drain().map(\.fact) == [.eventsLost(count: 3), .deviceStopped])
        mail.finishTick()
        #expect(!mail.conditions.contains(.eventsLost))
    }

    @Test("what a tick had no room for is counted, told the next tick, and stated as a number")
    func lostInTheTick() {
        var mail = ThreadedMailbox(post)
        mail.post(Self.event(.powerOn))
        mail.noteLost(2)
        mail.finishTick()
        var batch = CommandBatch()
        mail.takeCommands(into: &batch, at: Self.now)
        #expect(mail.conditions.contains(.eventsLost))
        #expect(post.eventsLost.load(ordering: .relaxed) == 2)
        mail.post(Self.event(.deviceStopped, tick: 8))
        #expect(drain().map(\.fact) == [.powerOn, .eventsLost(count: 2), .deviceStopped])
        #expect(!mail.conditions.contains(.eventsLost))
    }

    @Test("a lockout record waits for room and only the latest goes out")
    func latestLockout() {
        var mail = ThreadedMailbox(post)
        for sequence in 1...20 {
            var record = LockoutRecord()
            record.sequence = UInt32(sequence)
            mail.post(record)
        }
        var sequences: [UInt32] = []
        while let record = post.lockouts.pop() { sequences.append(record.sequence) }
        #expect(sequences == [1, 2, 3, 4, 5, 6, 7, 8])
        var batch = CommandBatch()
        mail.takeCommands(into: &batch, at: Self.now)
        #expect(post.lockouts.pop()?.sequence == 20)
        #expect(post.lockouts.pop() == nil)
    }

    @Test("a passing condition is seen by one tick, a standing one until it is taken back")
    func conditionBits() {
        let mail = ThreadedMailbox(post)
        post.pulse(.peerRefused)
        post.hold(.journalUnwritable, true)
        let first = mail.conditions
        #expect(first.contains(.peerRefused) && first.contains(.journalUnwritable))
        let second = mail.conditions
        #expect(!second.contains(.peerRefused) && second.contains(.journalUnwritable))
        post.hold(.journalUnwritable, false)
        #expect(mail.conditions == ShellConditions())
    }

    struct Row: CustomTestStringConvertible, Sendable {
        let testDescription: String
        let command: Command
        let facts: [Fact]
        let result: CommandOutcome.Result
    }

    static let rows = [
        Row(
            testDescription: "a demand that was taken is done", command: .demand(isOn: true),
            facts: [.heatingRequested(.technician), .heatingStarted(job: 1)], result: .done),
        Row(
            testDescription: "a demand that was refused says why", command: .demand(isOn: true),
            facts: [.heatingRefused(.fatalAlarm, .technician)], result: .refusedHeat(.fatalAlarm)),
        Row(
            testDescription: "a stop with nothing to stop changes nothing",
            command: .demand(isOn: false), facts: [], result: .unchanged),
        Row(
            testDescription: "a target out of range is refused",
            command: .setTarget(MilliCelsius(95_000)),
            facts: [transition(.requestOutOfRange, .raised)], result: .outOfRange),
        Row(
            testDescription: "another alarm's acknowledgement is not the answer",
            command: .acknowledge(.busSilent), facts: [transition(.signalStale, .acknowledged)],
            result: .unchanged),
        Row(
            testDescription: "the alarm's own acknowledgement is",
            command: .acknowledge(.busSilent), facts: [transition(.busSilent, .acknowledged)],
            result: .done),
        Row(
            testDescription: "a reset from afar is refused with its reason",
            command: .resetRemotely, facts: [.resetRefused(.notLocal)],
            result: .refusedReset(.notLocal)),
    ]

    @Test("The answer to a command comes from the facts of its tick", arguments: rows)
    func answers(row: Row) {
        var mail = ThreadedMailbox(post)
        let request = RequestedCommand(row.command, by: .technician)
        #expect(post.commands.push(Self.command(41, request)))
        var batch = CommandBatch()
        mail.takeCommands(into: &batch, at: Self.now)
        #expect(batch.count == 1 && batch[0] == request)
        for fact in row.facts { mail.post(Self.event(fact)) }
        #expect(post.outcomes.pop() == nil, "answered before the tick ended")
        mail.finishTick()
        #expect(post.outcomes.pop() == CommandOutcome(ticket: 41, result: row.result))
        #expect(post.outcomes.pop() == nil)
    }

    @Test("one command of the API in a tick, the others wait in order")
    func oneInATick() {
        var mail = ThreadedMailbox(post)
        for ticket in 1...3 as ClosedRange<UInt32> {
            let request = RequestedCommand(.acknowledge(.gasLeak), by: .admin)
            #expect(post.commands.push(Self.command(ticket, request)))
        }
        var tickets: [UInt32] = []
        for _ in 0..<3 {
            var batch = CommandBatch()
            mail.takeCommands(into: &batch, at: Self.now)
            #expect(batch.count == 1)
            mail.finishTick()
            while let outcome = post.outcomes.pop() { tickets.append(outcome.ticket) }
        }
        #expect(tickets == [1, 2, 3])
    }

    @Test("a command whose time has passed is dropped, answered as expired, and holds up no other")
    func expired() {
        var mail = ThreadedMailbox(post)
        let heat = RequestedCommand(.demand(isOn: true), by: .technician)
        let stop = RequestedCommand(.demand(isOn: false), by: .technician)
        for (ticket, request, expiry) in [(1, heat, 100), (2, heat, 699), (3, stop, 700)] {
            let command = Self.command(UInt32(ticket), request, expiry: Instant(Int64(expiry)))
            #expect(post.commands.push(command))
        }
        var batch = CommandBatch()
        mail.takeCommands(into: &batch, at: Self.now)
        #expect(batch.count == 1 && batch[0] == stop)
        mail.finishTick()
        var outcomes: [CommandOutcome] = []
        while let outcome = post.outcomes.pop() { outcomes.append(outcome) }
        #expect(
            outcomes == [
                CommandOutcome(ticket: 1, result: .expired),
                CommandOutcome(ticket: 2, result: .expired),
                CommandOutcome(ticket: 3, result: .unchanged),
            ])
    }

    @Test("a snapshot is copied only for a reader who asked, and once")
    func exchange() {
        let exchange = SnapshotExchange()
        var snapshot = Snapshot()
        snapshot.tick = Tick(1)
        exchange.publish(snapshot)
        #expect(exchange.take() == nil)
        exchange.request()
        #expect(exchange.isWanted && exchange.take() == nil)
        snapshot.tick = Tick(2)
        exchange.publish(snapshot)
        #expect(!exchange.isWanted)
        snapshot.tick = Tick(3)
        exchange.publish(snapshot)
        #expect(exchange.take()?.tick == Tick(2))
        #expect(exchange.take() == nil)
    }
}
