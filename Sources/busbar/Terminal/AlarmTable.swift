import JSON
import LocalAPI

/// Alarms in a table, each with its advice below. Those that somebody has hidden are counted.
struct AlarmTable {
    private let alarms: [JSONValue]
    private let hidden: [JSONValue]
    private let style: Style
    private let columns: Int

    init(
        alarms: [JSONValue], showsHidden: Bool = false, style: Style,
        columns: Int = Wrapping.columnsOfOutput
    ) {
        self.columns = columns
        self.alarms = alarms.filter { showsHidden || !Self.isHidden($0) }
        hidden = alarms.filter { !showsHidden && Self.isHidden($0) }
        self.style = style
    }

    private static func isHidden(_ alarm: JSONValue) -> Bool {
        alarm["hidden_by"]?.string != nil
    }

    func lines(hasAdvice: Bool, withoutAdviceFor shown: Set<String> = []) -> [String] {
        let hidden = hiddenLines(hasAdvice: hasAdvice)
        guard !alarms.isEmpty else {
            return self.hidden.isEmpty ? [style.good("  No alarm stands.")] : hidden
        }
        return rows(hasAdvice: hasAdvice, withoutAdviceFor: shown) + hidden
    }

    private func rows(hasAdvice: Bool, withoutAdviceFor shown: Set<String>) -> [String] {
        var table = Table(
            ["ALARM", "SEVERITY", "STATE", "SINCE", "NAME"], rightAligned: [3], style: style)
        for alarm in alarms {
            let severity = text(alarm["severity"])
            table.add([
                Table.Cell(text(alarm["code"]), .bold),
                Table.Cell(severity.uppercased(), Style.Paint(severity: severity)),
                Table.Cell(stateText(alarm)),
                Table.Cell(since(alarm)),
                Table.Cell(text(alarm["name"])),
            ])
        }
        let rows = table.lines()
        guard hasAdvice else { return rows }
        var lines = [rows[0]]
        for (index, alarm) in alarms.enumerated() {
            lines.append(rows[index + 1])
            let indent = String(repeating: " ", count: 9)
            if let shelf = Self.shelf(alarm) {
                lines += Wrapping.lines(shelf, after: indent, columns: columns)
            }
            let isStanding = alarm["state"]?.string != "normal"
            if isStanding, !Self.isHidden(alarm), !shown.contains(text(alarm["code"])) {
                lines += Wrapping.lines(text(alarm["advice"]), after: indent, columns: columns)
            }
        }
        return lines
    }

    /// How many somebody has hidden, and of those on a shelf who and why: what nobody sees must not
    /// be forgotten either.
    private func hiddenLines(hasAdvice: Bool) -> [String] {
        guard !hidden.isEmpty else { return [] }
        var lines = [style.warning("  \(hidden.count) hidden: busbar alarms list --all")]
        guard hasAdvice else { return lines }
        for alarm in hidden {
            guard let shelf = Self.shelf(alarm) else { continue }
            lines += Wrapping.lines(
                shelf, after: "    \(text(alarm["code"])) ", columns: columns)
        }
        return lines
    }

    /// "shelved until 2026-03-04 10:41:12 by anna: probe is being replaced"
    private static func shelf(_ alarm: JSONValue) -> String? {
        guard let left = alarm["shelved_for_ms"]?.int else { return nil }
        let until = Clocks.wallTimeText(Clocks.unixMilliseconds() + left).prefix(19)
        guard let person = alarm["shelved_by"]?.string else {
            return "shelved until \(until)"
        }
        return "shelved until \(until) by \(person): \(text(alarm["shelve_reason"]))"
    }

    /// How long it stands; for one of an earlier run, since when by the wall clock.
    private func since(_ alarm: JSONValue) -> String {
        if alarm["raised_ms"]?.int == nil, let wall = alarm["raised_unix_ms"]?.int {
            return String(Clocks.wallTimeText(wall).prefix(19))
        }
        return duration(alarm["raised_ms"])
    }

    private func stateText(_ alarm: JSONValue) -> String {
        var words = [text(alarm["state"])]
        if alarm["first_out"]?.bool == true { words.append("first") }
        if alarm["shelved_for_ms"]?.int != nil { words.append("shelved") }
        if alarm["out_of_service"]?.bool == true { words.append("out of service") }
        if alarm["suppressed"]?.bool == true {
            let cause = alarm["hidden_by"]?.string ?? ""
            words.append(cause.hasPrefix("E") ? "hidden by \(cause)" : "suppressed")
        }
        return words.joined(separator: ", ")
    }
}
