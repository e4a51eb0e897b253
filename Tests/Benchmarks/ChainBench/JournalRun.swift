import Events
import Glibc
import Journal
import Units
import Wire

/// One run of the journal over the lines of a file. Each line becomes an event of the lane
/// `telemetry`.
struct JournalRun {
    let directory: String
    let lines: [[UInt8]]

    /// A clock that the run moves itself: what is measured is the work, not the waiting.
    private static let wall: Int64 = 1_780_000_000_000

    private func open() throws(Failure) -> Journal {
        var configuration = Journal.Configuration(
            directory: directory, encoder: EventEncoder(stepNames: []), boot: ThisDevice.boot,
            hardware: ThisDevice.hardware)
        // 4 GiB: nothing is dropped.
        configuration.telemetryQuota = 4 << 30
        configuration.cursorPath = directory + "/" + UplinkCursor.fileName
        configuration.acknowledgedGrace = .zero
        let journal = Journal(configuration, now: Instant(0), wall: wall(at: 0))
        if let failure = journal.databaseFailure ?? journal.fileFailure {
            throw Failure("\(failure)")
        }
        return journal
    }

    private func wall(at milliseconds: Int64) -> WallTime {
        WallTime(unixMilliseconds: Self.wall + milliseconds, quality: .synced)
    }

    private func stamp(_ number: Int, at milliseconds: Int64) -> Stamp {
        Stamp(
            tick: Tick(UInt64(number)), at: Instant(milliseconds), wall: wall(at: milliseconds),
            correlation: Correlation(tick: Tick(UInt64(number)), place: 0))
    }

    /// Stores every line, `group` in a commit, each commit synced.
    func measure(group: Int) throws(Failure) {
        let journal = try open()
        let before = Cost.now()
        let commits = journal.commitCount
        try wrapping { () throws(JournalError) in
            for (index, line) in lines.enumerated() {
                let now = Instant(Int64(index))
                journal.take(sample: line, stamp: stamp(index, at: Int64(index)), now: now)
                if (index + 1) % group == 0 { try journal.commit(now: now) }
            }
            try journal.commit(now: Instant(Int64(lines.count)))
        }
        Cost.now().since(before).say(events: lines.count, commits: journal.commitCount - commits)
        guard journal.lost.isEmpty else { throw Failure("the journal lost events") }
    }

    /// Stores every line as busbard does it at that rate, and keeps a cursor as busbar-uplink does,
    /// once a second: groups, acknowledgements and reclaims come by the virtual clock.
    func live(eventsPerSecond: Int) throws(Failure) {
        let journal = try open()
        let before = Cost.now()
        let commits = journal.commitCount
        let cursorFile = StateFile(UplinkCursor.fileName, in: directory)
        let period = Int64(max(1, 1_000 / max(1, eventsPerSecond)))
        var cursorAt: Int64 = 0
        var now: Int64 = 0
        try wrapping { () throws(JournalError) in
            for (index, line) in lines.enumerated() {
                now = Int64(index) * period
                journal.take(sample: line, stamp: stamp(index, at: now), now: Instant(now))
                // busbard's loop serves the journal each 20 ms.
                for step in stride(from: now, to: now + period, by: 20) {
                    try journal.service(now: Instant(step))
                }
                guard now - cursorAt >= 1_000 else { continue }
                cursorAt = now
                var cursor = UplinkCursor()
                cursor[.telemetry] = UplinkCursor.Place(
                    epoch: journal.epoch, upTo: Int64(index + 1 - journal.pendingCount),
                    digest: nil)
                try cursorFile.replace(with: Array(cursor.text.utf8))
            }
            try journal.commit(now: Instant(now + 1_000))
        }
        Cost.now().since(before).say(events: lines.count, commits: journal.commitCount - commits)
    }

    /// What a device stores while there is no network; then its daemon is stopped.
    func pileUp(count: Int) throws(Failure) {
        let journal = try open()
        try wrapping { () throws(JournalError) in
            for index in 0..<count {
                // One a second: 500,000 are six days.
                let now = Int64(index) * 1_000
                journal.take(
                    sample: lines[index % lines.count], stamp: stamp(index, at: now),
                    now: Instant(now))
                if journal.pendingCount == 512 { try journal.commit(now: Instant(now)) }
            }
            try journal.farewell(now: Instant(Int64(count) * 1_000))
        }
        print(count)
    }

    /// Stores lines as busbard would, one of fifty as an alarm, and prints the number of the last
    /// that is durable, so that whoever kills this knows what was promised.
    func tell(from first: Int) throws(Failure) {
        let journal = try open()
        try wrapping { () throws(JournalError) in
            for index in first..<lines.count {
                let now = Instant(Int64(index))
                if index % 50 == 49 {
                    try journal.append([Self.alarm(index, wall: wall(at: 0))], now: now)
                } else {
                    journal.take(sample: lines[index], stamp: stamp(index, at: 0), now: now)
                    if journal.pendingCount == Journal.groupSize { try journal.service(now: now) }
                }
                if journal.pendingCount == 0 { Self.say(index) }
            }
            try journal.commit(now: Instant(Int64(lines.count)))
        }
        Self.say(lines.count - 1)
    }

    /// The alarm's value is its number.
    private static func alarm(_ number: Int, wall: WallTime) -> RecordedEvent {
        let transition = AlarmTransition(
            code: .gasLeak, severity: .fatal, change: .raised, state: .unacknowledged,
            value: Int32(number), limit: 1, requester: .site)
        let tick = Tick(UInt64(number))
        return RecordedEvent(
            Event(
                .alarm(transition), tick: tick, at: Instant(0),
                correlation: Correlation(tick: tick, place: 0)), wall: wall)
    }

    private static func say(_ number: Int) {
        let bytes = Array("\(number)\n".utf8)
        _ = write(STDOUT_FILENO, bytes, bytes.count)
    }

    private func wrapping(_ body: () throws(JournalError) -> Void) throws(Failure) {
        do throws(JournalError) { try body() } catch { throw Failure("\(error)") }
    }
}
