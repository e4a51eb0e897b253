import Events
import Testing
import Units

@testable import Control

@Suite("Alarm table")
struct AlarmTableTests {
    struct Row: CustomTestStringConvertible, Sendable {
        let number: UInt16
        let severity: Severity
        var testDescription: String { "E\(number)" }

        init(_ number: UInt16, _ severity: Severity) {
            self.number = number
            self.severity = severity
        }
    }

    /// §7.1, as the specification has it. E401 is FATAL with power closed, else an ERROR: the table
    /// has the worse one.
    static let specification: [Row] = [
        Row(1, .info), Row(2, .info),
        Row(101, .fatal), Row(102, .fatal), Row(103, .fatal), Row(104, .fatal), Row(105, .fatal),
        Row(106, .fatal), Row(107, .fatal), Row(108, .fatal),
        Row(201, .fatal), Row(203, .warning), Row(204, .fatal), Row(205, .warning),
        Row(206, .fatal), Row(207, .error), Row(208, .error), Row(209, .error),
        Row(301, .warning), Row(302, .fatal), Row(303, .fatal), Row(304, .warning),
        Row(305, .warning), Row(306, .error), Row(310, .warning), Row(311, .warning),
        Row(312, .warning),
        Row(401, .fatal), Row(402, .fatal), Row(403, .fatal), Row(404, .fatal), Row(405, .fatal),
        Row(406, .fatal),
        Row(501, .warning),
        Row(601, .warning), Row(602, .error), Row(605, .warning), Row(606, .fatal),
        Row(607, .fatal),
        Row(701, .warning), Row(702, .error), Row(703, .error),
        Row(901, .error), Row(902, .warning),
    ]

    /// Codes that this repository added: what the shell finds wrong with itself is a WARNING, and a
    /// burner that does not report an ERROR ("External-burner profile", §7.2). The emergency stop
    /// cuts like a trip of the board's own.
    static let additions: [Row] = [
        Row(202, .error), Row(407, .fatal), Row(603, .warning), Row(604, .warning),
        Row(608, .warning),
        Row(801, .warning), Row(802, .warning), Row(803, .warning), Row(804, .warning),
    ]

    @Test("severities are those of §7.1", arguments: specification + additions)
    func severity(row: Row) throws {
        let code = try #require(AlarmCode(number: row.number))
        #expect(alarmDefinition(code).severity == row.severity)
        #expect(AlarmPlan().severities[Int(code.rawValue)] == row.severity)
    }

    @Test("codes are unique, and every one of them is in the table above")
    func codesAreUnique() {
        #expect(allCodes.count == AlarmCode.count)
        #expect(AlarmCode(rawValue: UInt8(AlarmCode.count)) == nil)
        let numbers = allCodes.map(\.number)
        #expect(Set(numbers).count == numbers.count)
        let known = Set((Self.specification + Self.additions).map(\.number))
        #expect(Set(numbers) == known)
        for code in allCodes { #expect(AlarmCode(number: code.number) == code) }
        for number in UInt16.min...UInt16.max where !known.contains(number) {
            #expect(AlarmCode(number: number) == nil)
        }
    }

    @Test("each row is of its code, with a name and an advice of one sentence", arguments: allCodes)
    func wording(code: AlarmCode) {
        let definition = alarmDefinition(code)
        let name = "\(definition.name)"
        let advice = "\(definition.advice)"
        #expect(definition.code == code)
        #expect(!name.isEmpty && name.first?.isLowercase == true || name.hasPrefix("CAN"))
        #expect(advice.hasSuffix(".") && !advice.hasSuffix(".."))
        #expect(advice.first?.isUppercase == true)
        #expect(!advice.dropLast().contains("."), "one sentence")
        #expect(advice.count <= 110, "it fits in a line of a terminal")
    }

    @Test("a WARNING returns after 5 s, all others with their condition", arguments: allCodes)
    func offDelay(code: AlarmCode) {
        let definition = alarmDefinition(code)
        #expect(definition.offDelay == (definition.severity == .warning ? ms(5_000) : .zero))
        #expect(AlarmPlan().offDelays[Int(code.rawValue)] == definition.offDelay)
    }

    @Test("a cause is never hidden itself, and no FATAL has one", arguments: allCodes)
    func consequences(code: AlarmCode) {
        let definition = alarmDefinition(code)
        guard let cause = definition.consequenceOf else { return }
        #expect(alarmDefinition(cause).consequenceOf == nil)
        #expect(definition.severity != .fatal)
    }

    @Test("a set of codes holds what was put in, lowest first")
    func setOfCodes() {
        var set = AlarmSet()
        for code in allCodes.reversed() { set.insert(code) }
        set.remove(.gasLeak)
        #expect(!set.contains(.gasLeak) && set.contains(.requestOutOfRange))
        var found: [AlarmCode] = []
        while let code = set.popFirst() { found.append(code) }
        #expect(found == allCodes.filter { $0 != .gasLeak })
        #expect(set.isEmpty)
    }
}
