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

/// Kills a process that writes, at a random moment, again and again in one directory.
///
/// Goal: what was acknowledged is there, no identity is given twice, the last saved lockout is
/// recalled, an open transaction is interrupted. Method: the child writes what it was told is
/// stored into a file of its own, and a thread of it sends SIGKILL after a time from the seed.
/// A killed process loses nothing that reached the kernel: this is about order and atomicity. What
/// a power cut takes from the disk's own cache is another test's business.
@Suite("Killed at a random moment", .serialized)
struct CrashTests {
    static let rounds = 12

    @Test("what was acknowledged is kept, and nothing gets a number twice")
    func killed() async throws {
        let device = Device()
        do { try device.open().farewell(now: Instant(0)) }
        for round in 1...Self.rounds {
            let path = device.path
            await #expect(processExitsWith: .signal(SIGKILL)) {
                [path = path as String, round = round as Int] in
                try CrashTests.writeUntilKilled(in: path, round: round)
            }
        }
        let journal = device.open()
        let acknowledged = try String(contentsOf: device.file("acknowledged"), encoding: .utf8)
            .split(separator: "\n").compactMap { Int($0) }
        #expect(acknowledged.count > Self.rounds, "the children wrote something")
        let stored = Set(try device.jobs())
        let missing = acknowledged.filter { !stored.contains($0) }
        #expect(missing.isEmpty, "acknowledged and not there: \(missing.prefix(5))")

        let saved = try String(contentsOf: device.file("saved"), encoding: .utf8)
            .split(separator: "\n").compactMap { UInt32($0) }
        let last = try #require(saved.last)
        switch journal.recollection.lockout {
        case .locked(let record), .repaired(let record):
            #expect(record.isLocked)
            #expect(record.sequence >= last)
        case .clear, .unreadable:
            Issue.record("the lockout is lost: \(journal.recollection.lockout)")
        }
        var identities: Set<Identity> = []
        for lane in Lane.allCases {
            for event in try device.events(lane) {
                #expect(identities.insert(Identity(event)).inserted)
            }
        }
        let transactions = try device.reader.transactions(limit: .max)
        #expect(transactions.allSatisfy { $0.state == .interrupted })
        #expect(!transactions.isEmpty)
        #expect(journal.recollection.wasHeating)
        #expect(journal.quarantinedFile == nil)
    }

    @Sendable private static func writeUntilKilled(in path: String, round: Int) throws {
        let device = Device(path: path)
        let acknowledged = open(path + "/acknowledged", O_WRONLY | O_CREAT | O_APPEND, 0o600)
        let saved = open(path + "/saved", O_WRONLY | O_CREAT | O_APPEND, 0o600)
        func note(_ number: Int, in file: Int32) {
            let line = Array("\(number)\n".utf8)
            precondition(write(file, line, line.count) == line.count)
        }
        let journal = device.open()
        let first = UInt32(round) * 100
        try journal.save(lockout(first, [.gasLeak]), now: Instant(0))
        try journal.mark(.heating)
        note(Int(first), in: saved)
        _ = journal.open(
            "heating", job: UInt32(round), counters: [], stamp: stamp(), now: Instant(0))
        var random = SplitMix64(state: UInt64(round))
        let delay = UInt32(random.next() % 120_000)
        let killer = Thread {
            usleep(delay)
            kill(getpid(), SIGKILL)
        }
        killer.start()
        for step in 1...1_000_000 {
            let job = round * 1_000_000 + step
            try journal.append([heating(UInt32(job)), alarm(.flowLost)], now: Instant(0))
            note(job, in: acknowledged)
            if step % 16 == 0, step < 1_600 {
                let sequence = first + UInt32(step / 16)
                try journal.save(lockout(sequence, [.gasLeak]), now: Instant(0))
                note(Int(sequence), in: saved)
            }
        }
    }
}
