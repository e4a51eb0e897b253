import Control
import Events
import HAL
import Runtime
import Units

/// What each tick leaves for the other threads, whatever the buses are: its number, its picture
/// for those who asked, and what the shell found out about itself.
struct TickReport {
    private let links: Links
    private var tick = Tick(0)
    private var isRealtimeStated = false

    init(links: Links) { self.links = links }

    var isStopping: Bool { links.isStopping.load(ordering: .acquiring) }

    func note(_ lateness: Pacing.Lateness?) {
        guard let lateness else { return }
        links.ticksMissed.wrappingAdd(UInt64(lateness.missed), ordering: .relaxed)
    }

    /// Ends a tick that ran at `now`.
    mutating func finish(
        _ mail: inout ThreadedMailbox, _ controller: inout Controller, at now: Instant
    ) {
        stateRealtime(&mail, now)
        mail.finishTick()
        let post = links.post
        if post.snapshots.isWanted { post.snapshots.publish(controller.snapshot()) }
        if post.images.isWanted { post.images.publish(controller.snapshot()) }
        tick = tick.next
        post.ticksDone.wrappingAdd(1, ordering: .releasing)
    }

    /// The last words of a clean stop.
    func sayFarewell(_ mail: inout ThreadedMailbox, at now: Instant) {
        mail.post(runMarker: false)
        state(.deviceStopped, &mail, now)
        mail.finishTick()
    }

    /// That the kernel gave no real-time priority is found after the thread runs, so it is stated
    /// here, once: only this thread may post events.
    private mutating func stateRealtime(_ mail: inout ThreadedMailbox, _ now: Instant) {
        guard !isRealtimeStated else { return }
        let number = links.realtimeErrno.load(ordering: .acquiring)
        guard number != 0 else { return }
        isRealtimeStated = true
        state(.notRealTime(errno: number), &mail, now)
    }

    private func state(_ fact: Fact, _ mail: inout ThreadedMailbox, _ now: Instant) {
        mail.post(
            Event(fact, tick: tick, at: now, correlation: Correlation(tick: tick, place: 255)))
    }
}

extension ControlLoop
where Bus: ~Copyable, Board: ~Copyable, Lines: ~Copyable, Mail: ~Copyable {
    /// Permit low, and every relay off by the board's own read-back.
    ///
    /// - Returns: whether the board said that all are off. One that does not answer opens by its
    ///   lease.
    mutating func switchOff() -> Bool {
        lines.permitLow()
        var number = controller.snapshot().interlock.board.lastHeartbeat
        // Three: as often as a tick's failures before the board counts as lost.
        for _ in 0..<3 {
            var outputs = Outputs()
            outputs.heartbeat = number &+ 1
            let answer = board.exchange(outputs)
            if let status = answer.status {
                if status.actual.isEmpty, status.wanted.isEmpty { return true }
                number = status.lastHeartbeat
            }
        }
        return false
    }
}
