import CrashDisk
import Events
import Foundation
import Journal
import Testing
import Units
import Wire

/// The disk that the power cuts are played on must itself do what it says.
@Suite("Crash disk")
struct CrashDiskTests {
    static func bytes(_ disk: CrashDisk, _ path: String) -> [UInt8]? {
        guard case .bytes(let bytes) = disk.read(path, limit: 10_000) else { return nil }
        return bytes
    }

    @Test(
        "what is synced, with its name, stays, whatever the seed",
        arguments: 0..<50 as Range<UInt64>)
    func syncedStays(seed: UInt64) throws {
        let disk = CrashDisk()
        try disk.overwrite("/a", with: [1, 2, 3])
        try disk.sync(directory: "/")
        disk.losePower(seed: seed)
        #expect(Self.bytes(disk, "/a") == [1, 2, 3])
    }

    @Test("a name that is not synced is lost with some seeds and kept with others")
    func names() throws {
        var outcomes: [Bool] = []
        for seed in UInt64(0)..<50 {
            let disk = CrashDisk()
            try disk.overwrite("/a", with: [1])
            disk.losePower(seed: seed)
            outcomes.append(Self.bytes(disk, "/a") != nil)
        }
        #expect(outcomes.contains(true))
        #expect(outcomes.contains(false))
    }

    @Test("of a write that was not synced, any of its sectors may be there, and none is mixed")
    func sectors() throws {
        var histories: Set<[Bool]> = []
        for seed in UInt64(0)..<100 {
            let disk = CrashDisk()
            try disk.overwrite("/a", with: [UInt8](repeating: 1, count: 2_048))
            try disk.sync(directory: "/")
            // The power goes at the sync, after the write.
            disk.arm(.power, at: 1, of: .sync)
            _ = error { try disk.overwrite("/a", with: [UInt8](repeating: 2, count: 2_048)) }
            #expect(disk.isDead)
            disk.losePower(seed: seed)
            let found = try #require(Self.bytes(disk, "/a"))
            let sectors = stride(from: 0, to: 2_048, by: 512).map { Array(found[$0..<$0 + 512]) }
            let isWhole = sectors.allSatisfy { Set($0).count == 1 }
            #expect(isWhole, "seed \(seed)")
            histories.insert(sectors.map { $0[0] == 2 })
        }
        #expect(histories.count > 8, "of 16 that are possible: \(histories.count)")
    }

    @Test("a renamed file is under the old name or the new one until the directory is synced")
    func renames() throws {
        var found: Set<[UInt8]> = []
        for seed in UInt64(0)..<50 {
            let disk = CrashDisk()
            try disk.overwrite("/old", with: [1])
            try disk.overwrite("/new", with: [2])
            try disk.sync(directory: "/")
            try disk.rename("/new", to: "/old")
            disk.losePower(seed: seed)
            let content = try #require(Self.bytes(disk, "/old"), "seed \(seed)")
            #expect((Self.bytes(disk, "/new") == nil) == (content == [2]), "seed \(seed)")
            found.insert(content)
        }
        #expect(found == [[1], [2]])
    }

    @Test("a full disk refuses what needs a block, and takes what does not")
    func capacity() throws {
        let disk = CrashDisk()
        disk.capacity = 8_192
        try disk.overwrite("/a", with: [UInt8](repeating: 1, count: 8_192))
        #expect(disk.freeBytes(at: "/") == 0)
        let refused = error { try disk.overwrite("/b", with: [1]) }
        #expect(refused?.description.contains("/b: write: No space left on device") == true)
        try disk.overwrite("/a", with: [2])
        #expect(disk.used == 4_096)
        try disk.overwrite("/b", with: [1])
    }

    @Test("a spoilt place cannot be read, and a flipped bit is read as it is")
    func damage() throws {
        let disk = CrashDisk()
        try disk.overwrite("/a", with: [1, 2, 3])
        try disk.flip(bit: 9, of: "/a")
        #expect(Self.bytes(disk, "/a") == [1, 0, 3])
        try disk.spoil(1..<2, of: "/a")
        guard case .unreadable(let error) = disk.read("/a", limit: 10) else {
            Issue.record("the spoilt byte was read")
            return
        }
        #expect(error.code == 5)
        try disk.spoil(0..<0, of: "/a")
        #expect(Self.bytes(disk, "/a") == [1, 0, 3])
    }

    @Test("a killed process loses nothing, and its journal is of no use any more")
    func killed() throws {
        let disk = CrashDisk()
        let run = ScriptedRun(disk: disk, seed: 1)
        let first = run.open()
        try first.append([heating(1)], now: Instant(0))
        try first.commit(now: Instant(0))
        disk.kill()
        #expect(error { try first.append([alarm(.gasLeak)], now: Instant(0)) } != nil)
        let second = run.open()
        #expect(second.databaseFailure == nil)
        try second.append([alarm(.flowLost)], now: Instant(0))
        let alarms = try run.reader.events(lane: .alarm, limit: 9)
        #expect(alarms.filter { $0.type == "alarm.raised.v1" }.count == 1)
        #expect(try run.reader.events(lane: .event, limit: 9).contains { $0.subject == "job/1" })
    }

    @Test("a second journal on the same disk is refused, as by a second process")
    func locked() throws {
        let run = ScriptedRun(disk: CrashDisk(), seed: 1)
        let first = run.open()
        #expect(run.open().databaseFailure?.isHeldElsewhere == true)
        try first.farewell(now: Instant(0))
        #expect(run.open().databaseFailure == nil)
    }

    @Test("a copy has what was synced, goes its own way, and can be put back")
    func copies() throws {
        let disk = CrashDisk()
        try disk.overwrite("/a", with: [1])
        try disk.sync(directory: "/")
        try disk.overwrite("/b", with: [2])
        let copy = disk.copy()
        #expect(Self.bytes(copy, "/a") == [1])
        #expect(Self.bytes(copy, "/b") == nil, "its name was not synced")
        #expect(Self.bytes(disk.copy(synced: false), "/b") == [2])
        try disk.overwrite("/a", with: [9])
        #expect(Self.bytes(copy, "/a") == [1])
        disk.restore(copy)
        #expect(Self.bytes(disk, "/a") == [1])
    }

    @Test("many disks at once, on several threads, know nothing of each other")
    func manyAtOnce() async throws {
        try await withThrowingTaskGroup(of: Int.self) { group in
            for worker in UInt64(0)..<4 {
                group.addTask {
                    var found = 0
                    for seed in 0..<20 as Range<UInt64> {
                        var run = ScriptedRun(disk: CrashDisk(), seed: worker * 100 + seed)
                        run.live(steps: 5)
                        run.recover()
                        found += run.violations.count
                    }
                    return found
                }
            }
            for try await found in group { #expect(found == 0) }
        }
    }

    @Test("a fresh journal and a hundred commits are cheap enough for ten thousand of them")
    func cost() throws {
        let start = ContinuousClock.now
        for seed in UInt64(0)..<20 {
            let run = ScriptedRun(disk: CrashDisk(), seed: seed)
            let journal = run.open()
            for tick in UInt64(1)...100 {
                try journal.append([alarm(.flowLost, .error, tick: tick)], now: Instant(0))
            }
        }
        let each = (ContinuousClock.now - start) / 20
        // Measured beside other work: 5 ms is what the simulation can afford, in a release build.
        #expect(each < .milliseconds(50), "\(each) for each")
        print("a fresh journal and a hundred commits: \(each)")
    }
}
