import Control
import Events
import JSON
import Testing
import Units

@testable import LocalAPI

/// What a technician reads, made from a snapshot without a socket between.
@Suite("Words for the technician")
struct WordsTests {
    private func state(_ change: (inout Snapshot) -> Void) -> StateJSON {
        let device = FakeDevice()
        device.snapshot.now = Instant(60_000)
        change(&device.snapshot)
        return StateJSON(
            description: device.description, snapshot: device.snapshot, shell: ShellReport())
    }

    private func why(_ code: AlarmCode, _ change: (inout Snapshot) -> Void) -> JSONValue {
        AlarmReason(state: state(change), code: code).answer
    }

    private static func lock(_ codes: AlarmCode..., in snapshot: inout Snapshot) {
        var record = LockoutRecord()
        for code in codes {
            record.append(
                LockoutRecord.Entry(code: code, tick: Tick(5), at: Instant(0), value: 1, limit: 1))
        }
        snapshot.lockout = record
    }

    @Test("gas comes before whatever was first")
    func gasAdvice() {
        let gas = String(describing: alarmDefinition(.gasLeak).advice)
        let both = state { Self.lock(.powerContact, .gasLeak, in: &$0) }
        #expect(both.lockout["first_out"]?.string == "E404")
        #expect(both.lockout["advice"]?.string == gas)
        #expect(AlarmReason(state: both, code: .powerContact).answer["advice"]?.string == gas)
        let one = state { Self.lock(.powerContact, .boardLost, in: &$0) }
        #expect(
            one.lockout["advice"]?.string
                == String(describing: alarmDefinition(.powerContact).advice))
    }

    /// The button is in the house.
    @Test(
        "the house may be entered once a valid sensor shows no gas, and not before",
        arguments: [
            (true, SignalQuality.ok, Int64(100), false, true), (true, .ok, 100, true, false),
            (true, .stale, 100, false, false),
            (true, .ok, StateJSON.ageMaximum.rawValue, false, false),
            (false, .ok, 100, false, false),
        ])
    func gasGone(
        row: (isFitted: Bool, quality: SignalQuality, age: Int64, isActive: Bool, mayEnter: Bool)
    ) {
        let state = state {
            Self.lock(.gasLeak, in: &$0)
            let gas = Int(SignalID.gas.rawValue)
            $0.signals[gas].isFitted = row.isFitted
            $0.signals[gas].isSafety = true
            $0.signals[gas].quality = row.quality
            $0.signals[gas].age = Milliseconds(row.age)
            let view = Int(AlarmCode.gasLeak.rawValue)
            $0.alarms[view].state = row.isActive ? .unacknowledged : .latched
        }
        #expect(
            state.lockout["advice"]?.string
                == (row.mayEnter
                    ? "No gas is seen any more. Air the rooms and have the leak mended before the "
                        + "reset."
                    : String(describing: alarmDefinition(.gasLeak).advice)))
    }

    @Test(
        "one sample without gas calls nobody back: 30 s of them do",
        arguments: [(Int64(60_000), false), (30_001, false), (30_000, true)])
    func gasGoneForLong(row: (goneAt: Int64, mayEnter: Bool)) {
        let state = state {
            Self.lock(.gasLeak, in: &$0)
            $0.signals[Int(SignalID.gas.rawValue)].isFitted = true
            $0.signals[Int(SignalID.gas.rawValue)].quality = .ok
            $0.alarms[Int(AlarmCode.gasLeak.rawValue)].state = .latched
            $0.alarms[Int(AlarmCode.gasLeak.rawValue)].goneAt = Instant(row.goneAt)
        }
        let gas = String(describing: alarmDefinition(.gasLeak).advice)
        #expect((state.lockout["advice"]?.string != gas) == row.mayEnter)
    }

    @Test("while gas is locked in, no other alarm sends anybody anywhere")
    func gasFirst() {
        let locked = state { Self.lock(.gasLeak, in: &$0) }
        #expect(
            locked.alarm(.singleGasSample)["advice"]?.string == "First see to E103 gas leak.")
        #expect(
            locked.alarm(.gasLeak)["advice"]?.string
                == String(describing: alarmDefinition(.gasLeak).advice))
        let free = state { _ in }
        #expect(
            free.alarm(.singleGasSample)["advice"]?.string
                == "Smell and look for a leak; a second sample cuts the power.")
    }

    @Test(
        "a refused reset tells its reason and waits for no cause",
        arguments: [
            (
                AlarmCode.resetRefused, Int32(ResetRefusal.tooSoon.rawValue), Int32(0),
                "The reset was refused: 30 s have not passed since the trip."
            ),
            (
                .resetRefused, Int32(ResetRefusal.notLocal.rawValue), 0,
                "The reset was refused: a FATAL is reset only by the button at the site."
            ),
            (.tooManyResets, 5, 5, "The reset was refused: 5 resets in 15 minutes."),
        ])
    func refusedReset(code: AlarmCode, value: Int32, limit: Int32, sentence: String) {
        for alarmState in [AlarmState.unacknowledged, .acknowledged, .returned] {
            let answer = why(code) { snapshot in
                snapshot.alarms[Int(code.rawValue)].state = alarmState
                snapshot.alarms[Int(code.rawValue)].value = value
                snapshot.alarms[Int(code.rawValue)].limit = limit
            }
            let chain = (answer["chain"]?.array ?? []).compactMap(\.string)
            #expect(chain.contains(sentence), "\(chain)")
            #expect(!chain.contains { $0.contains("cause") || $0.contains("Measured") })
        }
    }

    @Test("a second raise is counted in words")
    func raisedTwice() {
        let answer = why(.busSilent) { snapshot in
            snapshot.alarms[Int(AlarmCode.busSilent.rawValue)].state = .unacknowledged
            snapshot.alarms[Int(AlarmCode.busSilent.rawValue)].raisedAt = Instant(50_000)
            snapshot.alarms[Int(AlarmCode.busSilent.rawValue)].raisedTick = Tick(7)
            snapshot.alarms[Int(AlarmCode.busSilent.rawValue)].count = 2
        }
        #expect(
            answer["chain"]?[0]?.string == "It was raised 10.0 s ago, in tick 7, and 2 times in "
                + "all since the controller started.")
    }

    @Test(
        "what only the self-check can see is not called gone before it",
        arguments: [
            AlarmCode.powerContact, .readBackMismatch, .leaseExpired, .boardRestarted,
            .boardTripped, .selfCheckFailed, .lockoutCopiesBad,
        ])
    func selfCheckOnly(code: AlarmCode) {
        let locked = state { snapshot in
            Self.lock(code, in: &snapshot)
            snapshot.alarms[Int(code.rawValue)].state = .latched
        }
        let step = locked.lockout["reset"]?[0]
        #expect(step?["done"]?.bool == false)
        #expect(
            step?["text"]?.string
                == "\(code.name) \(alarmDefinition(code).name): the self-check will show whether "
                + "it is gone.")
    }

    @Test("an alarm that does not stand has the table's severity and no advice")
    func notStanding() {
        let answer = why(.gasLeak) { _ in }
        #expect(answer["headline"]?.string == "E103 gas leak (FATAL) does not stand")
        #expect(answer["advice"]?.isNull == true)
        #expect(state { _ in }.alarm(.gasLeak)["severity"]?.string == "fatal")
    }

    @Test("who hides an alarm is told, and nobody hides a FATAL")
    func hidden() {
        func hider(
            _ code: AlarmCode, _ severity: Severity, _ change: (inout AlarmView) -> Void
        ) -> String? {
            let state = state { snapshot in
                snapshot.alarms[Int(code.rawValue)].state = .unacknowledged
                snapshot.alarms[Int(code.rawValue)].severity = severity
                change(&snapshot.alarms[Int(code.rawValue)])
            }
            return state.standingAlarms.first?["hidden_by"]?.string
        }
        #expect(hider(.ambientLost, .warning) { $0.shelvedUntil = Instant(90_000) } == "shelf")
        #expect(hider(.ambientLost, .warning) { $0.isSuppressed = true } == "E501")
        #expect(hider(.ambientLost, .warning) { $0.isOutOfService = true } == "out_of_service")
        #expect(hider(.ambientLost, .warning) { _ in } == nil)
        #expect(hider(.gasLeak, .fatal) { $0.shelvedUntil = Instant(90_000) } == nil)
        #expect(hider(.gasLeak, .fatal) { $0.isSuppressed = true } == nil)
        #expect(hider(.ambientLost, .fatal) { $0.isOutOfService = true } == nil)
    }
}
