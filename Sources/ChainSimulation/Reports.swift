public import JSON
import Wire

// Reports in words and as JSON.

extension ChainReport {
    /// The end of a story: what there was, and the verdict.
    public var lines: [String] {
        let occurred = faults.rows.filter { $0.count > 0 }
            .map { "\($0.name) \($0.count)" }.joined(separator: ", ")
        var lines = [
            "", "seed \(seed): \(Story.time(virtualMilliseconds)) of virtual time",
            "  " + fates.text,
            "  " + fates.text(effects: effects, duplicates: duplicates),
            "  faults: " + (occurred.isEmpty ? "none" : occurred),
        ]
        if let violation {
            lines.append("  BROKEN: \(violation.rule.rawValue)")
            lines.append("    expected \(violation.expected)")
            lines.append("    found    \(violation.found)")
        } else {
            lines.append("  every rule held")
        }
        return lines
    }

    public var json: JSONValue {
        var members = JSONObject()
        members["seed"] = .string(String(seed))
        fates.write(to: &members)
        members["effects"] = .number(JSONNumber(Int64(effects)))
        members["duplicates"] = .number(JSONNumber(Int64(duplicates)))
        members["virtual_ms"] = .number(JSONNumber(virtualMilliseconds))
        members["faults"] = faults.json
        members["violation"] = violation?.json ?? .null
        return .object(members)
    }
}

extension Violation {
    var json: JSONValue {
        var members = JSONObject()
        members["rule"] = .string(rule.rawValue)
        members["expected"] = .string(expected)
        members["found"] = .string(found)
        members["virtual_ms"] = .number(JSONNumber(milliseconds))
        return .object(members)
    }
}

extension FaultCounts {
    var json: JSONValue {
        var members = JSONObject()
        for row in rows { members[row.name] = .number(JSONNumber(Int64(row.count))) }
        return .object(members)
    }
}

extension EventFates {
    /// - Parameter effects: all of them. The journal states things itself, and nobody has stated
    ///   those before.
    func text(effects all: Int, duplicates: Int) -> String {
        "\(all) effects: \(effects) of these events, \(all - effects) of what the journals state "
            + "themselves; \(duplicates) duplicates"
    }

    fileprivate func write(to members: inout JSONObject) {
        let rows = [
            ("events", stated), ("in_kafka", inKafka), ("dropped", dropped),
            ("uncommitted", uncommitted), ("overwritten", overwritten), ("promised", promised),
        ]
        for (name, count) in rows { members[name] = .number(JSONNumber(Int64(count))) }
    }
}

extension FleetReport {
    /// A table: each fault, how often it occurred and in how many seeds.
    public func lines(milliseconds: Int64) -> [String] {
        func column(_ number: Int, _ width: Int) -> String {
            let digits = String(number)
            return String(repeating: " ", count: max(1, width - digits.utf8.count)) + digits
        }
        let widest = faults.rows.map(\.name.utf8.count).max() ?? 0
        func padded(_ name: String) -> String {
            "  " + name + String(repeating: " ", count: widest - name.utf8.count)
        }
        var lines = [padded("fault") + "     times    seeds"]
        for (index, row) in faults.rows.enumerated() {
            lines.append(
                padded(row.name) + column(row.count, 10) + column(seedsWithFault[index], 9))
        }
        lines.append("")
        lines.append(
            "\(seeds) seeds in \(milliseconds / 1_000) s: \(span) of virtual time, "
                + "\(steps) steps")
        lines.append(fates.text)
        lines.append(fates.text(effects: effects, duplicates: duplicates))
        let byLane = Lane.allCases.map { "\($0.name) \(effectsByLane[Int($0.rawValue)])" }
        lines.append("effects by lane: " + byLane.joined(separator: ", "))
        if broken == nil { lines.append("every rule held") }
        return lines
    }

    /// Of the virtual time, in whole days below two years: "1 day", "729 days", "2 years".
    private var span: String {
        let days = virtualMilliseconds / 86_400_000
        return days == 1 ? "1 day" : days < 730 ? "\(days) days" : "\(days / 365) years"
    }

    public func json(milliseconds: Int64) -> JSONValue {
        var members = JSONObject()
        members["seeds"] = .number(JSONNumber(Int64(seeds)))
        members["took_ms"] = .number(JSONNumber(milliseconds))
        members["virtual_ms"] = .number(JSONNumber(virtualMilliseconds))
        fates.write(to: &members)
        members["effects"] = .number(JSONNumber(Int64(effects)))
        members["duplicates"] = .number(JSONNumber(Int64(duplicates)))
        members["faults"] = faults.json
        members["broken"] = broken?.json ?? .null
        return .object(members)
    }
}
