import Units

/// What is known of one message: whether the latest frame is new, whole, and from the same run of
/// the node as the ones before.
struct FrameReceiver: Sendable {
    enum Verdict: UInt8 {
        case accepted
        /// Accepted, and the first of a new run of the node.
        case restarted
        case tooShort, badChecksum, repeated, outOfOrder
    }

    private var alive: Int64 = 0
    private(set) var boot: Int64 = 0
    private var isFirst = true
    /// Frames that the counter skipped over, of the latest accepted frame.
    private(set) var missed: Int64 = 0

    /// Judges a frame of this message. Only an accepted one may be decoded.
    ///
    /// The alive counter is modular. A step of 1 up to half its range is an advance, and more than
    /// 1 means lost frames; a step back is an old frame, or a node that lost count: it is refused
    /// once, and the next one that follows it is taken.
    mutating func judge(_ frame: CANFrame, header: FramePlan.Header) -> Verdict {
        guard frame.length >= header.length else { return .tooShort }
        if let byte = header.checksumByte,
            frame.byte(Int(byte)) != frameChecksum(of: frame, checksumByte: byte)
        {
            return .badChecksum
        }
        // A message without an alive counter can be republished for ever by a dead node's gateway
        // (field failure 6), so none is accepted; Site refuses such a plan.
        guard let counter = header.aliveCounter else { return .repeated }
        let number = counter.value(of: frame.payload)
        let run = header.bootCounter?.value(of: frame.payload) ?? 0
        defer {
            alive = number
            boot = run
            isFirst = false
        }
        missed = 0
        if isFirst { return .accepted }
        if run != boot { return .restarted }
        let range: Int64 = 1 &<< Int64(widening: counter.length)
        let step = (number &- alive) & (range &- 1)
        if step == 0 { return .repeated }
        if step > range / 2 { return .outOfOrder }
        missed = step &- 1
        return .accepted
    }
}
