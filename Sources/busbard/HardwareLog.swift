import Drivers
import HAL
import LinuxBuses
import Runtime
import Units

/// What went wrong on the buses since the start, by kind.
struct HardwareCounters: Sendable {
    var can = CANCounters()
    var canRestarts: UInt64 = 0
    var canRefusals: UInt64 = 0
    var transfers = TransferCounters()
    var stuckBus = StuckBus()
    var lineFailures: UInt64 = 0

    /// Without what is counted on a healthy bus too, so that two can be compared.
    fileprivate var faults: [UInt64] {
        [
            can.overflowed, can.tooLong, can.socketErrors, can.errorFrames, canRestarts,
            canRefusals, UInt64(transfers.noAnswer), UInt64(transfers.timedOut),
            UInt64(transfers.wrongPEC), UInt64(transfers.arbitrationLost),
            UInt64(transfers.wrongLength), UInt64(transfers.unreadable), UInt64(stuckBus.count),
            lineFailures,
        ]
    }

    /// One line for the log. Every kind is in it, the zeros too: a kind that is missing would look
    /// like one that nobody counts.
    var line: String {
        "CAN \(can.received) frames, \(can.foreign) foreign, \(can.overflowed) overflowed, "
            + "\(can.tooLong) too long, \(can.errorFrames) error frames, "
            + "\(can.socketErrors) times without interface, \(canRestarts) restarts, "
            + "\(canRefusals) refused; I2C \(transfers.noAnswer) without answer, "
            + "\(transfers.timedOut) timed out, \(transfers.wrongPEC) wrong PEC, "
            + "\(transfers.arbitrationLost) arbitration lost, "
            + "\(transfers.wrongLength) wrong length, \(transfers.unreadable) unreadable, "
            + "bus stuck \(stuckBus.count) times"
            + (stuckBus.isStuck ? " and now: power-cycle the relay board" : "")
            + "; GPIO \(lineFailures) failed"
    }

    func hasMoreFaults(than other: HardwareCounters) -> Bool {
        faults != other.faults || stuckBus.isStuck != other.stuckBus.isStuck
    }
}

/// Tells the log of the buses' faults: by a ring to the journal's thread, because a tick does not
/// write to anything that could wait.
struct HardwareLog {
    /// Chosen: often enough to see a fault begin, seldom enough for a log that is read by people.
    private static let period = Milliseconds(10_000)

    private let links: Links
    private let news: CANLinkNews
    private var nextAt = Instant.never

    init(links: Links, news: CANLinkNews) {
        self.links = links
        self.news = news
    }

    mutating func note(_ counters: HardwareCounters, at now: Instant) {
        guard now >= nextAt else { return }
        nextAt = now + Self.period
        var counters = counters
        counters.canRestarts = news.restarts
        counters.canRefusals = news.failures
        // A full ring means that nobody reads the log; the next one has all of it again.
        _ = links.hardware.push(counters)
    }
}

/// The other end of it: says what changed.
struct HardwareReader {
    private var told = HardwareCounters()

    mutating func tell(from links: Links) {
        while let counters = links.hardware.pop() {
            guard counters.hasMoreFaults(than: told) else { continue }
            told = counters
            Log.line("busbard: \(counters.line)")
        }
    }
}
