import Control
import Events
import Testing
import Units

/// Every pair of what two copies can be. The rule: damage to one copy never loses a lockout.
@Suite("Lockout reconciliation")
struct LockoutReconciliationTests {
    static func record(
        _ sequence: UInt32, _ codes: [AlarmCode] = [], resets: UInt8 = 0
    ) -> LockoutRecord {
        var record = LockoutRecord()
        record.sequence = sequence
        record.recentResets = resets
        for code in codes {
            record.append(
                LockoutRecord.Entry(
                    code: code, tick: Tick(1), at: Instant(100), value: 1, limit: 1))
        }
        return record
    }

    static func describe(_ lockout: Recollection.Lockout) -> String {
        switch lockout {
        case .clear: "clear"
        case .locked(let record): "locked \(text(record))"
        case .repaired(let record): "repaired \(text(record))"
        case .unreadable: "unreadable"
        }
    }

    static func text(_ record: LockoutRecord) -> String {
        let codes = (0..<Int(record.count)).map { "E\(record[$0].code.number)" }
        return "\(record.sequence) \(codes.joined(separator: "+"))"
    }

    struct Row: CustomTestStringConvertible, Sendable {
        let testDescription: String
        let copyA: LockoutCopy
        let copyB: LockoutCopy
        var hasRunBefore = true
        let lockout: String
        /// What is to be written to both copies.
        let rewrite: String?
    }

    static let clear = record(4)
    static let gas = record(5, [.gasLeak])
    static let two = record(5, [.boardLost, .gasLeak])

    static let rows: [Row] = [
        Row(
            testDescription: "both good, equal and clear is clear", copyA: .good(clear),
            copyB: .good(clear), lockout: "clear", rewrite: nil),
        Row(
            testDescription: "both good, equal and locked is locked", copyA: .good(gas),
            copyB: .good(gas), lockout: "locked 5 E103", rewrite: nil),
        Row(
            testDescription: "the power failed after the first copy of a lockout",
            copyA: .good(clear), copyB: .good(gas), lockout: "repaired 6 E103",
            rewrite: "6 E103"),
        Row(
            testDescription: "the power failed after the first copy of a reset",
            copyA: .good(gas), copyB: .good(record(6)), lockout: "repaired 7 E103",
            rewrite: "7 E103"),
        Row(
            testDescription: "both clear and one newer", copyA: .good(clear),
            copyB: .good(record(9)), lockout: "repaired 10 ", rewrite: "10 "),
        Row(
            testDescription: "both locked: the newer has the newer trip",
            copyA: .good(record(7, [.ignitionFailed])), copyB: .good(gas),
            lockout: "repaired 8 E204", rewrite: "8 E204"),
        Row(
            testDescription: "one number and two contents keep all FATALs", copyA: .good(gas),
            copyB: .good(two), lockout: "repaired 6 E103+E401", rewrite: "6 E103+E401"),
        Row(
            testDescription: "one number, one of them clear", copyA: .good(record(5)),
            copyB: .good(gas), lockout: "repaired 6 E103", rewrite: "6 E103"),
        Row(
            testDescription: "a bad copy is repaired from a locked one", copyA: .bad,
            copyB: .good(gas), lockout: "repaired 5 E103", rewrite: "5 E103"),
        Row(
            testDescription: "a bad copy is repaired from a clear one", copyA: .good(clear),
            copyB: .bad, lockout: "repaired 4 ", rewrite: "4 "),
        Row(
            testDescription: "a missing copy is repaired", copyA: .missing, copyB: .good(gas),
            lockout: "repaired 5 E103", rewrite: "5 E103"),
        Row(
            testDescription: "both bad is unreadable", copyA: .bad, copyB: .bad,
            lockout: "unreadable", rewrite: nil),
        Row(
            testDescription: "bad and missing is unreadable", copyA: .bad, copyB: .missing,
            hasRunBefore: false, lockout: "unreadable", rewrite: nil),
        Row(
            testDescription: "both missing where something ran is unreadable", copyA: .missing,
            copyB: .missing, lockout: "unreadable", rewrite: nil),
        Row(
            testDescription: "both missing on a device that never ran is clear", copyA: .missing,
            copyB: .missing, hasRunBefore: false, lockout: "clear", rewrite: "0 "),
        Row(
            testDescription: "the highest number does not wrap to the lowest",
            copyA: .good(record(.max, [.gasLeak])), copyB: .good(clear),
            lockout: "repaired 4294967295 E103", rewrite: "4294967295 E103"),
    ]

    @Test("two copies say together", arguments: rows)
    func reconciles(row: Row) {
        let one = LockoutReconciliation(
            copyA: row.copyA, copyB: row.copyB, hasRunBefore: row.hasRunBefore)
        #expect(Self.describe(one.lockout) == row.lockout)
        #expect(one.rewrite.map(Self.text) == row.rewrite)
    }

    @Test("which place a copy is in makes no difference to whether it locks", arguments: rows)
    func isSymmetric(row: Row) {
        func locks(_ lockout: Recollection.Lockout) -> Bool {
            switch lockout {
            case .clear: false
            case .locked(let record), .repaired(let record): record.isLocked
            case .unreadable: true
            }
        }
        let one = LockoutReconciliation(
            copyA: row.copyA, copyB: row.copyB, hasRunBefore: row.hasRunBefore)
        let other = LockoutReconciliation(
            copyA: row.copyB, copyB: row.copyA, hasRunBefore: row.hasRunBefore)
        #expect(locks(one.lockout) == locks(other.lockout))
    }

    @Test("the count of resets is the higher of the two, so that the limit of five holds")
    func keepsResets() {
        let one = LockoutReconciliation(
            copyA: .good(Self.record(4, resets: 5)), copyB: .good(Self.record(5, resets: 1)),
            hasRunBefore: true)
        #expect(one.rewrite?.recentResets == 5)
    }
}
