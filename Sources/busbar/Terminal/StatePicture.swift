import JSON
import LocalAPI

/// The device's state for people: `status` prints it, `watch` redraws it. What is worst stands
/// first.
struct StatePicture {
    let state: JSONValue
    let style: Style
    /// Sentences are broken at this column.
    var columns = Wrapping.columnsOfOutput

    /// In a lockout the alarms come before relays and signals, which are all off or of no use then.
    /// - Parameter isCompact: for a screen of 24 lines: relays in one line, advice only for FATALs.
    func lines(isCompact: Bool) -> [String] {
        let lockout = lockoutLines
        let alarms = [""] + alarmLines(isCompact: isCompact)
        var lines = [title]
        lines += shellWarnings
        if !lockout.isEmpty { lines += (isCompact ? [] : [""]) + lockout + alarms }
        lines += ["", power] + heatingLines + [water]
        lines += isCompact ? [relayLine] : [""] + relayTable
        lines += [""] + (isCompact ? signalColumns : signalTable)
        if lockout.isEmpty { lines += alarms }
        return lines
    }

    private var title: String {
        let device = state["device"]
        let site = style.bold(device?["site"]?.string ?? "?")
        return "\(site), \(text(device?["board"])) board, busbard \(text(device?["version"])), "
            + "up \(duration(device?["up_ms"])), tick \(int(state["tick"]))"
    }

    private var shellWarnings: [String] {
        let device = state["device"]
        var warnings: [String] = []
        if device?["real_time"]?.bool == false {
            warnings.append("No real-time priority: the loop may be late under load (E608).")
        }
        if device?["journal_writable"]?.bool == false {
            warnings.append("The journal cannot be written; protection goes on (E603).")
        }
        let lost = int(device?["events_lost"])
        if lost > 0 { warnings.append("\(lost) events were lost before the journal (E604).") }
        if let silence = device?["uplink_silence"]?.string {
            warnings.append("The uplink is silent (E803): \(silence)")
        }
        return warnings.flatMap { Wrapping.lines($0, after: "  ", columns: columns) }
            .map { style.warning($0) }
    }

    /// What happened first, since when, and what to do now.
    var lockoutLines: [String] {
        guard let lockout = state["lockout"], lockout["locked"]?.bool == true else { return [] }
        let entries = lockout["entries"]?.array ?? []
        let first = text(lockout["first_out"])
        let name = text(entries.first?["name"])
        let badge = " LOCKED OUT "
        let sentence =
            "\(first) \(name) came first, \(tripTime(lockout)), in "
            + "\(text(lockout["state_at_trip"]))."
        // The badge takes its room in the first line only and is painted in its own way.
        let room = String(repeating: " ", count: badge.count + 1)
        var lines = Wrapping.lines(sentence, after: room, columns: columns)
            .map { room + style.bad(String($0.dropFirst(room.count))) }
        lines[0] = style.alarming(badge) + " " + lines[0].dropFirst(room.count)
        let later = entries.dropFirst().map { text($0["code"]) + " " + text($0["name"]) }
        if !later.isEmpty {
            lines += Wrapping.lines(
                later.joined(separator: ", ") + ".", after: "  Then: ", columns: columns)
        }
        return lines + adviceLines(text(lockout["advice"])) + resetLines(lockout["reset"])
    }

    /// How long ago; of a lockout that is older than the daemon's run, when by the wall clock.
    private func tripTime(_ lockout: JSONValue) -> String {
        if let since = lockout["since_ms"]?.int { return "\(QuantityText.duration(since)) ago" }
        guard let wall = lockout["tripped_unix_ms"]?.int else {
            return "before this start, when no record tells"
        }
        let clock = QuantityText.clock(text(lockout["tripped_clock"]))
        return "\(Clocks.wallTimeText(wall).prefix(19)) (\(clock))"
    }

    func adviceLines(_ advice: String) -> [String] {
        Wrapping.lines(advice, after: "  Do this: ", columns: columns).map { style.bold($0) }
    }

    /// The steps of a reset, with what is done already.
    func resetLines(_ steps: JSONValue?) -> [String] {
        guard let steps = steps?.array, !steps.isEmpty else { return [] }
        return ["  To reset:"]
            + steps.flatMap { step in
                let isDone = step["done"]?.bool == true
                let box = isDone ? "    [x] " : "    [ ] "
                return Wrapping.lines(text(step["text"]), after: box, columns: columns)
                    .map { isDone ? style.faint($0) : $0 }
            }
    }

    private var power: String {
        let interlock = state["interlock"]
        let name = text(interlock?["state"])
        let painted = name == "TRIPPED" ? style.alarming(name) : style.bold(name)
        let isRecalled = state["lockout"]?["recalled"]?.bool == true
        var line = label("Power") + painted
        line += isRecalled ? " since before the start" : span(interlock?["in_state_ms"])
        line += ", permit line \(interlock?["permitted"]?.bool == true ? "changing" : "low")"
        let check = text(interlock?["selfcheck"])
        line +=
            check == "done" ? ", self-check done" : ", " + style.warning("self-check at \(check)")
        let sense = text(interlock?["power_sense"])
        if sense != "not_fitted" { line += ", sense \(sense)" }
        return line
    }

    private var heatingLines: [String] {
        let heating = state["heating"]
        var line = label("Heating") + style.bold(text(heating?["state"]))
        line += span(heating?["in_state_ms"])
        if heating?["demand"]?.bool == true {
            line += ", asked for by \(text(heating?["requester"]))"
        } else if heating?["pending_demand"]?.bool == true {
            line += ", a demand by \(text(heating?["requester"])) waits"
        } else {
            line += ", no demand"
        }
        if heating?["heat_on"]?.bool == true {
            line += ", " + style.warning("HEAT ON for \(duration(heating?["heat_changed_ms"]))")
        }
        // In a lockout the lines about it say so already, and the room is needed.
        guard state["lockout"]?["locked"]?.bool != true,
            let refusal = heating?["refusal_text"]?.string
        else { return [line] }
        return [line]
            + Wrapping.lines(
                "A demand would be refused now: \(refusal).", after: label(""), columns: columns)
    }

    private var water: String {
        let heating = state["heating"]
        let target = celsius(heating?["target_millicelsius"])
        let now = state["temperature_millicelsius"]?.int.map { QuantityText.celsius($0) }
        return label("Water") + style.bold(now ?? "no valid temperature") + ", target \(target)"
    }

    private var relays: [JSONValue] { state["interlock"]?["relays"]?.array ?? [] }

    private func isWrong(_ relay: JSONValue) -> Bool { relay["commanded"] != relay["actual"] }

    private var relayLine: String {
        label("Relays")
            + relays.map { relay in
                let name = text(relay["id"])
                let isOn = relay["commanded"]?.bool == true
                if isWrong(relay) {
                    let back = relay["actual"]?.isNull == false ? "reads back wrong" : "no answer"
                    return style.bad("\(name) \(onOff(relay["commanded"])) (\(back))")
                }
                return isOn ? style.bold("\(name) on") : style.faint("\(name) off")
            }.joined(separator: "  ")
    }

    private var relayTable: [String] {
        var table = Table(["RELAY", "COMMANDED", "READS BACK"], style: style)
        for relay in relays {
            let back = onOff(relay["actual"])
            table.add([
                Table.Cell(text(relay["id"])),
                Table.Cell(onOff(relay["commanded"])),
                Table.Cell(back, isWrong(relay) ? .bad : .plain),
            ])
        }
        return table.lines()
    }

    private var signalTable: [String] {
        var table = Table(
            ["SIGNAL", "VALUE", "QUALITY", "AGE"], rightAligned: [1, 3], style: style)
        for signal in state["signals"]?.array ?? [] {
            let quality = text(signal["quality"])
            let isGood = quality == "ok"
            let mark = signal["safety"]?.bool == true ? "" : " *"
            table.add([
                Table.Cell(text(signal["id"]) + mark),
                Table.Cell(text(signal["text"]), isGood ? .plain : .faint),
                Table.Cell(quality, isGood ? .good : .bad),
                Table.Cell(duration(signal["age_ms"])),
            ])
        }
        return table.lines()
    }

    private func alarmLines(isCompact: Bool) -> [String] {
        let alarms = state["alarms"]?.array ?? []
        let locked = Set(
            (state["lockout"]?["entries"]?.array ?? []).compactMap { $0["code"]?.string })
        return AlarmTable(alarms: alarms, style: style, columns: columns).lines(
            hasAdvice: !isCompact, withoutAdviceFor: locked)
    }

    /// For a narrow screen: the signals that heating depends on, two in a row.
    private var signalColumns: [String] {
        let signals = (state["signals"]?.array ?? []).filter {
            $0["safety"]?.bool == true || $0["quality"]?.string != "ok"
        }
        var table = Table(
            ["SIGNAL", "VALUE", "AGE", "", "SIGNAL", "VALUE", "AGE"], rightAligned: [1, 2, 5, 6],
            style: style)
        for row in stride(from: 0, to: signals.count, by: 2) {
            let second = row + 1 < signals.count ? cells(signals[row + 1]) : []
            table.add(cells(signals[row]) + [Table.Cell("")] + second)
        }
        return table.lines()
    }

    private func cells(_ signal: JSONValue) -> [Table.Cell] {
        let quality = text(signal["quality"])
        let value = quality == "ok" ? text(signal["text"]) : quality.uppercased()
        return [
            Table.Cell(text(signal["id"])), Table.Cell(value, quality == "ok" ? .plain : .bad),
            Table.Cell(duration(signal["age_ms"])),
        ]
    }

    /// " for 12.3 s"; a state that was never entered is the one since the start.
    private func span(_ value: JSONValue?) -> String {
        value?.int.map { " for \(QuantityText.duration($0))" } ?? " since the start"
    }

    private func label(_ name: String) -> String {
        "  " + name + String(repeating: " ", count: max(1, 9 - name.count))
    }
}

// What the pictures are made of. A member that is missing shows as a dash, never as a zero.

func text(_ value: JSONValue?) -> String { value?.string ?? "–" }
func int(_ value: JSONValue?) -> Int64 { value?.int ?? 0 }
func duration(_ value: JSONValue?) -> String { value?.int.map { QuantityText.duration($0) } ?? "–" }
func celsius(_ value: JSONValue?) -> String { value?.int.map { QuantityText.celsius($0) } ?? "–" }
func yesNo(_ value: JSONValue?) -> String { value?.bool.map { $0 ? "yes" : "no" } ?? "–" }
func onOff(_ value: JSONValue?) -> String { value?.bool.map { $0 ? "on" : "off" } ?? "–" }
