public import Events

/// How well the alarms serve the people who must answer them: the measures of ISA-18.2 clause 16,
/// over rows of the alarm history in the order of their numbers.
///
/// Its axis is *operating time*: the monotonic time of each run, runs one behind the other, with 0
/// where the asked span begins. The wall clock is never looked at, so a step of it moves nothing;
/// time in which Busbar did not run is not on the axis. Memory is fixed, however long the history.
public struct AlarmPerformance: Sendable {
    /// ISA-18.2: more than 10 alarms in 10 minutes are more than one person can answer.
    public static let floodCount = 10
    public static let period: Int64 = 600_000
    static let day: Int64 = 86_400_000
    /// ISA-18.2: an alarm that stands for longer than a day is stale.
    static let staleAfter: Int64 = 86_400_000

    public static func isStale(age: Int64) -> Bool { age > staleAfter }
    /// The alarm engine's own window: three in a minute, the third at its last millisecond counts.
    static let chatterWindow: Int64 = 60_000
    /// An alarm that stood when a run ended and is back this soon after the next start never went
    /// away. Chosen: the slowest condition, the gas sensor's warm-up, is seen again in minutes.
    static let resumeWindow: Int64 = 600_000

    /// One row of the history, as far as it is needed here.
    struct Change {
        var tick: Int64
        /// On the run's monotonic clock, in ms.
        var at: Int64
        var code: AlarmCode
        var severity: Severity
        var change: AlarmChange
        /// After the change.
        var state: AlarmState
    }

    /// What was seen of one alarm.
    public struct Alarm: Sendable {
        public let code: AlarmCode
        public fileprivate(set) var severity = Severity.info
        public fileprivate(set) var state = AlarmState.normal
        /// How often it was annunciated in the span.
        public fileprivate(set) var count = 0
        /// How often it began to chatter in the span.
        public fileprivate(set) var chatterings = 0
        fileprivate var raises = (newest: Int64?.none, second: Int64?.none)
        fileprivate var isChattering = false
        fileprivate var hidings: UInt8 = 0
        /// Since when it stands in this run.
        fileprivate var since: Int64?
        /// Since when it stood at the end of the run before.
        fileprivate var stoodSince: Int64?
    }

    /// Operating time in the span, in ms.
    public private(set) var observed: Int64 = 0
    public private(set) var runs = 0
    /// Alarms that called for somebody: raised above INFO and not hidden at that moment.
    public private(set) var annunciated = 0
    /// Raised while shelved, suppressed or out of service: recorded, and nobody was called.
    public private(set) var hidden = 0
    /// By `Severity.rawValue`; INFO is recorded and never annunciated.
    public private(set) var bySeverity = [0, 0, 0, 0]
    public private(set) var peakInPeriod = 0
    public private(set) var peakInDay = 0
    /// Ten-minute periods of operating time, counted from the start of the span, with more than
    /// `floodCount` alarms.
    public private(set) var periodsInFlood = 0
    /// Floods, and how long there were more than `floodCount` alarms in the 10 minutes before.
    public private(set) var floods = 0
    public private(set) var floodTime: Int64 = 0
    /// Rows with a code or a change that this version does not know: damaged, or of a later one.
    public internal(set) var unknownRows = 0
    /// Rows and runs before the span, or in it: nobody can say, for want of a set clock.
    public internal(set) var unplacedRows = 0
    public internal(set) var unplacedRuns = 0
    public private(set) var alarms: [Alarm]

    private var origin: Int64 = 0
    private var runBegan: Int64 = 0
    private var now: Int64 = 0
    private var tick: Int64 = 0
    /// Raised in the tick that is read. Counted when it is over: what is suppressed by its cause is
    /// so by a later row of the same tick.
    private var raised: [AlarmCode] = []
    private var newest: [Int64] = []
    private var flood: ClosedRange<Int64>?
    private var current = (period: Int64(0), count: 0)
    private var today = (day: Int64(0), count: 0)

    init() {
        alarms = (0..<UInt8(AlarmCode.count)).compactMap { row in
            AlarmCode(rawValue: row).map { Alarm(code: $0) }
        }
    }

    /// - Parameter from: where in the run the span begins, in ms of its clock; for the first run.
    mutating func beginRun(from: Int64 = 0) {
        runs += 1
        origin = runs == 1 ? -from : now
        runBegan = origin
        now = origin
        tick = -1
        for index in alarms.indices {
            alarms[index].stoodSince = alarms[index].since
            alarms[index].since = nil
            alarms[index].state = .normal
            alarms[index].hidings = 0
        }
    }

    /// Takes the next row of the run.
    mutating func add(_ row: Change) {
        if row.tick != tick { settle() }
        tick = row.tick
        // A clock that never runs back: a row that says otherwise is damaged, and its order stands.
        now = max(now, origin + row.at)
        let index = Int(row.code.rawValue)
        alarms[index].severity = row.severity
        switch row.change {
        case .raised:
            // More than the table has in one tick are damaged rows, which must not grow a list.
            if raised.count == AlarmCode.count { settle() }
            raised.append(row.code)
        case .shelved: alarms[index].hidings |= 1
        case .unshelved: alarms[index].hidings &= ~1
        case .suppressed: alarms[index].hidings |= 2
        case .unsuppressed: alarms[index].hidings &= ~2
        case .outOfService: alarms[index].hidings |= 4
        case .inService: alarms[index].hidings &= ~4
        case .acknowledged, .returned, .cleared, .latched, .reset: break
        }
        stand(index, row.state)
    }

    /// The run is known to have lasted until `at`, in ms of its clock.
    mutating func endRun(at: Int64) {
        settle()
        now = max(now, origin + at, 0)
    }

    mutating func finish() {
        observed = max(0, now)
        closePeriod()
        closeDay()
        closeFlood()
    }

    /// Whole periods and the one that had begun.
    public var periods: Int64 { (observed + Self.period - 1) / Self.period }

    /// What stands at the end, with its age in operating time; longest first.
    public var standing: [(alarm: Alarm, age: Int64)] {
        alarms.compactMap { alarm in alarm.since.map { (alarm, now - $0) } }
            .sorted { ($1.age, $0.alarm.code.rawValue) < ($0.age, $1.alarm.code.rawValue) }
    }

    private mutating func stand(_ index: Int, _ state: AlarmState) {
        alarms[index].state = state
        guard state != .normal, state != .returned else {
            alarms[index].since = nil
            return
        }
        guard alarms[index].since == nil else { return }
        let isResumed = now - runBegan <= Self.resumeWindow
        alarms[index].since = (isResumed ? alarms[index].stoodSince : nil) ?? now
    }

    /// Counts what was raised in the tick that is over.
    private mutating func settle() {
        let codes = raised
        raised.removeAll(keepingCapacity: true)
        guard now >= 0 else { return }
        for code in codes { count(code) }
    }

    private mutating func count(_ code: AlarmCode) {
        let index = Int(code.rawValue)
        let severity = alarms[index].severity
        guard alarms[index].hidings == 0 else {
            hidden += 1
            return
        }
        bySeverity[Int(severity.rawValue)] += 1
        guard severity != .info else { return }
        annunciated += 1
        alarms[index].count += 1
        countChatter(index)
        countPeriods()
        countFlood()
    }

    private mutating func countChatter(_ index: Int) {
        let isThird = alarms[index].raises.second.map { now - $0 <= Self.chatterWindow } ?? false
        if isThird, !alarms[index].isChattering { alarms[index].chatterings += 1 }
        alarms[index].isChattering = isThird
        alarms[index].raises = (now, alarms[index].raises.newest)
    }

    private mutating func countPeriods() {
        if now / Self.period != current.period {
            closePeriod()
            current = (now / Self.period, 0)
        }
        if now / Self.day != today.day {
            closeDay()
            today = (now / Self.day, 0)
        }
        current.count += 1
        today.count += 1
    }

    private mutating func closePeriod() {
        peakInPeriod = max(peakInPeriod, current.count)
        if current.count > Self.floodCount { periodsInFlood += 1 }
    }

    private mutating func closeDay() { peakInDay = max(peakInDay, today.count) }

    /// From the alarm that is one too many until the first of them is 10 minutes old.
    private mutating func countFlood() {
        newest.append(now)
        guard newest.count > Self.floodCount else { return }
        let first = newest.removeFirst()
        guard now - first <= Self.period else { return }
        if let flood, now <= flood.upperBound {
            self.flood = flood.lowerBound...(first + Self.period)
            return
        }
        closeFlood()
        floods += 1
        flood = now...(first + Self.period)
    }

    private mutating func closeFlood() {
        guard let flood else { return }
        // The flood that is not over yet counts up to now.
        floodTime += min(flood.upperBound, max(now, flood.lowerBound)) - flood.lowerBound
        self.flood = nil
    }
}
