import Control
import Events
import JSON
import Journal
import LinuxHAL
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
        let deviceName: String
        /// Zero: none are taken.
        let samplePeriod: Milliseconds
        /// Where busbar-uplink tells what it has written; nil where there is none.
        let uplinkStatusDirectory: String?

        func run() {
            let worker = JournalWorker(self)
            links.run.withLock { $0 = worker.journal.run }
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
    private var wear: WearLog
    private let uplinkStatusDirectory: String?
    private var wallOrigin: Int64?
    private var lastTick = Tick(0)
    private var reported: String?
    private var hardware = HardwareReader()

    private init(_ start: Start) {
        links = start.links
        description = start.description
        samplePeriod = start.samplePeriod
        uplinkStatusDirectory = start.uplinkStatusDirectory
        clock = start.clock
        let wall = Self.wallTime(&clock)
        journal = Journal(start.configuration, now: clock.now(), wall: wall)
        // A journal that cannot be read has no figures either; they begin anew.
        let reader = JournalReader(directory: start.configuration.directory)
        wear = WearLog(stored: (try? reader.state())?[WearLog.key])
        let identity: JSONValue = [
            "site": .string(description.site), "device": .string(start.deviceName),
        ]
        journal.setState(
            "identity", json: identity.serializedBytes(), stamp: stamp(clock.now(), wall),
            now: clock.now())
    }

    /// Works until the control thread has ended and its rings are empty.
    private func run() {
        while true {
            let isLast = links.hasControlEnded.load(ordering: .acquiring)
            let now = clock.now()
            turn(now)
            hardware.tell(from: links)
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
        takeCommands(now, wall)
        while let samples = links.post.preTrips.pop() {
            journal.setState(
                "pretrip", json: preTripDocument(samples, description.encoder).serializedBytes(),
                stamp: stamp(now, wall), now: now)
        }
        takeImage(now)
        // Before the events are taken: what a command caused is then among them, and so is recorded
        // before its answer.
        let answers = takeAnswers()
        var events: [RecordedEvent] = []
        while let event = links.post.events.pop() {
            let at = wall.unixMilliseconds - (now - event.at).rawValue
            let stamp = Wire.WallTime(unixMilliseconds: at, quality: wall.quality)
            events.append(RecordedEvent(event, wall: stamp))
            lastTick = event.tick
        }
        if let step = clockStep(now, wall) { events.append(step) }
        if let loss = lossOfAnswers(now, wall) { events.append(loss) }
        if !events.isEmpty { append(events, now) }
        if !answers.isEmpty { append(answers, now, wall) }
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

    /// Each command of the cluster costs a commit of its own before anything is done for it.
    private func takeCommands(_ now: Instant, _ wall: Wire.WallTime) {
        note { () throws(JournalError) in try journal.openInbox(wall: wall, now: now) }
        while let command = links.received.pop() {
            let admission = journal.receive(command, wall: wall, now: now)
            // One that finds no room is carried out by nobody; the next start answers it.
            _ = links.admissions.push(
                AdmittedCommand(ticket: command.ticket, admission: admission))
        }
    }

    private func takeAnswers() -> [AnsweredCommand] {
        var answers: [AnsweredCommand] = []
        while let answer = links.answers.pop() { answers.append(answer) }
        return answers
    }

    private func append(_ answers: [AnsweredCommand], _ now: Instant, _ wall: Wire.WallTime) {
        for answered in answers {
            let at = wall.unixMilliseconds - (now - answered.at).rawValue
            let stamp = Stamp(
                tick: lastTick, at: answered.at,
                wall: Wire.WallTime(unixMilliseconds: at, quality: wall.quality),
                correlation: answered.answer.correlation)
            note { () throws(JournalError) in
                try journal.append(answered.answer, stamp: stamp, now: now)
            }
        }
        links.recordVersion.wrappingAdd(1, ordering: .releasing)
    }

    /// Commands that were answered and found no room on their way here are a loss like any other:
    /// an event with their number, and E604.
    private func lossOfAnswers(_ now: Instant, _ wall: Wire.WallTime) -> RecordedEvent? {
        let count = links.answers.takeLosses()
        guard count > 0 else { return nil }
        links.post.eventsLost.wrappingAdd(count, ordering: .relaxed)
        links.post.pulse(.eventsLost)
        let fact = Fact.eventsLost(count: UInt32(clamping: count))
        return RecordedEvent(
            Event(fact, tick: lastTick, at: now, correlation: Correlation(0)), wall: wall)
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
                noteWear(now)
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

    private func noteWear(_ now: Instant) {
        guard let bytes = ProcessWrites.bytes() else { return }
        let wall = Self.wallTime(&clock)
        wear.note(
            bytes: bytes, commits: journal.commitCount, unixMilliseconds: wall.unixMilliseconds)
        if let status = UplinkStatusFile.read(in: uplinkStatusDirectory),
            let document = try? JSONValue.parse(status, limits: UplinkReport.limits)
        {
            wear.note(uplink: document, unixMilliseconds: wall.unixMilliseconds)
        }
        journal.setState(
            WearLog.key, json: wear.document.serializedBytes(), stamp: stamp(now, wall), now: now)
    }

    /// A sample of the plant, each period and with the next image after it.
    private func takeSample(_ snapshot: Snapshot, _ now: Instant) {
        guard samplePeriod.rawValue > 0, sampleDueAt <= now else { return }
        sampleDueAt = now + samplePeriod
        let document = sampleDocument(description, snapshot)
        journal.take(
            sample: document.serializedBytes(), stamp: stamp(now, Self.wallTime(&clock)), now: now)
    }

    static func wallTime(_ clock: inout RunClock) -> Wire.WallTime {
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
