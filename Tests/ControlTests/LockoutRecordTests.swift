import Events
import Testing
import Units

@testable import Control

@Suite("Lockout record")
struct LockoutRecordTests {
    static func entry(_ code: AlarmCode, _ seed: Int64 = 1) -> LockoutRecord.Entry {
        LockoutRecord.Entry(
            code: code, tick: Tick(UInt64(bitPattern: seed &* 7)), at: at(seed &* 100),
            value: Int32(truncatingIfNeeded: seed &* -3), limit: Int32(truncatingIfNeeded: seed))
    }

    static func full() -> LockoutRecord {
        var record = LockoutRecord()
        record.sequence = 0xDEAD_BEEF
        record.recentResets = 5
        record.stateAtTrip = .step(15)
        for (index, code) in allCodes.prefix(LockoutRecord.entryCapacity).enumerated() {
            record.append(entry(code, Int64(index) << 40 | 5))
        }
        return record
    }

    static let records: [(String, LockoutRecord)] = {
        var cleared = full()
        cleared.clear()
        var records = [("empty", LockoutRecord()), ("full", full()), ("cleared", cleared)]
        for state in [HeatingState.standby, .complete, .failed, .lockout, .step(0)] {
            var record = LockoutRecord()
            record.stateAtTrip = state
            record.append(
                LockoutRecord.Entry(
                    code: .gasLeak, tick: Tick(.max), at: Instant(.min), value: .min, limit: .max))
            records.append(("\(state)", record))
        }
        return records
    }()

    @Test("what is written is read back", arguments: records)
    func roundTrip(name: String, record: LockoutRecord) {
        let decoded = LockoutRecord(decoding: record.encoded())
        #expect(decoded == record)
    }

    @Test("every single bit flip of the 512 bytes is refused")
    func refusesFlips() {
        let bytes = Self.full().encoded()
        for bit in 0..<(512 * 8) {
            var damaged = bytes
            damaged[bit / 8] ^= 1 << UInt8(bit % 8)
            #expect(LockoutRecord(decoding: damaged) == nil, "bit \(bit)")
        }
    }

    @Test("a page of zeros, of ones, and half a record are refused")
    func refusesGarbage() {
        #expect(LockoutRecord(decoding: InlineArray(repeating: 0)) == nil)
        #expect(LockoutRecord(decoding: InlineArray(repeating: 0xFF)) == nil)
        var torn = Self.full().encoded()
        for index in 256..<512 { torn[index] = 0 }
        #expect(LockoutRecord(decoding: torn) == nil)
    }

    @Test("the layout is the one that the table beside the code gives")
    func layout() {
        var record = LockoutRecord()
        record.sequence = 0x0102_0304
        record.recentResets = 3
        record.stateAtTrip = .step(5)
        record.append(
            LockoutRecord.Entry(
                code: .noTemperatureRise, tick: Tick(0x1122), at: Instant(-1), value: -2,
                limit: 1_000))
        let bytes = record.encoded()
        let head = (0..<12).map { bytes[$0] }
        #expect(head == [0x42, 0x42, 0x4C, 0x4B, 1, 1, 3, 21, 4, 3, 2, 1])
        let entry = (12..<38).map { bytes[$0] }
        #expect(
            entry == [201, 0, 0x22, 0x11, 0, 0, 0, 0, 0, 0]
                + Array(repeating: 0xFF, count: 8)
                + [0xFE, 0xFF, 0xFF, 0xFF, 0xE8, 3, 0, 0])
    }

    @Test("the first FATAL keeps place one, a code stands once, and the seventeenth is left out")
    func appends() {
        var record = LockoutRecord()
        #expect(!record.isLocked && record.firstOut == nil)
        record.append(Self.entry(.gasLeak))
        record.append(Self.entry(.boardLost))
        record.append(Self.entry(.gasLeak, 99))
        #expect(record.count == 2)
        #expect(record.firstOut == .gasLeak)
        #expect(record[0].limit == 1, "the first occurrence stays")
        for code in allCodes { record.append(Self.entry(code)) }
        #expect(record.count == 16)
        #expect(record.firstOut == .gasLeak)
        record.clear()
        #expect(!record.isLocked && !record.contains(.gasLeak))
    }

    @Test("two good, equal and clear copies hand on the resets that still count")
    func keepsResetsOverRestart() {
        var record = LockoutRecord()
        record.recentResets = 5
        let found = LockoutReconciliation(
            copyA: .good(record), copyB: .good(record), hasRunBefore: true)
        guard case .locked(let handed) = found.lockout else {
            Issue.record("the record was not handed on: \(found.lockout)")
            return
        }
        #expect(handed.recentResets == 5)
        #expect(!handed.isLocked)
    }
}
