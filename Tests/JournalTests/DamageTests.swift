import Control
import Events
import Foundation
import Journal
import Testing
import Units
import Wire

/// Damages one file of a device in each of its 512-byte sectors, in two ways, and starts it again.
///
/// Goal: whatever one bad sector does, the start ends, the lockout still locks, the journal takes
/// new events, and none of them gets the identity of an event that was stored before. Method: one
/// device is killed with everything in its files and in its log; each case is a copy of it. The
/// test asserts that damage was found often enough to have meant something.
@Suite("Damaged files")
struct DamageTests {
    enum Kind: String, CaseIterable, Sendable { case flipped, cutOff, zeroed }

    /// A device that was killed: its log is not folded into the database, and it is locked.
    struct Victim {
        let device: Device
        let identities: Set<Identity>

        init() throws {
            device = Device()
            let live = Device()
            var journal: Journal? = live.open()
            try journal?.append((0..<120).map { heating($0) }, now: Instant(0))
            try journal?.farewell(now: Instant(0))
            journal = live.open()
            try journal?.save(lockout(3, [.gasLeak]), now: Instant(0))
            for round in UInt32(0)..<12 {
                try journal?.append([heating(200 + round), alarm(.boardLost)], now: Instant(0))
            }
            try journal?.mark(.heating)
            try live.copy(to: device)
            var identities: Set<Identity> = []
            for lane in Lane.allCases {
                identities.formUnion(try live.events(lane).map { Identity($0) })
            }
            self.identities = identities
        }
    }

    /// - Returns: whether the damage was found in the database, and whether in the lockout.
    private func checkStart(
        of device: Device, after victim: Victim, _ name: String
    ) throws -> (isQuarantined: Bool, isRepaired: Bool) {
        var isQuarantined = false
        var isRepaired = false
        for round in 0..<2 {
            let journal = device.open()
            let recalled = describe(journal.recollection.lockout)
            #expect(recalled == "locked E103" || recalled == "repaired E103", "\(name)")
            #expect(journal.isWritable, "\(name): \(journal.databaseFailure?.description ?? "")")
            #expect(journal.recollection.wasUnclean, "\(name)")
            try journal.append([heating(900), alarm(.flowLost)], now: Instant(0))
            for lane in [Lane.alarm, .event] {
                let added = try device.events(lane).filter { $0.run == journal.run }
                #expect(!added.isEmpty, "\(name)")
                let doubled = added.map { Identity($0) }.filter(victim.identities.contains)
                #expect(doubled.isEmpty, "\(name): given a second time")
                let found = try device.readInOrder(lane).filter { $0.run == journal.run }
                #expect(found == added, "\(name): whoever reads in order does not find them")
            }
            if let file = journal.quarantinedFile {
                #expect(round == 0, "\(name): damage is put aside once, not at each start")
                isQuarantined = true
                #expect(FileManager.default.fileExists(atPath: device.path + "/" + file))
                let told = try device.events(.alarm).filter {
                    $0.type == "queue.quarantined.v1"
                }
                #expect(told.count == 1, "\(name)")
            }
            if round == 0 { isRepaired = recalled.hasPrefix("repaired") }
        }
        return (isQuarantined, isRepaired)
    }

    /// - Returns: how many cases there were, and in how many the database and the lockout showed
    ///   it.
    private func sweep(
        _ file: String, _ kind: Kind, victim: Victim
    ) throws -> (cases: Int, quarantined: Int, repaired: Int) {
        let whole = try Data(contentsOf: victim.device.file(file))
        var random = SplitMix64(state: 5)
        var quarantined = 0
        var repaired = 0
        let sectors = (whole.count + 511) / 512
        for sector in 0..<sectors {
            let device = Device()
            try victim.device.copy(to: device)
            var damaged = whole
            let place = min(sector * 512 + Int(random.next() % 512), whole.count - 1)
            switch kind {
            case .flipped: damaged[place] ^= UInt8(1 << (random.next() % 8))
            case .cutOff: damaged = whole.prefix(sector * 512)
            case .zeroed:
                let end = min(sector * 512 + 512, whole.count)
                damaged.replaceSubrange(sector * 512..<end, with: Data(count: end - sector * 512))
            }
            try damaged.write(to: device.file(file))
            let found = try checkStart(
                of: device, after: victim, "\(file) \(kind.rawValue) in sector \(sector)")
            if found.isQuarantined { quarantined += 1 }
            if found.isRepaired { repaired += 1 }
        }
        return (sectors, quarantined, repaired)
    }

    @Test("one bad sector of the database is survived", arguments: Kind.allCases)
    func database(kind: Kind) throws {
        let found = try sweep("journal.sqlite3", kind, victim: Victim())
        #expect(found.cases > 100)
        // A single bit in a text or in free space is beyond what SQLite can see; the first page,
        // pages that are short, and the inner structure are not.
        #expect(found.quarantined > (kind == .flipped ? 3 : 20), "\(found)")
    }

    @Test("one bad sector of the write-ahead log is survived", arguments: Kind.allCases)
    func log(kind: Kind) throws {
        let found = try sweep("journal.sqlite3-wal", kind, victim: Victim())
        #expect(found.cases > 100)
        // The log's frames have checksums: what follows a bad one is gone, and with an early one
        // the lockout's row is too.
        #expect(found.repaired > 0, "\(found)")
    }

    @Test(
        "one bad sector of a small file is survived",
        arguments: ["lockout.bin", "queue-mark", "run-marker", "journal.sqlite3-shm"],
        Kind.allCases)
    func smallFiles(file: String, kind: Kind) throws {
        let found = try sweep(file, kind, victim: Victim())
        if file == "lockout.bin" { #expect(found.repaired == 1) }
    }

    @Test("a byte flipped anywhere in the lockout file is a bad copy, never a clear one")
    func everyByteOfTheLockoutFile() throws {
        let victim = try Victim()
        let whole = try Data(contentsOf: victim.device.file("lockout.bin"))
        #expect(whole.count == 512)
        for place in stride(from: 0, to: 512, by: 7) {
            let device = Device()
            try victim.device.copy(to: device)
            var damaged = whole
            damaged[place] ^= 0xFF
            try damaged.write(to: device.file("lockout.bin"))
            #expect(describe(device.open().recollection.lockout) == "repaired E103", "\(place)")
        }
    }

    @Test("a file of a newer layout is put aside, not guessed at")
    func newerLayout() throws {
        let device = Device()
        do {
            let journal = device.open()
            try journal.append([alarm(.gasLeak)], now: Instant(0))
            try journal.farewell(now: Instant(0))
        }
        // user_version stands at byte 60 of the file, big-endian (SQLite file format, 1.3).
        var bytes = try Data(contentsOf: device.file("journal.sqlite3"))
        bytes[63] = 99
        try bytes.write(to: device.file("journal.sqlite3"))
        let journal = device.open()
        #expect(journal.quarantinedFile == "quarantine/journal-1.sqlite3")
        let told = try #require(try device.events(.alarm).first)
        #expect(told.type == "queue.quarantined.v1")
        let data = String(decoding: told.data, as: UTF8.self)
        #expect(data.contains("layout 99, and this Busbar knows 5 at most"))
        let opened = try device.events(.event).first { $0.type == "queue.opened.v1" }
        #expect(
            String(decoding: try #require(opened).data, as: UTF8.self).contains(
                #""reason":"quarantine""#))
    }

    @Test("a card that damages the file at every start keeps eight of them")
    func quarantineIsBounded() throws {
        let device = Device()
        for _ in 0..<12 {
            do { _ = device.open() }
            try Data(repeating: 3, count: 8_192).write(to: device.file("journal.sqlite3"))
        }
        let journal = device.open()
        #expect(journal.quarantinedFile == "quarantine/journal-12.sqlite3")
        let kept = try FileManager.default.contentsOfDirectory(
            atPath: device.path + "/quarantine"
        ).filter { $0.hasSuffix(".sqlite3") }
        #expect(kept.count == 8)
        #expect(!kept.contains("journal-4.sqlite3"))
    }

    @Test("damage that shows while the journal runs is put aside, and the event is kept")
    func damageWhileRunning() throws {
        let device = Device()
        let journal = device.open()
        let epoch = journal.epoch
        try journal.save(lockout(1, [.gasLeak]), now: Instant(0))
        try journal.append((0..<400).map { heating($0) }, now: Instant(0))
        // Behind SQLite's back: another connection takes a table away that events go to.
        try Self.drop("alarm_history", in: device)
        try journal.append([alarm(.boardLost)], now: Instant(1_000))
        #expect(journal.epoch != epoch)
        #expect(journal.isWritable)
        #expect(try device.events(.alarm).map(\.type).contains("alarm.raised.v1"))
        #expect(try device.events(.alarm).map(\.type).contains("queue.quarantined.v1"))
        try journal.farewell(now: Instant(0))
        #expect(describe(device.open().recollection.lockout) == "locked E103")
    }

    private static func drop(_ table: String, in device: Device) throws {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = [
            "python3", "-c",
            """
            import sqlite3, sys
            sqlite3.connect(sys.argv[1]).executescript("DROP TABLE " + sys.argv[2])
            """, device.path + "/journal.sqlite3", table,
        ]
        try process.run()
        process.waitUntilExit()
        #expect(process.terminationStatus == 0)
    }
}
