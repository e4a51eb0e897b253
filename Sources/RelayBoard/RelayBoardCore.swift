/// The relay board's rules P1 to P11 as a state machine: the Pico's firmware runs it, and so does
/// the simulator. It holds with the Pi dead, hostile or looping.
///
/// What must never happen: a relay on without ARM and a lease that a heartbeat renews; a forbidden
/// combination (P4); a trip that a bus write alone clears (P3). So `wanted` is none unless the
/// board is armed, its lease runs and it has not tripped, each path that ends one of these goes
/// through `dropAll`, and `tick` asks once more before it drives.
///
/// The firmware calls `begin`, `receive`, `transmit` and `stop` from its I2C service and `tick`
/// once per loop. Time is a free-running counter of µs, 32 bits: only differences are taken, so
/// that its wrap after 71.6 min means nothing; `tick` must be called more often than every 35 min.
/// Each limit of time is over as soon as it is reached: a lease of 500 ms ends 500 ms after its
/// heartbeat, not 1 µs later. No input traps: every byte and every time is an answer or a refusal.
public struct RelayBoardCore: Sendable {
    public static let firmwareMajor: UInt8 = 1
    public static let firmwareMinor: UInt8 = 0

    // Where the board stands.
    private var isArmed = false
    private var isLeaseRunning = false
    private var hasExpired = false
    private var tripCause = TripCause.none
    private var onAtTrip = RelayMask.none
    /// The relays that the host holds on now, less what a rule has taken away.
    public private(set) var wanted = RelayMask.none
    /// The relays as last returned by `tick`.
    private var drive = RelayMask.none

    // What the rules of time measure from. A flag beside each, because an old time means nothing
    // once the counter has wrapped.
    private var now: UInt32 = 0
    private var leaseSince: UInt32 = 0
    private var leaseMilliseconds = RelayBoardLimits.leaseDefault
    private var leaseLength: UInt32 { leaseMilliseconds &* 1_000 }
    private var heatSince: UInt32 = 0
    private var isProven = false
    private var proofSince: UInt32 = 0
    private var heatMinutes: UInt8 = 0
    private var heatMinuteSince: UInt32 = 0
    private var isHeatResting = false
    private var heatRestSince: UInt32 = 0
    private var sparkSince: UInt32 = 0
    private var isSparkResting = false
    private var sparkRestSince: UInt32 = 0
    private var hasMismatch = false
    private var mismatchSince: UInt32 = 0

    // The pins as last sampled.
    private var actual = RelayMask.none
    private var isLocalResetActive = false
    private var localReset = LocalReset()

    // The host's side of it.
    private var lastHeartbeat: UInt8 = 0
    private var refusal = WriteRefusal.none
    private var pecErrors: UInt16 = 0
    private var refusedCount: UInt16 = 0
    private var expiries: UInt16 = 0
    private var trips: UInt16 = 0
    private var transfer = BlockTransfer()

    private let resetCause: BoardResetCause
    private let bootCount: UInt8
    private var selfTest: UInt8
    private let history: WatchdogHistory

    /// A board just out of reset: nothing on, not armed, the local reset not believed until it has
    /// been seen released.
    ///
    /// - Parameters:
    ///   - bootCount: modulo 256, so that a host can tell a restart that it did not see.
    ///   - selfTest: bit 0 image CRC, 1 RAM, 2 clock; unless all are set the board is never armed.
    ///   - memory: what the run before left behind, `restarted(by:after:)` already said to it.
    public init(
        resetCause: BoardResetCause, bootCount: UInt8, selfTest: UInt8,
        memory: ResetMemory = ResetMemory()
    ) {
        self.resetCause = resetCause
        self.bootCount = bootCount
        self.selfTest = selfTest
        history = memory.watchdog
        tripCause = memory.tripCause
        onAtTrip = memory.onAtTrip
        if memory.watchdog.trips { trip(.watchdog) }
    }

    /// What the firmware must keep where a watchdog reset does not reach it.
    public var memory: ResetMemory {
        var memory = ResetMemory()
        memory.tripCause = tripCause
        memory.onAtTrip = onAtTrip
        memory.watchdog = history
        return memory
    }

    public var isTripped: Bool { tripCause != .none }
    private var selfTestPassed: Bool { selfTest == BoardIdentity.selfTestPassed }
    private var isHeatOn: Bool { wanted.intersects(.heat) }

    // MARK: The loop

    /// One pass of the firmware's loop.
    ///
    /// - Parameters:
    ///   - pins: what the relay pins read while driven as the call before returned.
    ///   - localReset: whether the local reset's pin is active.
    /// - Returns: the relays to drive from now on.
    public mutating func tick(
        now: UInt32, pins: RelayMask, localReset isActive: Bool
    ) -> RelayMask {
        isLocalResetActive = isActive
        elapse(to: now)
        compare(pins)
        // Said again although `wanted` is none in these cases: this line is the last before a
        // valve.
        let mayDrive = isArmed && isLeaseRunning && !isTripped
        drive = mayDrive ? wanted : .none
        return drive
    }

    /// µs from the last call of `tick` or `stop` until `tick` may return something else if nothing
    /// is written and no pin changes; nil if it never will.
    public var untilNextChange: UInt32? {
        var least = UInt32.max
        if isLeaseRunning { least = leaseLength &- (now &- leaseSince) }
        if isHeatOn {
            let proof =
                isProven
                ? RelayBoardLimits.proofRenewal &- (now &- proofSince)
                : RelayBoardLimits.firstProof &- (now &- heatSince)
            least = min(least, proof)
            if heatMinutes &+ 1 == RelayBoardLimits.heatMinutes {
                least = min(least, RelayBoardLimits.minute &- (now &- heatMinuteSince))
            }
        }
        if wanted.contains(.spark) {
            least = min(least, RelayBoardLimits.spark &- (now &- sparkSince))
        }
        if hasMismatch, !isTripped {
            least = min(least, RelayBoardLimits.mismatch &- (now &- mismatchSince))
        }
        return least == .max ? nil : least
    }

    /// Takes the result of a self-test that ran during operation (P11). A failed one trips the
    /// board and keeps it from being armed until it is reset.
    public mutating func recordSelfTest(_ result: UInt8) {
        selfTest &= result
        if !selfTestPassed { trip(.selfTest) }
    }

    /// Applies every rule of time up to `now`. Loop and writes both come through here: a write that
    /// arrives between two passes of the loop finds the deadlines before it already applied.
    ///
    /// The lease comes first: if the loop was late and several are over, a dead host is the cause
    /// that explains the others.
    private mutating func elapse(to now: UInt32) {
        self.now = now
        localReset.sample(isActive: isLocalResetActive, at: now)
        if isLeaseRunning, now &- leaseSince >= leaseLength { expire() }
        if isHeatOn { elapseHeat() }
        if wanted.contains(.spark), now &- sparkSince >= RelayBoardLimits.spark {
            want(wanted.subtracting(.spark))
        }
        if isHeatResting, now &- heatRestSince >= RelayBoardLimits.rest { isHeatResting = false }
        if isSparkResting, now &- sparkRestSince >= RelayBoardLimits.rest { isSparkResting = false }
    }

    /// P5 and P8. Four hours do not fit in 32 bits of µs, so whole minutes are counted off.
    private mutating func elapseHeat() {
        while now &- heatMinuteSince >= RelayBoardLimits.minute {
            heatMinuteSince &+= RelayBoardLimits.minute
            heatMinutes &+= 1
            if heatMinutes >= RelayBoardLimits.heatMinutes {
                trip(.heatTooLong)
                return
            }
        }
        let isOverdue =
            isProven
            ? now &- proofSince >= RelayBoardLimits.proofRenewal
            : now &- heatSince >= RelayBoardLimits.firstProof
        if isOverdue { trip(.unproven) }
    }

    /// P9.
    private mutating func compare(_ pins: RelayMask) {
        actual = pins
        guard pins != drive else {
            hasMismatch = false
            return
        }
        if !hasMismatch {
            hasMismatch = true
            mismatchSince = now
        } else if now &- mismatchSince >= RelayBoardLimits.mismatch {
            trip(.readBack)
        }
    }

    // MARK: Off

    /// P2 and P3: the lease has run out. With heat on that is a trip; without, the host may arm
    /// again.
    private mutating func expire() {
        expiries &+= 1
        if isHeatOn {
            trip(.leaseWithHeat)
            return
        }
        isLeaseRunning = false
        // On a board that was not armed nothing was on, and what an earlier trip left on record
        // stays.
        guard isArmed else { return }
        hasExpired = true
        dropAll()
    }

    /// P12, see `apply(_:at:)`.
    mutating func closeValve(at now: UInt32) {
        elapse(to: now)
        want(wanted.subtracting(.valve.union(.spark)))
    }

    /// P12, see `apply(_:at:)`. With nothing on there is nothing to let go of: the host arms before
    /// it permits.
    mutating func losePermit(at now: UInt32) {
        elapse(to: now)
        if !wanted.isEmpty { expire() }
    }

    /// The first cause stands: what follows from it tells a technician less.
    private mutating func trip(_ cause: TripCause) {
        guard !isTripped else { return }
        tripCause = cause
        trips &+= 1
        dropAll()
    }

    private mutating func dropAll() {
        onAtTrip = wanted
        want(.none)
        isArmed = false
        isLeaseRunning = false
    }

    /// The only place that changes `wanted`. Starts what P5 to P8 measure from.
    private mutating func want(_ mask: RelayMask) {
        let before = wanted
        guard mask != before else { return }
        wanted = mask
        if before.subtracting(mask).intersects(.heat) {
            isHeatResting = true
            heatRestSince = now
        }
        if mask.intersects(.heat), !before.intersects(.heat) {
            heatSince = now
            isProven = false
            heatMinutes = 0
            heatMinuteSince = now
        }
        guard before.contains(.spark) != mask.contains(.spark) else { return }
        if mask.contains(.spark) {
            sparkSince = now
        } else {
            isSparkResting = true
            sparkRestSince = now
        }
    }

    // MARK: The bus

    /// A START with our address and the write direction.
    public mutating func begin() { transfer.begin() }

    /// The host sent a byte.
    public mutating func receive(_ byte: UInt8) { transfer.receive(byte) }

    /// The host reads a byte. The answer is made up whole at the first one, so that it cannot
    /// change while it is being read.
    public mutating func transmit() -> UInt8 {
        if transfer.awaitsReply { prepareReply() }
        return transfer.transmit()
    }

    /// Several bytes at once, as a peripheral with a FIFO hands them over.
    public mutating func receive(_ bytes: Span<UInt8>) { transfer.receive(bytes) }

    /// A whole reply at once: the same bytes as `transmit` gives one by one, which are the count,
    /// as many bytes of `block` (those behind them mean nothing) and the PEC.
    public mutating func transmit(
        into block: inout InlineArray<32, UInt8>
    ) -> (count: UInt8, code: UInt8) {
        if transfer.awaitsReply { prepareReply() }
        return transfer.transmitWhole(into: &block)
    }

    /// STOP. A write takes effect here or never.
    public mutating func stop(now: UInt32) {
        switch transfer.end() {
        case .nothing:
            break
        case .damaged:
            pecErrors &+= 1
        case .wrongLength:
            refuse(.wrongLength)
        case .block:
            // The loop has just been at this µs: nothing can have become due.
            if now != self.now { elapse(to: now) }
            let answer = commit()
            if answer != .none { refuse(answer) }
        }
    }

    private mutating func refuse(_ reason: WriteRefusal) {
        refusal = reason
        refusedCount &+= 1
    }

    private mutating func commit() -> WriteRefusal {
        guard let register = Register(rawValue: transfer.register),
            let length = register.writeLength
        else { return .unknownRegister }
        guard transfer.count == length else { return .wrongLength }
        switch register {
        case .control: return control()
        case .configure: return configure()
        case .arm: return arm()
        case .trip: return tripByHost()
        case .identity, .status, .counters: return .unknownRegister
        }
    }

    private mutating func control() -> WriteRefusal {
        let number = transfer.content(0)
        let mask = RelayMask(rawValue: transfer.content(1))
        if mask.isForbidden(by: .burner) { return .forbiddenMask }
        let answer = judge(number, turningOn: mask.subtracting(wanted))
        guard answer == .none else {
            // Off is always allowed; see `Register`.
            if wanted.contains(mask) { want(mask) }
            return answer
        }
        lastHeartbeat = number
        isLeaseRunning = true
        leaseSince = now
        want(mask)
        if isHeatOn, transfer.content(2) == Register.proof(for: number) {
            isProven = true
            proofSince = now
        }
        return .none
    }

    private func judge(_ number: UInt8, turningOn relays: RelayMask) -> WriteRefusal {
        if number != lastHeartbeat &+ 1 { return .repeatedHeartbeat }
        if relays.isEmpty { return .none }
        if isTripped { return .tripped }
        if !isArmed { return .notArmed }
        if isSparkResting, relays.contains(.spark) { return .sparkResting }
        if isHeatResting, relays.intersects(.heat) { return .heatResting }
        return .none
    }

    private mutating func configure() -> WriteRefusal {
        guard BoardProfile(rawValue: transfer.content(0)) == .burner, transfer.content(3) == 0
        else { return .wrongKey }
        let milliseconds = UInt32(transfer.content(1)) | UInt32(transfer.content(2)) &<< 8
        guard milliseconds >= RelayBoardLimits.leaseMinimum,
            milliseconds <= RelayBoardLimits.leaseMaximum
        else { return .leaseOutOfRange }
        leaseMilliseconds = milliseconds
        return .none
    }

    /// ARM is worth one lease: armed and unheard of again, the board disarms itself. On a board
    /// that is armed already it does nothing, so that no host holds relays by writing ARM.
    private mutating func arm() -> WriteRefusal {
        guard transfer.content(0) == Register.armKey.0, transfer.content(1) == Register.armKey.1
        else { return .wrongKey }
        if !selfTestPassed { return .selfTestFailed }
        if isTripped {
            guard localReset.counts else { return .noLocalReset }
            localReset.consume()
            tripCause = .none
        }
        guard !isArmed else { return .none }
        hasExpired = false
        isArmed = true
        isLeaseRunning = true
        leaseSince = now
        return .none
    }

    private mutating func tripByHost() -> WriteRefusal {
        guard transfer.content(0) == Register.tripKey.0, transfer.content(1) == Register.tripKey.1
        else { return .wrongKey }
        trip(.host)
        return .none
    }

    // MARK: What is read

    private mutating func prepareReply() {
        guard transfer.isBlockRead, let register = Register(rawValue: transfer.register) else {
            transfer.beginReply(length: 0)
            return
        }
        switch register {
        case .status:
            makeStatus().encode(into: &transfer.reply)
            transfer.beginReply(length: UInt8(BoardStatus.length))
        case .identity:
            identity.encode(into: &transfer.reply)
            transfer.beginReply(length: UInt8(BoardIdentity.length))
        case .counters:
            replyCounter(pecErrors, at: 0)
            replyCounter(refusedCount, at: 2)
            replyCounter(expiries, at: 4)
            replyCounter(trips, at: 6)
            transfer.beginReply(length: 8)
        case .control, .configure, .arm, .trip:
            transfer.beginReply(length: 0)
        }
    }

    private mutating func replyCounter(_ counter: UInt16, at index: Int) {
        transfer.reply[index] = UInt8(truncatingIfNeeded: counter)
        transfer.reply[index &+ 1] = UInt8(truncatingIfNeeded: counter &>> 8)
    }

    public var status: BoardStatus { makeStatus() }

    /// Inlined, so that a reply is made from the fields without a status between.
    @inline(__always) private func makeStatus() -> BoardStatus {
        var status = BoardStatus()
        status.isArmed = isArmed
        status.isLeaseRunning = isLeaseRunning
        status.hasExpired = hasExpired
        status.isTripped = isTripped
        status.hasMismatch = hasMismatch
        status.hasLocalReset = localReset.counts
        status.selfTestPassed = selfTestPassed
        status.isRested = !isSparkResting && !isHeatResting
        status.wanted = wanted
        status.actual = actual
        status.lastHeartbeat = lastHeartbeat
        status.tripCause = tripCause
        status.onAtTrip = onAtTrip
        status.resetCause = resetCause
        status.bootCount = bootCount
        status.clockMicroseconds = now
        status.refusal = refusal
        status.refusedCount = UInt8(truncatingIfNeeded: refusedCount)
        status.leaseMilliseconds = UInt16(truncatingIfNeeded: leaseMilliseconds)
        return status
    }

    public var identity: BoardIdentity {
        var identity = BoardIdentity()
        identity.magic = Register.magic
        identity.mapVersion = Register.mapVersion
        identity.firmwareMajor = Self.firmwareMajor
        identity.firmwareMinor = Self.firmwareMinor
        identity.selfTest = selfTest
        return identity
    }
}
