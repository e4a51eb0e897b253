import CrashDisk
import Events
import Journal
import Units
import Uplink
import Wire

/// One Raspberry Pi with its card: busbard as far as it keeps events, and busbar-uplink.
///
/// The control loop stands here as the source of events only: what it decides is tested elsewhere,
/// and what it states goes into the real journal as it does in busbard.
final class Machine {
    let number: Int
    /// Of the hardware. A card that starts in another one is a clone.
    let serial: String
    static let device = "heater-1"
    static let directory = "/state"
    static let uplinkDirectory = "/uplink"

    let disk: CrashDisk
    private(set) var journal: Journal?
    private(set) var uplink: UplinkProcess?
    private(set) var isPowered = false
    /// Virtual time of the last boot: the monotonic clock begins there.
    private var bootTime: Int64 = 0
    private(set) var boot = Identifier128(high: 0, low: 0)
    /// What the wall clock is wrong by.
    var clockError: Int64 = 0
    /// No road to the broker: the site's line is down.
    var isCutOff = false
    /// Taken out of service: it does not come back by itself.
    private(set) var isRetired = false
    /// A power cut in the midst of a write is armed, for this fault of the plan.
    private var powerDoom: Int?
    /// The disk is full for this fault of the plan, and has refused so many calls by then.
    var fullDisk: (fault: Int, refusals: Int)?
    /// Copies of the card that somebody has made.
    var images: [CardImage] = []
    /// The uplink's cursor file as it was once.
    private(set) var oldCursor: [UInt8]?
    /// Events of this life that the journal has not promised to keep.
    private var unpromised: [Int] = []
    /// Everything that was stated is committed, or gone for good.
    var hasCommitted: Bool { journal?.pendingCount == 0 && unpromised.isEmpty }
    /// Raised with everything that may change what a reader of the queues sees.
    private(set) var changeCount = 0
    /// To open the database for each reading of the uplink would be most of a run's work.
    private var queueConnection: QueueConnection?
    /// What was read of the queues since the last change.
    private var pages: [QueuePage?] = [nil, nil, nil]
    /// See `CardQueue.shifts`.
    private var numberShifts: [Int64] = [0, 0, 0]
    var sentCursor = UplinkCursor()
    /// Up to where a cursor was held against Kafka.
    var judgedUpTo: [EventStream: Int64] = [:]
    /// A full disk makes the journal drop events for the sake of alarms.
    var wasDiskFull = false
    private var learntUpTo: [Lane: Int64] = [:]
    /// At which change.
    private var learntAt = -1
    private var lastEpoch: Identifier128?
    /// Invalidates steps that were planned for a life that is over.
    private var life = 0
    private var serviceAt: Int64?
    private let encoder = EventEncoder(stepNames: [])
    private var tick: UInt64 = 0

    var clientID: String { Self.device + "-uplink" }
    var name: String { number == 0 ? "device" : "clone" }

    private func queue() throws(QueueError) -> CardQueue {
        if let queueConnection {
            return CardQueue(connection: queueConnection, shifts: numberShifts)
        }
        do throws(JournalError) {
            let opened = try QueueConnection(
                JournalReader(directory: Self.directory, storage: disk))
            queueConnection = opened
            return CardQueue(connection: opened, shifts: numberShifts)
        } catch { throw QueueError("\(error)") }
    }

    /// Asked once for each change of the card, so ages and depths are from its beginning on;
    /// nothing that is judged here depends on them.
    func queueState() throws(QueueError) -> QueueState { try queue().state(after: [0, 0, 0]) }

    /// As the queue has it, without reading again what was read since the last change.
    func page(
        of lane: Lane, from: Int64, maxEvents: Int, maxBytes: Int
    ) throws(QueueError) -> QueuePage {
        let index = Int(lane.rawValue)
        if let known = pages[index],
            let part = CardQueue.part(
                of: known, from: from, maxEvents: maxEvents, maxBytes: maxBytes)
        {
            return part
        }
        let page = try queue().page(of: lane, from: from, maxEvents: 256, maxBytes: 1 << 20)
        pages[index] = page
        return CardQueue.part(
            of: page, from: from, maxEvents: maxEvents, maxBytes: maxBytes) ?? page
    }

    var cursorFile: StateFile {
        StateFile(Self.cursorName, in: Self.uplinkDirectory, storage: disk)
    }

    init(number: Int, disk: CrashDisk) {
        self.number = number
        self.disk = disk
        // Part of the system's image, as systemd makes it.
        _ = try? disk.makeDirectory(Self.uplinkDirectory)
        try? disk.sync(directory: "/")
        serial = "10000000deadbee\(number)"
    }

    // MARK: Clocks

    /// 2023-11-14T22:13:20Z, where virtual time begins.
    static let wallStart: Int64 = 1_700_000_000_000

    func instant(_ chain: Chain) -> Instant { Instant(chain.now - bootTime) }

    func wall(_ chain: Chain) -> WallTime {
        WallTime(
            unixMilliseconds: Self.wallStart + chain.now + clockError,
            quality: clockError == 0 ? .synced : .holdover)
    }

    // MARK: Power and processes

    func powerOn(_ chain: Chain) {
        precondition(!isPowered)
        isRetired = false
        isPowered = true
        bootTime = chain.now
        boot = Identifier128(high: chain.machineDice.next(), low: chain.machineDice.next())
        startDaemon(chain)
        startUplink(chain)
    }

    /// The plug is pulled: the disk keeps what was synced, and of the rest what it likes.
    func losePower(_ chain: Chain) {
        guard isPowered else { return }
        isPowered = false
        disarm(chain)
        disk.losePower(seed: chain.machineDice.next())
        endLife()
        uplink?.loseThePower(chain)
        uplink = nil
    }

    /// Lets the power go at a call of the disk from now on.
    func armPower(_ fault: Int, at call: Int) {
        disk.arm(.power, at: call)
        powerDoom = fault
    }

    var isPowerArmed: Bool { powerDoom != nil }

    func disarm(_ chain: Chain) {
        disk.disarm()
        if let powerDoom { chain.missed(powerDoom) }
        powerDoom = nil
    }

    func retire(_ chain: Chain) {
        losePower(chain)
        isRetired = true
    }

    /// - Returns: false when there is none.
    func keepOldCursor() -> Bool {
        guard case .bytes(let bytes) = cursorFile.read(limit: 4_096), !bytes.isEmpty else {
            return false
        }
        oldCursor = bytes
        return true
    }

    private func endLife() {
        life += 1
        // Another card, or an older state of this one, may go on from an earlier number.
        learntUpTo = [:]
        learntAt = -1
        serviceAt = nil
        journal = nil
        unpromised = []
        queueConnection = nil
        noteChange()
    }

    func killDaemon(_ chain: Chain) {
        guard journal != nil else { return }
        // What was armed is disarmed with it.
        disarm(chain)
        disk.kill()
        endLife()
        let life = life
        chain.after(chain.machineDice.number(Int64(100)...3_000)) { [self] chain in
            guard isPowered, life == self.life else { return }
            startDaemon(chain)
        }
    }

    private func startDaemon(_ chain: Chain) {
        var configuration = Journal.Configuration(
            directory: Self.directory, encoder: encoder, boot: boot, hardware: serial)
        configuration.eventQuota = chain.knobs.eventQuota
        configuration.telemetryQuota = chain.knobs.eventQuota
        configuration.storage = disk
        configuration.cursorPath =
            Self.uplinkDirectory + "/"
            + (chain.defect == .deleteOnSend ? Self.sentCursorName : Self.cursorName)
        configuration.acknowledgedGrace = Milliseconds(
            chain.defect == .deleteOnSend || chain.defect == .rowidAsNumber
                ? 0 : chain.knobs.acknowledgedGrace)
        configuration.reserveBytes = chain.knobs.reserveBytes
        let dice = IdentifierSource(seed: chain.machineDice.next())
        configuration.identifiers = { dice.next() }
        if chain.defect == .rowidAsNumber { numberFromOne() }
        let journal = Journal(configuration, now: instant(chain), wall: wall(chain))
        self.journal = journal
        noteChange()
        noteEpoch(chain)
        guard !endIfDead(chain) else { return }
        chain.tell(name, "busbard starts, epoch \(journal.epoch.text.prefix(8))")
        plan(service: chain.now + 100, chain)
        lookNowAndThen(chain)
    }

    /// What is gone from the table is forgotten: its first row is number 1 again.
    private func numberFromOne() {
        let reader = JournalReader(directory: Self.directory, storage: disk)
        for lane in Lane.allCases {
            let first = (try? reader.events(lane: lane, limit: 1))?.first
            numberShifts[Int(lane.rawValue)] = (first?.seq ?? 1) - 1
        }
    }

    /// Looks at the uplink's cursor and at the time. busbard does it in each round of its loop;
    /// here, where most rounds would find nothing, now and then.
    private func lookNowAndThen(_ chain: Chain) {
        let life = life
        chain.after(chain.knobs.reclaimPause) { [self] chain in
            guard life == self.life else { return }
            plan(service: chain.now, chain)
            lookNowAndThen(chain)
        }
    }

    func startUplink(_ chain: Chain) {
        guard isPowered, uplink == nil else { return }
        uplink = UplinkProcess(self, chain)
        uplink?.turn(chain)
    }

    func killUplink(_ chain: Chain) {
        guard let uplink else { return }
        uplink.kill(chain)
        self.uplink = nil
        chain.after(chain.machineDice.number(Int64(100)...5_000)) { [self] in startUplink($0) }
    }

    // MARK: Events

    /// The control loop states an event, and the ring hands it to the journal; or a sample of the
    /// plant is taken.
    func state(in lane: Lane, _ chain: Chain) -> Int? {
        guard let journal else { return nil }
        let id = chain.oracle.issue(machine: number, lane: lane, now: chain.now)
        tick += 1
        let lostBefore = journal.lost.total
        if lane == .telemetry {
            sample(id, journal, chain)
        } else {
            append(id, isAlarm: lane == .alarm, journal, chain)
        }
        if journal.lost.total == lostBefore { unpromised.append(id) }
        chain.tell(name, "states event \(id), \(lane.name) lane")
        settle(chain)
        return id
    }

    private func append(_ id: Int, isAlarm: Bool, _ journal: Journal, _ chain: Chain) {
        let fact = Self.fact(id, isAlarm: isAlarm)
        chain.oracle.register(
            id, content: fingerprint(type: fact.kind.type, data: encoder.data(of: fact)))
        let event = Event(
            fact, tick: Tick(tick), at: instant(chain), correlation: Correlation(UInt64(id)))
        noteChange {
            try? journal.append([RecordedEvent(event, wall: wall(chain))], now: instant(chain))
        }
    }

    private static func fact(_ id: Int, isAlarm: Bool) -> Fact {
        guard isAlarm else { return .heatingStarted(job: UInt32(id)) }
        return .alarm(
            AlarmTransition(
                code: .gasLeak, severity: .fatal, change: .raised, state: .unacknowledged,
                value: Int32(id), limit: 10, requester: .site))
    }

    private func sample(_ id: Int, _ journal: Journal, _ chain: Chain) {
        let data = Array("{\"tick\":\(tick),\"sample\":\(id)}".utf8)
        chain.oracle.register(
            id, content: fingerprint(type: EventKind.sampleTaken.type, data: data))
        let stamp = Stamp(
            tick: Tick(tick), at: instant(chain), wall: wall(chain),
            correlation: Correlation(UInt64(id)))
        noteChange { journal.take(sample: data, stamp: stamp, now: instant(chain)) }
    }

    /// After each call of the journal: what it has stored is promised, and what is left needs it
    /// to be called again.
    private func settle(_ chain: Chain) {
        guard !endIfDead(chain), let journal else { return }
        noteEpoch(chain)
        noteRefusals(chain)
        if journal.pendingCount == 0 {
            for id in unpromised { chain.oracle.promise(id) }
            learnNumbers(chain)
            chain.oracle.inferNumbers(of: unpromised)
            unpromised.removeAll()
        }
        if journal.pendingCount > 0 || !journal.isWritable {
            plan(service: chain.now + (journal.isWritable ? 100 : 1_000), chain)
        }
    }

    /// A full disk that has refused something is made room on after a while.
    private func noteRefusals(_ chain: Chain) {
        guard let full = fullDisk, disk.refusals > full.refusals else { return }
        chain.struck(full.fault)
        fullDisk = nil
        chain.after(chain.faultDice.number(Int64(2_000)...60_000)) { [self] chain in
            if fullDisk == nil { disk.capacity = nil }
        }
    }

    /// Looks up which numbers the latest events have got: only where the lanes' quota may drop
    /// them, since it costs a reading.
    private func learnNumbers(_ chain: Chain) {
        guard chain.knobs.isQuotaSmall || wasDiskFull, learntAt != changeCount else { return }
        learntAt = changeCount
        for lane in [Lane.event, .telemetry] {
            while let page = try? page(
                of: lane, from: (learntUpTo[lane] ?? 0) + 1, maxEvents: 256, maxBytes: 1 << 20),
                let last = page.records.last
            {
                for row in page.records { chain.oracle.learn(row) }
                learntUpTo[lane] = last.seq
            }
        }
    }

    /// Calls the journal; what was read of the queues holds until it has written something.
    private func noteChange(_ call: () -> Void) {
        let before = disk.count(.changing)
        call()
        if disk.count(.changing) != before { noteChange() }
    }

    private func noteChange() {
        changeCount += 1
        pages = [nil, nil, nil]
    }

    private func noteEpoch(_ chain: Chain) {
        guard let journal, journal.epoch != lastEpoch else { return }
        if lastEpoch != nil { chain.count(.newEpochs) }
        lastEpoch = journal.epoch
        // A database that is put aside has a successor with an epoch of its own.
        queueConnection = nil
    }

    /// A power cut in the middle of a call is only seen after it.
    func endIfDead(_ chain: Chain) -> Bool {
        guard disk.isDead else { return false }
        chain.tell(name, "the power goes in the middle of a write")
        if let powerDoom { chain.struck(powerDoom) }
        powerDoom = nil
        losePower(chain)
        chain.after(chain.machineDice.number(Int64(1_000)...20_000)) { [self] in
            if !isPowered, !isRetired { powerOn($0) }
        }
        return true
    }

    /// The uplink has kept another cursor: busbard sees it when it looks next.
    func noteCursor(_ chain: Chain) {
        let life = life
        chain.after(Journal.cursorPeriod.rawValue) { [self] chain in
            guard life == self.life else { return }
            plan(service: chain.now, chain)
        }
    }

    private func plan(service time: Int64, _ chain: Chain) {
        guard serviceAt == nil else { return }
        serviceAt = time
        let life = life
        chain.at(time) { [self] chain in
            guard life == self.life, let journal else { return }
            serviceAt = nil
            noteChange { try? journal.service(now: instant(chain)) }
            settle(chain)
        }
    }
}
