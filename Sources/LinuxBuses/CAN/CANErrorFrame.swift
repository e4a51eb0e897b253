import Units

/// What a CAN controller says of itself in an error frame: a frame that its driver makes, and that
/// was never on the wire. The bits are those of the kernel's linux/can/error.h.
public struct CANErrorFrame: Hashable, Sendable {
    /// What the frame says about the state of the controller; nil if it is about something else: a
    /// lost arbitration, a damaged bit.
    public let state: CANBusState?
    /// The controller's own buffer was full, and frames are gone that no socket ever saw. This is
    /// how an MCP2515 on a busy Pi loses them.
    public let hasOverflowed: Bool

    private static let controllerProblem: UInt32 = 0x04
    private static let busOff: UInt32 = 0x40
    private static let restarted: UInt32 = 0x100
    // Of byte 1, which is only meant where `controllerProblem` is set.
    private static let overflow: UInt8 = 0x01
    private static let warning: UInt8 = 0x04 | 0x08
    private static let passive: UInt8 = 0x10 | 0x20
    private static let active: UInt8 = 0x40

    /// - Parameters:
    ///   - identifier: without the three flags above its 29 bits.
    ///   - payload: byte 0 in bits 0 to 7.
    public init(identifier: UInt32, payload: UInt64) {
        let tellsController = identifier & Self.controllerProblem != 0
        let controller = tellsController ? UInt8(truncatingIfNeeded: payload >> 8) : 0
        hasOverflowed = controller & Self.overflow != 0
        // Worst first: a frame that says two things at once is believed in the worse one.
        if identifier & Self.busOff != 0 {
            state = .busOff
        } else if controller & Self.passive != 0 {
            state = .passive
        } else if identifier & Self.restarted != 0 || controller & (Self.active | Self.warning) != 0
        {
            // At the warning level (96 errors) a controller still takes part like any other.
            state = .active
        } else {
            state = nil
        }
    }
}
