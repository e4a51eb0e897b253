// What the site's wires say, in words that both the core and the buses use.

/// The state of a CAN interface.
public enum CANBusState: UInt8, Sendable { case active, passive, busOff, down }

/// One input that a site may or may not have. "Not fitted" is told apart from "off" so that no rule
/// can take a missing sense wire for good news.
public enum LineState: UInt8, Sendable { case notFitted, inactive, active }

public struct LineReadings: Hashable, Sendable {
    /// Supply present behind both contactors.
    public var powerSense = LineState.notFitted
    /// K2's auxiliary contact: active while the monostable holds it closed.
    public var monostable = LineState.notFitted
    public var resetButton = LineState.notFitted
    /// Active while it is pressed, or its loop is cut.
    public var emergencyStop = LineState.notFitted

    public init() {}
}
