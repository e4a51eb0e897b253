public import Units

/// Frames of a recording, at their own times, in place of the sensor node's.
public struct FrameFeed: Sendable {
    public struct Frame: Hashable, Sendable {
        /// Milliseconds of the scenario.
        public var at: Int64
        public var frame: CANFrame

        public init(at: Int64, frame: CANFrame) {
            self.at = at
            self.frame = frame
        }
    }

    private let frames: [Frame]
    private var next = 0

    /// - Parameter frames: in the order of their times.
    public init(_ frames: [Frame]) { self.frames = frames }

    public var first: CANFrame? { frames.first?.frame }
    public var count: Int { frames.count }
    /// When the next frame is due; the end of time after the last.
    public var nextAt: Int64 { next < frames.count ? frames[next].at : .max }
    public var lastAt: Int64 { frames.last?.at ?? 0 }

    /// The first frame of each identifier, with its time: what the node before must run into.
    func openings() -> [Frame] {
        var seen: [UInt32] = []
        var found: [Frame] = []
        for frame in frames where !seen.contains(frame.frame.id) {
            seen.append(frame.frame.id)
            found.append(frame)
        }
        return found
    }

    mutating func send(at now: Int64, to bus: inout SimulatedCANBus) {
        while nextAt <= now {
            bus.put(frames[next].frame, at: Instant(frames[next].at))
            next += 1
        }
    }
}
