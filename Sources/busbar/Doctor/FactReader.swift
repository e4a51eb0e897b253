import Control
import Doctor
import Drivers
import Glibc
import HAL
import LinuxBuses
import LinuxHAL
import LocalAPI
import RelayBoard
import Site
import Units

/// Reads the facts of this machine for `busbar doctor`. It judges nothing and changes nothing.
struct FactReader {
    let site: String
    let profile: String?
    let stateDirectory: String
    let socket: String
    let isSimulated: Bool

    func read() -> Facts {
        var facts = readSite()
        facts.isSimulated = isSimulated
        facts.service = service(&facts)
        let wiring = facts.wiring ?? Wiring()
        facts.can = can(wiring)
        facts.relayBoard = relayBoard(wiring, isRunning: facts.service.isRunning)
        facts.lines = lines()
        facts.watchdog = watchdog()
        facts.clock = clock()
        facts.storage = storage()
        facts.accounts = accounts(wiring)
        facts.uplink = uplink()
        facts.supply = supply()
        return facts
    }

    private func readSite() -> Facts {
        do throws(SiteError) {
            var facts = Facts(Wiring(try Site.load(directory: site, profile: profile)))
            facts.sitePath = site
            return facts
        } catch {
            var facts = Facts(nil)
            facts.sitePath = site
            facts.siteDefects = error.lines
            return facts
        }
    }

    // MARK: Buses

    private func can(_ wiring: Wiring) -> Facts.CAN {
        var can = Facts.CAN()
        can.familyError = KernelFeatures.canSocketError()
        let folder = "/sys/class/net/\(wiring.canInterface)"
        guard let type = MachineFiles.number("\(folder)/type") else {
            can.link = nil
            return can
        }
        var link = Facts.CAN.Link()
        (link.bitrate, link.state) = controller(wiring)
        // linux/if_arp.h: ARPHRD_CAN. Behind a virtual one is neither a device nor a controller.
        let isReal = link.state != nil || FileStatus(path: "\(folder)/device") != nil
        link.kind = type == 280 ? (isReal ? "can" : "vcan") : "ARP type \(type)"
        // linux/if.h: IFF_UP is bit 0 of flags, which are in hexadecimal.
        let flags = MachineFiles.line("\(folder)/flags").flatMap { Int($0.dropFirst(2), radix: 16) }
        link.isUp = (flags ?? 0) & 1 != 0
        can.link = link
        return can
    }

    /// Bit rate and state as the controller's driver tells them; a virtual interface has neither.
    private func controller(_ wiring: Wiring) -> (bitrate: Int?, state: String?) {
        let link = CANLink(name: wiring.canInterface, bitrate: UInt32(wiring.bitrate))
        guard let socket = try? link.openSocket(for: []) else { return (nil, nil) }
        defer { close(socket) }
        let report = link.report(through: socket)
        let state: String? =
            switch report.controller {
            case .active: "ERROR-ACTIVE"
            case .passive: "ERROR-PASSIVE"
            case .busOff: "BUS-OFF"
            case .stopped: "STOPPED"
            case nil: nil
            }
        return (report.bitrate.map(Int.init), state)
    }

    private func relayBoard(_ wiring: Wiring, isRunning: Bool) -> Facts.RelayBoard {
        var board = Facts.RelayBoard()
        board.bus = MachineFiles.file("/dev/i2c-\(wiring.relayBus)")
        board.namedBus = FileStatus.target(of: "/dev/busbar-relays")
        // While busbard runs the bus is its own; and a simulated board is on none.
        board.answer = isRunning || isSimulated ? .notAsked : ask(board.bus.path, wiring)
        return board
    }

    /// Reads identity and status, which changes nothing on the board.
    private func ask(_ path: String, _ wiring: Wiring) -> Facts.RelayBoard.Answer {
        let bus: I2CRelayBus
        do throws(SystemError) {
            bus = try I2CRelayBus(
                path: path, address: wiring.relayAddress, tick: Milliseconds(100))
        } catch {
            return .failed(error.description)
        }
        var board = PicoRelayBoard(bus: bus, lease: Milliseconds(500))
        var asked = Outputs()
        asked.readsIdentity = true
        let answer = board.exchange(asked)
        guard let identity = answer.identity, let status = answer.status else {
            return .failed(Self.failure(board.counters).description)
        }
        guard identity.magic == Register.magic else { return .stranger(magic: identity.magic) }
        return .board(
            map: identity.mapVersion,
            firmware: "\(identity.firmwareMajor).\(identity.firmwareMinor)",
            selfTestPassed: identity.selfTest == BoardIdentity.selfTestPassed,
            isTripped: status.isTripped)
    }

    private static func failure(_ counters: TransferCounters) -> RelayBusError {
        if counters.timedOut > 0 { return .timedOut }
        if counters.wrongPEC > 0 { return .wrongPEC }
        if counters.arbitrationLost > 0 { return .arbitrationLost }
        return counters.noAnswer > 0 ? .noAnswer : .wrongLength
    }

    private func lines() -> Facts.Lines {
        var lines = Facts.Lines()
        guard let map = (try? Site.load(directory: site, profile: profile))?.lines else {
            return lines
        }
        lines.chip = MachineFiles.file("/dev/\(map.chip)")
        guard !isSimulated else { return lines }
        let wanted: [(use: String, line: LinePlace?)] = [
            ("permit", map.permit), ("powerSense", map.powerSense),
            ("monostable", map.monostable), ("resetInput", map.resetInput),
            ("emergencyStop", map.emergencyStop),
        ]
        for (use, line) in wanted {
            guard let line else { continue }
            let place: GPIOPlace =
                switch line {
                case .name(let name): .name(name)
                case .offset(let offset): .offset(UInt32(offset), chip: map.chip)
                }
            let holder: String?
            switch GPIOLine.standing(of: place) {
            case .free, .taken(by: "busbard"), .unknown: continue
            case .taken(let name): holder = name
            case .missing: holder = nil
            }
            lines.obstacles.append(
                Facts.Lines.Obstacle(use: use, line: place.description, holder: holder))
        }
        return lines
    }

    private func watchdog() -> Facts.Watchdog {
        var watchdog = Facts.Watchdog()
        let folder = "/sys/class/watchdog/watchdog0"
        watchdog.device = MachineFiles.file("/dev/watchdog")
        watchdog.identity = MachineFiles.line("\(folder)/identity")
        watchdog.timeout = MachineFiles.number("\(folder)/timeout").map(Int.init)
        watchdog.isActive = MachineFiles.line("\(folder)/state") == "active"
        return watchdog
    }

    // MARK: Machine

    private func clock() -> Facts.Clock {
        var clock = Facts.Clock()
        clock.isSynchronised = KernelFeatures.isClockSynchronised()
        clock.wall = Clocks.unixMilliseconds() / 1_000
        clock.hasBatteryClock = FileStatus(path: "/sys/class/rtc/rtc0") != nil
        return clock
    }

    private func storage() -> Facts.Storage {
        var storage = Facts.Storage()
        storage.directory = MachineFiles.file(stateDirectory)
        storage.kind = Self.fileSystem(of: FileStatus.target(of: stateDirectory) ?? stateDirectory)
        if let status = FileSystemStatus(path: stateDirectory) {
            storage.free = status.free
            storage.freeFiles = status.freeFiles
            storage.isReadOnly = status.isReadOnly
        }
        storage.used = FileStatus(path: "\(stateDirectory)/journal.sqlite3")?.size ?? 0
        // Two estimates, of its two kinds of cells: the worse one counts.
        let wear = MachineFiles.line("/sys/block/mmcblk0/device/life_time") ?? ""
        storage.wearTenths = wear.split(separator: " ")
            .compactMap { Int($0.dropFirst(2), radix: 16) }.filter { (1...11).contains($0) }.max()
        storage.hasSwapOnCard = MachineFiles.lines("/proc/swaps").dropFirst()
            .contains { $0.hasPrefix("/dev/mmcblk") || $0.hasPrefix("/var/swap") }
        return storage
    }

    /// The kind of the file system that `path` is on: that of the longest mount point above it.
    static func fileSystem(of path: String) -> String? {
        var best: (length: Int, kind: String)?
        for line in MachineFiles.lines("/proc/self/mounts") {
            let fields = line.split(separator: " ")
            guard fields.count > 2 else { continue }
            let point = String(fields[1])
            let isAbove = point == "/" || path == point || path.hasPrefix(point + "/")
            // A later mount at the same place covers the earlier one.
            if isAbove, point.utf8.count >= best?.length ?? 0 {
                best = (point.utf8.count, String(fields[2]))
            }
        }
        return best?.kind
    }

    private func supply() -> Facts.Supply {
        var supply = Facts.Supply()
        supply.temperature = MachineFiles.number("/sys/class/thermal/thermal_zone0/temp")
        supply.wasLow = nil
        for index in 0..<16 where supply.wasLow == nil {
            let folder = "/sys/class/hwmon/hwmon\(index)"
            guard MachineFiles.line("\(folder)/name") == "rpi_volt" else { continue }
            supply.wasLow = MachineFiles.number("\(folder)/in0_lcrit_alarm").map { $0 != 0 }
        }
        return supply
    }
}
