public import Units

/// How long a bridge waits before it tries the broker again: twice as long each time.
public struct ReconnectPause: Sendable {
    public static let least = Milliseconds.seconds(1)
    /// 4 s: chosen. A broker has thousands of devices and a few bridges, which need not spare it;
    /// and a device, which with an alarm waits 15 s at most, is to find its bridge there already
    /// and not what the broker says of one that is gone.
    public static let most = Milliseconds.seconds(4)

    /// Before the next attempt.
    public private(set) var span = least

    public init() {}

    public mutating func failed() { span = min(span + span, Self.most) }
    /// The broker took the connection, or what it did not like was changed.
    public mutating func reset() { span = Self.least }
}
