import Control
import Events
import Foundation
import Journal
import Testing
import Units
import Wire

/// A state directory that goes away with the test, and short ways to use a journal in it.
final class Device {
    let path: String
    var hardware: String?

    /// In memory where the machine has such a place: a test of damage opens hundreds of journals.
    init() {
        let base = FileManager.default.fileExists(atPath: "/dev/shm") ? "/dev/shm" : "/tmp"
        path = "\(base)/busbar-journal-\(Identifier128.random().text)"
    }

    /// Uses a directory that somebody else removes.
    init(path: String) { self.path = path }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    static let wall = WallTime(unixMilliseconds: 1_700_000_000_000, quality: .synced)
    static let boot = Identifier128(high: 7, low: 9)

    func configuration() -> Journal.Configuration {
        var configuration = Journal.Configuration(
            directory: path, encoder: EventEncoder(stepNames: ["RUN"]), boot: Self.boot,
            hardware: hardware)
        // Hundreds of these directories are copied.
        configuration.reserveBytes = 0
        return configuration
    }

    func open(
        now: Int64 = 0, _ change: (inout Journal.Configuration) -> Void = { _ in }
    ) -> Journal {
        var configuration = configuration()
        change(&configuration)
        return Journal(configuration, now: Instant(now), wall: Self.wall)
    }

    var reader: JournalReader { JournalReader(directory: path) }

    func events(_ lane: Lane) throws -> [EventRecord] {
        try reader.events(lane: lane, limit: .max)
    }

    /// The jobs of the heating events that are stored, in order: the content of what tests append.
    func jobs() throws -> [Int] {
        try events(.event).compactMap { event in
            event.subject.hasPrefix("job/") ? Int(event.subject.dropFirst(4)) : nil
        }
    }

    /// Every number of a lane, from the first, is a row or lies in a declared gap.
    func expectContiguousNumbers() throws {
        for lane in [Lane.alarm, .event] {
            let rows = try events(lane).map { $0.seq...$0.seq }
            let gaps = try reader.gaps(lane: lane).map { $0.first...$0.last }
            let all = (rows + gaps).sorted { $0.lowerBound < $1.lowerBound }
            var next: Int64 = 1
            for range in all {
                #expect(range.lowerBound == next, "lane \(lane.name)")
                next = range.upperBound + 1
            }
            #expect(!rows.isEmpty)
        }
    }

    /// What the uplink would find: pages from the first number to the lane's last one.
    func readInOrder(_ lane: Lane) throws -> [EventRecord] {
        try reader.readInOrder(lane)
    }

    func file(_ name: String) -> URL { URL(fileURLWithPath: path + "/" + name) }

    func copy(to other: Device) throws {
        try? FileManager.default.removeItem(atPath: other.path)
        try FileManager.default.copyItem(atPath: path, toPath: other.path)
    }
}

extension JournalReader {
    /// The rows of a lane as the uplink goes through them: a page at a time, each from behind the
    /// last row, as long as the lane's last number lies ahead. It stops at a number that is neither
    /// row nor in a gap, or is both.
    ///
    /// - Returns: nothing, where the last number lies behind the newest row: the uplink would not
    ///   ask again before that number has changed.
    func readInOrder(_ lane: Lane) throws -> [EventRecord] {
        var records: [EventRecord] = []
        let last = try lanes()[Int(lane.rawValue)].last
        var next: Int64 = 1
        while next <= last {
            let page = try page(of: lane, from: next, maxEvents: 100, maxBytes: .max)
            guard let end = page.records.last?.seq else { break }
            for record in page.records {
                // At the beginning of an epoch nothing is owed.
                let isFirst = records.last.map { $0.epoch != record.epoch } ?? true
                while next < record.seq, !isFirst {
                    guard let gap = page.gaps.first(where: { $0.numbers.contains(next) }),
                        gap.last < record.seq
                    else { return records }
                    next = gap.last + 1
                }
                if page.gaps.contains(where: { $0.numbers.contains(record.seq) }) { return records }
                records.append(record)
                next = record.seq + 1
            }
            next = end + 1
        }
        return last < next ? records : []
    }
}

func heating(_ job: UInt32, tick: UInt64 = 1) -> RecordedEvent {
    RecordedEvent(
        Event(
            .heatingStarted(job: job), tick: Tick(tick), at: Instant(Int64(tick) * 100),
            correlation: Correlation(tick: Tick(tick), place: 1)),
        wall: Device.wall)
}

func alarm(
    _ code: AlarmCode, _ severity: Severity = .fatal, _ change: AlarmChange = .raised,
    tick: UInt64 = 1
) -> RecordedEvent {
    RecordedEvent(
        Event(
            .alarm(
                AlarmTransition(
                    code: code, severity: severity, change: change, state: .unacknowledged,
                    value: 2, limit: 1, requester: .site)),
            tick: Tick(tick), at: Instant(Int64(tick) * 100),
            correlation: Correlation(tick: Tick(tick), place: 0)),
        wall: Device.wall)
}

func stamp(_ tick: UInt64 = 1) -> Stamp {
    Stamp(
        tick: Tick(tick), at: Instant(Int64(tick) * 100), wall: Device.wall,
        correlation: Correlation(tick: Tick(tick), place: 2))
}

func lockout(_ sequence: UInt32, _ codes: [AlarmCode]) -> LockoutRecord {
    var record = LockoutRecord()
    record.sequence = sequence
    for code in codes {
        record.append(
            LockoutRecord.Entry(code: code, tick: Tick(1), at: Instant(100), value: 2, limit: 1))
    }
    return record
}

/// The lockout that was recalled, in one word and its first code.
func describe(_ lockout: Recollection.Lockout) -> String {
    func code(_ record: LockoutRecord) -> String { record.firstOut?.name ?? "none" }
    return switch lockout {
    case .clear: "clear"
    case .locked(let record): "locked \(code(record))"
    case .repaired(let record): "repaired \(code(record))"
    case .unreadable: "unreadable"
    }
}

/// Calls C's errors by name in a test that wants one.
func error(_ body: () throws -> Void) -> JournalError? {
    do {
        try body()
        return nil
    } catch {
        return error as? JournalError
    }
}
