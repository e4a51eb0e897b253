public import Control
import Events
public import HAL
public import Units

/// The imperative shell around the core: sample, decide, apply, settle, record. It decides nothing;
/// the order of the lines in `tick` is the design.
///
/// Generic over its buses, so that the loop that runs on the Pi is the loop that the simulator runs
/// a million times a second.
public struct ControlLoop<
    Bus: CANBus & ~Copyable, Board: RelayPort & ~Copyable, Lines: DigitalLines & ~Copyable,
    Mail: Mailbox & ~Copyable, Region: RealtimeRegion
>: ~Copyable {
    public var bus: Bus
    public var board: Board
    public var lines: Lines
    public var mail: Mail
    public var controller: Controller
    private let region: Region
    private var inputs = Inputs()
    var events = EventBuffer()

    public init(
        bus: consuming Bus, board: consuming Board, lines: consuming Lines,
        mail: consuming Mail, controller: consuming Controller, region: Region
    ) {
        self.bus = bus
        self.board = board
        self.lines = lines
        self.mail = mail
        self.controller = controller
        self.region = region
    }

    /// One control cycle at `now`. Whoever calls it feeds the watchdog after it returned.
    public mutating func tick(at now: Instant) {
        sample(now)
        region.enter()
        let outputs = controller.decide(&inputs, events: &events)
        region.exit()

        // Low in every tick, until its verdict lets the line rise: who hangs or dies from here on
        // leaves it low, and a line that stays high does not rise either.
        lines.permitLow()
        let answer = board.exchange(outputs)

        region.enter()
        let verdict = controller.settle(answer, events: &events)
        region.exit()
        if verdict.tripsNow {
            // Whether it arrived is seen by the next tick's status; until the board reads back as
            // tripped the TRIP is written again in each tick, and the lease is renewed by none.
            board.trip()
        } else if verdict.permit == .edge {
            lines.permitEdge()
        }
        hand(over: verdict)
    }

    private mutating func sample(_ now: Instant) {
        inputs.now = now
        inputs.frames.removeAll()
        bus.receive(into: &inputs.frames)
        inputs.bus = bus.state
        let readings = lines.sample()
        inputs.powerSense = readings.powerSense
        inputs.monostable = readings.monostable
        inputs.resetButton = readings.resetButton
        inputs.emergencyStop = readings.emergencyStop
        inputs.commands.removeAll()
        mail.takeCommands(into: &inputs.commands, at: now)
        inputs.shell = mail.conditions
        events.removeAll()
    }

    mutating func hand(over verdict: Verdict) {
        if verdict.savesLockout { mail.post(controller.lockout) }
        if verdict.savesPreTrip { mail.post(controller.preTrip) }
        if let isHeatOn = verdict.savesRunMarker { mail.post(runMarker: isHeatOn) }
        for index in 0..<events.count { mail.post(events[index]) }
        if events.lost > 0 { mail.noteLost(events.lost) }
    }
}
