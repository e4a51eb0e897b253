import Wire

/// What a bridge has done since it started. Only ever rising.
public struct BridgeCounters: Hashable, Sendable {
    /// Messages of events, whatever became of them.
    public var messages: UInt64 = 0
    /// Their bytes as they came.
    public var messageBytes: UInt64 = 0
    /// Messages that a broker had kept: events are never to be retained.
    public var retained: UInt64 = 0
    /// Batches that cannot be read.
    public var unreadable: UInt64 = 0
    /// Batches whose header names another device, lane or shard than their topic.
    public var unauthorised: UInt64 = 0

    /// Events taken, each once.
    public var events: UInt64 = 0
    /// Events that had been taken already, with the same bytes.
    public var repeated: UInt64 = 0
    /// Events that came before their predecessors: the device sends them again.
    public var early: UInt64 = 0
    /// Events not taken for lack of room: the device sends them again.
    public var noRoom: UInt64 = 0
    /// Events not taken because the cluster's guarantee does not hold or is not known.
    public var noGuarantee: UInt64 = 0
    /// Events that claim the identity of another one.
    public var collisions: UInt64 = 0
    /// Events whose number was declared a gap before they came.
    public var inGaps: UInt64 = 0
    /// Batches whose running hash does not go on from the one before: two histories of one lane.
    public var forks: UInt64 = 0

    /// Records that the sink reports as kept, by the lane's raw value; dead letters not counted.
    public var stored = [UInt64](repeating: 0, count: Lane.allCases.count)
    public var refused: UInt64 = 0
    public var failed: UInt64 = 0
    /// Dead letters handed over, by the class that is in their header.
    public var deadLetters = [UInt64](repeating: 0, count: DeadLetter.Class.allCases.count)
    /// Dead letters that were not kept either. Nothing is acknowledged for them.
    public var deadLettersLost: UInt64 = 0

    public var acknowledgements: UInt64 = 0
    /// Hellos and acknowledgements that the broker did not take.
    public var hellosRefused: UInt64 = 0
    public var acknowledgementsRefused: UInt64 = 0
    /// Lanes forgotten to make room.
    public var lanesForgotten: UInt64 = 0

    public init() {}
}
