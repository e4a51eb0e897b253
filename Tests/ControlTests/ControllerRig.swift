import Events
import RelayBoard
import Units

@testable import Control

/// A relay board of a few lines, for tests of the controller: the lease, the two latches and the
/// local reset as §6(a) has them, and the faults that a test asks for.
struct ScriptedBoard {
    var status: BoardStatus = {
        var status = BoardStatus()
        status.leaseMilliseconds = 500
        status.selfTestPassed = true
        status.bootCount = 7
        return status
    }()
    /// Nothing gets there and nothing comes back.
    var isDead = false
    /// TRIP does not get there.
    var isDeafToTrip = false
    /// Its clock stands still.
    var isClockStopped = false
    /// The button was released within the last 10 s.
    var hasLocalReset = false
    var armsWritten = 0
    var tripsWritten = 0
    private var leaseSince = Instant.never

    mutating func elapse(to now: Instant) {
        if !isClockStopped {
            status.clockMicroseconds = UInt32(truncatingIfNeeded: now.rawValue * 1_000)
        }
        guard status.isLeaseRunning, now - leaseSince >= ms(500) else { return }
        if status.wanted.intersects(.heat) {
            trip(.leaseWithHeat)
        } else {
            status.hasExpired = true
            allOff()
        }
    }

    private mutating func allOff() {
        status.isArmed = false
        status.isLeaseRunning = false
        status.wanted = .none
        status.actual = .none
    }

    mutating func trip(_ cause: TripCause) {
        if !status.isTripped { status.tripCause = cause }
        status.isTripped = true
        allOff()
    }

    /// Its watchdog reset it: everything is off, and the boot count tells.
    mutating func restart() {
        allOff()
        status.bootCount &+= 1
        status.lastHeartbeat = 0
    }

    mutating func writeTrip() -> BoardAnswer.Transfer {
        tripsWritten += 1
        guard !isDead, !isDeafToTrip else { return .failed }
        trip(.host)
        return .done
    }

    mutating func exchange(_ outputs: Outputs, now: Instant) -> BoardAnswer {
        elapse(to: now)
        var answer = BoardAnswer()
        if outputs.arms { armsWritten += 1 }
        if outputs.trips {
            answer.trip = writeTrip()
        } else if outputs.heartbeat != nil || outputs.arms {
            answer.writes = isDead ? .failed : .done
            if !isDead { take(outputs, now) }
        }
        guard !isDead else { return answer }
        answer.status = status
        if outputs.readsIdentity { answer.identity = SelfCheckTests.goodIdentity }
        return answer
    }

    private mutating func take(_ outputs: Outputs, _ now: Instant) {
        if outputs.arms, !status.isTripped || hasLocalReset {
            status.isTripped = false
            status.tripCause = .none
            status.hasExpired = false
            status.isArmed = true
            status.isLeaseRunning = true
            leaseSince = now
        }
        guard outputs.heartbeat == status.lastHeartbeat &+ 1 else { return }
        guard status.isArmed || outputs.relays.isEmpty else { return }
        status.lastHeartbeat &+= 1
        status.isLeaseRunning = true
        leaseSince = now
        status.wanted = outputs.relays
        status.actual = outputs.relays
    }
}

/// The whole controller with the tests' node, that board, ideal contactors and the plant P1 of §8.
final class ControllerRig {
    var controller: Controller
    let plan: ControlPlan
    var node = Node()
    var board = ScriptedBoard()
    var time: Int64 = -100
    var isSilent = false
    var isPressed = false
    /// The emergency stop is pressed.
    var isStopped = false
    var bus = CANBusState.active
    var commands: [RequestedCommand] = []
    var forcedSense: LineState?
    var forcedFlame: Bool?
    /// Frames beside the node's, in the next tick.
    var extraFrames: [CANFrame] = []

    private(set) var outputs = Outputs()
    private(set) var verdict = Verdict()
    private(set) var facts: [Fact] = []
    /// The same with what they carry.
    private(set) var stated: [Event] = []
    private(set) var alarms: [String] = []
    private(set) var edges: [Int64] = []
    private(set) var heartbeats: [Int64] = []
    private(set) var everOn = RelayMask.none
    private var releasedAt = Instant.never
    private var lastEdge = Instant.never
    private var heatSince: Int64?

    init(
        _ plan: ControlPlan = sitePlan(), lockout: Recollection.Lockout = .clear,
        _ change: (inout Recollection) -> Void = { _ in }
    ) {
        var recollection = Recollection()
        recollection.lockout = lockout
        change(&recollection)
        self.plan = plan
        controller = Controller(plan: plan, recollection: recollection)
    }

    var isPermitted: Bool { Instant(time) - lastEdge < ms(300) }

    func send(_ command: Command, by requester: Requester = .technician) {
        commands.append(RequestedCommand(command, by: requester))
    }

    func tick(after step: Int64 = 100) {
        time += step
        let now = Instant(time)
        board.elapse(to: now)
        board.hasLocalReset = now - releasedAt <= ms(10_000)
        var inputs = Inputs()
        inputs.now = now
        inputs.bus = bus
        movePlant()
        if time % 200 == 0, !isSilent {
            inputs.frames.append(ReceivedFrame(node.frame(), arrival: now))
        }
        for frame in extraFrames { inputs.frames.append(ReceivedFrame(frame, arrival: now)) }
        extraFrames = []
        for command in commands.prefix(CommandBatch.capacity) { inputs.commands.append(command) }
        commands = []
        let isOn = board.status.actual.contains(.power) && isPermitted
        inputs.powerSense = forcedSense ?? (isOn ? .active : .inactive)
        inputs.monostable = isPermitted ? .active : .inactive
        inputs.resetButton = isPressed ? .active : .inactive
        inputs.emergencyStop = isStopped ? .active : .inactive
        if !isPressed, wasPressed { releasedAt = now }
        wasPressed = isPressed
        run(&inputs)
    }

    private var wasPressed = false

    private func run(_ inputs: inout Inputs) {
        var events = EventBuffer()
        outputs = controller.decide(&inputs, events: &events)
        let answer = board.exchange(outputs, now: inputs.now)
        verdict = controller.settle(answer, events: &events)
        if verdict.tripsNow {
            _ = board.writeTrip()
        } else if verdict.permit == .edge {
            lastEdge = inputs.now
            edges.append(time)
        }
        if outputs.heartbeat != nil { heartbeats.append(time) }
        everOn = everOn.union(outputs.relays)
        facts = events.facts
        stated = (0..<events.count).map { events[$0] }
        for transition in events.transitions where transition.change == .raised {
            alarms.append("E\(transition.code.number) \(time)")
        }
    }

    private func movePlant() {
        let isHeating = board.status.actual.intersects(.heat)
        heatSince = isHeating ? heatSince ?? time : nil
        node.flame = forcedFlame ?? (isHeating && time - (heatSince ?? time) >= 800)
        if isHeating, time % 200 == 0 { node.temperature += 10 }
    }

    func run(to end: Int64) {
        while time < end { tick() }
    }

    /// Up to the end of the self-check; a check that is not done within 10 s never will be.
    func start() {
        while controller.selfCheckStep != .done, time < 10_000 { tick() }
        alarms = []
    }

    /// From the start into RUN.
    func heat() {
        start()
        send(.demand(isOn: true))
        for _ in 0..<600 where !isInHeat { tick() }
    }

    var isInHeat: Bool {
        guard case .step(let index) = controller.heatingState else { return false }
        return plan.sequence[index].kind == .heat
    }

    /// Presses the button for so long and releases it.
    func press(_ length: Int64) {
        isPressed = true
        run(to: time + length)
        isPressed = false
        tick()
    }

    /// The button was pressed where the board cannot see it.
    func forgetRelease() { releasedAt = .never }

    /// A reset was accepted and its self-check runs.
    var isResetting: Bool {
        controller.interlockState == .tripped && controller.selfCheckStep != .waiting
            && controller.selfCheckStep != .failed
    }

    var refusals: [ResetRefusal] {
        facts.compactMap { if case .resetRefused(let reason) = $0 { reason } else { nil } }
    }
}
