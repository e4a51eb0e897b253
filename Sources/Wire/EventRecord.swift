public import Events
public import Units

/// When an event was, for whoever asks how old it is. A wall clock that was not set is of use only
/// within its boot.
public struct EventMoment: Hashable, Sendable {
    public var wall: WallTime
    public var boot: Identifier128

    public init(wall: WallTime, boot: Identifier128) {
        self.wall = wall
        self.boot = boot
    }
}

/// An event as it stands in its lane: what the journal stores, the uplink sends and the bridge
/// turns into a record. Never changes once it has a number.
public struct EventRecord: Hashable, Sendable {
    public var lane: Lane
    public var epoch: Identifier128
    public var seq: Int64
    public var tick: Tick
    /// On the monotonic clock of `run`.
    public var at: Instant
    public var wall: WallTime
    public var severity: Severity
    public var correlation: Correlation
    /// "alarm.raised.v1": the CloudEvents type without its fixed beginning.
    public var type: String
    public var subject: String
    /// One JSON object.
    public var data: [UInt8]
    /// The run of the process that recorded it, and the boot of the kernel that the run was in.
    public var run: Identifier128
    public var boot: Identifier128

    public init(
        lane: Lane, epoch: Identifier128, seq: Int64, tick: Tick, at: Instant, wall: WallTime,
        severity: Severity, correlation: Correlation, type: String, subject: String,
        data: [UInt8], run: Identifier128, boot: Identifier128
    ) {
        self.lane = lane
        self.epoch = epoch
        self.seq = seq
        self.tick = tick
        self.at = at
        self.wall = wall
        self.severity = severity
        self.correlation = correlation
        self.type = type
        self.subject = subject
        self.data = data
        self.run = run
        self.boot = boot
    }

    public var moment: EventMoment { EventMoment(wall: wall, boot: boot) }

    /// "<epoch>:<lane>:<seq>": what the event is known by, everywhere and for ever. With the device
    /// it is unique in the world.
    public var id: String { "\(epoch.text):\(lane.name):\(seq)" }

    /// The event as one JSON object, for a terminal or a local client.
    public var json: [UInt8] {
        var members = JSONMembers()
        members.add("lane", lane.name)
        members.add("epoch", epoch.text)
        members.add("seq", seq)
        members.add("type", type)
        members.add("subject", subject)
        members.add("severity", severity.name)
        members.add("tick", tick.rawValue)
        members.add("mono_ms", at.rawValue)
        members.add("unix_ms", wall.unixMilliseconds)
        members.add("clock", wall.quality.name)
        members.add("correlation", correlation.rawValue)
        members.add("run", run.text)
        members.add("boot", boot.text)
        members.add("data", json: data)
        return members.object
    }
}
