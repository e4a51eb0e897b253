import CrashDisk
import Events
import Journal
import Testing
import Units
import Wire

/// A disk that fills up under the journal: what is given up for an alarm, and in which order.
@Suite("A full disk and its reserve")
struct ReserveTests {
    static let reserve = "/state/reserve"

    static func open(
        _ disk: CrashDisk, reserve: Int64 = 4 << 20
    ) -> (run: ScriptedRun, journal: Journal) {
        let run = ScriptedRun(disk: disk, seed: 1)
        let journal = run.open {
            $0.reserveBytes = reserve
            $0.cursorPath = ReclaimTests.cursorPath
        }
        return (run, journal)
    }

    /// The cluster has everything that is stored up to now. The cursor's few bytes are of another
    /// disk, so to say: they take none of this one's room.
    static func acknowledge(
        _ disk: CrashDisk, _ run: ScriptedRun, _ journal: Journal, now: Int64
    ) throws {
        var cursor = UplinkCursor()
        for lane in try run.reader.lanes() {
            cursor[lane.lane] = UplinkCursor.Place(
                epoch: journal.epoch, upTo: lane.last, digest: nil)
        }
        let capacity = disk.capacity
        disk.capacity = nil
        try disk.overwrite(ReclaimTests.cursorPath, with: Array(cursor.text.utf8))
        disk.capacity = capacity
        _ = error { try journal.service(now: Instant(now)) }
    }

    /// Rows by lane.
    static func counts(_ run: ScriptedRun) throws -> [Int] {
        try Lane.allCases.map { try run.reader.events(lane: $0, limit: .max).count }
    }

    /// Stores telemetry and events until the disk refuses.
    ///
    /// - Returns: when.
    static func fill(_ disk: CrashDisk, _ journal: Journal) -> Int64 {
        var now: Int64 = 0
        let sample = Array(#"{"a":"\#(String(repeating: "x", count: 16_000))"}"#.utf8)
        for _ in 0..<2_000 where journal.isWritable {
            now += 100
            journal.take(sample: sample, stamp: stamp(), now: Instant(now))
            _ = error { try journal.append((0..<8).map { heating($0) }, now: Instant(now)) }
        }
        #expect(journal.databaseFailure?.isFull == true, "the disk is full")
        return now + 1_000
    }

    static func types(_ run: ScriptedRun, _ lane: Lane) throws -> [String] {
        try run.reader.events(lane: lane, limit: .max).map(\.type)
    }

    @Test("the reserve is made at the start where there is as much again beside it, and kept")
    func made() {
        let probe = CrashDisk()
        let opened = Self.open(probe, reserve: 0)
        let used = probe.used
        #expect(opened.journal.databaseFailure == nil)
        for (room, isMade) in [(Int64(8 << 20), true), ((8 << 20) - 4_096, false)] {
            let disk = CrashDisk()
            disk.capacity = used + room
            let (_, journal) = Self.open(disk)
            #expect(journal.databaseFailure == nil)
            let isThere = disk.inspect(Self.reserve) == .file(bytes: 4 << 20)
            #expect(isThere == isMade, "\(room) bytes free")
        }
    }

    @Test("a reader is told when the disk is full and whether the reserve is there")
    func told() {
        let unlimited = CrashDisk()
        let (first, journal) = Self.open(unlimited)
        #expect(journal.databaseFailure == nil)
        #expect(
            first.reader.disk() == JournalDisk(directory: "/state", free: nil, hasReserve: false))
        let disk = CrashDisk()
        disk.capacity = 24 << 20
        let (second, other) = Self.open(disk)
        #expect(other.databaseFailure == nil)
        let free = disk.freeBytes(at: "/")
        #expect(
            second.reader.disk() == JournalDisk(directory: "/state", free: free, hasReserve: true))
        for (free, isFull) in [(Int64(262_144), false), (262_143, true), (0, true)] {
            #expect(JournalDisk(directory: "/", free: free, hasReserve: true).isFull == isFull)
        }
        #expect(!JournalDisk(directory: "/", free: nil, hasReserve: false).isFull)
    }

    @Test("for an alarm telemetry goes, then events, then the reserve; what was stored stays")
    func order() throws {
        let disk = CrashDisk()
        disk.capacity = 24 << 20
        let (run, journal) = Self.open(disk)
        #expect(disk.inspect(Self.reserve) == .file(bytes: 4 << 20))
        var now = Self.fill(disk, journal)

        var stored = 0
        var failure: JournalError?
        for tick in UInt64(1)...20_000 where failure == nil {
            now += 1_000
            failure = error {
                try journal.append([alarm(.flowLost, .error, tick: tick)], now: Instant(now))
            }
            if failure == nil { stored += 1 }
        }
        #expect(failure?.isFull == true, "it ends somewhere: \(failure?.description ?? "never")")
        #expect(stored > 5_000, "\(stored) alarms on a full disk")
        let alarms = try run.reader.events(lane: .alarm, limit: .max)
        let ticks = alarms.filter { $0.type == "alarm.raised.v1" }.map(\.tick.rawValue)
        #expect(ticks == Array(1...UInt64(stored)), "each of them once, in order")

        // What was given up is told, each for the disk's sake, and in the order of its worth.
        let told = alarms.filter { $0.type != "alarm.raised.v1" }
        let lanes = told.filter { $0.type == "queue.dropped.v1" }.map(\.subject)
        #expect(lanes.first == "queue/telemetry")
        let drops = told.filter { $0.type == "queue.dropped.v1" }
        #expect(
            drops.allSatisfy {
                String(decoding: $0.data, as: UTF8.self).contains(#""reason":"disk""#)
            })
        let released = told.filter { $0.type == "reserve.released.v1" }
        #expect(released.count == 1)
        guard let first = released.first else { return }
        #expect(disk.inspect(Self.reserve) == .missing)
        #expect(String(decoding: first.data, as: UTF8.self) == #"{"bytes":4194304}"#)
        #expect(first.severity == .error)
    }

    @Test("an event alone gives up nothing: it waits, and is counted when there is no more room")
    func eventsWait() throws {
        let disk = CrashDisk()
        disk.capacity = 24 << 20
        let (run, journal) = Self.open(disk)
        let before = Self.fill(disk, journal)
        #expect(disk.inspect(Self.reserve) == .file(bytes: 4 << 20))
        let alarms = try Self.types(run, .alarm)
        #expect(alarms.isEmpty, "\(alarms)")
        #expect(error { try journal.service(now: Instant(before)) }?.isFull == true)
    }

    @Test("where room gets short what the cluster has goes before its day is over, without a word")
    func acknowledgedGoesFirst() throws {
        let disk = CrashDisk()
        disk.capacity = 32 << 20
        let (run, journal) = Self.open(disk)
        let sample = Array(#"{"a":"\#(String(repeating: "x", count: 16_000))"}"#.utf8)
        var now: Int64 = 0
        // 80 MB in ten minutes, through a disk of 32.
        for tick in 1...5_000 {
            now += 120
            journal.take(sample: sample, stamp: stamp(), now: Instant(now))
            try journal.append([heating(UInt32(tick % 8))], now: Instant(now))
            if tick % 50 == 0 { try Self.acknowledge(disk, run, journal, now: now) }
        }
        #expect(journal.databaseFailure == nil)
        let alarms = try Self.types(run, .alarm)
        #expect(alarms.isEmpty, "\(alarms)")
        #expect(try run.reader.gaps(lane: .telemetry).map(\.reason) == [.acknowledged])
        let left = try Self.counts(run)
        #expect(left[1] == 5_000 + 1, "of events nothing had to go: \(left)")
        #expect(left[2] > 500, "and not all of the telemetry: \(left)")
        #expect(disk.inspect(Self.reserve) == .file(bytes: 4 << 20))
    }

    @Test("the same with small events, whose pages the log has to take one by one")
    func acknowledgedEventsGoEarly() throws {
        let disk = CrashDisk()
        disk.capacity = 24 << 20
        let (run, journal) = Self.open(disk)
        var now: Int64 = 0
        for _ in 1...4_000 {
            now += 200
            try journal.append((0..<32).map { heating($0) }, now: Instant(now))
            if now % 10_000 == 0 { try Self.acknowledge(disk, run, journal, now: now) }
        }
        #expect(journal.databaseFailure == nil)
        #expect(try Self.types(run, .alarm).isEmpty)
        #expect(try run.reader.gaps(lane: .event).map(\.reason) == [.acknowledged])
        #expect(disk.inspect(Self.reserve) == .file(bytes: 4 << 20))
    }

    @Test("for an alarm goes what the cluster has, a step at a time, and nothing else")
    func acknowledgedGoesForAnAlarm() throws {
        let disk = CrashDisk()
        disk.capacity = 24 << 20
        let (run, journal) = Self.open(disk)
        var now = Self.fill(disk, journal)
        try Self.acknowledge(disk, run, journal, now: now)
        let before = try Self.counts(run)
        for tick in UInt64(1)...200 {
            now += 1_000
            try journal.append([alarm(.flowLost, .error, tick: tick)], now: Instant(now))
        }
        let after = try Self.counts(run)
        let types = try Self.types(run, .alarm)
        #expect(types.count { $0 == "alarm.raised.v1" } == 200)
        #expect(!types.contains("queue.dropped.v1"), "\(types)")
        #expect(after[1] >= before[1], "events are worth more than telemetry: \(after)")
        #expect(after[2] > before[2] / 2, "\(before), \(after)")
    }

    @Test("the reserve is made again a minute later where there is room, and that is told")
    func restored() throws {
        let disk = CrashDisk()
        disk.capacity = 24 << 20
        let (run, journal) = Self.open(disk)
        var now = Self.fill(disk, journal)
        for tick in UInt64(1)...20_000 where disk.inspect(Self.reserve) != .missing {
            now += 1_000
            try journal.append([alarm(.flowLost, .error, tick: tick)], now: Instant(now))
        }
        let released = now
        try journal.service(now: Instant(released + Journal.reservePeriod.rawValue))
        #expect(disk.inspect(Self.reserve) == .missing, "the disk is still full")
        disk.capacity = 40 << 20
        let asked = released + Journal.reservePeriod.rawValue
        try journal.service(now: Instant(asked + Journal.reservePeriod.rawValue - 1))
        #expect(disk.inspect(Self.reserve) == .missing)
        try journal.service(now: Instant(asked + Journal.reservePeriod.rawValue))
        #expect(disk.inspect(Self.reserve) == .file(bytes: 4 << 20))
        try journal.commit(now: Instant(asked + Journal.reservePeriod.rawValue))
        #expect(try Self.types(run, .event).last == "reserve.restored.v1")
    }

    @Test("the lockout is stored in both copies on a full disk")
    func lockoutOnFullDisk() throws {
        let disk = CrashDisk()
        disk.capacity = 24 << 20
        let (run, journal) = Self.open(disk)
        let now = Self.fill(disk, journal)
        try journal.save(lockout(1, [.gasLeak]), now: Instant(now))
        disk.losePower(seed: 1)
        #expect(describe(run.open().recollection.lockout) == "locked E103")
    }
}
