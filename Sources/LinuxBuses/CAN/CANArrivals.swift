/// Turns the kernel's time stamps, which are wall time, into monotonic instants.
///
/// The wall clock may be set between a frame's arrival and the tick that reads it: on a Pi without
/// a battery clock it jumps by years, once. Then the difference of the two clocks tells nothing
/// about the frames in the queue, but two things hold whatever the wall clock does: a frame did not
/// arrive after it was read, and not before the queue was last seen empty. Where the clock was
/// stepped every frame is taken to be as old as it can be, until the queue is empty: what is left
/// in it has stamps from before, and after a step back they would look like the present. Older is
/// the careful way: ages only ever take heat off.
public struct CANArrivals: Sendable {
    /// How far the two clocks may drift apart between two reads before it counts as a step. NTP
    /// slews by 500 ppm at most, which is 50 µs in a tick of 100 ms; chosen a hundred times that.
    public static let stepMinimum: Int64 = 5_000_000

    /// Wall minus monotonic, in nanoseconds, when the clocks were last read.
    private var offset: Int64?
    private var hasStepped = false
    private var now: Int64 = 0
    private var earliest: Int64

    /// - Parameter start: monotonic nanoseconds at which the socket was opened.
    public init(start: Int64) { earliest = start }

    /// Both clocks, in nanoseconds, read right before the socket is.
    public mutating func begin(monotonic: Int64, wall: Int64) {
        let offset = wall &- monotonic
        if let before = self.offset {
            let drift = offset.subtractingReportingOverflow(before)
            if drift.overflow || drift.partialValue.magnitude >= UInt64(Self.stepMinimum) {
                hasStepped = true
            }
        }
        self.offset = offset
        now = monotonic
    }

    /// The instant of a frame's arrival, in monotonic nanoseconds.
    ///
    /// - Parameter wall: the kernel's stamp; 0 where there is none.
    public func arrival(ofStamp wall: Int64) -> Int64 {
        guard !hasStepped, wall != 0, let offset else { return earliest }
        return min(max(wall &- offset, earliest), now)
    }

    /// The queue was read until nothing was left in it: what comes later arrived after this read
    /// began.
    public mutating func noteEmpty() {
        earliest = now
        hasStepped = false
    }
}
