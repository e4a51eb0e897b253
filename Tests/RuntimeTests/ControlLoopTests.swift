import Control
import Events
import HAL
import Testing
import Units

@testable import Runtime

@Suite("The control loop")
struct ControlLoopTests {
    struct NoBus: CANBus, ~Copyable {
        var state: CANBusState { .active }
        var counters: CANCounters { CANCounters() }
        mutating func receive(into batch: inout FrameBatch) {}
    }

    struct NoBoard: RelayPort, ~Copyable {
        mutating func exchange(_ outputs: Outputs) -> BoardAnswer { BoardAnswer() }
        mutating func trip() -> BoardAnswer.Transfer { .failed }
    }

    struct NoLines: DigitalLines, ~Copyable {
        mutating func sample() -> LineReadings { LineReadings() }
        mutating func permitEdge() {}
        mutating func permitLow() {}
    }

    /// What the loop did to board and permit line, in order.
    final class Diary {
        var acts: [String] = []
    }

    struct NotedBoard: RelayPort, ~Copyable {
        let diary: Diary
        mutating func exchange(_ outputs: Outputs) -> BoardAnswer {
            diary.acts.append("exchange")
            return BoardAnswer()
        }
        mutating func trip() -> BoardAnswer.Transfer {
            diary.acts.append("trip")
            return .failed
        }
    }

    struct NotedLines: DigitalLines, ~Copyable {
        let diary: Diary
        mutating func sample() -> LineReadings { LineReadings() }
        mutating func permitEdge() { diary.acts.append("edge") }
        mutating func permitLow() { diary.acts.append("low") }
    }

    @Test("in each tick the permit line is low before the board is spoken to")
    func lowFirst() {
        let diary = Diary()
        var loop = ControlLoop(
            bus: NoBus(), board: NotedBoard(diary: diary), lines: NotedLines(diary: diary),
            mail: ThreadedMailbox(Postbox()),
            controller: Controller(plan: ControlPlan(), recollection: Recollection()),
            region: UnwatchedRegion())
        for tick in 0..<3 { loop.tick(at: Instant(Int64(tick) * 100)) }
        // A lockout record that nobody can read is a lockout: no edge, ever.
        #expect(diary.acts == ["low", "exchange", "low", "exchange", "low", "exchange"])
    }

    @Test("facts beyond a tick's buffer raise E604 in the next tick, and are stated as a number")
    func fullBuffer() {
        let post = Postbox()
        var loop = ControlLoop(
            bus: NoBus(), board: NoBoard(), lines: NoLines(), mail: ThreadedMailbox(post),
            controller: Controller(plan: ControlPlan(), recollection: Recollection()),
            region: UnwatchedRegion())
        loop.tick(at: Instant(0))
        // No rule can overfill it today, so the test does.
        for _ in 0..<EventBuffer.capacity + 3 { loop.events.state(.powerOn) }
        let lost = loop.events.lost
        #expect(lost >= 3)
        loop.hand(over: Verdict())
        while post.events.pop() != nil {}

        loop.tick(at: Instant(100))
        var facts: [Fact] = []
        while let event = post.events.pop() { facts.append(event.fact) }
        #expect(facts.first == .eventsLost(count: lost))
        let raised = facts.contains { fact in
            guard case .alarm(let change) = fact else { return false }
            return change.code == .eventsLost && change.change == .raised
        }
        #expect(raised, "\(facts)")
    }
}
