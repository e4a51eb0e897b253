import Bridge
import LinuxHAL
import MQTT
import Synchronization
import Wire

/// Reads messages beside the loop, in the order in which they came. It is most of a bridge's work,
/// and the loop has the cluster's records to hand over meanwhile.
final class ReadingThread: Sendable {
    /// Messages in it at most, unread and read: with 256 events in each as much as a producer takes
    /// in some milliseconds, and 8 MiB if all of them are as large as they may be. Chosen.
    static let countMax = 8

    private struct Job {
        var message: MQTTMessage
        var wall: WallTime
    }

    private struct State {
        var unread: [Job] = []
        var read: [MessageReading] = []
        /// One that is in neither while it is being read.
        var isReading = false
        /// What began to be read in an earlier one is thrown away.
        var generation = 0
        var isStopping = false
    }

    private let state = Mutex(State())
    private let work: Doorbell
    private let done: Doorbell

    /// Readable when something was read.
    var descriptor: Int32 { done.descriptor }

    /// - Throws: when the system has no room for a thread or its pipes.
    init() throws(SystemError) {
        work = try Doorbell()
        done = try Doorbell()
        // It ends after `stop`; nothing waits for it, as it touches nothing but its own.
        _ = try OrdinaryThread(named: "bridge-reading") { [self] in run() }
    }

    var hasRoom: Bool {
        state.withLock {
            $0.unread.count + $0.read.count + ($0.isReading ? 1 : 0) < Self.countMax
        }
    }

    func put(_ message: MQTTMessage, wall: WallTime) {
        state.withLock { $0.unread.append(Job(message: message, wall: wall)) }
        work.ring()
    }

    /// What is read by now, in order.
    func take() -> [MessageReading] {
        done.silence()
        return state.withLock { state in
            defer { state.read = [] }
            return state.read
        }
    }

    /// Throws away what is in it: the connection that it came by is lost, and all of it comes
    /// again.
    func discard() {
        state.withLock { state in
            state.unread = []
            state.read = []
            state.generation += 1
        }
    }

    func stop() {
        state.withLock { $0.isStopping = true }
        work.ring()
    }

    private func run() {
        while true {
            let next: (job: Job, generation: Int)? = state.withLock { state in
                guard !state.unread.isEmpty, !state.isStopping else { return nil }
                state.isReading = true
                return (state.unread.removeFirst(), state.generation)
            }
            guard let (next, generation) = next else {
                if state.withLock({ $0.isStopping }) { return }
                work.wait()
                continue
            }
            let reading = MessageReading(
                next.message.payload, on: next.message.topic,
                isRetained: next.message.isRetained, wall: next.wall)
            state.withLock { state in
                state.isReading = false
                if state.generation == generation { state.read.append(reading) }
            }
            done.ring()
        }
    }
}
