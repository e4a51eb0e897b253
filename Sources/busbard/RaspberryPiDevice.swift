import Control
import Drivers
import Events
import HAL
import LinuxBuses
import LinuxHAL
import RelayBoard
import Runtime
import Site
import Synchronization
import Units

/// All that busbard holds of a Raspberry Pi, open, and nothing energised: the permit line is low,
/// and the relay board has not been spoken to.
struct RaspberryPiPorts: ~Copyable {
    var lines: GPIOLines
    var relays: I2CRelayBus
    var bus: SocketCANBus
    let watch: CANLinkWatch

    /// The name that udev gives the relay board's bus. Numbers are given anew by each kernel.
    private static let relayBusByName = "/dev/busbar-relays"

    /// Opens the lines first: from then on the permit line is driven.
    init(_ site: Site, clock: RunClock) throws(SystemError) {
        let lines = try GPIOLines(GPIOLines.Map(site.lines))
        let relays = try Self.openRelays(site)
        let watch = CANLinkWatch(
            link: CANLink(name: site.can.interface, bitrate: UInt32(site.can.bitrate)),
            identifiers: site.plan.signals.identifiers, origin: clock.origin
        ) { Log.line("busbard: \($0)") }
        let socket = try watch.openSocket()
        if !relays.hasPEC {
            Log.line(
                "busbard: the I2C adapter gives no packet error codes: the relay board will refuse "
                    + "to be armed; use bus 1 of the Pi")
        }
        self.lines = lines
        self.relays = relays
        self.watch = watch
        bus = SocketCANBus(socket: socket, news: watch.news, origin: clock.origin)
    }

    /// The relay board's bus alone, as `--prove-off` needs it.
    ///
    /// - Parameter site: nil for the board's own address on the bus that udev's rule names.
    static func openRelays(_ site: Site?) throws(SystemError) -> I2CRelayBus {
        guard let site else {
            return try I2CRelayBus(
                path: relayBusByName, address: Register.address, tick: OffProof.pause)
        }
        let numbered = "/dev/i2c-\(site.relayBus.bus)"
        let path = DevicePath.exists(relayBusByName) ? relayBusByName : numbered
        return try I2CRelayBus(
            path: path, address: site.relayBus.address, tick: site.plan.tick)
    }
}

/// Something that one thread opens and another uses: handed over once.
final class Handover<Value: ~Copyable>: Sendable {
    private let value: Mutex<Value?>

    init(_ value: consuming sending Value) { self.value = Mutex(value) }

    /// - Returns: nil after the first time.
    func take() -> sending Value? {
        value.withLock { value in value.take() }
    }
}

/// The control thread's work on a Raspberry Pi.
struct RaspberryPiDevice: ~Copyable, PacedWork {
    typealias Loop = ControlLoop<
        SocketCANBus, PicoRelayBoard<I2CRelayBus>, GPIOLines, ThreadedMailbox, WatchedRegion
    >

    /// After an ordered stop: the board read back that every relay is off.
    private(set) var isProvenOff = false
    private var loop: Loop
    private var report: TickReport
    private var hardware: HardwareLog

    init(
        ports: consuming RaspberryPiPorts, plan: ControlPlan, recollection: Recollection,
        links: Links
    ) {
        hardware = HardwareLog(links: links, news: ports.watch.news)
        loop = Loop(
            bus: ports.bus, board: PicoRelayBoard(bus: ports.relays, lease: plan.interlock.lease),
            lines: ports.lines, mail: ThreadedMailbox(links.post),
            controller: Controller(plan: plan, recollection: recollection), region: WatchedRegion())
        report = TickReport(links: links)
    }

    mutating func tick(at now: Instant, lateness: Pacing.Lateness?) -> Bool {
        report.note(lateness)
        guard !report.isStopping else {
            isProvenOff = loop.switchOff()
            if !isProvenOff {
                Log.line(
                    "busbard: the relay board did not confirm that all is off; its lease does it")
            }
            report.sayFarewell(&loop.mail, at: now)
            return false
        }
        loop.tick(at: now)
        report.finish(&loop.mail, &loop.controller, at: now)
        hardware.note(
            HardwareCounters(
                can: loop.bus.counters, transfers: loop.board.counters,
                stuckBus: loop.board.bus.stuck, lineFailures: loop.lines.failures),
            at: now)
        return true
    }
}

/// The machine's watchdog and systemd's, both fed by ticks that completed and by nothing else.
struct BoardWatchdog: Watchdog, ~Copyable {
    private var service: ServiceWatchdog
    private var hardware: HardwareWatchdog?

    init(service: consuming ServiceWatchdog, hardware: consuming HardwareWatchdog?) {
        self.service = service
        self.hardware = hardware
    }

    mutating func feed() {
        service.feed()
        hardware?.feed()
    }

    /// Ends an ordered stop. Where the relays are not proven off the watchdog stays armed, and the
    /// machine restarts: whoever starts it looks at the board anew.
    consuming func end(isProvenOff: Bool) {
        guard isProvenOff, let hardware else { return }
        do throws(SystemError) { try hardware.disarm() } catch { Log.line("busbard: \(error)") }
    }
}

extension GPIOLines.Map {
    init(_ lines: LineMap) {
        func place(_ line: LinePlace) -> GPIOPlace {
            switch line {
            case .name(let name): .name(name)
            case .offset(let offset): .offset(UInt32(offset), chip: lines.chip)
            }
        }
        self.init(permit: place(lines.permit))
        powerSense = lines.powerSense.map(place)
        monostable = lines.monostable.map(place)
        resetInput = lines.resetInput.map(place)
        emergencyStop = lines.emergencyStop.map(place)
    }
}

extension SignalPlan {
    /// The identifiers of the site's messages, as they stand on the wire.
    var identifiers: [UInt32] { (0..<frameCount).map { self[$0].id } }
}
