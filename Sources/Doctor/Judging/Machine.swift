extension Facts {
    var realTimeFindings: [Finding] {
        var findings: [Finding] = []
        if let process = realTime.process {
            if process.loopPriority == 0 {
                findings.append(
                    Finding(
                        .realTime, .warning,
                        "busbard's loop has no real-time priority: it may be late under load",
                        mend: "start it by its unit, which has LimitRTPRIO=80: systemctl restart "
                            + "busbard"))
            }
            if process.lockedMemoryLimit != nil || process.lockedMemory == 0 {
                findings.append(
                    Finding(
                        .realTime, .warning,
                        "busbard's memory is not locked: it may be late when memory is short",
                        mend: "start it by its unit, which has LimitMEMLOCK=infinity: systemctl "
                            + "restart busbard"))
            }
        }
        if let share = realTime.runtimeMicroseconds, share >= 0, share < 500_000 {
            findings.append(
                Finding(
                    .realTime, .warning,
                    "real-time threads may run for \(share) µs of each second only",
                    mend: "sysctl kernel.sched_rt_runtime_us=950000"))
        }
        if realTime.clockStep > 1_000_000 {
            findings.append(
                Finding(
                    .realTime, .warning,
                    "the kernel's clock advances in steps of \(realTime.clockStep) ns: ticks are "
                        + "that late",
                    mend: "boot a kernel with high-resolution timers (CONFIG_HIGH_RES_TIMERS)"))
        }
        if !realTime.isPreemptible {
            findings.append(
                Finding(
                    .realTime, .note,
                    "the kernel says nothing of preemption: a driver may delay a tick"))
        }
        let isWell = !findings.contains { $0.level > .note }
        guard isWell else { return findings }
        if realTime.process == nil {
            return findings + [
                Finding(.realTime, .note, "priority and locked memory: busbard does not run")
            ]
        }
        return findings + [
            Finding(.realTime, .good, "the loop runs at real-time priority with locked memory")
        ]
    }

    /// 2025-01-01: no Busbar is older, so an earlier clock was never set.
    private static let oldest: Int64 = 1_735_689_600

    var clockFindings: [Finding] {
        if clock.wall < Self.oldest {
            return [
                Finding(
                    .clock, .warning,
                    "the clock stands before 2025: records will have no true time, rules need none",
                    mend: "timedatectl set-ntp true")
            ]
        }
        guard clock.isSynchronised else {
            return [
                Finding(
                    .clock, .warning,
                    "the clock is not synchronised: records are marked so, and commands of the "
                        + "cluster wait",
                    mend: "timedatectl set-ntp true; timedatectl timesync-status")
            ]
        }
        guard clock.hasBatteryClock else {
            return [
                Finding(
                    .clock, .note,
                    "the clock is synchronised; without a battery clock it is not so after a power "
                        + "cut until the network is back")
            ]
        }
        return [Finding(.clock, .good, "the clock is synchronised, and a battery clock keeps it")]
    }

    /// File systems whose files are gone with the power.
    private static let volatile: Set<String> = ["tmpfs", "ramfs", "overlay"]
    /// Those without what the journal relies on: owners and modes, or locks and shared memory.
    private static let unsuitable: Set<String> = [
        "vfat", "exfat", "msdos", "nfs", "nfs4", "cifs", "smb3", "9p",
    ]

    var storageFindings: [Finding] {
        let path = storage.directory.path
        guard storage.directory.kind == .directory else {
            return [
                Finding(
                    .storage, .fault, "\(path): there is no such directory",
                    mend: "systemctl start busbard makes it, or: install -d -o busbar -g busbar -m "
                        + "750 \(path)")
            ]
        }
        var findings: [Finding] = []
        if let controller = accounts.controller, !storage.directory.isOpen(to: controller) {
            findings.append(
                Finding(
                    .storage, .fault,
                    "\(path): the user busbar may not write there (mode "
                        + "\(storage.directory.modeText))",
                    mend: "chown -R busbar:busbar \(path) && chmod 750 \(path)"))
        }
        if storage.isReadOnly {
            findings.append(
                Finding(
                    .storage, .fault, "\(path) is on a file system that is mounted read-only",
                    mend: "look why: dmesg | grep -i -e ext4 -e mmc; then: mount -o remount,rw "
                        + "\(path)"))
        }
        if let kind = storage.kind, Self.volatile.contains(kind) {
            findings.append(
                Finding(
                    .storage, .fault,
                    "\(path) is on \(kind): a lock-out and every event are gone with the power",
                    mend: "give it a partition of its own on the card, in /etc/fstab"))
        }
        if let kind = storage.kind, Self.unsuitable.contains(kind) {
            findings.append(
                Finding(
                    .storage, .fault, "\(path) is on \(kind), which SQLite's journal must not use",
                    mend: "give it an ext4 partition, in /etc/fstab"))
        }
        findings += spaceFindings(path)
        guard findings.isEmpty else { return findings }
        let free = "\(Self.mebibytes(storage.free)) MiB free"
        return [Finding(.storage, .good, "\(path): \(storage.kind ?? "unknown"), \(free)")]
    }

    private func spaceFindings(_ path: String) -> [Finding] {
        var findings: [Finding] = []
        if let wiring {
            let wanted = max(0, wiring.quotaBytes - storage.used)
            if storage.free < wanted {
                findings.append(
                    Finding(
                        .storage, .warning,
                        "\(path): \(Self.mebibytes(storage.free)) MiB are free, the site's queues "
                            + "may take \(Self.mebibytes(wanted)) MiB more",
                        mend: "free space, or lower queues.*.bytesMax in \(sitePath)/site.json"))
            }
        }
        if storage.freeFiles < 100 {
            findings.append(
                Finding(
                    .storage, .fault,
                    "\(path): the file system has room for "
                        + "\(storage.freeFiles) more files only",
                    mend: "remove files there: df -i \(path)"))
        }
        if let tenths = storage.wearTenths, tenths >= 9 {
            findings.append(
                Finding(
                    .storage, .warning,
                    "the eMMC says that \(tenths >= 11 ? "more than 100" : "\(tenths * 10)") % of "
                        + "its life is used up",
                    mend: "replace it, and move \(path) to the new one"))
        }
        if storage.hasSwapOnCard {
            findings.append(
                Finding(
                    .storage, .warning, "there is swap on the card: it wears the card out",
                    mend: "systemctl disable --now dphys-swapfile, or swapoff -a and edit "
                        + "/etc/fstab"))
        }
        return findings
    }

    private static func mebibytes(_ bytes: Int64) -> Int64 { bytes >> 20 }

    var supplyFindings: [Finding] {
        var findings: [Finding] = []
        if supply.wasLow == true {
            findings.append(
                Finding(
                    .supply, .warning, "the supply of the Pi has dropped too low since it started",
                    mend: "use a supply of the rated current, and a short cable"))
        }
        // 80 °C: from there on a Pi slows its processor down (its data sheet's figure for the 4).
        if let temperature = supply.temperature, temperature >= 80_000 {
            findings.append(
                Finding(
                    .supply, .warning,
                    "the processor has \(temperature / 1_000) °C and slows itself down",
                    mend: "cool it: heat sink, or a place away from the heater"))
        }
        guard findings.isEmpty else { return findings }
        guard supply.wasLow != nil else {
            return [Finding(.supply, .note, "not judged: this machine has no sensor for it")]
        }
        return [Finding(.supply, .good, "voltage and temperature are in order")]
    }
}
