import Doctor
import Testing

@Suite("What the doctor says of the machine")
struct MachineTests {
    private static let start = "start it by its unit, which has "

    static let realTime: [Row] = [
        Row(
            "an ordinary loop",
            Finding(
                .realTime, .warning,
                "busbard's loop has no real-time priority: it may be late under load",
                mend: start + "LimitRTPRIO=80: systemctl restart busbard")
        ) { $0.realTime.process?.loopPriority = 0 },
        Row(
            "a limit of locked memory",
            Finding(
                .realTime, .warning,
                "busbard's memory is not locked: it may be late when memory is short",
                mend: start + "LimitMEMLOCK=infinity: systemctl restart busbard")
        ) { $0.realTime.process?.lockedMemoryLimit = 8 << 20 },
        Row(
            "nothing locked",
            Finding(
                .realTime, .warning,
                "busbard's memory is not locked: it may be late when memory is short",
                mend: start + "LimitMEMLOCK=infinity: systemctl restart busbard")
        ) { $0.realTime.process?.lockedMemory = 0 },
        Row(
            "little time for real-time threads",
            Finding(
                .realTime, .warning,
                "real-time threads may run for 499999 µs of each second only",
                mend: "sysctl kernel.sched_rt_runtime_us=950000")
        ) { $0.realTime.runtimeMicroseconds = 499_999 },
        Row("half of the time", nil) { $0.realTime.runtimeMicroseconds = 500_000 },
        Row("all of the time", nil) { $0.realTime.runtimeMicroseconds = -1 },
        Row(
            "a coarse clock",
            Finding(
                .realTime, .warning,
                "the kernel's clock advances in steps of 4000000 ns: ticks are that late",
                mend: "boot a kernel with high-resolution timers (CONFIG_HIGH_RES_TIMERS)")
        ) { $0.realTime.clockStep = 4_000_000 },
        Row("a millisecond", nil) { $0.realTime.clockStep = 1_000_000 },
        Row(
            "no preemption",
            Finding(
                .realTime, .note,
                "the kernel says nothing of preemption: a driver may delay a tick")
        ) { $0.realTime.isPreemptible = false },
    ]

    static let clock: [Row] = [
        Row(
            "the last second of 2024",
            Finding(
                .clock, .warning,
                "the clock stands before 2025: records will have no true time, rules need none",
                mend: "timedatectl set-ntp true")
        ) { $0.clock.wall = 1_735_689_599 },
        Row("the first second of 2025", nil) { $0.clock.wall = 1_735_689_600 },
        Row(
            "a free-running clock",
            Finding(
                .clock, .warning,
                "the clock is not synchronised: records are marked so, and commands of the cluster "
                    + "wait",
                mend: "timedatectl set-ntp true; timedatectl timesync-status")
        ) { $0.clock.isSynchronised = false },
        Row(
            "no battery clock",
            Finding(
                .clock, .note,
                "the clock is synchronised; without a battery clock it is not so after a power cut "
                    + "until the network is back")
        ) { $0.clock.hasBatteryClock = false },
    ]

    static let storage: [Row] = [
        Row(
            "no directory",
            Finding(
                .storage, .fault, "/var/lib/busbar: there is no such directory",
                mend: "systemctl start busbard makes it, or: install -d -o busbar -g busbar -m 750 "
                    + "/var/lib/busbar")
        ) { $0.storage.directory.kind = .missing },
        Row(
            "another owner",
            Finding(
                .storage, .fault,
                "/var/lib/busbar: the user busbar may not write there (mode 0750)",
                mend: "chown -R busbar:busbar /var/lib/busbar && chmod 750 /var/lib/busbar")
        ) { $0.storage.directory.user = 0 },
        Row(
            "read-only",
            Finding(
                .storage, .fault, "/var/lib/busbar is on a file system that is mounted read-only",
                mend: "look why: dmesg | grep -i -e ext4 -e mmc; then: mount -o remount,rw "
                    + "/var/lib/busbar")
        ) { $0.storage.isReadOnly = true },
        Row(
            "in memory",
            Finding(
                .storage, .fault,
                "/var/lib/busbar is on tmpfs: a lock-out and every event are gone with the power",
                mend: "give it a partition of its own on the card, in /etc/fstab")
        ) { $0.storage.kind = "tmpfs" },
        Row(
            "on the boot partition",
            Finding(
                .storage, .fault,
                "/var/lib/busbar is on vfat, which SQLite's journal must not use",
                mend: "give it an ext4 partition, in /etc/fstab")
        ) { $0.storage.kind = "vfat" },
        Row("on btrfs", nil) { $0.storage.kind = "btrfs" },
        Row(
            "too little room",
            Finding(
                .storage, .warning,
                "/var/lib/busbar: 447 MiB are free, the site's queues may take 448 MiB more",
                mend: "free space, or lower queues.*.bytesMax in /etc/busbar/site/site.json")
        ) { $0.storage.free = 448 << 20 - 1 },
        Row("just enough room", nil) { $0.storage.free = 448 << 20 },
        Row("what the journal has already counts", nil) {
            $0.storage.free = 48 << 20
            $0.storage.used = 400 << 20
        },
        Row(
            "no more files",
            Finding(
                .storage, .fault,
                "/var/lib/busbar: the file system has room for 99 more files only",
                mend: "remove files there: df -i /var/lib/busbar")
        ) { $0.storage.freeFiles = 99 },
        Row("a hundred files", nil) { $0.storage.freeFiles = 100 },
        Row(
            "a worn eMMC",
            Finding(
                .storage, .warning, "the eMMC says that 90 % of its life is used up",
                mend: "replace it, and move /var/lib/busbar to the new one")
        ) { $0.storage.wearTenths = 9 },
        Row("a used eMMC", nil) { $0.storage.wearTenths = 8 },
        Row(
            "a dead eMMC",
            Finding(
                .storage, .warning, "the eMMC says that more than 100 % of its life is used up",
                mend: "replace it, and move /var/lib/busbar to the new one")
        ) { $0.storage.wearTenths = 11 },
        Row(
            "swap on the card",
            Finding(
                .storage, .warning, "there is swap on the card: it wears the card out",
                mend: "systemctl disable --now dphys-swapfile, or swapoff -a and edit /etc/fstab")
        ) { $0.storage.hasSwapOnCard = true },
    ]

    static let supply: [Row] = [
        Row(
            "too low a voltage",
            Finding(
                .supply, .warning, "the supply of the Pi has dropped too low since it started",
                mend: "use a supply of the rated current, and a short cable")
        ) { $0.supply.wasLow = true },
        Row(
            "too hot",
            Finding(
                .supply, .warning, "the processor has 80 °C and slows itself down",
                mend: "cool it: heat sink, or a place away from the heater")
        ) { $0.supply.temperature = 80_000 },
        Row("hot", nil) { $0.supply.temperature = 79_999 },
        Row(
            "no sensor",
            Finding(.supply, .note, "not judged: this machine has no sensor for it")
        ) { $0.supply.wasLow = nil },
    ]

    @Test("one change, one finding", arguments: realTime + clock + storage + supply)
    func oneFinding(row: Row) {
        #expect(Device.findings(row.change) == (row.finding.map { [$0] } ?? []))
    }
}
