import Events
import Foundation
import Testing
import Units
import Wire

@testable import Journal

/// Rows that are not as they were written, which SQLite by itself does not see.
@Suite("Checksums of rows")
struct RowChecksumTests {
    /// A device that said farewell with jobs 1 to `count`.
    private static func device(jobs count: UInt32 = 20) throws -> Device {
        let device = Device()
        let journal = device.open()
        try journal.append((1...count).map { heating($0) }, now: Instant(0))
        try journal.farewell(now: Instant(0))
        return device
    }

    private static func execute(_ sql: String, on device: Device) throws {
        let connection = try Connection(
            to: StateDirectory(path: device.path, storage: LinuxStorage()), mode: .readWrite)
        try connection.execute(sql)
    }

    private static func told(_ device: Device, _ type: String) throws -> [String] {
        try (device.events(.event) + device.events(.alarm)).filter { $0.type == type }.map {
            String(decoding: $0.data, as: UTF8.self)
        }
    }

    private static func number(ofJob job: Int, on device: Device) throws -> Int64 {
        try #require(try device.events(.event).first { $0.subject == "job/\(job)" }).seq
    }

    @Test(
        "a row that differs in any column is taken out, told, and a gap; the others stay",
        arguments: [
            "run = run + 1", "tick = tick + 1", "mono_ms = mono_ms + 1", "wall_ms = wall_ms - 1",
            "clock = clock + 1", "severity = 3", "correlation = correlation + 1",
            "type = 'heating.failed.v1'", "subject = 'job/8'", "data = x'7b7d'",
            "data = CAST(data AS TEXT)", "checksum = checksum + 1",
        ])
    func oneRow(change: String) throws {
        let device = try Self.device()
        let seq = try Self.number(ofJob: 7, on: device)
        try Self.execute("UPDATE event_lane SET \(change) WHERE seq = \(seq)", on: device)
        // Whoever reads before busbard starts does not get it either.
        let page = try device.reader.page(of: .event, from: 1, maxEvents: 100, maxBytes: 1 << 20)
        #expect(page.records.count > 15)
        #expect(!page.records.contains { $0.seq == seq })

        let journal = device.open()
        #expect(journal.quarantinedFile == nil && journal.isWritable)
        #expect(try device.jobs() == Array(1...20).filter { $0 != 7 })
        let gaps = try device.reader.gaps(lane: .event)
        #expect(gaps.map(\.first) == [seq] && gaps.map(\.last) == [seq])
        #expect(gaps.map(\.reason) == [.damaged])
        #expect(try device.reader.lanes()[1].dropped == 1)
        let told = try Self.told(device, "queue.dropped.v1")
        #expect(told.count == 1)
        #expect(told.first?.contains(#""from":\#(seq),"to":\#(seq),"count":1,"#) == true, "\(told)")
        #expect(told.first?.contains(#""reason":"damage""#) == true, "\(told)")
        try journal.farewell(now: Instant(1))
        try device.expectContiguousNumbers()
        _ = device.open()
        #expect(try Self.told(device, "queue.dropped.v1").count == 1, "it is told once")
    }

    @Test("a row under a number that is not its own leaves a gap over both numbers")
    func movedRow() throws {
        let device = try Self.device()
        let seq = try Self.number(ofJob: 20, on: device)
        // The first is gone, the second was never there: only after a dirty stop can it be.
        try Self.execute(
            """
            UPDATE event_lane SET seq = \(seq + 2) WHERE seq = \(seq);
            UPDATE lanes SET next = NULL, checksum = NULL
            """, on: device)
        let journal = device.open()
        #expect(journal.quarantinedFile == nil)
        #expect(try device.jobs() == Array(1...19))
        let gaps = try device.reader.gaps(lane: .event)
        #expect(gaps.first?.first == seq && gaps.first?.last == seq + 2)
        #expect(gaps.first?.reason == .damaged)
        let told = try Self.told(device, "queue.dropped.v1")
        #expect(told.first?.contains(#""from":\#(seq),"to":\#(seq + 2),"count":1,"#) == true)
    }

    @Test(
        "rows beside each other are told as one; more than 64 are too many for the file",
        arguments: [(64, 1, false), (65, 0, true)])
    func many(count: Int, told: Int, isQuarantined: Bool) throws {
        let device = try Self.device(jobs: 70)
        let first = try Self.number(ofJob: 3, on: device)
        try Self.execute(
            """
            UPDATE event_lane SET data = x'7b7d'
            WHERE seq BETWEEN \(first) AND \(first + Int64(count) - 1)
            """, on: device)
        let journal = device.open()
        #expect((journal.quarantinedFile != nil) == isQuarantined)
        #expect(try Self.told(device, "queue.dropped.v1").count == told)
        let aside = try Self.told(device, "queue.quarantined.v1")
        #expect(aside.count == (isQuarantined ? 1 : 0))
        if isQuarantined {
            #expect(
                aside[0].contains(
                    "more than 64 rows of lane event are not as they were written"), "\(aside)")
        }
    }

    @Test(
        "with a wrong name of an epoch or a run the file is put aside",
        arguments: [
            ("epochs", "epoch = zeroblob(16)"), ("epochs", "event_first = event_first + 1"),
            ("runs", "run = zeroblob(16)"), ("runs", "n = n + 1"), ("runs", "clock = clock + 1"),
        ])
    func names(table: String, change: String) throws {
        let device = try Self.device()
        try Self.execute("UPDATE \(table) SET \(change)", on: device)
        #expect(device.open().quarantinedFile != nil)
        let aside = try Self.told(device, "queue.quarantined.v1")
        #expect(
            aside.first?.contains("of \(table) is not as it was written") == true, "\(aside)")
    }

    @Test("rows of before there were checksums are taken as they are")
    func before() throws {
        let device = try Self.device()
        for table in ["event_lane", "epochs", "runs", "lanes", "gaps"] {
            try Self.execute("UPDATE \(table) SET checksum = NULL", on: device)
        }
        let journal = device.open()
        #expect(journal.quarantinedFile == nil)
        #expect(try device.jobs() == Array(1...20))
        let page = try device.reader.page(of: .event, from: 1, maxEvents: 100, maxBytes: 1 << 20)
        #expect(page.records.count == (try device.events(.event).count))
    }

    @Test("the checksum is over type, length and bytes of each value, in words of eight bytes")
    func value() throws {
        let device = try Self.device()
        let connection = try Connection(
            to: StateDirectory(path: device.path, storage: LinuxStorage()), mode: .readOnly)
        func checksum(_ values: String) throws -> Int64? {
            try connection.integer("SELECT row_checksum(\(values))")
        }
        func expected(_ words: [UInt64]) -> Int64 {
            Int64(
                bitPattern: words.reduce(0xCBF2_9CE4_8422_2325) { sum, word in
                    let mixed = (sum ^ word) &* 0x100_0000_01B3
                    return mixed << 29 | mixed >> 35
                })
        }
        #expect(try checksum("") == expected([]))
        #expect(try checksum("NULL") == expected([5]))
        #expect(try checksum("258") == expected([1, 258]))
        #expect(try checksum("'ab'") == expected([3, 2, 0x6261]))
        #expect(try checksum("'12345678'") == expected([3, 8, 0x3837_3635_3433_3231]))
        #expect(try checksum("'123456789'") == expected([3, 9, 0x3837_3635_3433_3231, 0x39]))
        #expect(
            try checksum("x'6162', ''")
                == expected([4, 2, 0x6261, 3, 0]))
    }

    @Test("a stored row has the checksum that SQLite makes of it, whatever its lengths")
    func stored() throws {
        let device = Device()
        let journal = device.open()
        for count in 0...40 {
            let wall = WallTime(unixMilliseconds: -1, quality: .unsynced)
            let stamp = Stamp(
                tick: Tick(.max), at: Instant(.min), wall: wall, correlation: Correlation(.max))
            let sample = [UInt8](repeating: 0xF0 &+ UInt8(count), count: count)
            journal.take(sample: sample, stamp: stamp, now: Instant(0))
        }
        try journal.append([heating(1)], now: Instant(0))
        try journal.farewell(now: Instant(0))
        let connection = try Connection(
            to: StateDirectory(path: device.path, storage: LinuxStorage()), mode: .readOnly)
        for lane in Lane.allCases {
            let rows = "FROM \(lane.name)_lane l"
            let sound = "\(rows) WHERE l.checksum = row_checksum(\(RowChecksum.laneColumns))"
            let all = try connection.integer("SELECT count(*) \(rows)")
            #expect(try connection.integer("SELECT count(*) \(sound)") == all)
            #expect(lane != .telemetry || all == 41)
        }
    }

    @Test("a reserve that was cut short gets its blocks back at the start")
    func shortReserve() throws {
        let device = Device()
        let path = device.path + "/reserve"
        for size in [4_096 * 3, 0, 4_096 * 4 - 1] {
            try device.open { $0.reserveBytes = 4_096 * 4 }.farewell(now: Instant(0))
            #expect(LinuxStorage().inspect(path) == .file(bytes: 4_096 * 4))
            try #require(truncate(path, off_t(size)) == 0)
        }
        try device.open { $0.reserveBytes = 4_096 * 4 }.farewell(now: Instant(0))
        #expect(LinuxStorage().inspect(path) == .file(bytes: 4_096 * 4))
    }
}
