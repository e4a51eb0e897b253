public import Control
import Events
public import Units
public import Wire

/// What the device remembers: one SQLite file with the queues of events, the alarm history, the
/// transactions, the state image and the site file's versions, and three small files beside it.
///
/// It belongs to one thread, which alone writes; `JournalReader` reads. Nothing here stands between
/// an alarm and the relays: a journal that cannot write counts what it could not store, says so,
/// and tries again. Opening never fails: a file that cannot be used is put aside, and where nothing
/// can be written at all the journal begins unwritable.
///
/// The thread's work, in a loop: `append` what the ring holds, then `service`.
public final class Journal {
    public struct Configuration: Sendable {
        /// An existing directory, or one whose parent exists.
        public var directory: String
        public var encoder: EventEncoder
        /// Of the kernel: /proc/sys/kernel/random/boot_id.
        public var boot: Identifier128
        /// The hardware's serial number. A file made by other hardware gets a new epoch; nil where
        /// there is no such number, and then nothing is compared.
        public var hardware: String?
        /// Which lane each event goes to: what the site's routes say.
        public var lanes = LaneTable.standard
        /// Bytes of the rows: beyond it the alarm lane only lets go of what is acknowledged.
        public var alarmQuota: Int64 = 64 << 20
        /// 64 MB is half a year of a site with 100 events an hour; chosen.
        public var eventQuota: Int64 = 64 << 20
        public var telemetryQuota: Int64 = 64 << 20
        /// The file in which the uplink tells what is acknowledged; nil where there is no uplink.
        public var cursorPath: String?
        /// How long acknowledged events are kept all the same, so that they can be looked at here
        /// and asked for again.
        public var acknowledgedGrace = Milliseconds(24 * 3_600_000)
        /// The space that is set aside for alarms on a full disk; 0: none. At least what the log
        /// grows to before SQLite moves it into the file, a thousand pages: with less it could not
        /// be emptied.
        public var reserveBytes = Journal.reserveBytes
        /// How long the check at start may take. What it has not reached then is found when it is
        /// used.
        public var checkLimit = Milliseconds(5_000)
        /// The most pages of 4096 bytes that the file may have. Nil: what the disk gives.
        public var pageLimit: Int64?
        /// The directory's lock, for a process that took it before. Nil: the journal takes it with
        /// the database, and stays unwritable while another process has it.
        public var lock: StateDirectoryLock?
        /// The disk. A `lock` that is handed over must be of the same.
        public var storage: any StateStorage = LinuxStorage()
        /// Where epochs and runs get their names from: 128 bits that nobody else has. A simulation
        /// gives a source of its own, so that one seed has one history.
        public var identifiers: @Sendable () -> Identifier128 = { Identifier128.random() }
        /// Only a test that shows what happens otherwise changes it.
        package var commitsAreSynced = true

        public init(
            directory: String, encoder: EventEncoder, boot: Identifier128, hardware: String? = nil
        ) {
            self.directory = directory
            self.encoder = encoder
            self.boot = boot
            self.hardware = hardware
        }
    }

    /// Events that wait for one commit at most: with 32 a commit costs an eighth of the bytes that
    /// single commits do (measured: 1.1 kB against 9.2 kB for an event of 300 bytes).
    public static let groupSize = 32
    /// How long an event that is not urgent may wait for its group.
    public static let groupDelay = Milliseconds(100)
    /// The state image is written along with other commits, or after this time; chosen for the
    /// card's sake.
    public static let stateDelay = Milliseconds(10_000)
    /// Between two attempts to write after one failed.
    public static let retryDelay = Milliseconds(1_000)
    /// Between two files put aside in one run: a dying card must not turn its last space into
    /// quarantine.
    public static let quarantineDelay = Milliseconds(60_000)
    /// What is kept in memory while nothing can be stored; then events are counted and gone. The
    /// last quarter is for alarms. About 1 MB; chosen.
    public static let pendingCapacity = 2_048
    /// Between two looks at the uplink's cursor.
    public static let cursorPeriod = Milliseconds(5_000)
    /// Between two reclaims of acknowledged events whose grace is over: each writes its pages anew,
    /// so it is done seldom and at length; chosen. The second is for one lane in one commit.
    public static let reclaimPeriod = Milliseconds(3_600_000)
    static let reclaimStep: Int64 = 4 << 20
    /// What is set aside for alarms on a full disk, unless the configuration says otherwise.
    public static let reserveBytes: Int64 = 4 << 20
    static let reserveName = "reserve"
    /// Between two attempts to make the reserve; chosen.
    public static let reservePeriod = Milliseconds(60_000)
    /// What a full disk takes from a lane at once: 64 pages; chosen.
    static let reliefStep: Int64 = 256 << 10
    /// Steps of what the cluster has that go in one attempt: for an alarm 16 MiB, far more than
    /// waits in memory but for the largest samples; for events two each second. Chosen.
    static let alarmReliefStepsMax = 64
    static let eventReliefStepsMax = 2
    /// What goes early where room gets short: less than the log of a thousand pages can take, and
    /// so old that an uplink has had the time to see a database that was put back. Chosen.
    static let earlyStep: Int64 = 1 << 20
    static let earlyAge = Milliseconds.seconds(60)
    /// Numbers reserved at once. Each block costs a commit of its own and three syncs of the mark
    /// beside the database: with 1,000 that was a tenth of all syncs, and the journal stored 0.88
    /// of what plain C does (measured, 32 events a commit). What an unclean stop leaves of a block
    /// is one row in `gaps`, however long.
    public static let blockSize: Int64 = 4_000

    /// What the time before this start has left, for the controller.
    public internal(set) var recollection = Recollection()
    /// The epoch that new events get. Zero while no file could be opened.
    public internal(set) var epoch = Identifier128(high: 0, low: 0)
    /// This run of the process.
    public let run: Identifier128
    /// Events that could not be stored since the start, and never will be.
    public internal(set) var lost = LostCounts()
    /// Why the database could not be written the last time; nil if it could.
    public internal(set) var databaseFailure: JournalError?
    /// Why one of the small files could not be written the last time; nil if it could.
    public internal(set) var fileFailure: JournalError?
    /// Where a file was put aside at this start, relative to the directory.
    public internal(set) var quarantinedFile: String?

    /// Whether everything that is to be stored is stored or about to be. The controller raises
    /// E603 while it is not.
    public var isWritable: Bool { databaseFailure == nil && fileFailure == nil }
    /// What waits for its commit.
    public var pendingCount: Int { pending.count }

    /// Commits since the start: each waited for one sync of the disk.
    public internal(set) var commitCount: Int64 = 0

    let configuration: Configuration
    let directory: StateDirectory
    let lockoutFile: LockoutFile
    let markerFile: RunMarkerFile

    var lock: StateDirectoryLock?
    var store: Store?
    var runNumber: Int64 = 0
    var counters: [LaneCounter] = []
    var transactions: [TransactionHandle: Int64] = [:]
    var handleCount = 0
    /// Transactions that are open in this run: their kind and job.
    var running: [TransactionHandle: (kind: String, job: UInt32)] = [:]

    var pending: [Pending] = []
    var firstPendingAt: Instant?
    var isUrgent = false
    /// Not yet told in an event.
    var unreported = LostCounts()

    /// By lane: every number up to here is acknowledged, as far as the cursor was sound.
    public internal(set) var acknowledged: [Int64] = [0, 0, 0]
    var nextCursorReading = Instant.never
    var nextReclaim = Instant.never
    var nextEarlyReclaim = Instant.never
    /// Whether a sound cursor was read since the last reclaim.
    var isCursorFresh = false
    var nextReserve = Instant.never
    var isReserveReleased = false

    /// Since when the file's inbox takes commands in, by the wall clock; nil until it was set.
    var inboxSince: Int64?

    var image: [String: StateEntry] = [:]
    var firstImageAt: Instant?

    /// The record that both copies must hold, and which of them does not yet.
    /// Nil while neither copy could be read and the controller has not saved one: writing an empty
    /// record then would turn "unknown" into "clear" at the next start.
    var lockout: LockoutRecord?
    var isLockoutFileDue = false
    var isLockoutRowDue = false
    var marker = RunMarker.running
    var isMarkerDue = false
    var isQueueMarkDue = false

    var nextAttempt = Instant.never
    var nextQuarantine = Instant.never
    var latestStamp: Stamp

    /// Opens the journal in its directory, finds out what was, and begins this run.
    public init(_ configuration: Configuration, now: Instant, wall: WallTime) {
        self.configuration = configuration
        directory = StateDirectory(
            path: configuration.directory, storage: configuration.storage)
        run = configuration.identifiers()
        lock = configuration.lock
        lockoutFile = LockoutFile(in: directory)
        markerFile = RunMarkerFile(in: directory)
        latestStamp = Stamp(tick: Tick(0), at: now, wall: wall, correlation: Correlation(0))
        begin(now: now)
    }

    /// Takes over events in their order. Those of the alarm lane are durable when this returns
    /// without an error; others within `groupDelay`, if `service` is called.
    ///
    /// - Throws: what the commit failed with. The events are kept and tried again.
    public func append(_ events: [RecordedEvent], now: Instant) throws(JournalError) {
        for event in events {
            let row = Row(event, encoder: configuration.encoder, lanes: configuration.lanes)
            latestStamp = row.stamp
            enqueue(.row(row), isUrgent: row.lane == .alarm, now: now)
        }
        try commitIfDue(now: now)
        // Between two attempts nothing is tried: an alarm that waits is not stored all the same.
        if isUrgent, let databaseFailure { throw databaseFailure }
    }

    /// Takes over one sample of the plant, for the telemetry lane.
    ///
    /// - Parameter sample: one JSON object.
    public func take(sample: [UInt8], stamp: Stamp, now: Instant) {
        latestStamp = stamp
        let row = Row(.sampleTaken(sample), stamp: stamp, lanes: configuration.lanes)
        enqueue(.row(row), isUrgent: false, now: now)
    }

    /// Takes over a command and what came of it, behind the events that the command caused: the
    /// alarm history then says who asked for them, and why.
    ///
    /// - Throws: what the commit failed with. The answer is kept and tried again.
    public func append(
        _ answer: CommandAnswer, stamp: Stamp, now: Instant
    ) throws(JournalError) {
        let row = Row(.commandAnswered(answer), stamp: stamp, lanes: configuration.lanes)
        latestStamp = stamp
        enqueue(.row(row), isUrgent: row.lane == .alarm, now: now)
        try commitIfDue(now: now)
    }

    /// Does what is due: groups, the state image, and what could not be written before. To be
    /// called at least every `groupDelay`.
    ///
    /// - Throws: what failed. It is tried again by a later call.
    public func service(now: Instant) throws(JournalError) {
        var first: JournalError?
        func attempt(_ step: () throws(JournalError) -> Void) {
            do { try step() } catch { first = first ?? error }
        }
        // Each whatever became of the ones before it, and the cursor before the commit: what the
        // cluster has is the room that a commit on a full disk wants.
        attempt(serviceFiles)
        attempt { () throws(JournalError) in try serviceCursor(now: now) }
        attempt { () throws(JournalError) in try commitIfDue(now: now) }
        attempt { () throws(JournalError) in try reclaimIfDue(now: now) }
        attempt { () throws(JournalError) in try serviceReserve(now: now) }
        if let first { throw first }
    }

    /// Commits all that waits, due or not.
    public func commit(now: Instant) throws(JournalError) {
        try attempt(now: now, extra: nil)
    }

    /// Ends the run: commits, remembers that nothing is open, and closes the file. Nothing may be
    /// appended afterwards.
    public func farewell(now: Instant) throws(JournalError) {
        var first: JournalError?
        do {
            try attempt(now: now) { (store, batch) throws(JournalError) in
                // The mark before the commit: between the two, the database does not yet say
                // farewell and the stop counts as an unclean one. The other way it would look like
                // a rollback.
                try self.queueMark(isClosed: true).write(in: self.directory)
                for lane in Lane.allCases {
                    try store.set(batch.counters[Int(lane.rawValue)], of: lane, isFarewell: true)
                }
            }
        } catch { first = error }
        store = nil
        lock = nil
        // The relays are off and the process says goodbye, whatever became of the last events.
        try mark(.stopped)
        if let first { throw first }
    }

    func enqueue(_ added: Pending, isUrgent urgent: Bool, now: Instant) {
        let lane = added.lane(by: configuration.lanes)
        let capacity = lane == .alarm ? Self.pendingCapacity : Self.pendingCapacity / 4 * 3
        guard pending.count < capacity else {
            lost[lane] += 1
            unreported[lane] += 1
            return
        }
        pending.append(added)
        if firstPendingAt == nil { firstPendingAt = now }
        if urgent { isUrgent = true }
    }
}
