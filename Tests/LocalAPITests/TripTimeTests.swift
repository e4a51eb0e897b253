import Control
import Events
import JSON
import Testing
import Units
import Wire

@testable import LocalAPI

/// When a lockout came, for somebody who looks at it after a restart.
@Suite("The time of a trip")
struct TripTimeTests {
    static let wall = WallTime(unixMilliseconds: 1_772_619_072_999, quality: .synced)

    static func state(isRecalled: Bool, _ wall: WallTime?) -> StateJSON {
        let device = FakeDevice()
        device.snapshot.now = Instant(60_000)
        var record = LockoutRecord()
        record.append(
            LockoutRecord.Entry(code: .gasLeak, tick: Tick(5), at: Instant(500), value: 1, limit: 1)
        )
        device.snapshot.lockout = record
        device.snapshot.isLockoutRecalled = isRecalled
        device.snapshot.interlock.enteredAt = Instant(57_000)
        device.snapshot.alarms[Int(AlarmCode.gasLeak.rawValue)].state = .latched
        device.snapshot.alarms[Int(AlarmCode.gasLeak.rawValue)].raisedAt =
            isRecalled ? .never : Instant(57_000)
        let state = StateJSON(
            description: device.description, snapshot: device.snapshot, shell: ShellReport())
        if let wall { state.wallTimes[.gasLeak] = wall }
        return state
    }

    @Test("of this run it has an age, of an earlier one only the wall clock's word")
    func lockout() {
        let own = Self.state(isRecalled: false, Self.wall).lockout
        #expect(own["since_ms"]?.int == 3_000 && own["recalled"]?.bool == false)
        let recalled = Self.state(isRecalled: true, Self.wall).lockout
        #expect(recalled["since_ms"]?.isNull == true && recalled["recalled"]?.bool == true)
        #expect(recalled["tripped_unix_ms"]?.int == 1_772_619_072_999)
        #expect(recalled["tripped_clock"]?.string == "synced")
        let unknown = Self.state(isRecalled: true, nil).lockout
        #expect(unknown["tripped_unix_ms"]?.isNull == true)
        #expect(unknown["tripped_clock"]?.isNull == true)
    }

    static let sentences: [(wall: WallTime?, text: String)] = [
        (
            wall,
            "It was raised on 2026-03-04 10:11:12 UTC (clock synced), before the controller last "
                + "started, and the lockout record kept it."
        ),
        (
            WallTime(unixMilliseconds: 61_000, quality: .unsynced),
            "It was raised on 1970-01-01 00:01:01 UTC (clock unsynced: the time may be wrong), "
                + "before the controller last started, and the lockout record kept it."
        ),
        (
            nil,
            "It was raised before the controller last started, and the lockout record kept it; no "
                + "record tells when."
        ),
    ]

    @Test("why says when, and how far that time is to be trusted", arguments: sentences)
    func why(wall: WallTime?, text: String) {
        let state = Self.state(isRecalled: true, wall)
        let chain = AlarmReason(state: state, code: .gasLeak).answer["chain"]?.array ?? []
        #expect(chain.first?.string == text)
    }

    static let dates: [(milliseconds: Int64, text: String)] = [
        (0, "1970-01-01 00:00:00"), (-1, "1969-12-31 23:59:59"),
        (951_782_399_999, "2000-02-28 23:59:59"), (951_782_400_000, "2000-02-29 00:00:00"),
        (951_868_800_000, "2000-03-01 00:00:00"), (4_107_542_399_000, "2100-02-28 23:59:59"),
        (4_107_542_400_000, "2100-03-01 00:00:00"), (1_735_689_599_000, "2024-12-31 23:59:59"),
    ]

    @Test("a wall time as a date, with the leap days where the calendar has them", arguments: dates)
    func date(milliseconds: Int64, text: String) {
        let wall = WallTime(unixMilliseconds: milliseconds, quality: .holdover)
        #expect(
            QuantityText.wallTime(wall) == text + " UTC (clock running free since it was synced)")
    }
}
