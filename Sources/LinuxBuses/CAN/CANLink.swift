import CLinuxHAL
import CSocketCAN
import Glibc
public import LinuxHAL

/// One CAN interface as netlink knows it, through libsocketcan. Every call may wait for the
/// kernel's network lock: none of them belongs into the loop.
public struct CANLink: Sendable {
    public let name: String
    /// In bit/s.
    public let bitrate: UInt32

    public init(name: String, bitrate: UInt32) {
        self.name = name
        self.bitrate = bitrate
    }

    /// A raw socket through which only `identifiers` and error frames come.
    public func openSocket(for identifiers: [UInt32]) throws(SystemError) -> Int32 {
        let result = busbar_can_open(name, identifiers, Int32(identifiers.count))
        guard result >= 0 else {
            let advice =
                result == -ENODEV
                ? "see that the overlay is in config.txt and the interface there: ip -d link"
                : "load the module can-raw, and see who may open AF_CAN sockets"
            throw SystemError("open \(name)", number: -result, advice: advice)
        }
        return result
    }

    /// - Parameters:
    ///   - socket: any CAN socket; the interface's flags are asked for through it.
    ///   - asksController: false leaves state, rate and restart time out.
    public func report(through socket: Int32, asksController: Bool = true) -> CANLinkReport {
        let index = busbar_can_index(name)
        let isUp = busbar_can_is_up(socket, name) == 1
        guard index != 0 else { return CANLinkReport(index: 0, isUp: false) }
        var report = CANLinkReport(index: index, isUp: isUp)
        // A virtual interface has neither a state nor a rate, and libsocketcan says -1.
        var state: Int32 = -1
        guard asksController, can_get_state(name, &state) == 0 else { return report }
        report.controller = Self.controller(state)
        // A controller that is stopped may have none yet, and libsocketcan complains of that aloud.
        var timing = can_bittiming()
        if isUp, can_get_bittiming(name, &timing) == 0, timing.bitrate != 0 {
            report.bitrate = timing.bitrate
        }
        var restart: UInt32 = 0
        if can_get_restart_ms(name, &restart) == 0 { report.kernelRestart = restart }
        return report
    }

    /// Frames that the interface has taken in since it exists; nil where it keeps no count.
    public func framesReceived() -> UInt64? {
        var statistics = rtnl_link_stats64()
        return can_get_link_stats(name, &statistics) == 0 ? statistics.rx_packets : nil
    }

    /// Sets the bit rate and brings the interface up. What is up is taken down first: the kernel
    /// changes neither rate nor restart time on the fly.
    /// - Returns: whether the kernel did it. libsocketcan does not say why it did not.
    public func configure(isUp: Bool) -> Bool {
        if isUp, can_do_stop(name) != 0 { return false }
        // Who has no controller has no rate, and need not refuse to come up for it.
        var state: Int32 = -1
        if can_get_state(name, &state) == 0 {
            guard can_set_bitrate(name, bitrate) == 0 else { return false }
            // Without a way to restart a controller the kernel refuses this, and 0 is what it has.
            _ = can_set_restart_ms(name, 0)
        }
        return can_do_start(name) == 0
    }

    public func restart() -> Bool { can_do_restart(name) == 0 }

    private static func controller(_ state: Int32) -> CANLinkReport.Controller {
        switch UInt32(bitPattern: state) {
        case CAN_STATE_ERROR_ACTIVE.rawValue, CAN_STATE_ERROR_WARNING.rawValue: .active
        case CAN_STATE_ERROR_PASSIVE.rawValue: .passive
        case CAN_STATE_BUS_OFF.rawValue: .busOff
        default: .stopped
        }
    }
}
