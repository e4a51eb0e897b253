import CrashDisk
import Events
import Journal
import Testing
import Units
import Wire

/// Cuts the power at every call that reaches the disk, one after the other.
///
/// Goal: what the journal said is stored survives, once; no number means two things; a lockout is
/// never lost. Method: `ScriptedRun` lives, the disk dies at its n-th call and keeps of what was
/// not synced what a seed has it, the journal starts again. This is the test that wants
/// `synchronous = FULL`: two of its tests show that it fails without, and on a card that lies.
@Suite("Power cut")
struct PowerCutTests {
    /// What a cut at call `number` of two lives breaks.
    static func violations(
        cutAt number: Int, seed: UInt64, commitsAreSynced: Bool = true, isLying: Bool = false
    ) -> [String] {
        let disk = CrashDisk(seed: seed)
        disk.ignoreSyncs(isLying)
        disk.arm(.power, at: number)
        var run = ScriptedRun(disk: disk, seed: seed)
        run.commitsAreSynced = commitsAreSynced
        run.live(steps: 12)
        if !disk.isDead { run.live(steps: 12) }
        disk.losePower(seed: seed &* 1_000_003 &+ UInt64(number))
        run.recover()
        return run.violations.map { "cut at call \(number), seed \(seed): \($0)" }
    }

    /// Calls that reach the disk in two lives that nothing disturbs.
    static func callsOfTwoLives() -> Int {
        let disk = CrashDisk()
        var run = ScriptedRun(disk: disk, seed: 0)
        run.live(steps: 12)
        run.live(steps: 12)
        run.recover()
        #expect(run.violations.isEmpty, "without a cut: \(run.violations)")
        #expect(run.storedAlarms.count == 24)
        #expect(run.savedLockout == 24)
        return disk.count()
    }

    @Test("at every call: what was stored is there once, and the lockout too", arguments: 1...4)
    func everywhere(seed: UInt64) {
        let calls = Self.callsOfTwoLives()
        #expect(calls > 200)
        for number in 1...calls {
            let found = Self.violations(cutAt: number, seed: seed)
            #expect(found.isEmpty, "\(found.prefix(3))")
        }
    }

    @Test("a second cut during the recovery from the first", arguments: 1...4)
    func duringRecovery(seed: UInt64) {
        for number in stride(from: 7, to: 400, by: 13) {
            for second in stride(from: 1, to: 60, by: 4) {
                let disk = CrashDisk(seed: seed)
                disk.arm(.power, at: number)
                var run = ScriptedRun(disk: disk, seed: seed)
                run.live(steps: 12)
                disk.losePower(seed: seed &+ UInt64(number))
                disk.arm(.power, at: second)
                run.live(steps: 3)
                disk.losePower(seed: seed &+ UInt64(second))
                run.recover()
                #expect(
                    run.violations.isEmpty, "\(number), \(second), \(seed): \(run.violations)")
            }
        }
    }

    @Test("with commits that are not synced the same cuts lose what was stored")
    func teethOfFull() {
        let lost = (1...400).flatMap {
            Self.violations(cutAt: $0, seed: 1, commitsAreSynced: false)
        }
        #expect(lost.contains { $0.contains("was stored and is lost") })
    }

    @Test("on a card that lies about its syncs the same cuts lose what was stored")
    func teethOfSync() {
        let lost = (1...400).flatMap { Self.violations(cutAt: $0, seed: 1, isLying: true) }
        #expect(lost.contains { $0.contains("was stored and is lost") })
        #expect(lost.contains { $0.contains("lockout") })
    }

    @Test("one seed has one history")
    func sameSeedSameHistory() throws {
        func history() throws -> [EventRecord] {
            let disk = CrashDisk(seed: 5)
            disk.arm(.power, at: 150)
            var run = ScriptedRun(disk: disk, seed: 5)
            run.live(steps: 12)
            disk.losePower(seed: 9)
            run.live(steps: 5)
            return try Lane.allCases.flatMap { try run.reader.events(lane: $0, limit: .max) }
        }
        let first = try history()
        #expect(first.count > 10)
        #expect(try history() == first)
    }

    @Test("any call may fail once: nothing that was stored is lost, and the next start is sound")
    func everyCallFailsOnce() {
        for number in 1...Self.callsOfTwoLives() {
            let disk = CrashDisk()
            disk.arm(.once(number % 2 == 0 ? 5 : 28), at: number)
            var run = ScriptedRun(disk: disk, seed: 3)
            run.live(steps: 12)
            run.live(steps: 12)
            disk.losePower(seed: UInt64(number))
            run.recover()
            #expect(run.violations.isEmpty, "call \(number): \(run.violations.prefix(3))")
        }
    }
}
