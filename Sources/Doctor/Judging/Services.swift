import Wire

extension Facts {
    var accountFindings: [Finding] {
        let make = "systemd-sysusers"
        var findings: [Finding] = []
        guard let controller = accounts.controller else {
            return [
                Finding(.accounts, .fault, "there is no user busbar to run busbard as", mend: make)
            ]
        }
        if let group = accounts.deviceGroup {
            if !controller.groups.contains(group) {
                findings.append(
                    Finding(
                        .accounts, .fault,
                        "the user busbar is not in the group busbar-devices, which owns the "
                            + "devices",
                        mend: "usermod -aG busbar-devices busbar && systemctl restart busbard"))
            }
        } else {
            findings.append(
                Finding(
                    .accounts, .fault, "there is no group busbar-devices for the devices",
                    mend: make))
        }
        if accounts.uplink == nil, wiring?.hasUplink == true {
            findings.append(
                Finding(
                    .accounts, .fault, "there is no user busbar-uplink, and the site has an uplink",
                    mend: make))
        }
        for user in accounts.unknownUsers where user != "busbar-uplink" {
            findings.append(unknown("user", user, mend: "useradd \(user)"))
        }
        for group in accounts.unknownGroups {
            let isOurs = group == "busbar" || group == "busbar-technician"
            findings.append(unknown("group", group, mend: isOurs ? make : "groupadd \(group)"))
        }
        guard findings.isEmpty else { return findings }
        return [Finding(.accounts, .good, "users and groups of the site's roles are there")]
    }

    private func unknown(_ kind: String, _ name: String, mend: String) -> Finding {
        Finding(
            .accounts, .warning,
            "the site gives a role to the \(kind) \(name), which is not there: nobody has that role",
            mend: "\(mend), or correct roles in \(sitePath)/site.json")
    }

    /// Without the unit nothing else was installed either: accounts, udev rules, the site.
    var installationFindings: [Finding] {
        guard !service.isInstalled else { return [] }
        return [
            Finding(
                .service, .fault, "busbard.service is not installed",
                mend: "sudo make install, in Busbar's source folder")
        ]
    }

    var serviceFindings: [Finding] {
        guard service.isInstalled else { return [] }
        var findings: [Finding] = []
        if !service.isEnabled || !service.isTargetEnabled {
            findings.append(
                Finding(
                    .service, .warning, "busbard does not start at boot",
                    mend: "systemctl enable busbard busbar.target"))
        }
        switch service.answer {
        case .silent(let reason):
            findings.append(
                Finding(.service, .fault, reason, mend: "systemctl start busbard"))
        case .running(let version, let board, let missed):
            if board == "simulated", !isSimulated {
                findings.append(
                    Finding(
                        .service, .fault,
                        "busbard runs a simulated board: it switches nothing",
                        mend: "BUSBAR_BOARD=rpi in /etc/busbar/busbard.conf, then: systemctl "
                            + "restart busbard"))
            }
            if missed > 0 {
                findings.append(
                    Finding(
                        .service, .warning, "busbard has missed \(missed) ticks since its start",
                        mend: "look at what took the processor: systemd-cgtop"))
            }
            if findings.isEmpty {
                findings.append(
                    Finding(.service, .good, "busbard \(version) runs the \(board) board"))
            }
        }
        return findings
    }

    var uplinkFindings: [Finding] {
        guard let wiring else { return [] }
        guard wiring.hasUplink else {
            return [Finding(.uplink, .note, "the site sends nothing to a cluster")]
        }
        // It reads the credentials at its start, so they come first.
        var findings = uplink.credentials.filter { isNeeded($0, wiring) }
            .flatMap(credentialFindings)
        if !uplink.isEnabled {
            findings.append(
                Finding(
                    .uplink, .warning, "busbar-uplink does not start at boot",
                    mend: "systemctl enable --now busbar-uplink"))
        }
        findings += uplink.certificates.compactMap(endingFinding)
        guard findings.isEmpty else { return findings }
        let judged = clock.isSynchronised ? uplink.certificates : []
        let days = judged.map { $0.daysLeft(unixMilliseconds: clock.wall * 1_000) }
        let term = days.min().map { "; the certificates hold for \($0) days" } ?? ""
        return [
            Finding(.uplink, .good, "the credentials are there, and nobody else reads them\(term)")
        ]
    }

    /// By a clock that is not set, none is judged.
    private func endingFinding(_ term: CertificateTerm) -> Finding? {
        guard clock.isSynchronised else { return nil }
        return term.ending(unixMilliseconds: clock.wall * 1_000).map {
            Finding(.uplink, .warning, $0, mend: term.remedy)
        }
    }

    private func isNeeded(_ file: File, _ wiring: Wiring) -> Bool {
        file.path.hasSuffix("ack.key") ? wiring.needsAcknowledgementKey : wiring.isUplinkTLS
    }

    private func credentialFindings(_ file: File) -> [Finding] {
        guard file.kind == .file else {
            return [
                Finding(
                    .uplink, .warning, "\(file.path) is not there: nothing reaches the cluster",
                    mend: "install -o busbar-uplink -m 600 "
                        + "\(file.path.split(separator: "/").last ?? "") \(file.path)")
            ]
        }
        if file.path.hasSuffix(".key"), file.mode & 0o077 != 0 {
            return [
                Finding(
                    .uplink, .warning,
                    "\(file.path): others may read or change this key (mode \(file.modeText)); "
                        + "the uplink refuses it",
                    mend: "chmod 600 \(file.path)")
            ]
        }
        return []
    }
}
