import Doctor
import JSON
import Testing
import Wire

@Suite("What the doctor says of accounts, services and the site")
struct ServiceTests {
    static let accounts: [Row] = [
        Row(
            "no user",
            Finding(
                .accounts, .fault, "there is no user busbar to run busbard as",
                mend: "systemd-sysusers")
        ) { $0.accounts.controller = nil },
        Row(
            "no group for devices",
            Finding(
                .accounts, .fault, "there is no group busbar-devices for the devices",
                mend: "systemd-sysusers")
        ) { $0.accounts.deviceGroup = nil },
        Row(
            "not in the group",
            Finding(
                .accounts, .fault,
                "the user busbar is not in the group busbar-devices, which owns the devices",
                mend: "usermod -aG busbar-devices busbar && systemctl restart busbard")
        ) { $0.accounts.deviceGroup = 993 },
        Row(
            "no user for the uplink",
            Finding(
                .accounts, .fault, "there is no user busbar-uplink, and the site has an uplink",
                mend: "systemd-sysusers")
        ) {
            $0.accounts.uplink = nil
            $0.accounts.unknownUsers = ["busbar-uplink"]
        },
        Row(
            "a role for nobody",
            Finding(
                .accounts, .warning,
                "the site gives a role to the user anna, which is not there: nobody has that role",
                mend: "useradd anna, or correct roles in /etc/busbar/site/site.json")
        ) { $0.accounts.unknownUsers = ["anna"] },
        Row(
            "a role for a group of ours",
            Finding(
                .accounts, .warning,
                "the site gives a role to the group busbar-technician, which is not there: nobody "
                    + "has that role",
                mend: "systemd-sysusers, or correct roles in /etc/busbar/site/site.json")
        ) { $0.accounts.unknownGroups = ["busbar-technician"] },
    ]

    static let services: [Row] = [
        Row(
            "not installed",
            Finding(
                .service, .fault, "busbard.service is not installed",
                mend: "sudo make install, in Busbar's source folder")
        ) { $0.service.isInstalled = false },
        Row(
            "not enabled",
            Finding(
                .service, .warning, "busbard does not start at boot",
                mend: "systemctl enable busbard busbar.target")
        ) { $0.service.isEnabled = false },
        Row(
            "its target is not enabled",
            Finding(
                .service, .warning, "busbard does not start at boot",
                mend: "systemctl enable busbard busbar.target")
        ) { $0.service.isTargetEnabled = false },
        Row(
            "a simulated board at a site",
            Finding(
                .service, .fault, "busbard runs a simulated board: it switches nothing",
                mend: "BUSBAR_BOARD=rpi in /etc/busbar/busbard.conf, then: systemctl restart "
                    + "busbard")
        ) {
            $0.service.answer = .running(version: "0.1.0", board: "simulated", ticksMissed: 0)
        },
        Row(
            "a missed tick",
            Finding(
                .service, .warning, "busbard has missed 1 ticks since its start",
                mend: "look at what took the processor: systemd-cgtop")
        ) { $0.service.answer = .running(version: "0.1.0", board: "rpi", ticksMissed: 1) },
    ]

    static let uplink: [Row] = [
        Row("a site without an uplink", Finding(.uplink, .note, noUplink)) {
            $0.wiring?.hasUplink = false
            $0.uplink.credentials[0].kind = .missing
        },
        Row(
            "not enabled",
            Finding(
                .uplink, .warning, "busbar-uplink does not start at boot",
                mend: "systemctl enable --now busbar-uplink")
        ) { $0.uplink.isEnabled = false },
        Row(
            "a missing certificate",
            Finding(
                .uplink, .warning,
                "/etc/busbar/credentials/ca.crt is not there: nothing reaches the cluster",
                mend: "install -o busbar-uplink -m 600 ca.crt /etc/busbar/credentials/ca.crt")
        ) { $0.uplink.credentials[0].kind = .missing },
        Row(
            "a key that others read",
            Finding(
                .uplink, .warning,
                "/etc/busbar/credentials/client.key: others may read or change this key (mode "
                    + "0640); the uplink refuses it",
                mend: "chmod 600 /etc/busbar/credentials/client.key")
        ) { $0.uplink.credentials[2].mode = 0o640 },
        Row("a certificate for 30 days", nil) {
            $0.uplink.certificates = [certificate(days: 30)]
        },
        Row(
            "a certificate for 29 days",
            Finding(
                .uplink, .warning, "/etc/busbar/credentials/client.crt ends in 29 days",
                mend: "have it renewed, without it nothing reaches the cluster")
        ) { $0.uplink.certificates = [certificate(days: 40), certificate(days: 29)] },
        Row("a certificate that others read", nil) { $0.uplink.credentials[1].mode = 0o644 },
        Row("no key for acknowledgements where a broker's word is enough", nil) {
            $0.wiring?.needsAcknowledgementKey = false
            $0.uplink.credentials[3].kind = .missing
        },
    ]
    /// By the facts' own clock.
    private static func certificate(days: Int64) -> CertificateTerm {
        CertificateTerm(
            role: .client, name: "/etc/busbar/credentials/client.crt",
            endsAt: (Facts.Clock().wall + days * 86_400) * 1_000)
    }

    @Test("while all hold, the days of the shortest one are said")
    func certificates() {
        var facts = Device.healthy
        facts.uplink.certificates = [Self.certificate(days: 300), Self.certificate(days: 31)]
        let found = Examination(facts).findings.first { $0.area == .uplink }
        #expect(
            found
                == Finding(
                    .uplink, .good,
                    "the credentials are there, and nobody else reads them; the "
                        + "certificates hold for 31 days"))
        // By a clock that is not set, none is judged.
        facts.clock.isSynchronised = false
        facts.uplink.certificates = [Self.certificate(days: -1)]
        #expect(
            Examination(facts).findings.first { $0.area == .uplink }
                == Finding(
                    .uplink, .good, "the credentials are there, and nobody else reads them"))
    }

    private static let noUplink = "the site sends nothing to a cluster"

    @Test("one change, one finding", arguments: accounts + services + uplink)
    func oneFinding(row: Row) {
        #expect(Device.findings(row.change) == (row.finding.map { [$0] } ?? []))
    }

    @Test("a healthy device is fit, and each area says so")
    func healthy() {
        let examination = Examination(Device.healthy)
        #expect(examination.isFit && examination.findings.allSatisfy { $0.level == .good })
        let areas = Set(examination.findings.map(\.area))
        #expect(areas == Set(Finding.Area.allCases).subtracting([.cover]))
        #expect(examination.findings.allSatisfy { $0.mend == nil })
    }

    @Test("what the hardware cannot cover is a warning each, and does not make it unfit")
    func cover() {
        var facts = Device.healthy
        facts.wiring?.notCovered = ["A welded K1 or K2 is not seen: no power sense is fitted."]
        let examination = Examination(facts)
        #expect(
            examination.findings.last
                == Finding(
                    .cover, .warning, "A welded K1 or K2 is not seen: no power sense is fitted."))
        #expect(examination.isFit && examination.count(.warning) == 1)
    }

    @Test("a defective site is told line by line, and what depends on it is not judged")
    func defectiveSite() {
        var facts = Facts(nil)
        facts.siteDefects = ["E901 site.json: $.can: missing", "E901 site.json: $.i2c: missing"]
        let examination = Examination(facts)
        #expect(
            examination.findings.filter { $0.area == .site }
                == facts.siteDefects.map {
                    Finding(
                        .site, .fault, $0,
                        mend: "correct it, then: busbar site check /etc/busbar/site")
                })
        for area in [Finding.Area.can, .relayBoard, .lines, .watchdog] {
            #expect(
                examination.findings.filter { $0.area == area }
                    == [Finding(area, .note, "not judged: the site tells nothing about it")])
        }
        #expect(!examination.isFit)
    }

    @Test("with a simulated board no hardware is judged")
    func simulated() {
        var facts = Device.healthy
        facts.isSimulated = true
        facts.can.link = nil
        facts.relayBoard.bus.kind = .missing
        facts.lines.chip.kind = .missing
        facts.watchdog.device.kind = .missing
        facts.service.answer = .running(version: "0.1.0", board: "simulated", ticksMissed: 0)
        let examination = Examination(facts)
        #expect(examination.isFit)
        #expect(
            examination.findings.count { $0.what == "not judged: the board is simulated" } == 4)
    }

    @Test("the document counts, and gives each finding whole")
    func json() {
        var facts = Device.healthy
        facts.can.link = nil
        facts.clock.isSynchronised = false
        let json = Examination(facts).json
        #expect(json["fit"] == false && json["faults"] == 1 && json["warnings"] == 1)
        let found = json["findings"]?.array?.first { $0["area"] == "can" }
        #expect(found?["level"] == "fault" && found?["what"] == "there is no interface can0")
        #expect(json["findings"]?.array?.first?["mend"] == .null)
    }
}
