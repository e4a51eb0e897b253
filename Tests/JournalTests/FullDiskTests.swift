import Control
import Events
import Foundation
import Journal
import Testing
import Units
import Wire

#if canImport(Glibc)
    import Glibc
#endif

/// A file system of two megabytes in memory, for tests that fill it or make it read-only.
final class SmallDisk {
    let path: String

    static let isPossible = geteuid() == 0

    init() throws {
        path = "/tmp/busbar-disk-\(Identifier128.random().text)"
        try FileManager.default.createDirectory(
            atPath: path, withIntermediateDirectories: false)
        guard mount("busbar", path, "tmpfs", 0, "size=2m") == 0 else {
            throw POSIXError(POSIXErrorCode(rawValue: errno) ?? .EPERM)
        }
    }

    deinit {
        umount2(path, Int32(MNT_DETACH))
        rmdir(path)
    }

    func setReadOnly(_ isReadOnly: Bool) throws {
        let flags = MS_REMOUNT | (isReadOnly ? MS_RDONLY : 0)
        guard mount("busbar", path, "tmpfs", UInt(flags), "size=2m") == 0 else {
            throw POSIXError(POSIXErrorCode(rawValue: errno) ?? .EPERM)
        }
    }

    /// Takes every free block.
    func fill() throws {
        let file = open(path + "/filler", O_WRONLY | O_CREAT, 0o600)
        defer { close(file) }
        let block = [UInt8](repeating: 1, count: 4_096)
        while write(file, block, block.count) > 0 {}
        #expect(errno == ENOSPC)
    }

    func empty() throws { try FileManager.default.removeItem(atPath: path + "/filler") }
}

@Suite("A journal that cannot write")
struct FullDiskTests {
    @Test("a file at its limit refuses with a typed error, keeps what it has, and goes on later")
    func pageLimit() throws {
        let device = Device()
        var stored: [Int] = []
        do {
            let journal = device.open { $0.pageLimit = 60 }
            var failure: JournalError?
            for round in UInt32(0)..<200 where failure == nil {
                let batch = (round * 32..<round * 32 + 32).map { heating($0) }
                failure = error { try journal.append(batch, now: Instant(0)) }
                if failure == nil { stored += batch.indices.map { Int(round) * 32 + $0 } }
            }
            let found = try #require(failure)
            #expect(found.origin == .sqlite)
            #expect(found.code == 13)
            #expect(found.isFull)
            #expect(!found.isDamage)
            #expect(found.path == device.path + "/journal.sqlite3")
            #expect(found.description.contains("INSERT INTO event_lane"))
            #expect(found.description.contains("database or disk is full (SQLite 13/13)"))
            #expect(found.description.contains("free space on this file system"))
            #expect(!journal.isWritable)
            #expect(journal.pendingCount == 32, "what was refused waits")
            #expect(journal.quarantinedFile == nil, "a full disk is no damage")
        }
        #expect(try device.jobs() == stored)
        let journal = device.open()
        try journal.append([heating(99_999)], now: Instant(0))
        try journal.commit(now: Instant(0))
        #expect(try device.jobs() == stored + [99_999])
    }

    @Test(
        "on a full disk events are counted, the lockout is still saved, and the loss is told first",
        .enabled(if: SmallDisk.isPossible, "mounting a small disk needs root"))
    func fullDisk() throws {
        let disk = try SmallDisk()
        let device = Device(path: disk.path + "/state")
        let journal = device.open()
        try journal.append([alarm(.flowLost, .error)], now: Instant(0))
        try disk.fill()

        var now: Int64 = 0
        var failure: JournalError?
        for round in UInt32(0)..<200 {
            now += 1_000
            let batch = (round * 32..<round * 32 + 32).map { heating($0) }
            failure = error { try journal.append(batch, now: Instant(now)) } ?? failure
        }
        #expect(try #require(failure).isFull, "\(failure?.description ?? "")")
        #expect(!journal.isWritable)
        #expect(journal.lost.event > 0)
        let counted = Int(journal.lost.event)

        // The file copy needs no free block; the row in the database waits.
        _ = error { try journal.save(lockout(1, [.gasLeak]), now: Instant(now)) }
        _ = error { try journal.append([alarm(.gasLeak)], now: Instant(now)) }
        #expect(journal.lost.alarm == 0, "alarms have a reserve")
        let copy = Device()
        try device.copy(to: copy)
        #expect(describe(copy.open().recollection.lockout) == "repaired E103")

        try disk.empty()
        try journal.service(now: Instant(now + 1_000))
        #expect(journal.isWritable, "\(journal.databaseFailure?.description ?? "")")
        #expect(journal.pendingCount == 0)
        let alarms = try device.events(.alarm).map(\.type)
        #expect(
            alarms == [
                "alarm.raised.v1", "queue.skipped.v1", "queue.skipped.v1", "queue.lost.v1",
                "alarm.raised.v1",
            ])
        let lost = try device.events(.alarm)[3]
        #expect(
            String(decoding: lost.data, as: UTF8.self)
                == #"{"alarm":0,"event":\#(counted),"telemetry":0}"#)
        #expect(try device.jobs().count + counted == 200 * 32, "stored or counted, each of them")
        // A commit that failed may be on the disk all the same: its numbers are given up.
        try device.expectContiguousNumbers()
        #expect(try device.reader.gaps(lane: .event).contains { $0.reason == .skipped })
        try journal.farewell(now: Instant(now + 2_000))
        #expect(describe(device.open().recollection.lockout) == "locked E103")
    }

    @Test(
        "a disk that turns read-only is retried each second, and used again when it can be",
        .enabled(if: SmallDisk.isPossible, "mounting a small disk needs root"))
    func readOnlyDisk() throws {
        let disk = try SmallDisk()
        let device = Device(path: disk.path + "/state")
        do {
            let journal = device.open()
            try journal.save(lockout(1, [.gasLeak]), now: Instant(0))
            try journal.farewell(now: Instant(0))
        }
        try disk.setReadOnly(true)
        // Started on it: it recalls what it can read, and says that it cannot write.
        let journal = device.open()
        #expect(!journal.isWritable)
        let recalled = describe(journal.recollection.lockout)
        #expect(recalled == "repaired E103", "the file copy is read; the database cannot be")
        _ = error { try journal.append([alarm(.boardLost)], now: Instant(1_000)) }
        #expect(!journal.isWritable)
        #expect(journal.pendingCount > 0)
        let failed = try #require(journal.databaseFailure)
        #expect(failed.isReadOnly, "\(failed)")
        try disk.setReadOnly(false)
        try journal.service(now: Instant(1_500))
        #expect(!journal.isWritable, "tried again after a second, not before")
        try journal.service(now: Instant(2_100))
        #expect(journal.isWritable, "\(journal.databaseFailure?.description ?? "")")
        #expect(try device.events(.alarm).last?.subject == "alarm/E401")
        try journal.farewell(now: Instant(3_000))
        #expect(describe(device.open().recollection.lockout) == "locked E103")
    }

    @Test("a directory that cannot be made leaves a journal that counts, and never a crash")
    func noDirectory() throws {
        let device = Device(path: "/proc/busbar-cannot-be-here")
        let journal = device.open()
        #expect(!journal.isWritable)
        for round in UInt32(0)..<3_000 {
            _ = error {
                try journal.append([heating(round), alarm(.gasLeak)], now: Instant(Int64(round)))
            }
        }
        #expect(journal.lost.event > 0)
        #expect(journal.lost.alarm > 0)
        #expect(journal.lost.event > journal.lost.alarm, "alarms have a reserve")
        #expect(Int(journal.lost.total) + journal.pendingCount == 6_000)
        #expect(error { try journal.farewell(now: Instant(9_999)) } != nil)
    }
}
