import CrashDisk
import Events
import Journal
import Testing
import Units
import Wire

/// Cuts the power at every call that reaches the disk while commands of the cluster come in, are
/// carried out and answered, and come again.
///
/// Goal: no id is carried out twice, and each that was is answered exactly once in the record.
/// Method: the life of a daemon in small, whose world counts what it was told to do; after the cut
/// everything that was ever sent is sent again, to two more runs.
@Suite("Inbox and power cuts")
struct InboxPowerCutTests {
    struct Life {
        let disk: CrashDisk
        let seed: UInt64
        /// What the world has seen, by id: the heater that was switched on.
        var carriedOut: [UInt64: Int] = [:]
        /// Ids whose answer the journal said it has stored.
        var answered: Set<UInt64> = []
        var sent: Set<UInt64> = []
        var violations: [String] = []
        /// A defect: to carry out what the disk has not yet taken in.
        var actsBeforeItIsStored = false
        var commitsAreSynced = true

        init(disk: CrashDisk, seed: UInt64) {
            self.disk = disk
            self.seed = seed
        }

        func open(_ number: UInt64) -> Journal {
            let run = ScriptedRun(disk: disk, seed: seed &+ number &* 7_919)
            return run.open { $0.commitsAreSynced = commitsAreSynced }
        }

        /// Offers a command as busbard's journal thread does, and carries it out when it may be.
        mutating func offer(_ id: UInt64, to journal: Journal) {
            sent.insert(id)
            let command = InboxTests.command(id, ticket: UInt32(id))
            let admission = journal.receive(command, wall: InboxTests.wall(), now: Instant(0))
            var mayAct = admission == .admitted
            if actsBeforeItIsStored, case .failed = admission { mayAct = true }
            guard mayAct else { return }
            carriedOut[id, default: 0] += 1
            let answer = InboxTests.answer(command)
            let failure = error {
                try journal.append(answer, stamp: InboxTests.place(answer), now: Instant(0))
            }
            if failure == nil { answered.insert(id) }
        }

        /// One run: each command twice at once, with other work in between.
        mutating func live(_ number: UInt64, _ ids: ClosedRange<UInt64>) {
            let journal = open(number)
            guard !disk.isDead else { return }
            _ = error { try journal.openInbox(wall: Device.wall, now: Instant(0)) }
            for id in ids where !disk.isDead {
                offer(id, to: journal)
                _ = error { try journal.append([heating(UInt32(id), tick: id)], now: Instant(0)) }
                if !disk.isDead { offer(id, to: journal) }
            }
            _ = error { try journal.farewell(now: Instant(0)) }
        }

        /// The power is back: a run in which everything comes again, and then one that looks.
        mutating func recover() {
            for number in UInt64(8)...9 {
                let journal = open(number)
                _ = error { try journal.openInbox(wall: Device.wall, now: Instant(0)) }
                for id in sent.sorted() { offer(id, to: journal) }
                _ = error { try journal.farewell(now: Instant(0)) }
            }
            for (id, count) in carriedOut.sorted(by: { $0.key < $1.key }) where count > 1 {
                violations.append("command \(id) was carried out \(count) times")
            }
            let reader = JournalReader(directory: ScriptedRun.directory, storage: disk)
            let rows = (try? reader.events(lane: .alarm, limit: .max)) ?? []
            let subjects = rows.filter { $0.type == "command.answered.v1" }.map(\.subject)
            for id in carriedOut.keys.sorted() {
                let count = subjects.count { $0 == "command/\(id)" }
                if count != 1 { violations.append("command \(id) has \(count) answers") }
            }
        }
    }

    static func violations(
        cutAt number: Int, seed: UInt64, _ change: (inout Life) -> Void = { _ in }
    ) -> [String] {
        let disk = CrashDisk(seed: seed)
        disk.arm(.power, at: number)
        var life = Life(disk: disk, seed: seed)
        change(&life)
        life.live(1, 1...6)
        if !disk.isDead { life.live(2, 7...12) }
        disk.losePower(seed: seed &* 1_000_003 &+ UInt64(number))
        life.recover()
        return life.violations.map { "cut at call \(number), seed \(seed): \($0)" }
    }

    static func callsOfTwoLives() -> Int {
        let disk = CrashDisk()
        var life = Life(disk: disk, seed: 0)
        life.live(1, 1...6)
        life.live(2, 7...12)
        let calls = disk.count()
        life.recover()
        #expect(life.violations.isEmpty, "without a cut: \(life.violations)")
        #expect(life.carriedOut == Dictionary(uniqueKeysWithValues: (1...12).map { ($0, 1) }))
        #expect(life.answered.count == 12)
        return calls
    }

    @Test("at every call: no command twice, and one answer for each", arguments: 1...4)
    func everywhere(seed: UInt64) {
        let calls = Self.callsOfTwoLives()
        #expect(calls > 100)
        for number in 1...calls {
            let found = Self.violations(cutAt: number, seed: seed)
            #expect(found.isEmpty, "\(found.prefix(3))")
        }
    }

    @Test("whoever acts before the inbox has stored it carries out twice")
    func teethOfOrder() {
        let found = (100...220).flatMap {
            Self.violations(cutAt: $0, seed: 1) { $0.actsBeforeItIsStored = true }
        }
        #expect(found.contains { $0.contains("was carried out 2 times") }, "\(found.count)")
    }

    @Test("with commits that are not synced the same cuts carry out twice")
    func teethOfFull() {
        let found = (1...4).flatMap { seed in
            (100...220).flatMap { number in
                Self.violations(cutAt: number, seed: seed) { $0.commitsAreSynced = false }
            }
        }
        #expect(found.contains { $0.contains("times") }, "\(found.count)")
    }
}
