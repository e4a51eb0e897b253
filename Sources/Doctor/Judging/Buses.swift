import RelayBoard

extension Facts {
    var siteFindings: [Finding] {
        guard let wiring else {
            return siteDefects.map {
                Finding(.site, .fault, $0, mend: "correct it, then: busbar site check \(sitePath)")
            }
        }
        return [Finding(.site, .good, "\(sitePath) describes \(wiring.device) and is in order")]
    }

    /// The fitted hardware, as the site's wiring proofs see it.
    var coverFindings: [Finding] {
        (wiring?.notCovered ?? []).map { Finding(.cover, .warning, $0) }
    }

    /// The register map that this version speaks.
    private static var knownMap: UInt8 { Register.mapVersion }
    private static let noHardware = "not judged: the board is simulated"

    /// - Returns: `findings`, or one line that nothing was judged, or that all is well.
    private func judged(
        _ area: Finding.Area, good: String, _ findings: (Wiring) -> [Finding]
    ) -> [Finding] {
        guard let wiring else {
            return [Finding(area, .note, "not judged: the site tells nothing about it")]
        }
        guard !isSimulated else { return [Finding(area, .note, Self.noHardware)] }
        let found = findings(wiring)
        return found.contains { $0.level > .note } ? found : found + [Finding(area, .good, good)]
    }

    var canFindings: [Finding] {
        let name = wiring?.canInterface ?? ""
        return judged(.can, good: "\(name) is there\(bitrateText)") { wiring in
            if let number = can.familyError {
                return [
                    Finding(
                        .can, .fault, "the kernel has no CAN sockets (error \(number))",
                        mend: "modprobe can-raw; if there is no such module, install a kernel "
                            + "that has it")
                ]
            }
            guard let link = can.link else {
                return [
                    Finding(
                        .can, .fault, "there is no interface \(wiring.canInterface)",
                        mend: "enable the controller's overlay in config.txt, reboot, and look: "
                            + "ip link show type can")
                ]
            }
            return linkFindings(link, wiring)
        }
    }

    private var bitrateText: String {
        guard let bitrate = can.link?.bitrate else { return "" }
        return ", \(bitrate) bit/s"
    }

    private func linkFindings(_ link: CAN.Link, _ wiring: Wiring) -> [Finding] {
        let name = wiring.canInterface
        var findings: [Finding] = []
        switch link.kind {
        case "can": break
        case "vcan":
            findings.append(
                Finding(
                    .can, .warning, "\(name) is a virtual interface: no wire is behind it",
                    mend: "ip link delete \(name), and enable the controller's overlay"))
        default:
            return [
                Finding(
                    .can, .fault, "\(name) is no CAN interface but of the kind \(link.kind)",
                    mend: "name the CAN interface in \(sitePath)/site.json under can.interface")
            ]
        }
        // busbard sets rate and state itself; while it does not run they say nothing.
        guard service.isRunning else { return findings }
        if !link.isUp {
            findings.append(
                Finding(
                    .can, .fault, "\(name) is down although busbard runs",
                    mend: "journalctl -u busbard | grep -i can"))
        }
        if let bitrate = link.bitrate, bitrate != wiring.bitrate {
            findings.append(
                Finding(
                    .can, .fault,
                    "\(name) runs at \(bitrate) bit/s, the site says \(wiring.bitrate)",
                    mend: "systemctl restart busbard"))
        }
        if let state = link.state, state != "ERROR-ACTIVE" {
            findings.append(
                Finding(
                    .can, state == "BUS-OFF" ? .fault : .warning, "\(name) is in \(state)",
                    mend: "check the cable, both 120 ohm terminators, and that all nodes have "
                        + "\(wiring.bitrate) bit/s"))
        }
        return findings
    }

    var relayBoardFindings: [Finding] {
        judged(.relayBoard, good: relayBoardText) { wiring in
            let overlay =
                "dtparam=i2c_arm=on in config.txt and a reboot; then: modprobe i2c-dev"
            var findings = deviceFindings(
                .relayBoard, "I2C bus \(wiring.relayBus)", relayBoard.bus, missing: overlay)
            guard findings.isEmpty || relayBoard.bus.kind == .device else { return findings }
            if relayBoard.namedBus == nil {
                findings.append(
                    Finding(
                        .relayBoard, .fault,
                        "/dev/busbar-relays is not there: no udev rule names it",
                        mend: "udevadm control --reload && udevadm trigger"))
            } else if let named = relayBoard.namedBus, named != relayBoard.bus.path {
                findings.append(
                    Finding(
                        .relayBoard, .fault,
                        "/dev/busbar-relays is \(named), the site says \(relayBoard.bus.path)",
                        mend: "correct i2c.bus in \(sitePath)/site.json, or the udev rule"))
            }
            return findings + boardFindings(wiring)
        }
    }

    private var relayBoardText: String {
        switch relayBoard.answer {
        case .board(let map, let firmware, _, _):
            "a relay board with firmware \(firmware) and register map \(map) answers"
        case .notAsked, .stranger, .failed:
            "\(relayBoard.bus.path) is there; busbard speaks with the board itself"
        }
    }

    private func boardFindings(_ wiring: Wiring) -> [Finding] {
        let address = "0x" + String(wiring.relayAddress, radix: 16)
        switch relayBoard.answer {
        case .notAsked: return []
        case .failed(let reason):
            return [
                Finding(
                    .relayBoard, .fault, "nothing useful answers at \(address): \(reason)",
                    mend: "check the board's supply and the I2C cable, then look: i2cdetect -y "
                        + "\(wiring.relayBus)")
            ]
        case .stranger(let magic):
            return [
                Finding(
                    .relayBoard, .fault,
                    "what answers at \(address) is no relay board: it says 0x"
                        + String(magic, radix: 16),
                    mend: "take that device off the bus, or flash the relay board's firmware")
            ]
        case .board(let map, let firmware, let passed, let isTripped):
            var findings: [Finding] = []
            if map != Self.knownMap {
                findings.append(
                    Finding(
                        .relayBoard, .fault,
                        "the relay board has register map \(map), this busbard knows "
                            + "\(Self.knownMap)",
                        mend: "flash the firmware of this version (found \(firmware))"))
            }
            if !passed {
                findings.append(
                    Finding(
                        .relayBoard, .fault, "the relay board failed its own self-test",
                        mend: "power-cycle it; if it fails again, replace it"))
            }
            if isTripped {
                findings.append(
                    Finding(
                        .relayBoard, .warning, "the relay board is tripped: it heats after a reset",
                        mend: "busbar status says why; then press the reset button at the site"))
            }
            return findings
        }
    }

    var lineFindings: [Finding] {
        judged(.lines, good: "the lines for permit and inputs are there") { _ in
            deviceFindings(
                .lines, "GPIO chip", lines.chip,
                missing: "ls /dev/gpiochip*, and name the chip in \(sitePath)/site.json under "
                    + "lines.chip") + lines.obstacles.map(finding)
        }
    }

    private func finding(_ obstacle: Lines.Obstacle) -> Finding {
        guard let holder = obstacle.holder else {
            return Finding(
                .lines, .fault, "lines.\(obstacle.use): there is no \(obstacle.line) here",
                mend: "compare with what is there: gpioinfo; then correct \(sitePath)/site.json")
        }
        let who = holder.isEmpty ? "somebody" : "\"\(holder)\""
        return Finding(
            .lines, .fault, "lines.\(obstacle.use): \(who) has \(obstacle.line)",
            mend: "end that, or take its overlay out of config.txt and reboot")
    }

    var watchdogFindings: [Finding] {
        judged(.watchdog, good: watchdogText) { _ in
            let overlay = "dtparam=watchdog=on in config.txt and a reboot"
            var findings = deviceFindings(
                .watchdog, "watchdog", watchdog.device, missing: overlay)
            guard watchdog.device.kind == .device else { return findings }
            if watchdog.identity?.contains("Software Watchdog") == true {
                findings.append(
                    Finding(
                        .watchdog, .warning,
                        "\(watchdog.device.path) is the kernel's software watchdog: it ends with "
                            + "the kernel that it should watch",
                        mend: "\(overlay); rmmod softdog"))
            }
            if watchdog.isActive, !service.isRunning {
                findings.append(
                    Finding(
                        .watchdog, .fault,
                        "\(watchdog.device.path) is in use, and not by busbard: it will be busy",
                        mend: "systemctl daemon-reexec, by which systemd lets go of it "
                            + "(80-busbar.conf); then see who has it: fuser -v "
                            + watchdog.device.path))
            }
            return findings
        }
    }

    private var watchdogText: String {
        let seconds = watchdog.timeout.map { ", bites after \($0) s" } ?? ""
        return "\(watchdog.device.path): \(watchdog.identity ?? "of unknown make")\(seconds)"
    }
}
