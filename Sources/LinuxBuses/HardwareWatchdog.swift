import CLinuxHAL
import Glibc
public import HAL
public import LinuxHAL

/// A watchdog device of the kernel: it resets the machine unless it is fed.
///
/// It brings a machine back that hangs. It opens no relay: lease and permit line have done that
/// long before it bites.
public struct HardwareWatchdog: Watchdog, ~Copyable {
    /// Seconds without feeding. Chosen: below the most that a Pi's watchdog can count (15 s), and
    /// above what a start of busbard takes (some seconds, by the journal's limit), because it goes
    /// on while systemd restarts a process that died.
    public static let seconds: Int32 = 10

    /// What the hardware took for `seconds`; 0 if it does not say.
    public let grantedSeconds: Int32
    public private(set) var failures: UInt64 = 0
    private let descriptor: Int32

    /// Arms it: from here on the machine lives only as long as it is fed.
    public init(path: String) throws(SystemError) {
        var granted: Int32 = 0
        let result = busbar_watchdog_open(path, Self.seconds, &granted)
        guard result >= 0 else { throw Self.refusal(path, -result) }
        self.init(descriptor: result, grantedSeconds: granted)
    }

    /// One that is open already.
    init(descriptor: Int32, grantedSeconds: Int32) {
        self.descriptor = descriptor
        self.grantedSeconds = grantedSeconds
    }

    /// Whatever ends it but `disarm` leaves it armed: a process that died without order, or with
    /// relays of which it does not know that they are off, is followed by a reset.
    deinit { _ = busbar_watchdog_close(descriptor, 0) }

    public mutating func feed() {
        if busbar_watchdog_feed(descriptor) != 0 { failures &+= 1 }
    }

    /// Stops it (magic close). Only for a stop that was ordered, after the board has read back that
    /// every relay is off.
    public consuming func disarm() throws(SystemError) {
        let result = busbar_watchdog_close(descriptor, 1)
        discard self
        guard result == 0 else {
            throw SystemError(
                "stop the watchdog", number: -result,
                advice: "the machine will restart; a kernel with nowayout never lets it stop")
        }
    }

    private static func refusal(_ path: String, _ number: Int32) -> SystemError {
        let advice =
            switch number {
            case ENOTTY: "this is no watchdog: pass --watchdog with the right device"
            case ENOENT, ENODEV, ENXIO: "switch it on: dtparam=watchdog=on in config.txt"
            case EBUSY: "somebody has it, systemd mostly: busbar doctor, or pass --watchdog none"
            case EACCES, EPERM:
                "install Busbar's udev rules and put this user into the group busbar-devices"
            default: "look into the kernel's log: dmesg | grep watchdog"
            }
        return SystemError("arm the watchdog \(path)", number: number, advice: advice)
    }
}
