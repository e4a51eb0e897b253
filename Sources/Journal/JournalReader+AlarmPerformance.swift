import Events
public import Units
public import Wire

/// Where a question about the alarm history stands in time: the run that asks, by both clocks.
public struct PresentMoment: Sendable {
    /// The run of the process that asks; nil if it has none in the file.
    public var run: Identifier128?
    /// On that run's monotonic clock.
    public var at: Instant
    public var wall: WallTime

    public init(run: Identifier128?, at: Instant, wall: WallTime) {
        self.run = run
        self.at = at
        self.wall = wall
    }
}

extension JournalReader {
    /// The measures over the last `span` of wall time.
    ///
    /// Within a run its monotonic clock tells what belongs to the span. An earlier run is placed by
    /// the latest of its records that was made with a set clock, or by lying between runs that are
    /// placed. What cannot be placed is left out and counted.
    ///
    /// Reads the history twice at most, row by row.
    public func alarmPerformance(
        over span: Milliseconds, at present: PresentMoment
    ) throws(JournalError) -> AlarmPerformance {
        // Both passes see the same rows: they are in one transaction.
        let connection = try openForReading()
        let start = try SpanStart.find(connection, span: span, present: present)
        var performance = try measure(connection, from: start, present: present)
        performance.unplacedRuns = start.unplacedRuns
        performance.unplacedRows = start.unplacedRows
        performance.finish()
        return performance
    }

    private func measure(
        _ connection: borrowing Connection, from start: SpanStart, present: PresentMoment
    ) throws(JournalError) -> AlarmPerformance {
        var performance = AlarmPerformance()
        let runs = try connection.prepare("SELECT n, run FROM runs WHERE n >= ? ORDER BY n")
        runs.bind(1, start.run)
        var events = RunRows(
            try connection.prepare(
                "SELECT run, mono_ms FROM event_lane WHERE run >= \(start.run) ORDER BY seq"))
        var alarms = RunRows(
            try connection.prepare(
                """
                SELECT run, mono_ms, tick, code, severity, change, state FROM alarm_history
                WHERE run >= \(start.run) ORDER BY n
                """))
        while try runs.step() {
            let number = runs.integer(0)
            performance.beginRun(from: number == start.run ? start.from : 0)
            var end: Int64 = 0
            while try events.next(upTo: number) { end = max(end, events.at(number)) }
            while try alarms.next(upTo: number) {
                end = max(end, alarms.at(number))
                if alarms.run == number, let change = alarms.change {
                    performance.add(change)
                } else {
                    performance.unknownRows += 1
                }
            }
            if let run = present.run, Identifier128(bytes: runs.blob(1)) == run {
                end = max(end, present.at.rawValue)
            }
            performance.endRun(at: end)
        }
        return performance
    }
}

/// Where the span begins: in which run, and where in it.
private struct SpanStart {
    var run: Int64
    /// In ms of that run's clock.
    var from: Int64 = 0
    var unplacedRuns = 0
    var unplacedRows = 0

    /// Goes back from the newest run to the one that the span begins in.
    static func find(
        _ connection: borrowing Connection, span: Milliseconds, present: PresentMoment
    ) throws(JournalError) -> SpanStart {
        let runs = try connection.prepare(
            "SELECT n, run, wall_ms, clock FROM runs ORDER BY n DESC")
        let columns = "SELECT run, mono_ms, wall_ms, clock FROM"
        var events = RunRows(try connection.prepare("\(columns) event_lane ORDER BY seq DESC"))
        var alarms = RunRows(try connection.prepare("\(columns) alarm_history ORDER BY n DESC"))
        var start = SpanStart(run: .max)
        let isWallSet = present.wall.quality != .unsynced
        var since = isWallSet ? present.wall.unixMilliseconds - span.rawValue : nil
        while try runs.step() {
            let number = runs.integer(0)
            var traces = RunTraces()
            while try events.next(downTo: number) { traces.note(events, number) }
            while try alarms.next(downTo: number) {
                traces.note(alarms, number)
                traces.rows += 1
            }
            if traces.offset == nil, runs.integer(3) != ClockQuality.unsynced.storedValue,
                RunRows.times.contains(runs.integer(2))
            {
                traces.offset = runs.integer(2)
            }
            if let run = present.run, Identifier128(bytes: runs.blob(1)) == run {
                traces.from = present.at.rawValue - span.rawValue
                traces.end = max(traces.end, present.at.rawValue)
                if !isWallSet, let from = traces.from { since = traces.offset.map { $0 + from } }
            } else if let since, let offset = traces.offset {
                traces.from = since - offset
            }
            if start.take(traces, number) { break }
        }
        return start
    }

    /// - Returns: true if nothing before this run belongs to the span.
    private mutating func take(_ traces: RunTraces, _ number: Int64) -> Bool {
        guard let from = traces.from else {
            unplacedRuns += 1
            unplacedRows += traces.rows
            return false
        }
        // A span that begins behind the run's last record leaves the runs after it, which have no
        // place of their own, in doubt.
        guard from < traces.end || from <= 0 else { return true }
        run = number
        self.from = max(0, from)
        unplacedRuns = 0
        unplacedRows = 0
        return from > 0
    }
}

/// What the records of one run say about its time, read backwards.
private struct RunTraces {
    /// Wall clock less monotonic clock, from the latest record that was made with a set clock.
    var offset: Int64?
    /// The last ms of the run's clock that is known.
    var end: Int64 = 0
    var rows = 0
    /// Where in the run the span begins; nil if that cannot be said.
    var from: Int64?
    private var offsetAt = Int64.min

    mutating func note(_ rows: borrowing RunRows, _ number: Int64) {
        guard rows.run == number else { return }
        let at = rows.at(number)
        end = max(end, at)
        guard rows.isClockSet, at > offsetAt else { return }
        offset = rows.wall - at
        offsetAt = at
    }
}

/// The rows of a table in the order of their runs, with one row read ahead.
private struct RunRows: ~Copyable {
    /// Up to 317 years: what a sound row can say. A time beyond is damaged, and sums of it could
    /// overflow.
    static let times: ClosedRange<Int64> = 0...10_000_000_000_000

    private let statement: Statement
    private var hasRow = false
    private var isUsed = true
    private var hasEnded = false

    init(_ statement: consuming Statement) { self.statement = statement }

    var run: Int64 { statement.integer(0) }
    var wall: Int64 { statement.integer(2) }
    var isClockSet: Bool {
        statement.integer(3) != ClockQuality.unsynced.storedValue && Self.times.contains(wall)
    }

    /// 0 for a damaged row, and for one whose run is not in the list of runs.
    func at(_ number: Int64) -> Int64 {
        let at = statement.integer(1)
        return run == number && Self.times.contains(at) ? at : 0
    }

    var change: AlarmPerformance.Change? {
        func byte(_ column: Int32) -> UInt8? { UInt8(exactly: statement.integer(column)) }
        let at = statement.integer(1)
        guard Self.times.contains(at), let number = UInt16(exactly: statement.integer(3)),
            let code = AlarmCode(number: number),
            let severity = byte(4).flatMap(Severity.init(rawValue:)),
            let change = byte(5).flatMap(AlarmChange.init(rawValue:)),
            let state = byte(6).flatMap(AlarmState.init(rawValue:))
        else { return nil }
        return AlarmPerformance.Change(
            tick: statement.integer(2), at: at, code: code, severity: severity,
            change: change, state: state)
    }

    mutating func next(upTo number: Int64) throws(JournalError) -> Bool {
        guard try fetch(), run <= number else { return false }
        isUsed = true
        return true
    }

    mutating func next(downTo number: Int64) throws(JournalError) -> Bool {
        guard try fetch(), run >= number else { return false }
        isUsed = true
        return true
    }

    private mutating func fetch() throws(JournalError) -> Bool {
        guard !hasEnded else { return false }
        if isUsed {
            hasRow = try statement.step()
            hasEnded = !hasRow
            isUsed = false
        }
        return hasRow
    }
}

extension ClockQuality {
    fileprivate var storedValue: Int64 { Int64(rawValue) }
}
