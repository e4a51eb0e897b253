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
}
