import Control
import Events
import JSON
import Journal
import LocalAPI
import Units
import Wire

extension LocalDevice {
    func alarmPerformance(over span: Milliseconds) throws(RPCError) -> JSONValue {
        var clock = clock
        let present = PresentMoment(
            run: links.run.withLock { $0 }, at: clock.now(),
            wall: JournalWorker.wallTime(&clock))
        do throws(JournalError) {
            return try reader.alarmPerformance(over: span, at: present).json(asked: span)
        } catch {
            throw RPCError(.journal, "the journal cannot be read: \(error)")
        }
    }
}

extension AlarmPerformance {
    /// Averages are left out (null) where less than one of their spans was observed: three alarms
    /// in the five minutes after a start are no 864 a day.
    fileprivate func json(asked: Milliseconds) -> JSONValue {
        [
            "asked_ms": JSONValue(asked.rawValue), "observed_ms": JSONValue(observed),
            "runs": JSONValue(runs), "annunciated": JSONValue(annunciated),
            "hidden": JSONValue(hidden),
            "severities": [
                "fatal": JSONValue(bySeverity[3]), "error": JSONValue(bySeverity[2]),
                "warning": JSONValue(bySeverity[1]), "info": JSONValue(bySeverity[0]),
            ],
            "per_day": ["average": average(per: 86_400_000), "peak": JSONValue(peakInDay)],
            "per_10min": [
                "average": average(per: Self.period), "peak": JSONValue(peakInPeriod),
            ],
            "flood": [
                "more_than": JSONValue(Self.floodCount), "periods": JSONValue(periods),
                "periods_in_flood": JSONValue(periodsInFlood),
                "percent": tenths(Int64(periodsInFlood) * 100, of: periods),
                "count": JSONValue(floods), "time_ms": JSONValue(floodTime),
            ],
            "most_frequent": .array(mostFrequent), "chattering": .array(chattering),
            "standing": .array(standing.map(Self.standing)),
            "stale": JSONValue(standing.count { Self.isStale(age: $0.age) }),
            "not_placed": ["runs": JSONValue(unplacedRuns), "rows": JSONValue(unplacedRows)],
            "unknown_rows": JSONValue(unknownRows),
        ]
    }

    private var mostFrequent: [JSONValue] {
        let counted = alarms.filter { $0.count > 0 }.sorted {
            ($1.count, $0.code.rawValue) < ($0.count, $1.code.rawValue)
        }
        return counted.prefix(10).map { alarm in
            alarm.json([
                ("count", JSONValue(alarm.count)),
                ("share_percent", tenths(Int64(alarm.count) * 100, of: Int64(annunciated))),
            ])
        }
    }

    private var chattering: [JSONValue] {
        alarms.filter { $0.chatterings > 0 }.map { alarm in
            alarm.json([("times", JSONValue(alarm.chatterings))])
        }
    }

    private static func standing(_ alarm: Alarm, age: Int64) -> JSONValue {
        alarm.json([
            ("severity", .string(alarm.severity.name)), ("state", .string(alarm.state.name)),
            ("age_ms", JSONValue(age)), ("stale", .bool(isStale(age: age))),
        ])
    }

    /// To a thousandth.
    private func average(per span: Int64) -> JSONValue {
        guard observed >= span else { return .null }
        let thousandths = (Int64(annunciated) * span * 1_000 + observed / 2) / observed
        return .number(JSONNumber(mantissa: thousandths, exponent: -3))
    }

    /// `amount` / `whole` to a tenth; 0 of nothing is 0.
    private func tenths(_ amount: Int64, of whole: Int64) -> JSONValue {
        guard whole > 0 else { return 0 }
        return .number(JSONNumber(mantissa: (amount * 10 + whole / 2) / whole, exponent: -1))
    }
}

extension AlarmPerformance.Alarm {
    fileprivate func json(_ members: [(String, JSONValue)]) -> JSONValue {
        var object = JSONObject()
        object.append("code", .string(code.name))
        object.append("name", .string(String(describing: alarmDefinition(code).name)))
        for (key, value) in members { object.append(key, value) }
        return .object(object)
    }
}
