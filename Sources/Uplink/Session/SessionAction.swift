public import Units
public import Wire

/// What is to be done next. The driver does it and asks again, until `.wait`.
public enum Action: Sendable {
    /// Open a connection, with the files as they are now; answered by `.connected` or
    /// `.connectFailed`.
    case connect(will: Publication)
    /// Answered by `.disconnected`, also when there is none.
    case disconnect
    case subscribe([String])
    /// Answered by `.published` with its token, unless the connection ends before.
    case publish(Publication)
    case readState(after: [Int64])
    case readPage(lane: Lane, from: Int64, maxEvents: Int, maxBytes: Int)
    /// Keep the cursor: whole or not at all, on disk when it is answered by the next call.
    case saveCursor(UplinkCursor)
    /// Hand a command, checked, to busbard; answered by `.commandAnswered`, or never.
    case submit(SignedCommand)
    /// Tell busbard, which raises an alarm or clears it.
    case report(Finding)
    /// Nothing until then, or until the next input.
    case wait(until: Instant)
    /// The answer to `.stop`, once everything is told and kept.
    case stopped
}

/// One MQTT message to be sent.
public struct Publication: Hashable, Sendable {
    /// Comes back in `.published`. Never used twice.
    public var token: UInt64
    public var topic: String
    public var payload: [UInt8]
    /// 0 or 1.
    public var qualityOfService: UInt8
    public var isRetained: Bool
    public var contentType: String

    public init(
        token: UInt64, topic: String, payload: [UInt8], qualityOfService: UInt8 = 1,
        isRetained: Bool, contentType: String
    ) {
        self.token = token
        self.topic = topic
        self.payload = payload
        self.qualityOfService = qualityOfService
        self.isRetained = isRetained
        self.contentType = contentType
    }
}

/// Something that somebody must learn of: a stranger's attempt, or a fault that does not heal by
/// waiting.
public struct Finding: Hashable, Sendable {
    public typealias Kind = FindingKind

    public var kind: Kind
    /// False when a lasting one has ended. Those that are a single event never end.
    public var isActive: Bool
    /// What was found, where, and what to do: one line.
    public var text: String
    /// How many there were since the start.
    public var count: Int
    /// When one began that has an end; when there was a single event last.
    public var at: Instant

    public init(kind: Kind, isActive: Bool, text: String, count: Int, at: Instant) {
        self.kind = kind
        self.isActive = isActive
        self.text = text
        self.count = count
        self.at = at
    }
}
