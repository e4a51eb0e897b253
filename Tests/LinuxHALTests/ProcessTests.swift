import Glibc
import LinuxHAL
import Testing

/// These change the process for good, so each runs in a process of its own and ends it with 0 when
/// all held.
@Suite("Process")
struct ProcessTests {
    @Test("a stop signal is an event and not the end of the process", arguments: [SIGTERM, SIGINT])
    func stopSignalIsAnEvent(signal: Int32) async {
        await #expect(processExitsWith: .success) { [signal] in
            let stop = try StopSignal()
            guard !stop.wasAsked() else { exit(2) }
            // To this thread: the test process has others, started before the signals were blocked.
            raise(signal)
            guard stop.wait(milliseconds: 5_000) else { exit(3) }
            guard !stop.wasAsked() else { exit(4) }
            exit(0)
        }
    }

    @Test("a client that hung up does not end the process")
    func brokenPipe() async {
        await #expect(processExitsWith: .success) {
            let stop = try StopSignal()
            var ends: [Int32] = [0, 0]
            guard pipe(&ends) == 0 else { exit(2) }
            close(ends[0])
            guard write(ends[1], "x", 1) == -1, errno == EPIPE else { exit(3) }
            guard !stop.wasAsked() else { exit(4) }
            exit(0)
        }
    }

    @Test("memory is locked where the limit allows it, and the process can still allocate")
    func memoryIsLocked() async {
        await #expect(processExitsWith: .success) {
            do throws(SystemError) {
                try ProcessMemory.lock()
            } catch {
                // Not permitted here: then the message must tell the way out.
                exit(error.description.hasSuffix("set LimitMEMLOCK=infinity") ? 0 : 2)
            }
            ProcessMemory.keepHeap()
            let area = [UInt8](repeating: 1, count: 8 * 1024 * 1024)
            exit(area[area.count - 1] == 1 ? 0 : 3)
        }
    }

    @Test("a finite limit of locked memory locks nothing, for it would fail a later allocation")
    func finiteLimit() async {
        await #expect(processExitsWith: .success) {
            // As user 65534, "nobody", who may not raise the limit again.
            var limit = rlimit(rlim_cur: 65_536, rlim_max: 65_536)
            let lockedMemory = __rlimit_resource_t(__RLIMIT_MEMLOCK.rawValue)
            guard setrlimit(lockedMemory, &limit) == 0 else { exit(2) }
            if getuid() == 0 { guard setuid(65_534) == 0 else { exit(3) } }
            do throws(SystemError) {
                try ProcessMemory.lock()
            } catch {
                exit(error.number == EPERM ? 0 : 4)
            }
            exit(5)
        }
    }

    @Test("a limit is raised to what was wanted, never lowered")
    func limits() async {
        await #expect(processExitsWith: .success) {
            let before = ProcessLimits.raise(.descriptors, to: 0)
            guard ProcessLimits.raise(.descriptors, to: 1) == before else { exit(2) }
            guard ProcessLimits.raise(.descriptors, to: before) == before else { exit(3) }
            exit(0)
        }
    }
}
