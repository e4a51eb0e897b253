import Synchronization
public import Units

/// What the thread that watches the CAN link and the control loop tell each other: bits, and
/// nothing to wait for.
public final class CANLinkNews: Sendable {
    private let report = Atomic<UInt64>(0)
    private let freshSocket = Atomic<Int32>(-1)
    private let oldSocket = Atomic<Int32>(-1)
    private let receivedByInterface = Atomic<UInt64>(0)
    private let restartsDone = Atomic<UInt64>(0)
    private let attemptsFailed = Atomic<UInt64>(0)

    public init() {}

    /// Controllers taken back onto the bus since the start.
    public var restarts: UInt64 { restartsDone.load(ordering: .relaxed) }
    /// Attempts to set the link up or to restart it that the kernel refused.
    public var failures: UInt64 { attemptsFailed.load(ordering: .relaxed) }
    /// Frames that the interface took in, ours and others', since it exists.
    public var framesOnInterface: UInt64 { receivedByInterface.load(ordering: .relaxed) }

    /// The latest report and when it was asked for; nil before the first.
    public var latest: (state: CANBusState, askedAt: Instant)? {
        let bits = report.load(ordering: .acquiring)
        guard bits != 0, let state = CANBusState(rawValue: UInt8(bits & 0x0F)) else { return nil }
        return (state, Instant(Int64(bits >> 5)))
    }

    /// An instant of 0 and the first state are not "nothing", so bit 4 marks a report.
    func post(_ state: CANBusState, askedAt: Instant) {
        let bits = UInt64(bitPattern: askedAt.rawValue) << 5 | 1 << 4 | UInt64(state.rawValue)
        report.store(bits, ordering: .releasing)
    }

    func noteRestart() { restartsDone.wrappingAdd(1, ordering: .relaxed) }
    func noteFailure() { attemptsFailed.wrappingAdd(1, ordering: .relaxed) }
    func note(framesOnInterface count: UInt64) {
        receivedByInterface.store(count, ordering: .relaxed)
    }

    /// A socket on the interface that came in place of the old one.
    /// - Returns: one that the loop had not fetched yet, to be closed; -1 for none.
    func offer(_ descriptor: Int32) -> Int32 {
        freshSocket.exchange(descriptor, ordering: .acquiringAndReleasing)
    }
    /// - Returns: -1 for none.
    func takeFresh() -> Int32 { freshSocket.exchange(-1, ordering: .acquiringAndReleasing) }
    /// Closing a CAN socket takes a lock that may be held for long, so the loop leaves it to us.
    /// - Returns: whether there was room: one socket at a time is replaced.
    func giveBack(_ descriptor: Int32) -> Bool {
        oldSocket.compareExchange(
            expected: -1, desired: descriptor, ordering: .acquiringAndReleasing
        ).exchanged
    }
    /// - Returns: -1 for none.
    func takeOld() -> Int32 { oldSocket.exchange(-1, ordering: .acquiringAndReleasing) }
}
