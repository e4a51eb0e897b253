public import Wire

// What the session may know of the journal's queues, and how it asks. The journal answers in the
// process (`JournalReader`), the chain simulation from a journal on a disk that loses what was not
// synced.

/// Where all lanes stand at one moment, read in one transaction.
public struct QueueState: Hashable, Sendable {
    public struct LaneState: Hashable, Sendable {
        /// The epochs that may have rows, oldest first, each with the first number that is its own.
        /// Numbers go on upwards through all epochs of one file.
        public var epochs: [EpochStart]
        /// The greatest number that is durably stored or declared a gap; 0 when there is none.
        public var last: Int64
        /// Of the oldest row above the number that was asked for; nil when there is none. For ages.
        public var oldest: EventMoment?
        /// Stretches without a row above that number, to tell how many events wait. Where there are
        /// very many only the first of them.
        public var gaps: [ClosedRange<Int64>]

        public init(
            epochs: [EpochStart], last: Int64, oldest: EventMoment?,
            gaps: [ClosedRange<Int64>] = []
        ) {
            self.epochs = epochs
            self.last = last
            self.oldest = oldest
            self.gaps = gaps
        }
    }

    public struct EpochStart: Hashable, Sendable {
        public var epoch: Identifier128
        public var first: Int64

        public init(epoch: Identifier128, first: Int64) {
            self.epoch = epoch
            self.first = first
        }
    }

    /// By the lane's raw value.
    public var lanes: [LaneState]

    public init(lanes: [LaneState]) { self.lanes = lanes }
}

/// A stretch of one lane: the rows with numbers from `from` on, in order, and every gap up to the
/// last of them. A number from `from` to the last row that is in neither is damage. The session
/// says so, which raises an alarm, and waits a minute for busbard to declare it. Then it declares
/// it itself and goes on: a bridge acknowledges nothing across an undeclared number, so the
/// alternative is that no alarm ever leaves the device again.
public struct QueuePage: Hashable, Sendable {
    public var lane: Lane
    public var from: Int64
    public var records: [EventRecord]
    public var gaps: [ClosedRange<Int64>]
    /// Those of the gaps in which events were that nobody has any more. In the others the numbers
    /// never had one, or the cluster has it.
    public var losses: [ClosedRange<Int64>]

    public init(
        lane: Lane, from: Int64, records: [EventRecord], gaps: [ClosedRange<Int64>],
        losses: [ClosedRange<Int64>]
    ) {
        self.lane = lane
        self.from = from
        self.records = records
        self.gaps = gaps
        self.losses = losses
    }
}

/// The journal's queues as the uplink may use them: reading only, in short transactions.
public protocol QueueReader {
    /// - Parameter known: by the lane's raw value, the last number that is acknowledged.
    /// - Throws: with a text that says what could not be read and what is done about it.
    mutating func state(after known: [Int64]) throws(QueueError) -> QueueState

    /// Rows of one lane from `from` on, of one epoch and one run only, until `maxEvents` or
    /// `maxBytes` of data are reached; at least one if there is any.
    mutating func page(
        of lane: Lane, from: Int64, maxEvents: Int, maxBytes: Int
    ) throws(QueueError) -> QueuePage
}

/// The journal could not be read: busbard may be making it, or it is damaged and about to be put
/// aside. The session tries again.
public struct QueueError: Error, Hashable, Sendable, CustomStringConvertible {
    public var description: String
    public init(_ description: String) { self.description = description }
}
