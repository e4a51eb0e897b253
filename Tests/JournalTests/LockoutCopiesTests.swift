import Control
import Events
import Foundation
import Journal
import Testing
import Units
import Wire

/// What becomes of a lockout when one copy, the other, or both are damaged between two runs.
@Suite("Copies of the lockout record")
struct LockoutCopiesTests {
    enum Damage: String, CaseIterable, Sendable {
        case none, fileRemoved, fileEmpty, fileGarbage, fileOld
        case databaseRemoved, databaseEmpty, databaseGarbage, databaseIsDirectory
        case bothRemoved, bothEmpty, everything
    }

    static let expected: [Damage: String] = [
        .none: "locked E103",
        .fileRemoved: "repaired E103", .fileEmpty: "repaired E103",
        .fileGarbage: "repaired E103", .fileOld: "repaired E103",
        .databaseRemoved: "repaired E103", .databaseEmpty: "repaired E103",
        .databaseGarbage: "repaired E103", .databaseIsDirectory: "repaired E103",
        .bothRemoved: "unreadable", .bothEmpty: "unreadable",
        // Nothing is left that could tell this device from a new one.
        .everything: "clear",
    ]

    private func damage(_ damage: Damage, _ device: Device, oldFile: Data) throws {
        let database = device.file("journal.sqlite3")
        let file = device.file("lockout.bin")
        let manager = FileManager.default
        switch damage {
        case .none: break
        case .fileRemoved: try manager.removeItem(at: file)
        case .fileEmpty: try Data().write(to: file)
        case .fileGarbage: try Data(repeating: 0xA5, count: 512).write(to: file)
        case .fileOld: try oldFile.write(to: file)
        case .databaseRemoved: try manager.removeItem(at: database)
        case .databaseEmpty: try Data().write(to: database)
        case .databaseGarbage: try Data(repeating: 0xA5, count: 9_000).write(to: database)
        case .databaseIsDirectory:
            try manager.removeItem(at: database)
            try manager.createDirectory(at: database, withIntermediateDirectories: false)
        case .bothRemoved:
            try manager.removeItem(at: file)
            try manager.removeItem(at: database)
        case .bothEmpty:
            try Data().write(to: file)
            try Data().write(to: database)
        case .everything: try manager.removeItem(atPath: device.path)
        }
    }

    @Test("a lockout outlives damage to its copies", arguments: Damage.allCases)
    func survives(kind: Damage) throws {
        let device = Device()
        let oldFile: Data
        do {
            let journal = device.open()
            oldFile = try Data(contentsOf: device.file("lockout.bin"))
            try journal.save(lockout(1, [.gasLeak, .boardLost]), now: Instant(0))
            try journal.farewell(now: Instant(0))
        }
        try damage(kind, device, oldFile: oldFile)

        let expected = try #require(Self.expected[kind])
        let next = device.open()
        #expect(describe(next.recollection.lockout) == expected)
        #expect(next.isWritable, "\(next.databaseFailure?.description ?? "")")
        guard expected != "unreadable" else { return }
        try next.farewell(now: Instant(0))
        // What was repaired is whole again.
        let after = expected.replacingOccurrences(of: "repaired", with: "locked")
        #expect(describe(device.open().recollection.lockout) == after)
    }

    @Test("what cannot be read stays so until the controller has saved a record")
    func unreadableStays() throws {
        let device = Device()
        do {
            let journal = device.open()
            try journal.save(lockout(1, [.gasLeak]), now: Instant(0))
        }
        try Data().write(to: device.file("lockout.bin"))
        try Data(repeating: 1, count: 5_000).write(to: device.file("journal.sqlite3"))
        for _ in 0..<3 {
            let journal = device.open()
            #expect(describe(journal.recollection.lockout) == "unreadable")
            try journal.append([alarm(.gasLeak)], now: Instant(0))
            try journal.service(now: Instant(20_000))
        }
        let journal = device.open()
        try journal.save(lockout(1, [.lockoutCopiesBad]), now: Instant(0))
        try journal.farewell(now: Instant(0))
        #expect(describe(device.open().recollection.lockout) == "locked E606")
    }

    @Test("a reset clears both copies")
    func resetClears() throws {
        let device = Device()
        let journal = device.open()
        try journal.save(lockout(1, [.gasLeak]), now: Instant(0))
        try journal.save(lockout(2, []), now: Instant(0))
        try journal.farewell(now: Instant(0))
        #expect(describe(device.open().recollection.lockout) == "clear")
    }

    @Test("a device that is cut off before its database is made is not locked by it")
    func powerCutInFirstStart() throws {
        let device = Device()
        do { _ = device.open() }
        try FileManager.default.removeItem(at: device.file("journal.sqlite3"))
        try FileManager.default.removeItem(at: device.file("queue-mark"))
        try FileManager.default.removeItem(at: device.file("run-marker"))
        #expect(describe(device.open().recollection.lockout) == "repaired none")
    }
}
