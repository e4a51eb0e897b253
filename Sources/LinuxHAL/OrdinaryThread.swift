import CLinuxHAL
import Glibc

/// A thread beside the control loop, at ordinary priority: it may wait, and nothing waits for it.
public struct OrdinaryThread: ~Copyable {
    /// 256 KiB: chosen. SQLite wants the most of what runs on one, some ten KiB.
    public static let stackBytes = 256 * 1024

    private let handle: pthread_t

    /// - Precondition: `name` has 15 bytes at most, the kernel's limit.
    /// - Throws: when the system has no room for a thread.
    public init(
        named name: String, body: @escaping @Sendable () -> Void
    ) throws(SystemError) {
        precondition(name.utf8.count <= 15, "the kernel keeps 15 bytes of a thread's name")
        let context = Unmanaged.passRetained(Body(body)).toOpaque()
        var handle = pthread_t()
        let result = Self.start(&handle, name, context)
        guard result == 0 else {
            Unmanaged<Body>.fromOpaque(context).release()
            throw SystemError(
                "start thread \(name)", number: -result,
                advice: "look for a process that uses up threads or memory: ps -eLf | wc -l")
        }
        self.handle = handle
    }

    /// Waits until the body has returned.
    public consuming func join() { pthread_join(handle, nil) }

    private final class Body {
        let run: @Sendable () -> Void
        init(_ run: @escaping @Sendable () -> Void) { self.run = run }
    }

    /// Nonisolated and static, so that the C callback made here belongs to no actor.
    private static func start(
        _ handle: inout pthread_t, _ name: String, _ context: UnsafeMutableRawPointer
    ) -> Int32 {
        busbar_thread_start(
            &handle, name, stackBytes, 0,
            { context in Unmanaged<Body>.fromOpaque(context!).takeRetainedValue().run() }, context)
    }
}
