import Control
import Events
import Journal
import LocalAPI
import RelayBoard
import Runtime
import Synchronization
import Units
import Wire

/// The journal thread: takes what the control thread left in the rings and makes it durable.
///
/// Lockout records first, then run markers, then events. What cannot be written becomes a condition
/// bit that the next tick sees (E603); the loop itself never learns how long a card takes.
final class JournalWorker {
    /// Between two looks at the rings: chosen, a fifth of a tick, so that a lockout is on the card
    /// within the tick after the trip.
    private static let period = Milliseconds(20)
    /// A wall clock that moves by this much against the monotonic one was set: half a second is
    /// what NTP steps rather than slews.
    private static let clockStep: Int64 = 500
    /// The state image without anything having happened: chosen, 288 small writes a day.
    private static let imagePeriod = Milliseconds(300_000)

    /// What the worker is made from, on its own thread: the journal belongs to the thread that
    /// opens it.
    struct Start: Sendable {
        let configuration: Journal.Configuration
        let links: Links
        let description: DeviceDescription
        let clock: RunClock
        /// Zero: none are taken.
        let samplePeriod: Milliseconds

        func run() {
            let worker = JournalWorker(self)
            links.recollection.withLock { $0 = worker.journal.recollection }
            worker.run()
        }
    }

    private let journal: Journal
    private let links: Links
    private let description: DeviceDescription
    private var clock: RunClock
    private var cycle = HeatingCycle()
    private var image: Snapshot?
    private var imageDueAt = Instant(0)
    private let samplePeriod: Milliseconds
    private var sampleDueAt = Instant(0)
    private var wallOrigin: Int64?
    private var lastTick = Tick(0)
    private var reported: String?

    private init(_ start: Start) {
        links = start.links
        description = start.description
        samplePeriod = start.samplePeriod
        clock = start.clock
        let wall = Self.wallTime(&clock)
        journal = Journal(start.configuration, now: clock.now(), wall: wall)
    }

    /// Works until the control thread has ended and its rings are empty.
    private func run() {
        while true {
            let isLast = links.hasControlEnded.load(ordering: .acquiring)
            let now = clock.now()
            turn(now)
            if isLast { break }
            clock.wait(until: now + Self.period)
        }
        sayFarewell(clock.now())
    }

    private func turn(_ now: Instant) {
        let wall = Self.wallTime(&clock)
        note { () throws(JournalError) in
            while let record = links.post.lockouts.pop() { try journal.save(record, now: now) }
        }
        note { () throws(JournalError) in
            while let isHeating = links.post.markers.pop() {
                try journal.mark(isHeating ? .heating : .running)
            }
        }
        while let samples = links.post.preTrips.pop() {
            journal.setState(
                "pretrip", json: preTripDocument(samples, description.encoder).serializedBytes(),
                stamp: stamp(now, wall), now: now)
        }
        takeImage(now)
        var events: [RecordedEvent] = []
        while let event = links.post.events.pop() {
            let at = wall.unixMilliseconds - (now - event.at).rawValue
            let stamp = Wire.WallTime(unixMilliseconds: at, quality: wall.quality)
            events.append(RecordedEvent(event, wall: stamp))
            lastTick = event.tick
        }
        if let step = clockStep(now, wall) { events.append(step) }
        if !events.isEmpty { append(events, now) }
        cycle.checkpoint(journal, image, stamp(now, wall), now: now)
        note { () throws(JournalError) in try journal.service(now: now) }
        links.post.hold(.journalUnwritable, !journal.isWritable)
        if journal.isWritable { reported = nil }
    }

    private func append(_ events: [RecordedEvent], _ now: Instant) {
        note { () throws(JournalError) in try journal.append(events, now: now) }
        for event in events {
            let stamp = Stamp(
                tick: event.event.tick, at: event.event.at, wall: event.wall,
                correlation: event.event.correlation)
            cycle.take(event.event, journal, image, stamp, now: now)
            if let line = Self.logLine(event.event.fact) { Log.line("busbard: \(line)") }
        }
        imageDueAt = min(imageDueAt, now)
        links.recordVersion.wrappingAdd(1, ordering: .releasing)
    }

    /// What the system's log must have too: whoever reads it after a bad night looks for these.
    private static func logLine(_ fact: Fact) -> String? {
        switch fact {
        case .alarm(let alarm) where alarm.severity == .fatal && alarm.change == .raised:
            "FATAL \(alarm.code.name) \(alarmDefinition(alarm.code).name)"
        case .powerCut(let code): "power cut by \(code.name)"
        case .powerCutVerified: "power is off behind the contactors"
        case .resetAccepted: "reset pressed at the site; the self-check runs"
        case .resetRefused(let reason): "reset refused: \(reason.sentence)"
        case .alarm(let alarm) where alarm.change == .reset: "\(alarm.code.name) was reset"
        default: nil
        }
    }

    /// Follows the state once a second, and keeps an image of it along with what is written anyway.
    private func takeImage(_ now: Instant) {
        if let snapshot = links.post.images.take() {
            image = snapshot
            takeSample(snapshot, now)
            if imageDueAt <= now {
                imageDueAt = now + Self.imagePeriod
                let document = stateDocument(description, snapshot, ShellReport())
                journal.setState(
                    "device", json: document.serializedBytes(),
                    stamp: stamp(now, Self.wallTime(&clock)),
                    now: now)
            }
        }
        if now.rawValue / 1_000 != imageAskedAt {
            imageAskedAt = now.rawValue / 1_000
            links.post.images.request()
        }
    }
    private var imageAskedAt: Int64 = -1

    /// A sample of the plant, each period and with the next image after it.
    private func takeSample(_ snapshot: Snapshot, _ now: Instant) {
        guard samplePeriod.rawValue > 0, sampleDueAt <= now else { return }
        sampleDueAt = now + samplePeriod
        let document = sampleDocument(description, snapshot)
        journal.take(
            sample: document.serializedBytes(), stamp: stamp(now, Self.wallTime(&clock)), now: now)
    }

    private static func wallTime(_ clock: inout RunClock) -> Wire.WallTime {
        let wall = clock.wall()
        let quality: Wire.ClockQuality =
            switch wall.quality {
            case .synced: .synced
            case .holdover: .holdover
            case .unsynced: .unsynced
            }
        return Wire.WallTime(unixMilliseconds: wall.milliseconds, quality: quality)
    }

    private func stamp(_ now: Instant, _ wall: Wire.WallTime) -> Stamp {
        Stamp(tick: lastTick, at: now, wall: wall, correlation: Correlation(0))
    }

    /// The event that somebody, or NTP, has set the wall clock.
    private func clockStep(_ now: Instant, _ wall: Wire.WallTime) -> RecordedEvent? {
        let origin = wall.unixMilliseconds - now.rawValue
        guard let before = wallOrigin else {
            wallOrigin = origin
            return nil
        }
        guard abs(origin - before) >= Self.clockStep else { return nil }
        wallOrigin = origin
        let fact = Fact.clockStepped(by: Milliseconds(origin - before))
        return RecordedEvent(
            Event(fact, tick: lastTick, at: now, correlation: Correlation(0)), wall: wall)
    }

    private func sayFarewell(_ now: Instant) {
        cycle.end(journal, image, stamp(now, Self.wallTime(&clock)), now: now)
        note { () throws(JournalError) in try journal.farewell(now: now) }
    }

    /// Does a write, and says on the log what failed, once until it works again.
    private func note(_ write: () throws(JournalError) -> Void) {
        do throws(JournalError) {
            try write()
        } catch {
            let text = error.description
            guard reported == nil else { return }
            reported = text
            Log.line("busbard: the journal cannot be written: \(text)")
        }
    }
}
