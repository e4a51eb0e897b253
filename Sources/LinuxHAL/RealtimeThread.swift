import CLinuxHAL
import Glibc

/// The one thread that runs the control loop.
///
/// Its stack is touched from end to end before the loop begins, so that no tick meets a page fault.
public struct RealtimeThread: ~Copyable {
    /// 512 KiB: chosen. A tick's deepest frames were seen to need a few KiB; the default of 8 MiB
    /// would have to be touched, and held in memory, for nothing.
    public static let stackBytes = 512 * 1024

    /// Above the kernel's threaded interrupt handlers (50), so that a busy network does not delay a
    /// tick; below 99, which belongs to the kernel's own watchdog and migration threads. Chosen.
    public static let priorityOfLoop: Int32 = 80

    /// Why the thread runs at ordinary priority, or nil when it got what it asked for. The loop
    /// works either way; it may be late under load, so this becomes a WARNING and no more.
    public let refusal: SystemError?

    private let handle: pthread_t

    /// Starts `body` on a thread of its own at SCHED_FIFO with `priority` (1 to 99), or at ordinary
    /// priority where that is not permitted.
    ///
    /// - Precondition: `priority` is 1 to 99; `name` has 15 bytes at most, the kernel's limit.
    /// - Throws: when no thread could be started at all.
    public init(
        named name: String, priority: Int32 = priorityOfLoop, body: @escaping @Sendable () -> Void
    ) throws(SystemError) {
        precondition((1...99).contains(priority), "SCHED_FIFO knows priorities 1 to 99")
        precondition(name.utf8.count <= 15, "the kernel keeps 15 bytes of a thread's name")
        let context = Unmanaged.passRetained(Body(body)).toOpaque()
        var handle = pthread_t()
        let asked = Self.start(&handle, name, priority, context)
        guard asked != 0 else {
            self.refusal = nil
            self.handle = handle
            return
        }
        let ordinary = Self.start(&handle, name, 0, context)
        guard ordinary == 0 else {
            Unmanaged<Body>.fromOpaque(context).release()
            throw SystemError(
                "start thread \(name)", number: -ordinary,
                advice: "look for a process that uses up threads or memory: ps -eLf | wc -l")
        }
        self.refusal = SystemError(
            "run thread \(name) at real-time priority \(priority)", number: -asked,
            advice: "start Busbar from its systemd unit, or set LimitRTPRIO=\(priority)")
        self.handle = handle
    }

    /// Waits until the body has returned.
    public consuming func join() {
        pthread_join(handle, nil)
    }

    private final class Body {
        let run: @Sendable () -> Void
        init(_ run: @escaping @Sendable () -> Void) { self.run = run }
    }

    /// Nonisolated and static, so that the C callback made here belongs to no actor: one that did
    /// would stop the process when the new thread calls it.
    private static func start(
        _ handle: inout pthread_t, _ name: String, _ priority: Int32,
        _ context: UnsafeMutableRawPointer
    ) -> Int32 {
        busbar_thread_start(
            &handle, name, stackBytes, priority,
            { context in Unmanaged<Body>.fromOpaque(context!).takeRetainedValue().run() }, context)
    }
}
