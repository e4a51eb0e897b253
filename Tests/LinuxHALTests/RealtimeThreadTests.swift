import Glibc
import LinuxHAL
import Synchronization
import Testing

@Suite("Real-time thread")
struct RealtimeThreadTests {
    /// What the thread saw of itself.
    private final class Seen: Sendable {
        let policy = Atomic<Int32>(-1)
        let priority = Atomic<Int32>(-1)
        let runs = Atomic<Int32>(0)
    }

    @Test("runs its body once, at the priority it was given or with the reason why not")
    func runsItsBody() throws {
        let seen = Seen()
        let thread = try RealtimeThread(named: "busbar-test", priority: 3) {
            var parameters = sched_param()
            var policy: Int32 = -1
            pthread_getschedparam(pthread_self(), &policy, &parameters)
            seen.policy.store(policy, ordering: .relaxed)
            seen.priority.store(parameters.sched_priority, ordering: .relaxed)
            seen.runs.add(1, ordering: .relaxed)
        }
        let refusal = thread.refusal
        thread.join()

        #expect(seen.runs.load(ordering: .relaxed) == 1)
        if let refusal {
            #expect(seen.policy.load(ordering: .relaxed) == SCHED_OTHER)
            #expect(refusal.number == EPERM)
            #expect(
                refusal.description == """
                    cannot run thread busbar-test at real-time priority 3: Operation not permitted \
                    (errno 1): start Busbar from its systemd unit, or set LimitRTPRIO=3
                    """)
        } else {
            #expect(seen.policy.load(ordering: .relaxed) == SCHED_FIFO)
            #expect(seen.priority.load(ordering: .relaxed) == 3)
        }
    }

    @Test("has a stack that holds most of what it was promised")
    func stackHoldsWhatWasPromised() throws {
        let seen = Seen()
        let thread = try RealtimeThread(named: "busbar-stack", priority: 1) {
            // Three quarters of the stack in one frame: an overflow would end the process.
            withUnsafeTemporaryAllocation(byteCount: 384 * 1024, alignment: 16) { area in
                area.initializeMemory(as: UInt8.self, repeating: 0xA5)
                seen.policy.store(Int32(area[384 * 1024 - 1]), ordering: .relaxed)
            }
        }
        thread.join()
        #expect(seen.policy.load(ordering: .relaxed) == 0xA5)
    }
}
