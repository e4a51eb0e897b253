import Doctor
import Testing

/// Whoever mends from the top to the bottom must not come to a line that needs a later one first.
@Suite("The order of the doctor's advice")
struct OrderTests {
    /// A machine on which nothing of Busbar is installed yet.
    private static var bare: Facts {
        var facts = Device.healthy
        facts.service.isInstalled = false
        facts.service.isEnabled = false
        facts.service.answer = .silent("nobody answers at /run/busbar/control.sock")
        facts.realTime.process = nil
        facts.accounts.controller = nil
        facts.accounts.uplink = nil
        facts.can.link = nil
        facts.relayBoard.bus.kind = .missing
        facts.relayBoard.namedBus = nil
        facts.lines.chip.kind = .missing
        facts.watchdog.device.kind = .missing
        facts.watchdog.isActive = false
        facts.storage.directory.kind = .missing
        facts.uplink.isEnabled = false
        for index in facts.uplink.credentials.indices {
            facts.uplink.credentials[index].kind = .missing
        }
        facts.wiring?.notCovered = ["A welded K1 or K2 is not seen: no power sense is fitted."]
        return facts
    }

    private static func mends(_ facts: Facts) -> [String] {
        Examination(facts).findings.compactMap(\.mend)
    }

    @Test("on a bare machine each line can be carried out when it is come to")
    func bareMachine() {
        let credential = "install -o busbar-uplink -m 600 "
        let folder = "/etc/busbar/credentials"
        #expect(
            Self.mends(Self.bare) == [
                "sudo make install, in Busbar's source folder",
                "systemd-sysusers",
                "enable the controller's overlay in config.txt, reboot, and look: ip link show "
                    + "type can",
                "dtparam=i2c_arm=on in config.txt and a reboot; then: modprobe i2c-dev",
                "ls /dev/gpiochip*, and name the chip in /etc/busbar/site/site.json under "
                    + "lines.chip",
                "dtparam=watchdog=on in config.txt and a reboot",
                "systemctl start busbard makes it, or: install -d -o busbar -g busbar -m 750 "
                    + "/var/lib/busbar",
                "\(credential)ca.crt \(folder)/ca.crt",
                "\(credential)client.crt \(folder)/client.crt",
                "\(credential)client.key \(folder)/client.key",
                "\(credential)ack.key \(folder)/ack.key",
                "systemctl enable --now busbar-uplink",
            ])
    }

    @Test("the installation brings the site's file, so it comes before what the file lacks")
    func siteAfterInstallation() {
        var facts = Facts(nil)
        facts.siteDefects = ["/etc/busbar/site/site.json: No such file or directory"]
        facts.service.isInstalled = false
        #expect(
            Self.mends(facts) == [
                "sudo make install, in Busbar's source folder",
                "correct it, then: busbar site check /etc/busbar/site",
            ])
    }

    @Test("accounts come before the devices that udev gives to them, and the start after both")
    func accountsBeforeDevices() {
        var facts = Device.healthy
        facts.accounts.deviceGroup = nil
        facts.relayBoard.namedBus = nil
        facts.storage.directory.mode = 0o550
        facts.service.isEnabled = false
        facts.service.answer = .silent("nobody answers at /run/busbar/control.sock")
        facts.watchdog.isActive = false
        #expect(
            Self.mends(facts) == [
                "systemd-sysusers",
                "udevadm control --reload && udevadm trigger",
                "chown -R busbar:busbar /var/lib/busbar && chmod 750 /var/lib/busbar",
                "systemctl enable busbard busbar.target",
                "systemctl start busbard",
            ])
    }

    @Test("a unit that is not enabled stands before what only a restart by the unit mends")
    func serviceBeforeRealTime() {
        var facts = Device.healthy
        facts.service.isEnabled = false
        facts.realTime.process?.loopPriority = 0
        #expect(
            Self.mends(facts) == [
                "systemctl enable busbard busbar.target",
                "start it by its unit, which has LimitRTPRIO=80: systemctl restart busbard",
            ])
    }
}
