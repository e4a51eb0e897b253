import Glibc
public import HAL

/// What an errno of an I2C transfer means. The numbers are those that the kernel asks of adapters
/// (Documentation/i2c/fault-codes.rst), and what the adapters of the Raspberry Pis use beside them.
public func relayBusError(ofErrno number: Int32) -> RelayBusError {
    switch number {
    // Nobody acknowledged. EREMOTEIO is what the Pi 4's adapter (i2c-bcm2835) says for it.
    case ENXIO, EREMOTEIO, ENODEV: .noAnswer
    // A line is held low: SCL for longer than the time-out, or the bus was never free (EBUSY).
    case ETIMEDOUT, EBUSY: .timedOut
    case EBADMSG: .wrongPEC
    case EAGAIN: .arbitrationLost
    // A block that says it is longer than 32 bytes.
    case EPROTO, EMSGSIZE: .wrongLength
    // EIO and whatever else: the adapter only knows that it went wrong.
    default: .noAnswer
    }
}

/// Tells a bus that is held low from a transfer that was merely slow.
///
/// A target that lost count of the clock in the middle of a transfer holds SDA low until it has
/// seen up to nine more pulses, or is restarted. Nothing in user space can give it those pulses
/// while the pins belong to the adapter: some adapters do it by themselves, the Pi 4's does not.
/// What can be done is done without the bus: the lease runs out, the relays open, E401 tells, and
/// the log says who has to be power-cycled.
public struct StuckBus: Hashable, Sendable {
    /// Transfers in a row. Chosen: as many ticks as E401 takes, at one attempt a tick.
    public static let transfersMinimum = 3

    public private(set) var isStuck = false
    /// How often the bus was found stuck.
    public private(set) var count: UInt32 = 0
    private var timeOuts = 0

    public init() {}

    /// - Parameter error: of the latest transfer, nil for one that went well.
    public mutating func note(_ error: RelayBusError?) {
        guard error == .timedOut else {
            timeOuts = 0
            isStuck = false
            return
        }
        timeOuts = min(timeOuts + 1, Self.transfersMinimum)
        guard timeOuts == Self.transfersMinimum, !isStuck else { return }
        isStuck = true
        count &+= 1
    }
}
