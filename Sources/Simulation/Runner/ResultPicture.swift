import Control
import Events
import JSON
import Units
import Wire

// What came of a run, for people and for programs.

extension ScenarioRunner.Result {
    /// One line. "ok" is said of expectations only, and never without how the device ended: a run
    /// that nothing is expected of may end in a lockout.
    var line: String {
        var parts: [String] = []
        if !failures.isEmpty {
            parts.append("\(failures.count) failed")
        } else if isJudged {
            parts.append("ok")
        }
        if let ending { parts.append(ending.sentence) }
        parts.append("\(Self.seconds(durationMs)) s")
        parts.append(alarms.isEmpty ? "alarms none" : "alarms: \(AlarmCode.titles(alarms))")
        return "\(name): " + parts.joined(separator: ", ")
    }

    var json: JSONValue {
        let failed = failures.map { failure -> JSONValue in
            [
                "time": .string(failure.time), "expected": .string(failure.expected),
                "found": .string(failure.found),
            ]
        }
        return [
            "name": .string(name), "ok": .bool(failures.isEmpty),
            "duration_ms": JSONValue(durationMs), "ticks": JSONValue(ticks),
            "alarms": .array(alarms.map { .string($0.name) }),
            "faults": .array(faults.map { .string($0) }), "failures": .array(failed),
            "ending": ending?.json ?? .null,
        ]
    }

    /// Cut to a tenth.
    fileprivate static func seconds(_ milliseconds: Int64) -> String {
        "\(milliseconds / 1_000).\(milliseconds % 1_000 / 100)"
    }
}

extension ScenarioRunner.Ending {
    fileprivate var sentence: String {
        var parts: [String] = []
        if let firstOut {
            parts.append("LOCKED OUT by \(firstOut.title)")
        } else if let heating, let interlock {
            parts.append("ended in \(heating) with the power \(interlock)")
        }
        if heating != nil, !isProcessRunning { parts.append("the process did not run at the end") }
        let water = [startTemperature, temperature].map { Self.celsius($0) }
        parts.append("water \(water[0]) to \(water[1]) °C")
        parts.append("heat on for \(ScenarioRunner.Result.seconds(heatMs)) s")
        return parts.joined(separator: ", ")
    }

    fileprivate var json: JSONValue {
        [
            "locked_out": .bool(firstOut != nil),
            "first_out": firstOut.map { .string($0.name) } ?? .null,
            "heating": heating.map { .string($0) } ?? .null,
            "interlock": interlock.map { .string($0) } ?? .null,
            "process_running": .bool(isProcessRunning),
            "start_temperature_millicelsius": JSONValue(startTemperature),
            "temperature_millicelsius": JSONValue(temperature), "heat_ms": JSONValue(heatMs),
        ]
    }

    /// One decimal, cut towards zero.
    private static func celsius(_ millicelsius: Int32) -> String {
        let tenths = millicelsius.magnitude / 100
        return (millicelsius < 0 && tenths > 0 ? "-" : "") + "\(tenths / 10).\(tenths % 10)"
    }
}

extension AlarmCode {
    /// "E103 gas leak".
    var title: String { "\(name) \(alarmDefinition(self).name)" }

    /// Some names have a comma, so the codes are kept apart by another sign.
    static func titles(_ codes: [AlarmCode]) -> String {
        codes.isEmpty ? "none" : codes.map(\.title).joined(separator: "; ")
    }
}
