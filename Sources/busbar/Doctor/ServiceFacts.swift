import Doctor
import JSON
import LinuxHAL
import LocalAPI
import Site
import Wire

/// Facts about accounts, units, credentials and the running daemon.
extension FactReader {
    func accounts(_ wiring: Wiring) -> Facts.Accounts {
        func account(_ name: String) -> Facts.Accounts.Account? {
            SystemAccount(named: name).map {
                Facts.Accounts.Account(number: $0.number, groups: $0.groups)
            }
        }
        var accounts = Facts.Accounts()
        accounts.controller = account("busbar")
        accounts.uplink = account("busbar-uplink")
        accounts.deviceGroup = SystemAccounts.groupID(named: "busbar-devices")
        accounts.unknownUsers = wiring.users.filter { SystemAccounts.userID(named: $0) == nil }
        accounts.unknownGroups = wiring.groups.filter { SystemAccounts.groupID(named: $0) == nil }
        return accounts
    }

    /// Asks the daemon, and reads its limits into `facts` on the way.
    func service(_ facts: inout Facts) -> Facts.Service {
        var service = Facts.Service()
        let units = ["/usr/lib/systemd/system", "/etc/systemd/system"]
        service.isInstalled = units.contains {
            FileStatus(path: "\($0)/busbard.service") != nil
        }
        service.isEnabled = isWanted("busbard.service", by: "busbar.target")
        service.isTargetEnabled = isWanted("busbar.target", by: "multi-user.target")
        var process: Int64?
        do throws(ClientError) {
            var client = try Client(path: socket)
            let state = try client.call(.status, .object(JSONObject()))
            let device = state["device"]
            process = device?["pid"]?.int
            service.answer = .running(
                version: device?["version"]?.string ?? "unknown",
                board: device?["board"]?.string ?? "unknown",
                ticksMissed: device?["ticks_missed"]?.int ?? 0)
        } catch {
            service.answer = .silent(error.description)
        }
        facts.realTime = realTime(of: process)
        return service
    }

    private func isWanted(_ unit: String, by target: String) -> Bool {
        FileStatus(path: "/etc/systemd/system/\(target).wants/\(unit)") != nil
    }

    private func realTime(of process: Int64?) -> Facts.RealTime {
        var realTime = Facts.RealTime()
        realTime.runtimeMicroseconds = MachineFiles.number("/proc/sys/kernel/sched_rt_runtime_us")
        realTime.clockStep = KernelFeatures.clockStep()
        realTime.isPreemptible =
            MachineFiles.line("/proc/version")?.contains("PREEMPT") == true
            && !Self.isPreemptionOff
        realTime.process = process.flatMap(limits)
        return realTime
    }

    /// PREEMPT_DYNAMIC can be switched off on the kernel's command line.
    private static var isPreemptionOff: Bool {
        MachineFiles.line("/proc/cmdline")?.contains("preempt=none") == true
    }

    /// - Returns: nil when the process is gone, or belongs to somebody whose files are closed.
    private func limits(of process: Int64) -> Facts.RealTime.Process? {
        let limits = MachineFiles.lines("/proc/\(process)/limits")
        guard let locked = limits.first(where: { $0.hasPrefix("Max locked memory") }) else {
            return nil
        }
        var found = Facts.RealTime.Process()
        found.lockedMemoryLimit = locked.split(separator: " ").dropFirst(3).first.flatMap {
            UInt64($0)
        }
        let status = MachineFiles.lines("/proc/\(process)/status")
        found.lockedMemory =
            status.first { $0.hasPrefix("VmLck:") }?.split(separator: " ").dropLast().last
            .flatMap { UInt64($0) } ?? 0
        found.loopPriority = loopPriority(of: process)
        return found
    }

    /// The real-time priority of the thread that is named control; 0 for an ordinary one.
    private func loopPriority(of process: Int64) -> Int {
        for thread in Folder.names(in: "/proc/\(process)/task") {
            let line = MachineFiles.line("/proc/\(process)/task/\(thread)/stat") ?? ""
            guard line.contains("(control)"), let end = line.lastIndex(of: ")") else { continue }
            // Field 40 of proc(5), the 38th behind the name.
            let fields = line[line.index(after: end)...].split(separator: " ")
            return fields.count > 37 ? Int(fields[37]) ?? 0 : 0
        }
        return 0
    }

    func uplink() -> Facts.Uplink {
        var uplink = Facts.Uplink()
        uplink.isEnabled = isWanted("busbar-uplink.service", by: "busbar.target")
        uplink.credentials = ["ca.crt", "client.crt", "client.key", "ack.key"].map {
            MachineFiles.file("/etc/busbar/credentials/\($0)")
        }
        uplink.certificates = certificates()
        return uplink
    }

    /// By busbard, from what the uplink wrote: only its own user may read the files. Whether
    /// busbard answers is judged elsewhere.
    private func certificates() -> [CertificateTerm] {
        guard var client = try? Client(path: socket),
            let answer = try? client.call(.uplinkStatus, .object(JSONObject()))
        else { return [] }
        return (answer["status"]?["certificates"]?.array ?? []).compactMap { term in
            guard let role = CertificateTerm.Role(rawValue: term["role"]?.string ?? ""),
                let name = term["name"]?.string, let endsAt = term["ends_ms"]?.int
            else { return nil }
            return CertificateTerm(role: role, name: name, endsAt: endsAt)
        }
    }
}
