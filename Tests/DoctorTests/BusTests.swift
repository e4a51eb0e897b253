import Doctor
import Testing

@Suite("What the doctor says of buses and lines")
struct BusTests {
    private static let reload = "udevadm control --reload && udevadm trigger"

    static let can: [Row] = [
        Row(
            "a kernel without CAN",
            Finding(
                .can, .fault, "the kernel has no CAN sockets (error 97)",
                mend: "modprobe can-raw; if there is no such module, install a kernel that has it")
        ) { $0.can.familyError = 97 },
        Row(
            "no interface",
            Finding(
                .can, .fault, "there is no interface can0",
                mend: "enable the controller's overlay in config.txt, reboot, and look: ip link "
                    + "show type can")
        ) { $0.can.link = nil },
        Row(
            "an interface of another kind",
            Finding(
                .can, .fault, "can0 is no CAN interface but of the kind ARP type 1",
                mend: "name the CAN interface in /etc/busbar/site/site.json under can.interface")
        ) { $0.can.link?.kind = "ARP type 1" },
        Row(
            "a virtual interface",
            Finding(
                .can, .warning, "can0 is a virtual interface: no wire is behind it",
                mend: "ip link delete can0, and enable the controller's overlay")
        ) { $0.can.link?.kind = "vcan" },
        Row(
            "down although busbard runs",
            Finding(
                .can, .fault, "can0 is down although busbard runs",
                mend: "journalctl -u busbard | grep -i can")
        ) { $0.can.link?.isUp = false },
        Row(
            "another rate",
            Finding(
                .can, .fault, "can0 runs at 250000 bit/s, the site says 500000",
                mend: "systemctl restart busbard")
        ) { $0.can.link?.bitrate = 250_000 },
        Row("a rate that nobody tells", nil) { $0.can.link?.bitrate = nil },
        Row(
            "bus-off",
            Finding(
                .can, .fault, "can0 is in BUS-OFF",
                mend: "check the cable, both 120 ohm terminators, and that all nodes have 500000 "
                    + "bit/s")
        ) { $0.can.link?.state = "BUS-OFF" },
        Row(
            "error-passive",
            Finding(
                .can, .warning, "can0 is in ERROR-PASSIVE",
                mend: "check the cable, both 120 ohm terminators, and that all nodes have 500000 "
                    + "bit/s")
        ) { $0.can.link?.state = "ERROR-PASSIVE" },
    ]

    static let relayBoard: [Row] = [
        Row(
            "no I2C bus",
            Finding(
                .relayBoard, .fault, "/dev/i2c-1: there is no I2C bus 1",
                mend: "dtparam=i2c_arm=on in config.txt and a reboot; then: modprobe i2c-dev")
        ) { $0.relayBoard.bus.kind = .missing },
        Row(
            "a file in its place",
            Finding(
                .relayBoard, .fault, "/dev/i2c-1 is not a device, but was taken for the I2C bus 1",
                mend: "look at what it is, and remove it: ls -l /dev/i2c-1")
        ) { $0.relayBoard.bus.kind = .file },
        Row(
            "a group that busbard is not in",
            Finding(
                .relayBoard, .fault,
                "/dev/i2c-1: the user busbar may not read and write it (group 44, mode 0660)",
                mend: reload)
        ) { $0.relayBoard.bus.group = 44 },
        Row(
            "read without write",
            Finding(
                .relayBoard, .fault,
                "/dev/i2c-1: the user busbar may not read and write it (group 990, mode 0640)",
                mend: reload)
        ) { $0.relayBoard.bus.mode = 0o640 },
        Row(
            "open to all",
            Finding(
                .relayBoard, .warning,
                "/dev/i2c-1: every user of this machine may use it (mode 0666), beside busbard",
                mend: reload)
        ) { $0.relayBoard.bus.mode = 0o666 },
        Row(
            "open to all for writing alone",
            Finding(
                .relayBoard, .warning,
                "/dev/i2c-1: every user of this machine may use it (mode 0662), beside busbard",
                mend: reload)
        ) { $0.relayBoard.bus.mode = 0o662 },
        Row(
            "no name from udev",
            Finding(
                .relayBoard, .fault, "/dev/busbar-relays is not there: no udev rule names it",
                mend: reload)
        ) { $0.relayBoard.namedBus = nil },
        Row(
            "a name for another bus",
            Finding(
                .relayBoard, .fault, "/dev/busbar-relays is /dev/i2c-4, the site says /dev/i2c-1",
                mend: "correct i2c.bus in /etc/busbar/site/site.json, or the udev rule")
        ) { $0.relayBoard.namedBus = "/dev/i2c-4" },
        Row(
            "no answer",
            Finding(
                .relayBoard, .fault, "nothing useful answers at 0x43: no relay board answered",
                mend: "check the board's supply and the I2C cable, then look: i2cdetect -y 1")
        ) { $0.relayBoard.answer = .failed("no relay board answered") },
        Row(
            "another device",
            Finding(
                .relayBoard, .fault, "what answers at 0x43 is no relay board: it says 0xdeadbeef",
                mend: "take that device off the bus, or flash the relay board's firmware")
        ) { $0.relayBoard.answer = .stranger(magic: 0xDEAD_BEEF) },
        Row("this version's board", nil) {
            $0.relayBoard.answer = .board(
                map: 1, firmware: "1.0", selfTestPassed: true, isTripped: false)
        },
        Row(
            "another register map",
            Finding(
                .relayBoard, .fault, "the relay board has register map 2, this busbard knows 1",
                mend: "flash the firmware of this version (found 2.0)")
        ) {
            $0.relayBoard.answer = .board(
                map: 2, firmware: "2.0", selfTestPassed: true, isTripped: false)
        },
        Row(
            "a failed self-test",
            Finding(
                .relayBoard, .fault, "the relay board failed its own self-test",
                mend: "power-cycle it; if it fails again, replace it")
        ) {
            $0.relayBoard.answer = .board(
                map: 1, firmware: "1.0", selfTestPassed: false, isTripped: false)
        },
        Row(
            "a tripped board",
            Finding(
                .relayBoard, .warning, "the relay board is tripped: it heats after a reset",
                mend: "busbar status says why; then press the reset button at the site")
        ) {
            $0.relayBoard.answer = .board(
                map: 1, firmware: "1.0", selfTestPassed: true, isTripped: true)
        },
    ]

    static let others: [Row] = [
        Row(
            "no GPIO chip",
            Finding(
                .lines, .fault, "/dev/gpiochip0: there is no GPIO chip",
                mend: "ls /dev/gpiochip*, and name the chip in /etc/busbar/site/site.json under "
                    + "lines.chip")
        ) { $0.lines.chip.kind = .missing },
        Row(
            "a line that is not on the board",
            Finding(
                .lines, .fault, "lines.permit: there is no GPIO line GPIO17 here",
                mend: "compare with what is there: gpioinfo; then correct "
                    + "/etc/busbar/site/site.json")
        ) {
            $0.lines.obstacles = [.init(use: "permit", line: "GPIO line GPIO17", holder: nil)]
        },
        Row(
            "a line that somebody has",
            Finding(
                .lines, .fault, "lines.resetInput: \"spi0 CS1\" has GPIO line GPIO7",
                mend: "end that, or take its overlay out of config.txt and reboot")
        ) {
            $0.lines.obstacles = [
                .init(use: "resetInput", line: "GPIO line GPIO7", holder: "spi0 CS1")
            ]
        },
        Row(
            "a line that nobody knows who has",
            Finding(
                .lines, .fault, "lines.permit: somebody has GPIO line 4 of gpiochip0",
                mend: "end that, or take its overlay out of config.txt and reboot")
        ) {
            $0.lines.obstacles = [
                .init(use: "permit", line: "GPIO line 4 of gpiochip0", holder: "")
            ]
        },
        Row(
            "no watchdog",
            Finding(
                .watchdog, .fault, "/dev/watchdog: there is no watchdog",
                mend: "dtparam=watchdog=on in config.txt and a reboot")
        ) { $0.watchdog.device.kind = .missing },
        Row(
            "the kernel's own watchdog",
            Finding(
                .watchdog, .warning,
                "/dev/watchdog is the kernel's software watchdog: it ends with the kernel that it "
                    + "should watch",
                mend: "dtparam=watchdog=on in config.txt and a reboot; rmmod softdog")
        ) { $0.watchdog.identity = "Software Watchdog" },
    ]

    @Test("one change, one finding", arguments: can + relayBoard + others)
    func oneFinding(row: Row) {
        #expect(Device.findings(row.change) == (row.finding.map { [$0] } ?? []))
    }

    @Test("while busbard does not run, the link says nothing and a fed watchdog is another's")
    func withoutDaemon() {
        let found = Device.findings {
            $0.service.answer = .silent("nobody answers")
            $0.realTime.process = nil
            $0.can.link?.isUp = false
            $0.can.link?.bitrate = 125_000
        }
        #expect(
            found == [
                Finding(
                    .watchdog, .fault,
                    "/dev/watchdog is in use, and not by busbard: it will be busy",
                    mend: "systemctl daemon-reexec, by which systemd lets go of it "
                        + "(80-busbar.conf); then see who has it: fuser -v /dev/watchdog"),
                Finding(
                    .service, .fault, "nobody answers", mend: "systemctl start busbard"),
                Finding(
                    .realTime, .note, "priority and locked memory: busbard does not run"),
            ])
    }

    @Test("a user's own bits come before its groups', as the kernel has it")
    func ownerBeforeGroup() {
        let found = Device.findings {
            $0.relayBoard.bus.user = 990
            $0.relayBoard.bus.mode = 0o460
        }
        #expect(found.map(\.level) == [.fault])
    }
}
