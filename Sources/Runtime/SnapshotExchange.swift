public import Control
import Synchronization

/// Hands copies of the controller's state from the control thread to one other thread.
///
/// A snapshot has several kilobytes, too many to be copied in each tick for nobody. So the reader
/// asks, and the control thread copies at the end of that tick. The buffer has one owner at a time
/// and `stage` says which, so neither side ever waits for the other.
@safe
public final class SnapshotExchange: @unchecked Sendable {
    private enum Stage {
        /// The buffer is the reader's.
        static let idle: UInt8 = 0
        /// The reader has asked: the buffer is the control thread's.
        static let wanted: UInt8 = 1
        /// Filled, and the reader's again.
        static let ready: UInt8 = 2
    }

    private let stage = Atomic<UInt8>(Stage.idle)
    private let buffer: UnsafeMutablePointer<Snapshot>

    public init() {
        unsafe buffer = .allocate(capacity: 1)
        unsafe buffer.initialize(to: Snapshot())
    }

    deinit {
        unsafe buffer.deinitialize(count: 1)
        unsafe buffer.deallocate()
    }

    /// Asks for a snapshot of the tick that is running or comes next. Asking twice is asking once.
    public func request() {
        _ = stage.compareExchange(
            expected: Stage.idle, desired: Stage.wanted, ordering: .acquiringAndReleasing)
    }

    /// The snapshot that was asked for, once it is there. The next one must be asked for anew.
    public func take() -> Snapshot? {
        guard stage.load(ordering: .acquiring) == Stage.ready else { return nil }
        let snapshot = unsafe buffer.pointee
        stage.store(Stage.idle, ordering: .releasing)
        return snapshot
    }

    /// Control thread: whether somebody waits for a snapshot.
    public var isWanted: Bool { stage.load(ordering: .acquiring) == Stage.wanted }

    /// Control thread: gives `snapshot` to whoever waits. Without anybody waiting it does nothing.
    public func publish(_ snapshot: Snapshot) {
        guard isWanted else { return }
        unsafe buffer.pointee = snapshot
        stage.store(Stage.ready, ordering: .releasing)
    }
}
