import Control
import CrashDisk
import Events
import Journal
import Units
import Wire

/// A device whose life is written down, on a disk whose power may go at any call. It knows what the
/// journal has said is stored, and says after a restart what of that is not so.
struct ScriptedRun {
    static let directory = "/state"

    let disk: CrashDisk
    var commitsAreSynced = true
    /// By the tick that names each alarm here: those whose append returned without an error.
    private(set) var storedAlarms: Set<UInt64> = []
    /// The sequence of the last lockout record whose save returned without an error.
    private(set) var savedLockout: UInt32?
    /// Everything that a reader ever saw: it may have been sent.
    private(set) var seen: [Identity: EventRecord] = [:]
    fileprivate(set) var violations: [String] = []
    private var nextTick: UInt64 = 1
    private var identifiers: SeededIdentifiers

    init(disk: CrashDisk, seed: UInt64) {
        self.disk = disk
        identifiers = SeededIdentifiers(seed: seed)
    }

    var reader: JournalReader { JournalReader(directory: Self.directory, storage: disk) }

    func open(
        _ change: (inout Journal.Configuration) -> Void = { _ in }
    ) -> Journal {
        var configuration = Journal.Configuration(
            directory: Self.directory, encoder: EventEncoder(stepNames: ["RUN"]),
            boot: Device.boot)
        configuration.storage = disk
        configuration.commitsAreSynced = commitsAreSynced
        configuration.identifiers = { [identifiers] in identifiers.next() }
        change(&configuration)
        return Journal(configuration, now: Instant(0), wall: Device.wall)
    }

    /// One run of the process: alarms, events, lockouts, a transaction, the state image, and at the
    /// end a farewell. Ends where the power goes.
    mutating func live(steps: Int) {
        let journal = open()
        guard !disk.isDead else { return }
        let work = journal.open(
            "heating", job: 7, counters: [], stamp: stamp(nextTick), now: Instant(0))
        for step in 1...steps where !disk.isDead {
            let tick = nextTick
            nextTick += 1
            _ = error { try journal.append([heating(UInt32(tick), tick: tick)], now: Instant(0)) }
            let failure = error {
                try journal.append([alarm(.flowLost, .error, tick: tick)], now: Instant(0))
            }
            if failure == nil { storedAlarms.insert(tick) }
            switch step % 4 {
            case 0:
                let failure = error {
                    try journal.save(lockout(UInt32(tick), [.gasLeak]), now: Instant(0))
                }
                if failure == nil { savedLockout = UInt32(tick) }
            case 1:
                journal.checkpoint(work, counters: [], stamp: stamp(tick), now: Instant(0))
            case 2: journal.setState("a", json: [0x31], stamp: stamp(tick), now: Instant(0))
            default: _ = error { try journal.mark(step % 8 == 3 ? .heating : .running) }
            }
            if step % 3 == 0 { look() }
        }
        journal.close(
            work, outcome: "done", counters: [], stamp: stamp(nextTick), now: Instant(0))
        _ = error { try journal.farewell(now: Instant(0)) }
    }

    /// Notes what a reader sees now, and whether an identity means two things.
    mutating func look() {
        for lane in Lane.allCases {
            guard let events = try? reader.events(lane: lane, limit: .max) else { return }
            for event in events {
                let known = seen.updateValue(event, forKey: Identity(event))
                if let known, known != event {
                    violations.append("\(event.id) was \(known.type) and is \(event.type)")
                }
            }
        }
    }

    /// Starts again after the power came back, and compares with what was said to be stored.
    mutating func recover() {
        let journal = open()
        for failure in [journal.databaseFailure, journal.fileFailure].compactMap({ $0 }) {
            violations.append("after the restart: \(failure)")
        }
        // A first start that ended while it made the file has lost nothing with it.
        if let file = journal.quarantinedFile, !storedAlarms.isEmpty || savedLockout != nil {
            violations.append("put aside: \(file)")
        }
        look()
        checkAlarms()
        checkLockout(journal.recollection.lockout)
        checkNumbers()
        checkStatements()
        _ = error { try journal.farewell(now: Instant(0)) }
    }

    private mutating func checkAlarms() {
        var found: [UInt64: Int] = [:]
        for event in (try? reader.events(lane: .alarm, limit: .max)) ?? []
        where event.type == "alarm.raised.v1" { found[event.tick.rawValue, default: 0] += 1 }
        for tick in storedAlarms.sorted() where found[tick] == nil {
            violations.append("alarm \(tick) was stored and is lost")
        }
        for (tick, count) in found.sorted(by: { $0.key < $1.key }) where count > 1 {
            violations.append("alarm \(tick) is there \(count) times")
        }
    }

    private mutating func checkLockout(_ lockout: Recollection.Lockout) {
        guard let savedLockout else { return }
        switch lockout {
        case .locked(let record), .repaired(let record):
            if record.sequence < savedLockout {
                violations.append("lockout \(savedLockout) went back to \(record.sequence)")
            }
        case .clear, .unreadable:
            violations.append("lockout \(savedLockout) is lost: \(describe(lockout))")
        }
    }

    private mutating func checkNumbers() {
        for lane in Lane.allCases {
            guard let events = try? reader.events(lane: lane, limit: .max),
                let gaps = try? reader.gaps(lane: lane)
            else {
                violations.append("lane \(lane.name) cannot be read")
                continue
            }
            let ranges = events.map { $0.seq...$0.seq } + gaps.map { $0.first...$0.last }
            var next: Int64 = 1
            for range in ranges.sorted(by: { $0.lowerBound < $1.lowerBound }) {
                if range.lowerBound != next {
                    violations.append(
                        "lane \(lane.name): \(range.lowerBound) after \(next - 1)")
                }
                next = range.upperBound + 1
            }
        }
    }
}

extension ScriptedRun {
    /// By data, what the alarm lane says of numbers that nothing will ever have.
    func toldSkips() throws -> [String] {
        try reader.events(lane: .alarm, limit: .max).filter { $0.type == "queue.skipped.v1" }
            .map { String(decoding: $0.data, as: UTF8.self) }
    }

    /// By data, what there is to be said of them.
    func skips() throws -> [String] {
        try Lane.allCases.flatMap { lane in
            try reader.gaps(lane: lane).filter { $0.reason == .skipped }
                .map { #"{"lane":"\#(lane.name)","from":\#($0.first),"to":\#($0.last)}"# }
        }
    }

    /// Whoever reads the events only must learn of each number that nothing has, once.
    fileprivate mutating func checkStatements() {
        guard let told = try? toldSkips(), let skips = try? skips() else { return }
        for skip in skips {
            let count = told.count { $0 == skip }
            if count != 1 { violations.append("\(skip) is told \(count) times") }
        }
    }
}

/// Names of epochs and runs from a seed, so that one seed has one history.
final class SeededIdentifiers: @unchecked Sendable {
    private var random: SplitMix64

    init(seed: UInt64) { random = SplitMix64(state: seed) }

    func next() -> Identifier128 { Identifier128(high: random.next(), low: random.next()) }
}
